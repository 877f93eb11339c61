"""One at a time with a symbol: a long visit is passed by, a short write waited for."""

import threading
import time

from minute_candles.live.symbol_locks import SymbolLocks


def test_who_hangs_is_passed_by_and_others_are_free() -> None:
    locks = SymbolLocks()
    with locks.exclusive("005930") as first:
        began = time.monotonic()
        with locks.exclusive("005930") as second, locks.exclusive("000660") as other:
            assert first and not second and other
        with locks.exclusive("005930") as third:
            assert not third, "the second one did not free it"
        assert time.monotonic() - began < 1
    with locks.exclusive("005930") as again:
        assert again


def test_a_write_of_a_moment_is_waited_for() -> None:
    locks, begun = SymbolLocks(), threading.Event()

    def write() -> None:
        with locks.exclusive("005930", brief=True):
            begun.set()
            time.sleep(0.3)

    threading.Thread(target=write, daemon=True).start()
    begun.wait(5)
    with locks.exclusive("005930") as free:
        assert free
