"""One at a time with a symbol: a long visit is passed by, a short write waited for."""

import threading
import time

from minute_candles.live.symbol_locks import Turns


def test_who_hangs_is_passed_by_and_others_are_free() -> None:
    turns = Turns()
    with turns.alone("005930") as first:
        began = time.monotonic()
        with turns.alone("005930") as second, turns.alone("000660") as other:
            assert first and not second and other
        with turns.alone("005930") as third:
            assert not third, "who was turned away did not free it"
        assert time.monotonic() - began < 1
    with turns.alone("005930") as again:
        assert again


def test_a_write_of_a_moment_is_waited_for() -> None:
    turns, begun = Turns(), threading.Event()

    def write() -> None:
        with turns.alone("005930", briefly=True):
            begun.set()
            time.sleep(0.3)

    threading.Thread(target=write, daemon=True).start()
    begun.wait(5)
    with turns.alone("005930") as free:
        assert free
