"""The call budget: evenly spaced, shared by threads and processes, robust against whatever its file holds."""

import json
import threading
import time
from itertools import pairwise
from pathlib import Path

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kis_testing import FakeClock, in_threads

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped
from minute_candles.kis import call_limiter, key_lock
from minute_candles.kis.call_limiter import FORGET_SECONDS, MARGIN, CallLimiter

GAP = (1 + MARGIN) / 10
FILE = "token.json.pace"


def limiter(folder: Path, clock: Clock, *, rate: float = 10, urgent: bool = False) -> CallLimiter:
    return CallLimiter(folder / FILE, rate, clock, urgent=urgent)


def gaps(clock: FakeClock, *limiters: CallLimiter, count: int = 10) -> list[float]:
    """The seconds between the calls of these limiters, one after the other."""
    times = []
    for _ in range(count):
        for of in limiters:
            of.wait()
            times.append(clock.time())
    return [later - earlier for earlier, later in pairwise(times)]


@pytest.mark.parametrize(("rate", "gap"), [(10, GAP), (15, (1 + MARGIN) / 15), (0.9, 1.1356)])
def test_the_first_call_leaves_at_once_and_the_others_evenly_a_little_wider_than_the_rate(tmp_path, clock, rate, gap):
    of = limiter(tmp_path, clock, rate=rate)
    of.wait()
    assert clock.slept == []
    assert gaps(clock, of) == pytest.approx([gap] * 9, abs=1e-3)
    clock.move(seconds=30)
    assert gaps(clock, of) == pytest.approx([gap] * 9, abs=1e-3), "a pause is not made up for by a burst"
    clock.slept.clear()
    clock.move(hours=-5)
    gaps(clock, of, count=3)
    assert sum(clock.slept) <= 2 * gap + 0.01, "a clock set back costs no more than a moment"


def test_two_limiters_of_one_file_share_the_rate(tmp_path, clock):
    assert gaps(clock, limiter(tmp_path, clock), limiter(tmp_path, clock)) == pytest.approx([GAP] * 19, abs=1e-4)


@pytest.mark.parametrize(
    "content", [b"", b"null", b"\xff\xfe", b"{}", b"[" * 100_000, b'{"next": "soon"}', b'{"next": ' + b"9" * 400 + b"}"]
)
def test_garbage_in_the_file_counts_as_nothing(tmp_path, clock, content):
    (tmp_path / FILE).write_bytes(content)
    gaps(clock, limiter(tmp_path, clock), count=4)
    assert sum(clock.slept) < 10


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(numbers=st.fixed_dictionaries({name: st.floats() for name in ("next", "urgent", "margin", "margin_at")}))
def test_whatever_numbers_the_file_holds_calls_go_on(tmp_path, numbers):
    (tmp_path / FILE).write_text(json.dumps(numbers))
    clock = FakeClock()
    gaps(clock, limiter(tmp_path, clock), count=5)
    assert sum(clock.slept) < 10


def test_a_state_that_cannot_be_kept_paces_this_process_and_a_missing_folder_is_a_setting_to_mend(tmp_path, clock):
    (tmp_path / FILE).mkdir()
    assert gaps(clock, limiter(tmp_path, clock)) == pytest.approx([GAP] * 9, abs=1e-4)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="KIS_TOKEN_FILE"):
        limiter(tmp_path / "file", clock).wait()


def test_who_waits_for_a_held_file_says_so_goes_on_and_can_be_stopped(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(key_lock, "SAY_AFTER", 0.05)
    monkeypatch.setattr(call_limiter, "LOCK_SECONDS", 0.1)
    clock, other = Clock(), filelock.FileLock(tmp_path / f"{FILE}.lock", thread_local=False)
    of = limiter(tmp_path, clock)
    with other.acquire():
        threading.Timer(0.5, other.release).start()
        of.wait()
    assert caplog.text.count(f"{FILE}.lock") == 1
    with other.acquire(), pytest.raises(Stopped):
        threading.Timer(0.2, clock.stop.set).start()
        of.wait()


def test_an_answer_over_the_limit_widens_the_gap_for_all_to_twice_at_most_and_is_forgotten(tmp_path, clock):
    one, two = limiter(tmp_path, clock), limiter(tmp_path, clock)
    for times, least, most in ((4, 1.05 * GAP, 1.1 * GAP), (500, 1.5 * GAP, 0.21)):
        for _ in range(times):
            one.slow_down()
        assert least < gaps(clock, two, count=3)[-1] < most
    clock.move(seconds=20 * FORGET_SECONDS)
    assert gaps(clock, two, count=2)[0] == pytest.approx(GAP, abs=1e-4)


def test_an_urgent_process_gets_four_slots_of_five_and_holds_nobody_back_once_it_is_gone(tmp_path, clock):
    limiter(tmp_path, clock, urgent=True).wait()
    clock.move(seconds=5)
    assert gaps(clock, limiter(tmp_path, clock)) == pytest.approx([GAP] * 9, abs=1e-4)
    end, kinds = time.monotonic() + 1, [True, False]

    def work() -> tuple[bool, int]:
        of, count = limiter(tmp_path, Clock(), rate=60, urgent=(kind := kinds.pop())), 0
        while time.monotonic() < end:
            of.wait()
            count += 1
        return kind, count

    shares = dict(in_threads(2, work))
    assert shares[True] > 2.5 * shares[False] >= 8 and sum(shares.values()) <= 60 + 2


def test_a_stop_request_ends_all_waiting_threads(tmp_path):
    of = limiter(tmp_path, clock := Clock(), rate=0.2)

    def work() -> bool:
        with pytest.raises(Stopped):
            while True:
                of.wait()
        return True

    threading.Timer(0.1, clock.stop.set).start()
    assert len(in_threads(6, work)) == 6
