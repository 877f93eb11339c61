"""The pool of workers (minute_candles/core/worker_pool.py)."""

import threading
import time

import pytest

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.worker_pool import work_through


def test_every_task_has_one_outcome_an_error_too_by_no_more_threads_than_workers():
    threads = set()
    work = work_through(range(50), lambda n: (threads.add(threading.get_ident()), n // (n % 25))[1], 3, Clock())
    outcomes = {outcome.task: outcome.answer or type(outcome.error) for outcome in work}
    assert outcomes == {n: n // (n % 25) if n % 25 else ZeroDivisionError for n in range(50)}
    assert len(threads) <= 3 and list(work_through([], print, 8, Clock())) == []


def test_a_stop_ends_the_wait_though_a_task_hangs():
    clock, release = Clock(), threading.Event()
    threading.Timer(0.1, clock.stop.set).start()
    with pytest.raises(Stopped):
        list(work_through(range(3), lambda _: release.wait(), 2, clock))
    release.set()


def test_what_was_in_hand_at_a_stop_still_comes_in():
    """A transaction that commits after the stop is stored: the result of the run counts it."""
    clock, came = Clock(), []
    threading.Timer(0.05, clock.stop.set).start()
    with pytest.raises(Stopped):
        for outcome in work_through(range(2), lambda n: time.sleep(1.0 + 10 * n), 2, clock):
            came.append(outcome.task)
    assert came == [0]


def test_leaving_the_loop_drops_what_was_not_begun():
    begun = []
    work = work_through(range(1000), lambda n: (begun.append(n), time.sleep(0.01)), 2, Clock())
    next(work)
    work.close()
    time.sleep(0.1)
    assert len(begun) < 20
