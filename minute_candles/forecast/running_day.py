"""What the stored minutes of the running session forecast: the one way for notebooks, the page and the alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from minute_candles.forecast.model_file import ModelFile
from minute_candles.forecast.service import Forecast, forecast_rows
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle

MOST_MINUTES = 500


class Reader(Protocol):
    """Where stored candles come from (`storage.reader.CandleReader`, `storage.alert_table.AlertTable`)."""

    def candles(self, symbol: str, interval: int, first: datetime, last: datetime, limit: int) -> Sequence[Candle]:
        """Return the newest stored candles of a range (naive KST, both included), ascending."""


def forecast_at(
    now: datetime, trained: ModelFile, reader: Reader, symbols: Sequence[str], calendar: TradingCalendar
) -> list[Forecast]:
    """Return what is forecast at `now` (aware KST) from the minutes before it; nothing on a day without a session."""
    if not calendar.is_trading_day(now.date()):
        return []
    session = calendar.session(now.date())
    first, until = session.open_label, now.replace(tzinfo=None)
    rows = {
        symbol: [one for one in reader.candles(symbol, 1, first, until, MOST_MINUTES) if one.timestamp < until]
        for symbol in symbols
    }
    return forecast_rows(trained, session, {symbol: found for symbol, found in rows.items() if found}, now)
