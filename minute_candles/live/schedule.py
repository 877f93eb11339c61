"""When candles of 1, 5 and 15 minutes are due: one job a minute at :03, by the package `schedule` on our own clock.

A slower cadence follows the wall clock, however late the job runs: it delays, it never skips.
"""

from collections.abc import Mapping
from datetime import date, timedelta

import schedule

from minute_candles.core.clock import Clock

SECOND = ":03"
"""KIS has the minute's last trades by then."""
_TOO_LONG = 120
"""Seconds between two jobs of a minute: the clock was set back."""


class ClockScheduler(schedule.Scheduler):
    """A scheduler that lives on `clock`; the package's own reads the host's local time."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def every(self, interval: int = 1) -> "ClockJob":
        """Return a new job on this scheduler's clock."""
        return ClockJob(interval, self, self._clock)

    @property
    def idle_seconds(self) -> float | None:
        """Return the seconds until the next job, None without one."""
        next_run = self.next_run
        return (next_run - self._clock.now().replace(tzinfo=None)).total_seconds() if next_run else None


class ClockJob(schedule.Job):
    """A job every so many minutes at a second of the minute, on `clock`."""

    def __init__(self, interval: int, scheduler: schedule.Scheduler, clock: Clock) -> None:
        super().__init__(interval, scheduler)
        self._clock = clock

    @property
    def should_run(self) -> bool:
        """Return whether the job is due."""
        return self.next_run is not None and self._clock.now().replace(tzinfo=None) >= self.next_run

    def _schedule_next_run(self) -> None:
        now = self._clock.now().replace(tzinfo=None)
        second = self.at_time.second if self.at_time else 0
        next_run = now.replace(second=second, microsecond=0) + timedelta(minutes=self.interval - 1)
        self.next_run = next_run if next_run > now else next_run + timedelta(minutes=1)


class RoundSchedule:
    """`every`: for each interval in minutes, after how many minutes it is due."""

    def __init__(self, clock: Clock, every: Mapping[int, int]) -> None:
        self._clock, self._every = clock, every
        self._due: set[int] = set()
        self._served: dict[int, tuple[date, int]] = {}
        self._scheduler = ClockScheduler(clock)

    def begin(self) -> None:
        """Begin a session: all intervals are due at once."""
        self._pin_jobs()
        self._due = {1, 5, 15}
        self._served = {interval: self._slot(interval) for interval in self._due}

    def take_due(self) -> set[int]:
        """Return the intervals that became due since the last call."""
        due, self._due = self._due, set()
        return due

    def rest(self, longest: float) -> None:
        """Sleep until the next job, `longest` seconds at most, and run it. Raises `Stopped`."""
        idle = self._scheduler.idle_seconds or 0.0
        if idle > _TOO_LONG:
            self._pin_jobs()
            return
        self._clock.sleep(max(0.0, min(idle, longest)))
        self._scheduler.run_pending()

    def update_1min_data(self) -> None:
        """Mark the 1-minute candles due."""
        self._mark_due(1)

    def update_5min_data(self) -> None:
        """Mark the 5-minute candles due."""
        self._mark_due(5)

    def update_15min_data(self) -> None:
        """Mark the 15-minute candles due."""
        self._mark_due(15)

    def _mark_due(self, interval: int) -> None:
        if (slot := self._slot(interval)) != self._served.get(interval):
            self._served[interval] = slot
            self._due.add(interval)

    def _slot(self, interval: int) -> tuple[date, int]:
        now = self._clock.now()
        return now.date(), (now.hour * 60 + now.minute) // self._every[interval]

    def _pin_jobs(self) -> None:
        self._scheduler.clear()
        for job in (self.update_1min_data, self.update_5min_data, self.update_15min_data):
            self._scheduler.every().minute.at(SECOND).do(job)
