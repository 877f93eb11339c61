"""A morning that was missed, from the past TR: 120 rows a call and no fillers, where it answers with today's rows.

It is known to do so in session (kis_http.md §6), by one reader. Where it does not, today's TR pages back as ever, and
after a few such answers nobody is asked any more until the next session.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from minute_candles.core.errors import BadRow, NotOffered, Outage, SourceError
from minute_candles.kis.client import KisClient
from minute_candles.live.today_pages import Heal
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Row, unexplained_start
from minute_candles.verification.daily_reference import EMPTY_TRIES
from minute_candles.verification.day_verdict import Page, read_page

MOST_REFUSALS = 3


class Morning:
    """The past TR in session, for one key. Thread-safe enough: a few refusals more cost a few calls."""

    def __init__(self, client: KisClient, *, offered: bool) -> None:
        self._client, self._offered = client, offered
        self._day: date | None = None
        self._refusals, self._has_helped = 0, False

    def of(self, symbol: str, session: Session) -> Heal | None:
        """What brings this symbol's morning; None where nobody does."""
        if self._day != session.day:
            self._day, self._refusals, self._has_helped = session.day, 0, False
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
            except Outage:
                self._refusals += 1
                raise  # nobody is answered; once somebody is, this TR may still be the one that is not
            except SourceError:
                self._refusals += 1  # a refusal of today's date may come with any code: today's TR is the way then
                return []
            if rows:
                self._refusals, self._has_helped = 0, True
            elif not self._has_helped:  # a TR that does tell of today may have nothing before a late first trade
                self._refusals += 1
            return rows

        return heal

    def _rows(self, symbol: str, session: Session, last: datetime, back_to: datetime) -> list[Row]:
        """The rows back to the minute or the day's start; [] where turnover says that an answer kept some back."""
        found: dict[datetime, Row] = {}
        rows: list[Row] = []
        while True:
            deeper = bool(rows) and unexplained_start(rows, session)
            page = self._page(symbol, session, last, deeper=deeper)
            found |= {row.minute: row for row in page.rows}
            rows = [found[minute] for minute in sorted(found)]
            if page.rows and page.earliest.replace(tzinfo=None) <= back_to:
                return rows
            if page.starts_day or not page.rows:
                return [] if rows and not page.seamless and unexplained_start(rows, session) else rows
            last = page.earliest - timedelta(seconds=1)

    def _page(self, symbol: str, session: Session, last: datetime, *, deeper: bool) -> Page:
        """One page; asked again while it is empty where rows must lie `deeper` (law 8)."""
        page = read_page(self._client.past_minutes(symbol, last), session, last)
        for _ in range(EMPTY_TRIES if deeper else 0):
            if page.size:
                break
            page = read_page(self._client.past_minutes(symbol, last), session, last)
        return page
