"""One symbol's newest day as it grows: its minutes, the running one, and the windows that follow from them. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from minute_candles.chart.serialization import is_running
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import Interval, shown, window_end, window_start
from minute_candles.storage.store import CoverageRow


class SymbolDay:
    """`day`: the date of the newest minute; `status`: that of its coverage row."""

    def __init__(self) -> None:
        """Begin without a minute."""
        self.day: date | None = None
        self.status = "PROVISIONAL"
        self.minutes: dict[datetime, Candle] = {}
        self.running: Candle | None = None
        self.open: set[tuple[Interval, datetime]] = set()
        """Windows that were sent as running."""
        self.earlier: Mapping[date, CoverageRow] = {}
        """The coverage rows of the days before."""

    def newest(self) -> datetime | None:
        """Return the start of the newest stored minute."""
        return max(self.minutes, default=None)

    def last(self) -> datetime | None:
        """Return the start of the newest minute, the running one included."""
        return self.running.timestamp if self.running else self.newest()

    def update(self, minutes: Sequence[Candle], *, whole: bool = False) -> tuple[list[datetime], bool]:
        """Return which minutes are new or changed, and whether any is gone. `whole`: these are all of the day."""
        day = max((one.timestamp.date() for one in minutes), default=self.day)
        if day != self.day:
            self.day, self.minutes, self.running = day, {}, None
            self.open.clear()
        read = {one.timestamp: one for one in minutes if one.timestamp.date() == day}
        changed = [at for at, one in read.items() if self.minutes.get(at) != one]
        gone = whole and any(at not in read for at in self.minutes)
        self.minutes = read if whole else self.minutes | read
        newest = self.newest()
        if self.running is not None and newest is not None and self.running.timestamp <= newest:
            self.running = None
        return changed, gone

    def run(self, minute: Candle) -> bool:
        """Take over the running minute; return False where it is older than what is stored."""
        newest = self.newest()
        if newest is not None and minute.timestamp <= newest:
            return False
        if minute.timestamp.date() != self.day:
            self.day, self.minutes = minute.timestamp.date(), {}
        self.running = minute
        return True

    def update_earlier(self, earlier: Mapping[date, CoverageRow]) -> list[date]:
        """Return which of the days before have another coverage row now, oldest first."""
        before, self.earlier = self.earlier, earlier
        return sorted(day for day, row in earlier.items() if day in before and before[day] != row)

    def windows(self, interval: Interval, touched: Iterable[datetime]) -> list[Candle]:
        """Return the candles of `interval` that hold one of these minutes, ascending."""
        starts = sorted({window_start(at, interval) for at in touched})
        return [candle for start in starts for candle in shown(self._inside(start, interval), interval)]

    def ended(self, interval: Interval, calendar: TradingCalendar, now: datetime) -> list[datetime]:
        """Return the windows that were sent as running and run no more, ascending; each is returned once."""
        still = self.running and window_start(self.running.timestamp, interval)
        sent = [start for one, start in self.open if one == interval]
        over = sorted(start for start in sent if start != still and not is_running(start, interval, calendar, now))
        self.open.difference_update((interval, start) for start in over)
        return over

    def _inside(self, start: datetime, interval: Interval) -> list[Candle]:
        end = window_end(start, interval)
        inside = sorted(one for at, one in self.minutes.items() if start <= at < end)
        if self.running is not None and start <= self.running.timestamp < end:
            inside.append(self.running)
        return inside
