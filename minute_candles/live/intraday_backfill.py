"""The missed part of a running day from the past TR, where it answers with today's rows: 120 a call, no fillers.

One reader observed this in session (docs/dev/kis_http.md §6). Where it does not answer so, today's TR pages back.
After a few such answers the past TR is not requested any more until the next session.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from minute_candles.core.errors import BadRow, NotOffered, Outage, SourceError
from minute_candles.kis.client import KisClient
from minute_candles.live.today_pages import Heal
from minute_candles.market.calendar import Session
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import MinuteRow, Reject
from minute_candles.market.turnover_proof import unexplained_start
from minute_candles.verification.daily_reference import EMPTY_TRIES
from minute_candles.verification.past_pages import Page, read_page

MAX_REFUSALS = 3


class IntradayBackfill:
    """The past TR in session, for one key. Threads may count a refusal too many: that costs a few calls."""

    def __init__(self, client: KisClient, *, offered: bool) -> None:
        self._client, self._offered = client, offered
        self._day: date | None = None
        self._refusals, self._has_helped = 0, False

    def reader(self, symbol: str, session: Session) -> Heal | None:
        """Return what reads this symbol's missed rows, None where the past TR does not answer with today's."""
        if self._day != session.day:
            self._day, self._refusals, self._has_helped = session.day, 0, False
        if not self._offered or self._refusals >= MAX_REFUSALS:
            return None
        return self._reader(symbol, session)

    def _reader(self, symbol: str, session: Session) -> Callable[[datetime, datetime], list[MinuteRow]]:
        def read(last: datetime, back_to: datetime) -> list[MinuteRow]:
            try:
                rows = self._rows(symbol, session, last, back_to)
            except NotOffered:
                self._offered, rows = False, []
            except BadRow:
                return []
            except Outage:
                self._refusals += 1
                raise
            except SourceError:
                self._refusals += 1  # a refusal of today's date may come with any code
                return []
            if rows:
                self._refusals, self._has_helped = 0, True
            elif not self._has_helped:  # before a late first trade there may be nothing
                self._refusals += 1
            return rows

        return read

    def _rows(self, symbol: str, session: Session, last: datetime, back_to: datetime) -> list[MinuteRow]:
        """Return the rows back to the minute or the day's start; [] where turnover shows that some are missing."""
        found: dict[datetime, MinuteRow] = {}
        rows: list[MinuteRow] = []
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
        """Return one page, requested again while it is empty where rows must lie `deeper` ("Empty is not success")."""
        page = self._read(symbol, session, last)
        for _ in range(EMPTY_TRIES if deeper else 0):
            if page.size:
                break
            page = self._read(symbol, session, last)
        return page

    def _read(self, symbol: str, session: Session, last: datetime) -> Page:
        """Return one page. Raises `BadRow` for one with a row that cannot be true: today's TR is read instead."""
        rejects: list[Reject] = []
        page = read_page(self._client.past_minutes(symbol, last), session, last, rejects)
        if rejects:
            raise BadRow(reject_text(rejects[0]))
        return page
