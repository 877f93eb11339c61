"""One symbol's running day: page today's TR back to what is known.

Today's TR is provisional and full of traps (kis_http.md §5): thirty rows a page, yesterday's rows before the open, a
filler row for every minute without a trade, the auction's volume doubled, a newest row that shows the minute before,
and minutes that show only after a later one has traded. Turnover tells of those: where it went up, something traded,
and the page must reach back to the minute last *seen trading*; where it stands still, nothing did, and one page is
enough. Only closed minutes leave this room (law 3); the settle after the close puts the authority's instead.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from minute_candles.core.errors import BadRow, SourceError
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, Row, label, prove, session_rows, unexplained_start
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.intraday import Watermark, floor
from minute_candles.storage.coverage import CoverageRow

FULL_PAGE = 30
"""Rows of a full answer of today's TR."""
_MINUTE = timedelta(minutes=1)


def read_until(kept: CoverageRow) -> datetime:
    """The minute that ran at the last visit: rows from then on, if there are any, somebody else wrote."""
    return floor(kept.verified_at) if kept.verified_at else datetime.min


def stored_before(
    kept: CoverageRow, held: tuple[int, ...] | None, span: tuple[datetime, datetime] | None, session: Session
) -> Watermark | None:
    """How far a symbol's day is known by what is stored of it: by its coverage, where the table holds all of that.

    `span`: its first and last row before `read_until`.
    """
    ended = session.end.replace(tzinfo=None)
    if kept.status != PROVISIONAL and kept.verified_at and kept.verified_at >= ended:
        return Watermark(ended)  # the authority has told of it
    whole = all(has >= had for has, had in zip(held or (0, 0, 0), kept.counts, strict=True))
    if not (whole and kept.status == PROVISIONAL and kept.verified_at):
        return None
    last = span[1] if span else datetime.min
    return Watermark(read_until(kept), last if last.date() == session.day else None)


class Reading(NamedTuple):
    candles: list[Candle]
    seen: Watermark


Heal = Callable[[datetime, datetime], list[Row]]
"""(aware time, naive minute) → the day's rows at and before the time, back to the minute or the day's start; or []."""


def read_today(client: KisClient, symbol: str, session: Session, now: datetime, known: datetime | None) -> list[Candle]:
    """Today's closed minutes, oldest first, from `known` on (naive; None = from the open) and often some before."""
    return read_day(client, symbol, session, now, Watermark(known, known) if known else None).candles


def read_day(
    client: KisClient,
    symbol: str,
    session: Session,
    now: datetime,
    seen: Watermark | None,
    heal: Heal | None = None,
) -> Reading:
    """Today's closed minutes, oldest first, from what was `seen` on (None = from the open) and often some before.

    Empty where KIS has nothing of today. Raises `SourceError`. Rows that an answer silently lacks are not looked for:
    the next page overlaps, and the settle compares. `heal` may bring what lies more than a page back.
    """
    closed = min(floor(now), session.end.replace(tzinfo=None))
    back_to = seen.back_to(session) if seen else None
    found: dict[datetime, Row] = {}
    rows: list[Row] = []
    last, doubtful = closed - timedelta(seconds=1), False
    while last >= session.open.replace(tzinfo=None):
        page = _page(client, symbol, session, last, trusting=bool(seen and not seen.turnover and not seen.traded))
        if page.rows and page.rows[0].minute > last:
            raise SourceError(f"오늘 {last:%H:%M} 이전을 물었는데 그 뒤의 행만 왔습니다.")
        doubtful = doubtful and not page.rows
        is_first, found = not found, {row.minute: row for row in page.rows if row.minute < closed} | found
        rows = [found[minute] for minute in sorted(found)]
        if not rows or not rows[0].turnover or (back_to and rows[0].minute <= back_to):
            break  # a filler of turnover 0: nothing has traded before it
        if is_first and _stands_still(rows, seen):
            break
        if page.starts_day:
            if doubtful or not unexplained_start(rows, session):
                break
            doubtful = True  # turnover says that something came before: off-hours trades, or rows kept back
        elif is_first and heal and (older := _healed(rows, session, heal, back_to)):
            rows = older + rows
            break
        last = rows[0].minute - timedelta(seconds=1)
    return Reading(prove(rows, session).candles, _now_seen(rows, closed, seen))


def _stands_still(rows: Sequence[Row], seen: Watermark | None) -> bool:
    """Whether nothing has traded since the last visit, or at all today."""
    turnover = seen.turnover if seen else 0
    return turnover is not None and rows[-1].turnover == turnover


def _now_seen(rows: Sequence[Row], closed: datetime, seen: Watermark | None) -> Watermark:
    traded = [row.minute for row in rows if row.volume]
    before = seen or Watermark(closed)
    last = max(traded[-1:] + ([before.traded] if before.traded else []), default=None)
    if not rows:
        return Watermark(closed, last, before.turnover, before.shown)
    return Watermark(closed, last, rows[-1].turnover, rows[-1].minute)


def _healed(rows: Sequence[Row], session: Session, heal: Heal, back_to: datetime | None) -> list[Row]:
    """What came before these rows, from the past TR, where turnover proves that nothing is missing at the seam."""
    first = rows[0].minute
    start = back_to or session.open.replace(tzinfo=None)
    if first - start <= timedelta(minutes=FULL_PAGE):
        return []  # one more page of today's TR does it
    older = heal((first - timedelta(seconds=1)).replace(tzinfo=session.open.tzinfo), start)
    whole = older and not [at for at in prove([*older, rows[0]], session).doubts if at <= first]
    return older if whole else []


class Page(NamedTuple):
    rows: list[Row]
    starts_day: bool
    """Whether nothing of today lies before this page."""


def _page(client: KisClient, symbol: str, session: Session, last: datetime, *, trusting: bool) -> Page:
    """One page, asked again once where it is empty (unless `trusting`) or a row of it cannot be true.

    Empty twice it is the day's start: a full page may end exactly there. The caller asks turnover about it. A row that
    is told as impossible twice alike is left out (law 13).
    """
    before: list[str] = []
    for again in (True, False):
        raws = client.today_minutes(symbol, last)
        lost: list[str] = []
        rows = session_rows(raws, session, fillers=True, lost=lost)
        if not lost or (lost == before and any(row.close for row in rows)):
            if raws or trusting:
                return Page(rows, _starts_day(raws, session))
        elif not again:
            raise BadRow(lost[0])
        before = lost
    return Page([], True)


def _starts_day(raws: list[Any], session: Session) -> bool:
    labels = [minute for minute in map(_label, raws) if minute is None or minute.date() == session.day]
    first = session.first_label.replace(tzinfo=None)
    return len(labels) < len(raws) or len(raws) < FULL_PAGE or min(filter(None, labels)) <= first


def _label(raw: Any) -> datetime | None:
    """None for a row left out because it has none: it tells nothing of where the day starts."""
    try:
        return label(raw)
    except BadRow:
        return None
