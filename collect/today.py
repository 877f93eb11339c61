"""One symbol's running day: page today's TR back to what is known.

Today's TR is provisional and full of traps (kis_api.md §5): thirty rows a page, yesterday's rows before the open,
filler rows before the closing auction, the auction's volume doubled, phantom rows beyond now, a newest row that shows
the minute before. Only closed minutes leave this room (law 3); the settle after the close puts the authority's instead.
"""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from base.errors import BadRow, SourceError
from kis.client import KisClient
from market.candles import Candle, Row, label, prove, session_rows, unexplained_start
from market.hours import Session
from market.running_day import floor

FULL_PAGE = 30
"""Rows of a full answer of today's TR."""


def read_today(client: KisClient, symbol: str, session: Session, now: datetime, known: datetime | None) -> list[Candle]:
    """Today's closed minutes, oldest first, from `known` on (naive; None = from the open) and often some before.

    Empty where KIS has nothing of today. Raises `SourceError`. Rows that an answer silently lacks are not looked for:
    the next page overlaps, and the settle compares.
    """
    closed = min(floor(now), session.end.replace(tzinfo=None))
    found: dict[datetime, Row] = {}
    rows: list[Row] = []
    last, doubtful = closed - timedelta(seconds=1), False
    while last >= session.open.replace(tzinfo=None):
        page = _page(client, symbol, session, last)
        if page.rows and page.rows[0].minute > last:
            raise SourceError(f"오늘 {last:%H:%M} 이전을 물었는데 그 뒤의 행만 왔습니다.")
        doubtful = doubtful and not page.rows
        found = {row.minute: row for row in page.rows if row.minute < closed} | found
        rows = [found[minute] for minute in sorted(found)]
        if not rows or (known and rows[0].minute <= known):
            break
        if page.starts_day:
            if doubtful or not unexplained_start(rows, session):
                break
            doubtful = True  # turnover says that something came before: off-hours trades, or rows kept back
        last = rows[0].minute - timedelta(seconds=1)
    return prove(rows, session).candles


class Page(NamedTuple):
    rows: list[Row]
    starts_day: bool
    """Whether nothing of today lies before this page."""


def _page(client: KisClient, symbol: str, session: Session, last: datetime) -> Page:
    """One page, asked again once where it is empty or a row of it cannot be true.

    Empty twice it is the day's start: a full page may end exactly there. The caller asks turnover about it.
    """
    for again in (True, False):
        raws = client.today_minutes(symbol, last)
        try:
            page = _read_page(raws, session)
        except BadRow:
            if not again:
                raise
            continue
        if raws:
            return page
    return Page([], True)


def _read_page(raws: list[Any], session: Session) -> Page:
    labels = [minute for minute in map(label, raws) if minute.date() == session.day]
    first = session.first_label.replace(tzinfo=None)
    starts = len(labels) < len(raws) or len(raws) < FULL_PAGE or min(labels) <= first
    return Page(session_rows(raws, session, fillers=True), starts)
