"""A day of the past TR page by page: from close + 9 minutes back until the day's start is proven.

Source: docs/dev/kis_http.md §6. Rule "Empty is not success".
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from minute_candles.core.errors import BadRow
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session
from minute_candles.market.day_status import Finding, Reason
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import MinuteRow, MinuteRows, Reject
from minute_candles.market.session_rows import session_rows
from minute_candles.market.turnover_proof import unexplained_start
from minute_candles.verification.daily_reference import EMPTY_TRIES
from minute_candles.verification.day_verdict import Minutes

FULL_PAGE = 120
"""Rows of a full answer of the past TR; nothing is older than a shorter one."""


class Page(NamedTuple):
    """One answer, sorted out: the session's rows, oldest first, and what it proves of the day's start."""

    rows: list[MinuteRow]
    size: int
    starts_day: bool
    """Whether nothing of the day lies before this page."""
    earliest: datetime
    """Aware KST label of the day's earliest row here; the request's own time where there is none."""
    before_ten: bool = False
    seamless: bool = False
    """A full page, newest first, that runs from this day into an earlier one: nothing is left out at the seam."""


def read_page(answer: MinuteRows, session: Session, last: datetime, rejects: list[Reject] | None = None) -> Page:
    """Sort out one answer of the past TR that was requested for rows at and before `last`. Raises `BadRow`.

    A row at the open, a row of an earlier day, or a page of 1–119 rows proves the start. With `rejects`, rows
    that cannot be true are left out and named there.
    """
    rows = session_rows(answer, session, rejects=rejects)
    labels = [row.minute for row in answer if row.minute]
    todays = [minute for minute in labels if minute.date() == session.day]
    spilled = any(minute.date() < session.day for minute in labels)
    if answer and not todays and not spilled:
        unreadable = reject_text(rejects[0]) if rejects else "읽을 수 있는 행이 없습니다."
        raise BadRow(f"{session.day} 이전을 물었는데 그 뒤 날짜의 행만 왔습니다." if labels else unreadable)
    until = last.replace(tzinfo=None)
    earliest = min(todays, default=until)
    if earliest > until:
        raise BadRow(f"{last:%H:%M} 이전을 물었는데 그 뒤 시각의 행만 왔습니다.")
    starts = earliest <= session.first_label or spilled or len(answer) < FULL_PAGE
    ordered = all(newer > older for newer, older in pairwise(labels))
    seamless = bool(todays) and spilled and ordered and len(answer) >= FULL_PAGE and not rejects
    early = any(session.before_ten[0] <= minute <= session.before_ten[1] for minute in todays)
    return Page(rows, len(answer), starts, earliest.replace(tzinfo=last.tzinfo), early, seamless)


class DayPages:
    """Fetches all pages of a symbol-day. Thread-safe: it keeps nothing."""

    def __init__(self, client: KisClient) -> None:
        self._client = client

    def fetch(self, symbol: str, session: Session) -> Minutes:
        """Return the day's rows and what their pages leave in doubt. Raises `BadRow` for an answer that is none."""
        day = _Collected()
        last, deeper, previous_first = session.end - timedelta(seconds=1), False, None
        while True:
            page = self._page(symbol, session, last, day.rejects, deeper=deeper)
            rows = day.add(page)
            unexplained = bool(rows) and unexplained_start(rows, session)
            if deeper and not page.size and unexplained:
                return day.minutes(Finding(Reason.UNPROVEN_START))
            deeper = not page.starts_day
            if deeper:
                last = page.earliest - timedelta(seconds=1)
            elif unexplained and not page.seamless and rows[0].minute != previous_first:
                # Turnover says that something came before: off-hours trades, or minutes that this answer lacks.
                previous_first = rows[0].minute
                last = previous_first.replace(tzinfo=last.tzinfo) - timedelta(seconds=1)
            else:
                return day.minutes(whole=page.seamless and day.pages == 1)

    def _page(self, symbol: str, session: Session, last: datetime, rejects: list[Reject], *, deeper: bool) -> Page:
        """Fetch one page; again once for a bad row, which then is left out, four times where rows must lie `deeper`.

        Raises `BadRow` where nothing of it can be read.
        """
        empty = bad = 0
        while True:
            found: list[Reject] = []
            answer = self._client.past_minutes(symbol, last)
            try:
                page = read_page(answer, session, last, found)
            except BadRow:
                bad += 1
                if bad > 1:
                    raise
                continue
            if found and not bad:
                bad += 1
                continue
            if page.size or not deeper or empty == EMPTY_TRIES:
                rejects += found
                return page
            empty += 1


class _Collected:
    """The pages of a day so far."""

    def __init__(self) -> None:
        self.pages, self._before_ten = 0, False
        self.rejects: list[Reject] = []
        self._rows: dict[datetime, MinuteRow] = {}
        self._conflicts: list[datetime] = []

    def add(self, page: Page) -> list[MinuteRow]:
        """Add a page; return all rows so far, oldest first."""
        self.pages += 1
        self._before_ten |= page.before_ten
        self._conflicts += merge(self._rows, page.rows)
        return in_order(self._rows)

    def minutes(self, *findings: Finding, whole: bool = False) -> Minutes:
        """Return the day, with what its pages leave in doubt."""
        rejects = tuple(dict.fromkeys(self.rejects))
        doubts = [Finding(Reason.INVALID_ROWS, rejects=rejects)] if rejects else []
        doubts += conflict_findings(self._conflicts)
        return Minutes(in_order(self._rows), whole, (*doubts, *findings), self._before_ten)


def merge(found: dict[datetime, MinuteRow], rows: Iterable[MinuteRow]) -> list[datetime]:
    """Add rows to those found already, which stay as they were; return the minutes that came with other values."""
    return [row.minute for row in rows if found.setdefault(row.minute, row) != row]


def conflict_findings(minutes: Iterable[datetime]) -> list[Finding]:
    """Return the finding for minutes that came with different values, where there are any."""
    unique = tuple(dict.fromkeys(minutes))
    return [Finding(Reason.CONFLICTING_ROWS, unique)] if unique else []


def in_order(found: Mapping[datetime, MinuteRow]) -> list[MinuteRow]:
    """Return the rows, oldest first."""
    return [found[minute] for minute in sorted(found)]
