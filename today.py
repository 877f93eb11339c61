"""One symbol's running day: page today's TR back to what is known, and lay the pages over what is stored.

Today's TR is provisional and full of traps (kis_api.md §5): thirty rows a page, yesterday's rows before the open,
filler rows before the closing auction, the auction's volume doubled, phantom rows beyond now, a newest row that shows
the minute before. Only closed minutes leave this room (law 3); the settle after the close puts the authority's instead.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from candles import (
    INTERVALS,
    Candle,
    Candles,
    Row,
    aggregate,
    is_closed,
    label,
    prove,
    session_rows,
    unexplained_start,
    window,
)
from errors import BadRow, SourceError
from kis_client import KisClient
from market_hours import Session

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


def merged(
    stored: Candles, fresh: Sequence[Candle], session: Session, now: datetime, due: Collection[int], since: datetime
) -> Candles:
    """The stored day from `since` on, fresh minutes laid over it, and the windows that follow. Pure.

    A window is written anew when its minutes changed; a new one is added once it is closed and its interval is due.
    """
    minutes = {candle.timestamp: candle for candle in stored[1]}
    changed = set()
    for candle in fresh:
        before = minutes.get(candle.timestamp)
        if candle.timestamp >= since and (before is None or _is_better(candle, before, session)):
            minutes[candle.timestamp] = candle
            if before is None or (before[:6], before.vwap) != (candle[:6], candle.vwap):
                changed.add(candle.timestamp)
    ordered = [minutes[timestamp] for timestamp in sorted(minutes)]
    result: Candles = {1: ordered}
    for interval in INTERVALS[1:]:
        touched = {window(timestamp, interval) for timestamp in changed}
        result[interval] = _windows(ordered, stored[interval], interval, touched, session, now, interval in due)
    return result


def _is_better(fresh: Candle, stored: Candle, session: Session) -> bool:
    """A proven candle is. An unproven one corrects what is not proven either, but no auction, which comes doubled.

    The minute at the open can never be proven: there the newer one counts.
    """
    if fresh.turnover is not None:
        return True
    opened, closed = session.open.replace(tzinfo=None), session.close.replace(tzinfo=None)
    return fresh[:6] != stored[:6] and fresh.timestamp < closed and (stored.vwap is None or fresh.timestamp <= opened)


def _windows(
    minutes: Sequence[Candle],
    stored: Sequence[Candle],
    interval: int,
    touched: Collection[datetime],
    session: Session,
    now: datetime,
    due: bool,
) -> list[Candle]:
    known = {candle.timestamp: candle for candle in stored}
    for candle in aggregate(minutes, interval):
        new = candle.timestamp not in known
        if is_closed(candle.timestamp, interval, now, session) and (due if new else candle.timestamp in touched):
            known[candle.timestamp] = candle
    return [known[timestamp] for timestamp in sorted(known)]


def floor(now: datetime) -> datetime:
    """The start of the minute that runs at `now`, naive KST."""
    return now.replace(second=0, microsecond=0, tzinfo=None)
