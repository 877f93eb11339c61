"""What a day has beyond its candle: the close it is compared with, and a turnover where none is proven.

    values = DayValues(reader, derived, calendar, running)
    values.of("005930", sessions)

The previous close is that of the stored candles, else of the daily TR, else (on a day that runs) of KIS's quote.
"""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import NamedTuple

from minute_candles.chart.derived import Derived
from minute_candles.chart.running import RunningMinutes
from minute_candles.market.calendar import Session, TradingCalendar, midnight
from minute_candles.market.day_status import DayStatus
from minute_candles.storage.store import CandleReader

_BACK, _ONE_DAY, _ALL = timedelta(days=14), timedelta(days=1), 10_000


class DayValue(NamedTuple):
    """KRW; None = unknown. `turnover`: proven, else the daily TR's, which includes off-hours trades."""

    previous_close: int | None = None
    turnover: int | None = None


class DayValues:
    """Runs on worker threads. Raises `StoreError`."""

    def __init__(
        self, reader: CandleReader, derived: Derived, calendar: TradingCalendar, running: RunningMinutes
    ) -> None:
        self._reader, self._derived, self._calendar, self._running = reader, derived, calendar, running

    def of(self, symbol: str, sessions: Sequence[Session]) -> dict[date, DayValue]:
        """Return the values of each of these days, ascending ones."""
        if not sessions:
            return {}
        first, last = sessions[0].day - _BACK, sessions[-1].day
        until = midnight(last + _ONE_DAY) - timedelta(seconds=1)
        candles = self._derived.candles(symbol, "day", midnight(first), until, _ALL)
        daily = {day: row for (_, day), row in self._reader.daily([symbol], first, last).items()}
        closes: dict[date, int | None] = {
            day: close for day, row in daily.items() if (close := row.final_close) is not None
        }
        closes |= {one.timestamp.date(): one.close for one in candles}
        for (_, day), row in self._reader.coverage([symbol], first, last).items():
            if row.status == DayStatus.NO_TRADES:
                closes.setdefault(day, None)
        turnovers: dict[date, int | None] = {day: row.turnover for day, row in daily.items()}
        turnovers |= {one.timestamp.date(): one.turnover for one in candles if one.turnover is not None}
        return {
            day: DayValue(self._previous(symbol, day, closes), turnovers.get(day))
            for day in (session.day for session in sessions)
        }

    def _previous(self, symbol: str, day: date, closes: Mapping[date, int | None]) -> int | None:
        """Return the close of the session before; days without a trade (None) lead further back."""
        for before in reversed(self._calendar.trading_days(day - _BACK, day - _ONE_DAY)):
            if before not in closes:
                break
            if close := closes[before]:
                return close
        return self._running.previous_close(symbol, day)
