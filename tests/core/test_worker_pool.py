"""The pool of workers (minute_candles/core/worker_pool.py)."""

import threading
import time

import pytest

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.worker_pool import work_through


class TestWorkThrough:
    def test_every_task_has_one_outcome(self):
        outcomes = list(work_through(range(50), lambda n: n * n, 8, Clock()))
        assert sorted((outcome.task, outcome.answer) for outcome in outcomes) == [(n, n * n) for n in range(50)]

    def test_an_error_is_an_outcome_too(self):
        outcomes = list(work_through([1, 0], lambda n: 1 // n, 1, Clock()))
        assert [type(outcome.error) for outcome in outcomes] == [type(None), ZeroDivisionError]

    def test_nothing_to_do_is_done_at_once(self):
        assert list(work_through([], print, 8, Clock())) == []

    def test_no_more_threads_than_tasks_or_workers(self):
        seen = set()
        list(work_through(range(6), lambda n: (seen.add(threading.get_ident()), time.sleep(0.02)), 3, Clock()))
        assert len(seen) <= 3

    def test_a_stop_ends_the_wait_though_a_task_hangs(self):
        clock, release = Clock(), threading.Event()
        threading.Timer(0.1, clock.stop.set).start()
        began = time.monotonic()
        with pytest.raises(Stopped):
            list(work_through(range(3), lambda n: release.wait(10), 2, clock))
        release.set()
        assert time.monotonic() - began < 2

    def test_what_was_done_before_a_stop_is_still_told(self):
        clock = Clock()
        outcomes = []
        with pytest.raises(Stopped):
            for outcome in work_through(range(4), lambda n: n if n < 2 else clock.sleep(30), 1, clock):
                outcomes.append(outcome.task)
                if len(outcomes) == 2:
                    clock.stop.set()
                if outcome.error:
                    raise outcome.error
        assert outcomes[:2] == [0, 1]

    def test_leaving_the_loop_drops_what_was_not_begun(self):
        begun = []
        work = work_through(range(1000), lambda n: (begun.append(n), time.sleep(0.01)), 2, Clock())
        next(work)
        work.close()
        time.sleep(0.1)
        count = len(begun)
        time.sleep(0.1)
        assert len(begun) == count < 20
