"""What the table tells of a day that ran late though nobody announced it (10:00-16:30, an unlisted CSAT day).

The note of such a day is as good as many tellings, candles before ten speak against it; the calendar counts the voices
(minute_candles/market/calendar.py). Whoever plans or reads lets it hear the whole table first: one table gives a day one set of hours,
whichever symbols are asked for and in whatever order.
"""

from collections.abc import Iterable
from datetime import date

from minute_candles.market.calendar import BELIEVED_HOURS, TradingCalendar
from minute_candles.storage.codec import day_of, marks
from minute_candles.storage.connection import Link
from minute_candles.storage.driver import Row, Value
from minute_candles.storage.layout import NAMES, Shape

SURE = 3
"""As good as so many tellings is what was stored: it had been believed."""

_NOTED = "%" + BELIEVED_HOURS + "%"


class LateDays:
    """Reads over the connection of `db.Store`. Raises `StoreError`."""

    def __init__(self, link: Link, shape: Shape) -> None:
        self._link, self._shape = link, shape

    def tell(self, calendar: TradingCalendar, first: date, last: date) -> None:
        """Of every day from `first` to `last`: who is noted to have traded late, who has candles before ten."""
        if not self._shape.coverage:
            return
        noted = self._rows(
            "SELECT stock_symbol, trade_date FROM stock_minute_coverage WHERE trade_date BETWEEN %s AND %s"
            " AND note LIKE %s",
            first, last, _NOTED,
        )  # fmt: skip
        for symbol, day in noted:
            calendar.hear_hours(day_of(day), symbol, late=SURE)
        self.tell_mornings(calendar, calendar.trading_days(first, last))

    def tell_mornings(self, calendar: TradingCalendar, days: Iterable[date]) -> None:
        """Of the days that are believed to run late: which symbols have 1-minute candles before ten."""
        late = [session for session in map(calendar.session, days) if session.believed]
        if not late or not self._shape.prices:
            return
        of = f"FROM stock_minute_prices{self._shape.hint}"
        symbols = [row[0] for row in self._rows(f"SELECT DISTINCT stock_symbol {of}")]
        for session in late if symbols else ():
            early = self._rows(
                f"SELECT DISTINCT stock_symbol {of} WHERE stock_symbol IN ({marks(symbols)})"
                " AND minute_interval = %s AND timestamp BETWEEN %s AND %s",
                *symbols, NAMES[1], *session.before_ten,
            )  # fmt: skip
            for (symbol,) in early:
                calendar.hear_hours(session.day, symbol, late=0)

    def _rows(self, sql: str, *params: Value) -> list[Row]:
        return self._link.transaction(lambda run: run(sql, *params))
