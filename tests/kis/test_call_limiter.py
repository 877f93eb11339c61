"""The call budget: evenly spaced, shared by threads and processes, robust against whatever its file holds."""

import json
import subprocess
import sys
import threading
import time
from itertools import pairwise
from pathlib import Path

import filelock
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kis_testing import FakeClock
from places import TESTS

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped
from minute_candles.kis import call_limiter, key_lock
from minute_candles.kis.call_limiter import FORGET_SECONDS, MARGIN, CallLimiter

GAP = (1 + MARGIN) / 10


def limiter(folder: Path, clock: Clock, *, rate: float = 10, urgent: bool = False) -> CallLimiter:
    return CallLimiter(folder / "token.json.pace", rate, clock, urgent=urgent)


def departures(of: CallLimiter, clock: FakeClock, count: int) -> list[float]:
    times = []
    for _ in range(count):
        of.wait()
        times.append(clock.time())
    return times


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def test_the_first_call_leaves_at_once_and_the_others_evenly_a_little_wider_than_the_rate(tmp_path, clock):
    of = limiter(tmp_path, clock)
    of.wait()
    assert clock.slept == []
    assert gaps(departures(of, clock, 20)) == pytest.approx([GAP] * 19, abs=1e-4)


def test_no_second_ever_holds_more_than_the_rate(tmp_path, clock):
    times = departures(limiter(tmp_path, clock, rate=15), clock, 60)
    assert all(later - earlier > 1.0 for earlier, later in zip(times, times[15:], strict=False))


def test_a_rate_below_one_is_kept(tmp_path, clock):
    assert gaps(departures(limiter(tmp_path, clock, rate=0.9), clock, 3)) == pytest.approx([1.1356] * 2, abs=1e-3)


def test_a_pause_is_not_made_up_for_by_a_burst(tmp_path, clock):
    of = limiter(tmp_path, clock)
    of.wait()
    clock.move(seconds=30)
    assert gaps(departures(of, clock, 3)) == pytest.approx([GAP] * 2, abs=1e-4)


def test_two_limiters_of_one_file_share_the_rate(tmp_path, clock):
    one, two = limiter(tmp_path, clock), limiter(tmp_path, clock)
    times = []
    for _ in range(10):
        times += departures(one, clock, 1) + departures(two, clock, 1)
    assert gaps(times) == pytest.approx([GAP] * 19, abs=1e-4)


def test_threads_and_processes_share_the_rate_in_real_time(tmp_path):
    command = [sys.executable, str(TESTS / "call_limiter_process.py"), str(tmp_path / "token.json"), "40", "4", "10"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    times = sorted(float(line) for process in processes for line in process.communicate(timeout=30)[0].split())
    assert len(times) == 80
    assert times[-1] - times[0] >= 79 / 40
    assert all(later - earlier > 0.9 for earlier, later in zip(times, times[40:], strict=False))


@pytest.mark.parametrize("ahead", [60.0, 3600.0, 1e9, 1e300])
def test_a_stamp_further_ahead_than_any_turn_is_ignored(tmp_path, clock, ahead):
    state = {"next": clock.time() + ahead, "urgent": clock.time() + ahead, "margin": 0.0, "margin_at": 0.0}
    (tmp_path / "token.json.pace").write_text(json.dumps(state))
    departures(limiter(tmp_path, clock), clock, 3)
    assert sum(clock.slept) == pytest.approx(2 * GAP, abs=1e-3)


def test_a_clock_set_back_costs_no_more_than_a_moment(tmp_path, clock):
    of = limiter(tmp_path, clock)
    departures(of, clock, 5)
    clock.slept.clear()
    clock.move(hours=-5)
    departures(of, clock, 3)
    assert sum(clock.slept) <= 2 * GAP + 0.01


GARBAGE = [
    b"", b"{", b"null", b"[]", b"7", b'"text"', b"\xff\xfe\x00", b"{}", b"[" * 100_000,
    b'{"next": ' + b"9" * 400 + b', "urgent": 0, "margin": 0, "margin_at": 0}',
    b'{"next": 1, "urgent": 1, "margin": 1e308, "margin_at": 1795000000}',
    *(b'{"next": %s, "urgent": 0, "margin": 0, "margin_at": 0}' % what
      for what in (b"null", b'"soon"', b"NaN", b"Infinity")),
]  # fmt: skip


@pytest.mark.parametrize("content", GARBAGE, ids=lambda content: content[:30].decode("ascii", "replace"))
def test_garbage_in_the_file_counts_as_nothing(tmp_path, clock, content):
    (tmp_path / "token.json.pace").write_bytes(content)
    departures(limiter(tmp_path, clock), clock, 4)
    assert sum(clock.slept) < 10


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(numbers=st.fixed_dictionaries({name: st.floats() for name in ("next", "urgent", "margin", "margin_at")}))
def test_whatever_numbers_the_file_holds_calls_go_on(tmp_path, numbers):
    clock = FakeClock()
    (tmp_path / "token.json.pace").write_text(json.dumps(numbers))
    departures(limiter(tmp_path, clock), clock, 5)
    assert sum(clock.slept) < 10


def test_a_state_that_cannot_be_kept_still_paces_this_process(tmp_path, clock):
    (tmp_path / "token.json.pace").mkdir()
    assert gaps(departures(limiter(tmp_path, clock), clock, 5)) == pytest.approx([GAP] * 4, abs=1e-4)


def test_a_folder_that_is_not_there_is_a_setting_to_mend(tmp_path, clock):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="KIS_TOKEN_FILE"):
        limiter(tmp_path / "file", clock).wait()


def test_who_waits_for_a_held_file_says_so_goes_on_and_can_be_stopped(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(key_lock, "SAY_AFTER", 0.05)
    monkeypatch.setattr(call_limiter, "LOCK_SECONDS", 0.1)
    clock, other = Clock(), filelock.FileLock(tmp_path / "token.json.pace.lock", thread_local=False)
    of = limiter(tmp_path, clock)
    with other.acquire():
        threading.Timer(0.5, other.release).start()
        of.wait()
    assert caplog.text.count("token.json.pace.lock") == 1
    with other.acquire(), pytest.raises(Stopped):
        threading.Timer(0.2, clock.stop.set).start()
        of.wait()


class TestSlowDown:
    def test_widens_the_gap_for_every_process(self, tmp_path, clock):
        one, two = limiter(tmp_path, clock), limiter(tmp_path, clock)
        for _ in range(4):
            one.slow_down()
        two.wait()
        assert gaps(departures(two, clock, 2))[0] > GAP * 1.05

    def test_is_forgotten_by_and_by(self, tmp_path, clock):
        of = limiter(tmp_path, clock)
        for _ in range(4):
            of.slow_down()
        clock.move(seconds=20 * FORGET_SECONDS)
        assert gaps(departures(of, clock, 2))[0] == pytest.approx(GAP, abs=1e-4)

    def test_never_goes_beyond_twice_the_gap(self, tmp_path, clock):
        of = limiter(tmp_path, clock)
        for _ in range(500):
            of.slow_down()
        of.wait()
        assert gaps(departures(of, clock, 2))[0] <= 2 / 10 + 0.01


class TestUrgent:
    def test_process_gets_four_slots_of_five(self, tmp_path):
        clock = Clock()
        shares = {True: 0, False: 0}
        end = time.monotonic() + 2.0

        def work(urgent: bool) -> None:
            of = limiter(tmp_path, clock, rate=60, urgent=urgent)
            while time.monotonic() < end:
                of.wait()
                shares[urgent] += 1

        threads = [threading.Thread(target=work, args=(urgent,)) for urgent in (True, False)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert shares[True] > 2.5 * shares[False]
        assert shares[False] >= 8
        assert sum(shares.values()) <= 60 * 2 + 2

    def test_process_that_is_gone_holds_nobody_back(self, tmp_path, clock):
        limiter(tmp_path, clock, urgent=True).wait()
        clock.move(seconds=5)
        assert gaps(departures(limiter(tmp_path, clock), clock, 10)) == pytest.approx([GAP] * 9, abs=1e-4)


class TestStop:
    def test_request_ends_all_waiting_threads(self, tmp_path):
        clock = Clock()
        of = limiter(tmp_path, clock, rate=0.2)
        ended = []

        def work() -> None:
            try:
                while True:
                    of.wait()
            except Stopped:
                ended.append(1)

        threads = [threading.Thread(target=work, daemon=True) for _ in range(6)]
        for thread in threads:
            thread.start()
        clock.stop.set()
        for thread in threads:
            thread.join(timeout=3)
        assert len(ended) == 6
