"""What the table tells of a day that ran late though nobody announced it (10:00-16:30, an unlisted CSAT day).

The note of such a day is as good as many tellings, candles before ten speak against it; the calendar counts the voices
(market/hours.py). Whoever plans or reads lets it hear the whole table first: one table gives a day one set of hours,
whichever symbols are asked for and in whatever order.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from market.hours import TradingCalendar
from market.past_day import BELIEVED_HOURS
from store.driver import Row, Value
from store.link import Link
from store.rows import day_of, marks
from store.tables import NAMES, Shape

SURE = 3
"""As good as so many tellings is what was stored: it had been believed."""

_NOTED = "%" + BELIEVED_HOURS + "%"


class LateDays:
    """Reads over the connection of `db.Store`. Raises `StoreError`."""

    def __init__(self, link: Link, shape: Shape) -> None:
        self._link, self._shape = link, shape

    def tell(self, calendar: TradingCalendar, first: date, last: date, symbols: Sequence[str] = ()) -> None:
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
        self.tell_mornings(calendar, calendar.trading_days(first, last), symbols)

    def tell_mornings(self, calendar: TradingCalendar, days: Iterable[date], symbols: Sequence[str] = ()) -> None:
        """Of the days that are believed to run late: which symbols have 1-minute candles before ten.

        Heard are those that the coverage knows of the day, and `symbols`, whose candles it need not know.
        """
        for session in [session for session in map(calendar.session, days) if session.believed]:
            covered = self._rows("SELECT stock_symbol FROM stock_minute_coverage WHERE trade_date = %s", session.day)
            heard = list(dict.fromkeys([*symbols, *(row[0] for row in covered)]))
            early = self._rows(
                f"SELECT DISTINCT stock_symbol FROM stock_minute_prices{self._shape.hint}"
                f" WHERE stock_symbol IN ({marks(heard)}) AND minute_interval = %s AND timestamp BETWEEN %s AND %s",
                *heard, NAMES[1], *session.before_ten,
            ) if heard and self._shape.prices else []  # fmt: skip
            for (symbol,) in early:
                calendar.hear_hours(session.day, symbol, late=0)

    def _rows(self, sql: str, *params: Value) -> list[Row]:
        return self._link.transaction(lambda run: run(sql, *params))
