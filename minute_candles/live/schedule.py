"""When candles of 1, 5 and 15 minutes fall due: a job a minute at :03 by the `schedule` package, on our own clock.

A slower cadence stands on the wall clock, however late the job comes: it delays, it never skips.
"""

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from types import SimpleNamespace
from typing import Any

import schedule

from minute_candles.core.clock import Clock

_TOO_LONG = 120
"""Seconds between two jobs of a minute: the clock was set back."""


class Cadence:
    """`every`: for each interval, after how many minutes it falls due."""

    def __init__(self, clock: Clock, every: Mapping[int, int]) -> None:
        self._clock, self._every = clock, every
        self._due: set[int] = set()
        self._served: dict[int, tuple[date, int]] = {}
        self._schedule = clocked_schedule(clock)

    def begin(self) -> None:
        """A session: all are due at once."""
        self._pin_jobs()
        self._due = {1, 5, 15}
        self._served = {interval: self._slot(interval) for interval in self._due}

    def take_due(self) -> set[int]:
        """What fell due since the last time."""
        due, self._due = self._due, set()
        return due

    def rest(self, most: float) -> None:
        """Sleep until the next job, `most` seconds at most. Raises `Stopped`."""
        idle = self._schedule.idle_seconds or 0.0
        if idle > _TOO_LONG:
            self._pin_jobs()
            return
        self._clock.sleep(max(0.0, min(idle, most)))
        self._schedule.run_pending()

    def update_1min_data(self) -> None:
        self._fall_due(1)

    def update_5min_data(self) -> None:
        self._fall_due(5)

    def update_15min_data(self) -> None:
        self._fall_due(15)

    def _fall_due(self, interval: int) -> None:
        """Jobs run each minute at :03; a slower cadence stands on the wall clock, however late the job comes."""
        if (slot := self._slot(interval)) != self._served.get(interval):
            self._served[interval] = slot
            self._due.add(interval)

    def _slot(self, interval: int) -> tuple[date, int]:
        now = self._clock.now()
        return now.date(), (now.hour * 60 + now.minute) // self._every[interval]

    def _pin_jobs(self) -> None:
        self._schedule.clear()
        for job in (self.update_1min_data, self.update_5min_data, self.update_15min_data):
            self._schedule.every().minute.at(":03").do(job)


def clocked_schedule(clock: Clock) -> Any:
    """A `schedule.Scheduler` that lives on `clock`: the library reads the host's local time by itself."""

    class ClockTime(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> "datetime":  # type: ignore[override]
            return clock.now().replace(tzinfo=None)

    schedule.datetime = SimpleNamespace(datetime=ClockTime, timedelta=timedelta, time=time)  # type: ignore[attr-defined, assignment]
    return schedule.Scheduler()
