"""Many tasks at once: daemon threads whose outcomes come as they end, and which never keep a process alive."""

import math
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, NotOffered, Outage, Stopped, StoreLost

GIVE_UP_AFTER = 5
"""Tasks in a row that KIS did not answer at all: the others would wait in vain, the next round asks again."""
HOPELESS = (StoreLost, AuthError, ConfigError, NotOffered, Stopped)
"""Errors that every other task would meet too."""
Task = TypeVar("Task")
Key = TypeVar("Key")
USUAL_WORKERS = 8
_STEP_SECONDS, _STEPS_IN_HAND = 0.2, 10
"""A transaction that was in hand at a stop may commit: its outcome is waited for, two seconds in all."""
SLOW_ANSWER_SECONDS = 0.8
"""KIS usually answers in 0.05–0.6 s (kis_http.md §4); a symbol-day has a little more to do."""


def threads_for(workers: int, rate: float) -> int:
    """Return how many threads so many `--workers` have, 2 to 10 each.

    They are enough for the usual eight workers to use up `rate` calls a second.
    """
    each = math.ceil(rate * SLOW_ANSWER_SECONDS / USUAL_WORKERS)
    return workers * min(max(each, 2), 10)


@dataclass
class Outcome:
    """How one task of the pool ended: its answer, or the error."""

    task: Any
    answer: Any = None
    error: Exception | None = None


def work_through(
    tasks: Sequence[Task], work: Callable[[Task], Any], workers: int, clock: Clock, *, until: datetime | None = None
) -> Generator[Outcome, None, None]:
    """Run `work` over `tasks` on daemon threads, yielding each outcome as it ends. Raises `Stopped`.

    Daemon threads: a call that hangs in KIS never keeps the process from ending; the transaction in hand
    ends because the store's `close()` waits for it. Leaving the loop drops the tasks not yet begun; `until` (aware)
    leaves it, whatever still hangs.
    """
    todo: SimpleQueue[Task] = SimpleQueue()
    done: SimpleQueue[Outcome] = SimpleQueue()
    left = threading.Event()
    for task in tasks:
        todo.put(task)

    def run() -> None:
        while not left.is_set():
            try:
                task = todo.get_nowait()
            except Empty:
                return
            try:
                done.put(Outcome(task, answer=work(task)))
            except Exception as error:  # noqa: BLE001 - a thread's boundary: the caller gets every error and decides
                done.put(Outcome(task, error=error))

    for _ in range(min(workers, len(tasks))):
        threading.Thread(target=run, daemon=True).start()
    in_hand = iter(range(_STEPS_IN_HAND))
    try:
        for _ in tasks:
            outcome = _next(done, clock, until, in_hand)
            if outcome is None:
                return
            yield outcome
    finally:
        left.set()


def _next(done: "SimpleQueue[Outcome]", clock: Clock, until: datetime | None, in_hand: Iterator[int]) -> Outcome | None:
    """Wait in small steps, `until` at most: on Windows an endless wait would not notice Ctrl-C.

    `in_hand`: the steps that are left for what was in hand at a stop.
    """
    while True:
        try:
            return done.get(timeout=_STEP_SECONDS)
        except Empty:
            if not clock.stop.is_set() or next(in_hand, None) is None:
                clock.check()
        if until and clock.now() >= until:
            return None


def gather(
    outcomes: Iterable[Outcome], succeed: Callable[[Outcome], None], name: Callable[[Any], Key]
) -> dict[Key, Exception]:
    """Hand over what was done, collect what failed by its key; give up where the tasks not begun would fail alike."""
    failed: dict[Key, Exception] = {}
    silent = 0
    for outcome in outcomes:
        if outcome.error is not None:
            failed[name(outcome.task)] = outcome.error
            silent += isinstance(outcome.error, Outage)
            if silent >= GIVE_UP_AFTER or isinstance(outcome.error, HOPELESS):
                break
        elif outcome.answer is not None:
            silent = 0
            succeed(outcome)
    return failed
