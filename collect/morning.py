"""A morning that was missed, from the past TR: 120 rows a call and no fillers, where it answers with today's rows.

It is known to do so in session (kis_api.md §6), by one reader. Where it does not, today's TR pages back as ever, and
after a few such answers nobody is asked any more until the next session.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from base.errors import BadRow, NotOffered
from collect.today import Heal
from kis.client import KisClient
from market.candles import Row
from market.hours import Session
from market.past_day import read_page

MOST_REFUSALS = 3


class Morning:
    """The past TR in session, for one key. Thread-safe enough: a few refusals more cost a few calls."""

    def __init__(self, client: KisClient, *, offered: bool) -> None:
        self._client, self._offered = client, offered
        self._day: date | None = None
        self._refusals = 0

    def of(self, symbol: str, session: Session) -> Heal | None:
        """What brings this symbol's morning; None where nobody does."""
        if self._day != session.day:
            self._day, self._refusals = session.day, 0
        if not self._offered or self._refusals >= MOST_REFUSALS:
            return None
        return self._heal(symbol, session)

    def _heal(self, symbol: str, session: Session) -> Callable[[datetime, datetime], list[Row]]:
        def heal(last: datetime, back_to: datetime) -> list[Row]:
            try:
                rows = self._rows(symbol, session, last, back_to)
            except NotOffered:
                self._offered, rows = False, []
            except BadRow:
                return []
            self._refusals = 0 if rows else self._refusals + 1
            return rows

        return heal

    def _rows(self, symbol: str, session: Session, last: datetime, back_to: datetime) -> list[Row]:
        found: dict[datetime, Row] = {}
        while True:
            page = read_page(self._client.past_minutes(symbol, last), session, last)
            found |= {row.minute: row for row in page.rows}
            if page.starts_day or not page.rows or page.earliest.replace(tzinfo=None) <= back_to:
                return [found[minute] for minute in sorted(found)]
            last = page.earliest - timedelta(seconds=1)
