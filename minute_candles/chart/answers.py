"""What the page asks, answered from the table: the list, the candles of any interval, what is known of each day.

    answers = Answers(view, names, calendar, clock)
    answers.candles("005930", 3, limit=400)

Runs on worker threads. The list is made in listing.py, intervals that are not stored in derived.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, NamedTuple

from minute_candles.chart.derived import Derived
from minute_candles.chart.listing import Listing
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import alert_json, day_json, statuses
from minute_candles.core.clock import Clock
from minute_candles.core.extras import extra
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candle_json import page_json
from minute_candles.market.candles import INTERVALS, Candle
from minute_candles.market.intervals import Interval, shown
from minute_candles.storage.store import CandleReader

EPOCH = datetime(2000, 1, 1)
_MOST_DAYS = 400
MOST_ALERTS = 500
MOST_COUNTED = 31
PATTERN_FED = 30
"""Candles before the first one shown: a pattern looks at five, and at the size of the ten before them."""


class Asked(NamedTuple):
    """`first`, `last`: dates, both included; `limit`: the newest so many of them."""

    first: date | None = None
    last: date | None = None
    limit: int = 400


class Answers:
    """Answers as plain data, ready for JSON."""

    def __init__(
        self,
        view: CandleReader,
        names: Mapping[str, str],
        calendar: TradingCalendar,
        clock: Clock,
        running: RunningMinutes | None = None,
    ) -> None:
        self._view, self.names, self._calendar, self._clock = view, names, calendar, clock
        self._derived = Derived(view, calendar, clock)
        self._listing = Listing(view, names, calendar, clock, running or RunningMinutes(clock))

    def symbols(self) -> list[dict[str, Any]]:
        """The most traded of the last two sessions first."""
        return self._listing.rows()

    def candles(self, symbol: str, interval: Interval, asked: Asked) -> dict[str, Any]:
        candles = self._candles(symbol, interval, asked)
        days = [candle.timestamp.date() for candle in candles[:1] + candles[-1:]]
        known = {key[1]: row for key, row in self._view.coverage([symbol], *days).items()} if days else {}
        held = self._held(symbol, interval, days, known)
        told = statuses(candles, interval, known, self._calendar, self._clock.now(), held)
        return {
            "symbol": symbol,
            "name": self.names.get(symbol, ""),
            "interval": interval,
            "candles": [page_json(candle, status) for candle, status in zip(candles, told, strict=True)],
        }

    def _held(self, symbol: str, interval: Interval, days: Sequence[date], known: Iterable[date]) -> dict[date, int]:
        """The 1-minute rows of the days that are counted: not all of a long chart's, whose `days` tell of them."""
        if not days or days[-1] - days[0] > timedelta(days=MOST_COUNTED):
            return self._derived.held(symbol, interval)
        return dict.fromkeys(known, 0) | self._view.held(symbol, midnight(days[0]), _last_moment(days[-1]))

    def indicators(self, symbol: str, interval: Interval, names: Sequence[str], asked: Asked) -> dict[str, Any]:
        """The same times as `candles`, one list a line; what an indicator remembers is fed before the first of them."""
        extra("talib", "지표")
        from minute_candles.indicators.indicators import ENOUGH, lines

        times = [candle.timestamp for candle in self._candles(symbol, interval, asked)]
        fed = self._candles(symbol, interval, Asked(None, asked.last, len(times) + ENOUGH)) if times else []
        at = {candle.timestamp: number for number, candle in enumerate(fed)}  # one more may be stored by now
        times = [time for time in times if time in at]
        return {
            "symbol": symbol,
            "name": self.names.get(symbol, ""),
            "interval": interval,
            "times": [f"{time.isoformat()}+09:00" for time in times],
            "lines": {name: [line[at[time]] for time in times] for name, line in lines(names, fed).items()},
        }

    def patterns(self, symbol: str, interval: Interval, asked: Asked) -> list[dict[str, Any]]:
        """Candle patterns by time, among the candles that `candles` answers."""
        for package in ("numpy", "talib"):
            extra(package, "캔들 패턴")
        from minute_candles.indicators.patterns import found

        shown = self._candles(symbol, interval, asked)
        times = {candle.timestamp for candle in shown}
        fed = self._candles(symbol, interval, Asked(None, asked.last, len(shown) + PATTERN_FED)) if shown else []
        return [
            {"time": f"{m.timestamp.isoformat()}+09:00", "name": m.name, "label": m.label, "direction": m.direction}
            for m in found(fed)
            if m.timestamp in times
        ]

    def alerts(self, first: date, last: date) -> list[dict[str, Any]]:
        """What has fired on these days, the newest first, at most `MOST_ALERTS`: of the symbols that are shown, and of
        the collection itself (no symbol).
        """
        kept, names = self._view.alerts(midnight(first), _last_moment(last), MOST_ALERTS), {**self.names, "": "수집"}
        return [alert_json(one, names[one.symbol]) for one in kept if one.symbol in names]

    def days(self, symbol: str, first: date, last: date) -> list[dict[str, Any]]:
        """Every trading day of the range up to today: its session, and what is known of it."""
        now = self._clock.now()
        first = max(first, last - timedelta(days=_MOST_DAYS))
        sessions = [self._calendar.session(day) for day in self._calendar.trading_days(first, min(last, now.date()))]
        known = self._view.coverage([symbol], first, last)
        held = self._view.held(symbol, midnight(first), _last_moment(last))
        return [
            day_json(at, known.get((symbol, at.day)), held.get(at.day, 0), now) for at in sessions if now >= at.open
        ]

    def _candles(self, symbol: str, interval: Interval, asked: Asked) -> list[Candle]:
        since = midnight(asked.first) if asked.first else EPOCH
        until = _last_moment(asked.last or self._clock.now().date())
        if interval in INTERVALS:
            return shown(self._view.candles(symbol, int(interval), since, until, asked.limit), 1)
        return self._derived.candles(symbol, interval, since, until, asked.limit)


def _last_moment(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59))
