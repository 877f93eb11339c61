"""What the page asks for, read from the table: the list, the candles of any interval, what is known of each day.

    queries = Queries(reader, names, calendar, clock, running)
    queries.candles("005930", 3, CandleRange(limit=400))

Runs on worker threads. The list is made in listing.py, intervals that are not stored in derived.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from minute_candles.chart.coverage import CoverageMap
from minute_candles.chart.day_values import DayValues
from minute_candles.chart.derived import Derived
from minute_candles.chart.listing import Listing, SymbolRow
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import Json, alert_json, day_json, statuses
from minute_candles.core.clock import Clock
from minute_candles.core.extras import extra
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candle_json import page_json, time_text
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import SESSIONS, Interval, shown, window_end, window_start
from minute_candles.market.windows import INTERVALS
from minute_candles.storage.store import CandleReader

EPOCH = datetime(2000, 1, 1)  # naive KST, as the table has it
_MOST_DAYS = 400
_A_SECOND = timedelta(seconds=1)
MOST_OF_A_DAY = 24 * 60
MOST_ALERTS = 500
MOST_COUNTED = 31
"""Days whose 1-minute rows are counted for one answer."""
PATTERN_FED = 30
"""Candles before the first one shown: a pattern looks at five, and at the size of the ten before them."""


class CandleRange(NamedTuple):
    """`first`, `last`: dates, both included; `limit`: the newest so many of them."""

    first: date | None = None
    last: date | None = None
    limit: int = 400


class Queries:
    """Returns plain data, ready for JSON. Raises `StoreError`, and `ConfigError` without an extra's package."""

    def __init__(
        self, reader: CandleReader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock,
        running: RunningMinutes,
    ) -> None:  # fmt: skip
        """Take the `names` of the symbols that are shown."""
        self._reader, self.names, self._calendar, self._clock, self._running = reader, names, calendar, clock, running
        self._derived = Derived(reader, calendar, clock)
        self._listing = Listing(reader, names, calendar, clock, running)
        self._coverage = CoverageMap(reader, names, calendar, clock)
        self._day_values = DayValues(reader, self._derived, calendar, running)

    def symbols(self) -> list[SymbolRow]:
        """Return the list, the most traded of the last two sessions first."""
        return self._listing.rows()

    def coverage(self, symbols: Sequence[str], first: date, last: date, *, counted: bool) -> str:
        """Return JSON: the state of each trading day of these symbols, both dates included."""
        return self._coverage.answer(symbols, first, last, counted=counted)

    def candles(self, symbol: str, interval: Interval, wanted: CandleRange) -> Json:
        """Return the candles of a range with what is known of each."""
        candles = self._candles(symbol, interval, wanted)
        days = [candle.timestamp.date() for candle in candles[:1] + candles[-1:]]
        if days and interval in SESSIONS:
            days[-1] = window_end(candles[-1].timestamp, interval).date()
        coverage = {key[1]: row for key, row in self._reader.coverage([symbol], *days).items()} if days else {}
        held = self._held(symbol, interval, days, coverage)
        states = statuses(candles, interval, coverage, self._calendar, self._clock.now(), held)
        rows = [page_json(candle, status) for candle, status in zip(candles, states, strict=True)]
        return {"symbol": symbol, "name": self.names.get(symbol, ""), "interval": interval, "candles": rows}

    def indicators(
        self, symbol: str, interval: Interval, names: Sequence[str], wanted: CandleRange, *, running: bool = False
    ) -> Json:
        """Return one list a line at the times of `candles`, and (`running`) of the window that runs.

        What an indicator remembers is fed before the first of them.
        """
        extra("talib", "지표")
        from minute_candles.indicators.indicators import ENOUGH, lines

        times = [candle.timestamp for candle in self._candles(symbol, interval, wanted)]
        fed = self._candles(symbol, interval, CandleRange(None, wanted.last, len(times) + ENOUGH)) if times else []
        if running and (open_window := self._open_window(symbol, interval)):
            fed = [*(one for one in fed if one.timestamp < open_window.timestamp), open_window]
            times = sorted({*times, open_window.timestamp})
        at = {candle.timestamp: number for number, candle in enumerate(fed)}  # one more may be stored by now
        times = [time for time in times if time in at]
        return {
            "symbol": symbol,
            "name": self.names.get(symbol, ""),
            "interval": interval,
            "times": [time_text(time) for time in times],
            "lines": {name: [line[at[time]] for time in times] for name, line in lines(names, fed).items()},
        }

    def patterns(self, symbol: str, interval: Interval, wanted: CandleRange) -> list[Json]:
        """Return candle patterns by time, of the candles that `candles` returns."""
        for package in ("numpy", "talib"):
            extra(package, "캔들 패턴")
        from minute_candles.indicators.patterns import found

        listed = self._candles(symbol, interval, wanted)
        times = {candle.timestamp for candle in listed}
        before = CandleRange(None, wanted.last, len(listed) + PATTERN_FED)
        fed = self._candles(symbol, interval, before) if listed else []
        return [
            {"time": time_text(m.timestamp), "name": m.name, "label": m.label, "direction": m.direction}
            for m in found(fed)
            if m.timestamp in times
        ]

    def alerts(self, first: date, last: date) -> list[Json]:
        """Return what has fired on these days, the newest first, at most `MOST_ALERTS`.

        Of the symbols that are shown, and of the collection itself (no symbol).
        """
        fired, names = self._reader.fired(midnight(first), _last_moment(last), MOST_ALERTS), {**self.names, "": "수집"}
        return [alert_json(one, names[one.alert.symbol]) for one in fired if one.alert.symbol in names]

    def days(self, symbol: str, first: date, last: date) -> list[Json]:
        """Return every trading day of the range up to today: its session, and what is known of it."""
        now = self._clock.now()
        first = max(first, last - timedelta(days=_MOST_DAYS))
        sessions = [self._calendar.session(day) for day in self._calendar.trading_days(first, min(last, now.date()))]
        coverage = self._reader.coverage([symbol], first, last)
        held = self._reader.held(symbol, midnight(first), _last_moment(last))
        begun = [at for at in sessions if now >= at.open]
        values = self._day_values.of(symbol, begun)
        return [
            day_json(at, coverage.get((symbol, at.day)), held.get(at.day, 0), now) | values[at.day]._asdict()
            for at in begun
        ]

    def _candles(self, symbol: str, interval: Interval, wanted: CandleRange) -> list[Candle]:
        since = midnight(wanted.first) if wanted.first else EPOCH
        until = _last_moment(wanted.last or self._clock.now().date())
        if interval in INTERVALS:
            return shown(self._reader.candles(symbol, int(interval), since, until, wanted.limit), 1)
        return self._derived.candles(symbol, interval, since, until, wanted.limit)

    def _open_window(self, symbol: str, interval: Interval) -> Candle | None:
        """Return the window that holds the running minute, as far as it is known."""
        minute = self._running.get(symbol)
        if minute is None:
            return None
        start, today = window_start(minute.timestamp, interval), midnight(minute.timestamp.date())
        before = self._derived.candles(symbol, "day", start, today - _A_SECOND, _MOST_DAYS) if start < today else []
        since = max(start, today)
        inside = self._reader.candles(symbol, 1, since, minute.timestamp - _A_SECOND, MOST_OF_A_DAY)
        return shown([*before, *inside, minute], interval)[-1]

    def _held(self, symbol: str, interval: Interval, days: Sequence[date], known: Iterable[date]) -> dict[date, int]:
        """Return the 1-minute rows of the days that are counted; of a long chart those of folded days alone."""
        if not days or days[-1] - days[0] > timedelta(days=MOST_COUNTED):
            return self._derived.held(symbol, interval)
        return dict.fromkeys(known, 0) | self._reader.held(symbol, midnight(days[0]), _last_moment(days[-1]))


def _last_moment(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59))
