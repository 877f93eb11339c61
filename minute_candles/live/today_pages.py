"""One symbol's running day: page today's TR back to what is known.

Today's TR has quirks (docs/dev/kis_http.md §5). A page has thirty rows, before the open yesterday's. A minute without
a trade has a filler. The auction's volume comes doubled. The newest row may repeat the minute before. Some minutes show
only after a later trade. Turnover reveals those: where it grew, something traded, and the pages must reach back to the
last minute known to have traded. Where it stands still, one page is enough. Only closed minutes are returned.
"""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from minute_candles.core.errors import BadRow, SourceError
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.intraday import Watermark, minute_of
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import MinuteRow, MinuteRows, Reject
from minute_candles.market.session_rows import session_rows
from minute_candles.market.turnover_proof import prove, unexplained_start
from minute_candles.storage.coverage import CoverageRow

FULL_PAGE = 30
"""Rows of a full answer of today's TR."""
_MINUTE = timedelta(minutes=1)


def read_until(kept: CoverageRow) -> datetime:
    """Return the minute that ran at the last write; rows from then on were written by another program."""
    return minute_of(kept.verified_at) if kept.verified_at else datetime.min


def stored_before(
    kept: CoverageRow, held: tuple[int, ...] | None, span: tuple[datetime, datetime] | None, session: Session
) -> Watermark | None:
    """Return how far a stored day is known: by its coverage, where the table still holds all that it counts.

    `held`: rows by interval. `span`: first and last 1-minute row before `read_until`, naive KST.
    """
    ended = session.end_label
    if kept.status != PROVISIONAL and kept.verified_at and kept.verified_at >= ended:
        return Watermark(ended)  # the final source has replaced it
    whole = all(has >= had for has, had in zip(held or (0, 0, 0), kept.counts, strict=True))
    if not (whole and kept.status == PROVISIONAL and kept.verified_at):
        return None
    last = span[1] if span else datetime.min
    return Watermark(read_until(kept), last if last.date() == session.day else None)


class TodayPage(NamedTuple):
    """Today's closed minutes, oldest first, and how far the day is known with them."""

    candles: list[Candle]
    watermark: Watermark


Heal = Callable[[datetime, datetime], list[MinuteRow]]
"""(aware time, naive minute) → rows at and before the time, back to the minute or the day's start; or []."""


def read_day(
    client: KisClient,
    symbol: str,
    session: Session,
    now: datetime,
    known: Watermark | None,
    heal: Heal | None = None,
) -> TodayPage:
    """Return today's closed minutes from what is `known` on (None = from the open), and often some before.

    Empty where KIS has nothing of today. Raises `SourceError`. Rows that an answer silently lacks are not searched for:
    the next page overlaps, and the settle compares. `heal` may bring what lies more than a page back.
    """
    closed = min(minute_of(now), session.end_label)
    back_to = known.back_to(session) if known else None
    found: dict[datetime, MinuteRow] = {}
    rows: list[MinuteRow] = []
    last, doubtful = closed - timedelta(seconds=1), False
    while last >= session.open_label:
        page = _page(client, symbol, session, last, trusting=bool(known and not known.turnover and not known.traded))
        if page.rows and page.rows[0].minute > last:
            raise SourceError(f"오늘 {last:%H:%M} 이전을 물었는데 그 뒤의 행만 왔습니다.")
        doubtful = doubtful and not page.rows
        is_first, found = not found, {row.minute: row for row in page.rows if row.minute < closed} | found
        rows = [found[minute] for minute in sorted(found)]
        if not rows or not rows[0].turnover or (back_to and rows[0].minute <= back_to):
            break  # a filler of turnover 0: nothing has traded before it
        if is_first and _stands_still(rows, known):
            break
        if page.starts_day:
            if doubtful or not unexplained_start(rows, session):
                break
            doubtful = True  # turnover says that something came before: off-hours trades, or rows kept back
        elif is_first and heal and (older := _healed(rows, session, heal, back_to)):
            rows = older + rows
            break
        last = rows[0].minute - timedelta(seconds=1)
    return TodayPage(prove(rows, session).candles, _next_watermark(rows, closed, known))


def _stands_still(rows: Sequence[MinuteRow], known: Watermark | None) -> bool:
    """Return whether nothing has traded since the last poll, or at all today."""
    turnover = known.turnover if known else 0
    return turnover is not None and rows[-1].turnover == turnover


def _next_watermark(rows: Sequence[MinuteRow], closed: datetime, known: Watermark | None) -> Watermark:
    traded = [row for row in rows if row.volume]
    before = known or Watermark(closed)
    last = max([row.minute for row in traded[-1:]] + ([before.traded] if before.traded else []), default=None)
    if not rows:
        return before._replace(read=closed, traded=last)
    total = rows[-1].turnover
    explained = traded[-1].turnover == total if traded else before.is_explained and before.turnover in (total, None)
    return Watermark(closed, last, total, rows[-1].minute, explained)


def _healed(rows: Sequence[MinuteRow], session: Session, heal: Heal, back_to: datetime | None) -> list[MinuteRow]:
    """Return what came before these rows from the past TR, where turnover proves that nothing is missing between."""
    first = rows[0].minute
    start = back_to or session.open_label
    if first - start <= timedelta(minutes=FULL_PAGE):
        return []  # one more page of today's TR does it
    older = heal((first - timedelta(seconds=1)).replace(tzinfo=session.open.tzinfo), start)
    whole = older and not [at for at in prove([*older, rows[0]], session).doubts if at <= first]
    return older if whole else []


class Page(NamedTuple):
    """The rows of one answer, and whether nothing of today lies before them."""

    rows: list[MinuteRow]
    starts_day: bool


def _page(client: KisClient, symbol: str, session: Session, last: datetime, *, trusting: bool) -> Page:
    """Return one page, requested again once where it is empty (unless `trusting`) or holds an impossible row.

    Empty twice it is the day's start: a full page may end exactly there; the caller checks the turnover. A row that is
    impossible twice alike is left out.
    """
    before: list[Reject] = []
    for again in (True, False):
        answer = client.today_minutes(symbol, last)
        lost: list[Reject] = []
        rows = session_rows(answer, session, fillers=True, rejects=lost)
        if not lost or (lost == before and any(row.close for row in rows)):
            if answer or trusting:
                return Page(rows, _starts_day(answer, session))
        elif not again:
            raise BadRow(reject_text(lost[0]))
        before = lost
    return Page([], starts_day=True)


def _starts_day(answer: MinuteRows, session: Session) -> bool:
    """Return whether nothing lies before; a rejected row without a minute says nothing of where the day starts."""
    labels = [row.minute for row in answer if row.minute is None or row.minute.date() == session.day]
    first = session.first_label
    return len(labels) < len(answer) or len(answer) < FULL_PAGE or min(filter(None, labels)) <= first
