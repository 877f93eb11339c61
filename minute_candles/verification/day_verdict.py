"""What a day of the past TR must show to be believed: a proven start, a chain of turnover, the daily candle. Pure.

The start is proven by a page (law 8), the minutes by their turnover (law 7), the whole by the daily candle as second
source. What contradicts is a doubt of the verdict: it is asked again, and believed with a mark where KIS tells the same
again (law 13). What is only odd is believed, and tells that a second look is worth its call.
"""

import hashlib
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from minute_candles.core.errors import BadRow, SourceError
from minute_candles.market.calendar import CSAT_DAYS, Session
from minute_candles.market.candles import Candle, prove, session_rows, unexplained_start
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.day_notes import reason_text, says_csat_hours
from minute_candles.market.day_status import COMPLETE, UNPROVEN, DayStatus, Reason
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import DailyRow, MinuteRow, MinuteRows, Reject

FULL_PAGE = 120
"""Rows of a full answer of the past TR; a shorter one has nothing behind it (kis_http.md §6)."""
MOST_NAMED = 3
"""So many minutes or rows of a kind are named in a note."""


class BadDay(SourceError):
    """KIS's answers about the day contradict each other: asked again later before they are believed."""


class Minutes(NamedTuple):
    """A day's rows, oldest first."""

    rows: list[MinuteRow]
    whole: bool = False
    """Whether all came in one full page that runs into an earlier day: nothing is left out of it."""
    doubts: tuple[str, ...] = ()
    """What the pages themselves leave in doubt: rows left out because they cannot be true, a start that is unproven."""
    before_ten: bool = False
    """Whether a row, left out or not, is labelled in the hour before ten."""


class Verdict(NamedTuple):
    """What a symbol-day turned out to be; `odd` tells why a second look is worth its call, "" where nothing is.

    `doubts` are the contradictions. `deal` is the note of a day whose only doubt is a deal outside the book. `doubted`
    is the daily answer among those that contradict. `told` is the same where KIS told the same.
    """

    candles: list[Candle]
    status: DayStatus
    note: str | None
    odd: str = ""
    doubts: tuple[str, ...] = ()
    deal: str = ""
    doubted: DailyAnswer | None = None
    told: str = ""
    unreadable: frozenset[datetime] = frozenset()
    """Minutes whose row cannot be a candle; naive KST."""
    started_at: int = 0
    """The day's turnover, KRW, with its first row."""
    gaps: tuple[tuple[datetime, datetime], ...] = ()
    """Between these minutes there is no row, and more turnover than the later one explains; naive KST."""


class Page(NamedTuple):
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
    """Sort out one answer of the past TR asked for rows at and before `last`. Raises `BadRow`.

    The start is proven by a row at the open, a row of an earlier day, or a page of 1–119 rows (law 8). With `rejects`,
    rows that cannot be true are left out and named there.
    """
    rows = session_rows(answer, session, rejects=rejects)
    labels = [row.minute for row in answer if row.minute]
    todays = [minute for minute in labels if minute.date() == session.day]
    spilled = any(minute.date() < session.day for minute in labels)
    if answer and not todays and not spilled:
        texts = [reject_text(reject) for reject in rejects or []]
        raise BadRow(f"{session.day} 이전을 물었는데 그 뒤 날짜의 행만 왔습니다." if labels else lost_all(texts))
    earliest = min(todays, default=last.replace(tzinfo=None)).replace(tzinfo=last.tzinfo)
    if earliest > last:
        raise BadRow(f"{last:%H:%M} 이전을 물었는데 그 뒤 시각의 행만 왔습니다.")
    starts = earliest <= session.first_label or spilled or len(answer) < FULL_PAGE
    ordered = all(newer > older for newer, older in pairwise(labels))
    seamless = bool(todays) and spilled and ordered and len(answer) >= FULL_PAGE and not rejects
    early = any(session.before_ten[0] <= minute <= session.before_ten[1] for minute in todays)
    return Page(rows, len(answer), starts, earliest, early, seamless)


def lost_all(doubts: Sequence[str]) -> str:
    """Why an answer without a single readable row is none."""
    return doubts[0] if doubts else "읽을 수 있는 행이 없습니다."


def check_day(minutes: Minutes, session: Session, told: DailyAnswer, *, is_fresh: bool = False) -> Verdict:
    """Prove a day by its turnover and by the daily candle; what contradicts stands in `doubts`.

    What is odd but possible is believed, with a note where the reader should know. `is_fresh`: the daily candle's close
    may be the after-market's still, and is not compared (kis_http.md §7).
    """
    rows, daily = minutes.rows, told.get(session.day)
    proof = prove(rows, session)
    candles, gaps = proof.candles, _gaps(rows)
    turnover, deal = _turnover_doubts(proof.doubts, proof.surplus, gaps, session)
    if not candles:
        return _without_candles(minutes, session)
    by_daily = _daily_doubts(candles, session.day, told)
    doubts = (*minutes.doubts, *turnover, *by_daily)
    notes = []
    if candles[0].timestamp < session.open.replace(tzinfo=None):
        notes.append(f"첫 봉 라벨이 개장 1분 전({candles[0].timestamp:%H:%M})")
    if not told:
        notes.append("일봉이 비어 있어 대조하지 못함")
    notes += filter(None, (note_of_hours(session),))
    start, auction = _odd_start(rows, session), has_auction(candles, session)
    end = "" if auction or is_fresh else _odd_end(candles[-1], daily)
    doubtful = start or ("" if auction else "종가 단일가 봉이 없음")
    odd = end or ("" if minutes.whole else doubtful or _odd_volume(candles, daily))
    notes += filter(None, (start, end))
    return Verdict(
        candles,
        COMPLETE,
        " · ".join(notes) or None,
        "" if doubts else odd,
        doubts,
        " · ".join([deal, *notes]) if deal and doubts == turnover else "",
        told if by_daily else None,
        digest(rows, doubts) if doubts else "",
        frozenset(row.minute for row in rows if not row.close),
        rows[0].turnover,
        tuple((before, at) for before, at in gaps if at in proof.surplus),
    )


def _without_candles(minutes: Minutes, session: Session) -> Verdict:
    """A day whose every row cannot be: told alike it is stored as told, without one.

    Raises `BadRow` where numbers cannot even be read: such a day has not come. That is no trade that KIS tells oddly,
    it is a language that nobody here speaks, and the same on every day.
    """
    if not minutes.doubts or any(row.illegible for row in minutes.rows):
        raise BadRow(lost_all(minutes.doubts))
    unreadable = frozenset(row.minute for row in minutes.rows)
    told = digest(minutes.rows, minutes.doubts)
    return Verdict([], COMPLETE, note_of_hours(session), doubts=minutes.doubts, told=told, unreadable=unreadable)


def note_of_hours(session: Session) -> str | None:
    """What every note of a day says that ran late: the plan looks for it."""
    return reason_text(Reason.CSAT_HOURS) if session.csat and session.day not in CSAT_DAYS else None


def with_hours(note: str, session: Session) -> str:
    """A note that is kept though the day's hours may be others now."""
    kept = [part for part in note.split(" · ") if not says_csat_hours(part)]
    return " · ".join(filter(None, (note_of_hours(session), *kept)))


def believed(verdict: Verdict) -> Verdict:
    """The day as KIS tells it again and again: stored, with the reason as its note."""
    parts = [*verdict.doubts, *filter(None, (verdict.note or "").split(" · "))]
    parts.sort(key=lambda part: not says_csat_hours(part))  # first: the plan looks for it, and a long note is cut
    return verdict._replace(status=UNPROVEN, note=" · ".join(parts), doubts=(), odd="")


def digest(*what: object) -> str:
    """Equal where KIS told the same: two tellings are kept as this, not as rows."""
    return hashlib.sha256(repr(what).encode()).hexdigest()


def _turnover_doubts(
    doubts: Sequence[datetime], surplus: Sequence[datetime], gaps: Sequence[tuple[datetime, datetime]], session: Session
) -> tuple[tuple[str, ...], str]:
    """The doubt, and the note instead of it where it can be a deal outside the book.

    More turnover than the minute explains, alone of its kind, is one; unless it follows the only stretch of continuous
    trading without a row. There a row that is missing explains it just as well, and captured answers know only that
    case: 13 such pairs span minutes the reader lacked, not one is a deal (kis_http.md §6). Calling the day COMPLETE
    would hide a lost minute for good; UNPROVEN stores the same candles and is asked again (laws 4 and 13). The same
    holds for an auction after more than its pause without a row, whatever other lulls there are: the last minutes
    before it are what an authority that lags lacks, and fillers before it what late rows leave.
    """
    if not doubts:
        return (), ""
    named = ", ".join(f"{minute:%H:%M}" for minute in doubts[:MOST_NAMED])
    more = " …" if len(doubts) > MOST_NAMED else ""
    text = f"거래대금이 맞지 않는 분이 있습니다 ({named}{more}): 빠졌거나 틀린 행"
    after_gaps = [at for _, at in gaps]
    lost_the_end = doubts[0] in after_gaps and doubts[0] >= session.close.replace(tzinfo=None)
    alone = len(doubts) == 1 and list(surplus) == list(doubts)
    if not alone or lost_the_end or after_gaps == [doubts[0]]:
        return (text,), ""
    return (text,), f"{doubts[0]:%H:%M} 거래대금이 거래량보다 많음: 장내 대량·바스켓 체결로 봄"


def _gaps(rows: Sequence[MinuteRow]) -> list[tuple[datetime, datetime]]:
    """The minutes before and after one or more without a row; the pause before the auction is none."""
    minutes = [row.minute for row in rows]
    pause = (minutes[-1] - timedelta(minutes=11), minutes[-1])
    return [pair for pair in pairwise(minutes) if pair[1] - pair[0] > timedelta(minutes=1) and pair != pause]


def _odd_start(rows: Sequence[MinuteRow], session: Session) -> str:
    """Off-hours trades before the open are a few percent of a day; more may be minutes that an answer kept back."""
    before = rows[0].turnover - rows[0].close * rows[0].volume
    if not unexplained_start(rows, session) or not rows[-1].turnover or before * 20 < rows[-1].turnover:
        return ""
    return f"첫 봉({rows[0].minute:%H:%M}) 이전 거래대금이 하루의 {100 * before // rows[-1].turnover}%"


def _odd_volume(candles: Sequence[Candle], daily: DailyRow | None) -> str:
    """Off-hours trades are a tenth of a day at most times: more than half may be minutes that an answer kept back.

    A tighter bound finds no more: single lost rows that turnover does not see (3 of 2,448 on real days) hold at most
    0.003 % of their day's shares, off-hours trades 1–9 % (kis_http.md §7).
    """
    volume = sum(candle.volume for candle in candles)
    return f"분봉 거래량의 합이 일봉의 {100 * volume // daily.volume}%" if daily and 2 * volume < daily.volume else ""


def has_auction(candles: Sequence[Candle], session: Session) -> bool:
    """No row behind it, so no turnover, shows that the last one is missing: the auction is the end's only witness.

    Where labels begin a minute before the open (a past CSAT day), the auction's is a minute early, too.
    """
    opened, closed = session.open.replace(tzinfo=None), session.close.replace(tzinfo=None)
    return bool(candles) and candles[-1].timestamp >= min(closed, closed - (opened - candles[0].timestamp))


def _odd_end(last: Candle, daily: DailyRow | None) -> str:
    """A day without an auction that ends at another price than the daily candle lacks a row, maybe."""
    if daily is None or last.close == daily.close:
        return ""
    return f"종가 단일가 봉이 없고 마지막 종가 {last.close:,}원이 일봉 종가 {daily.close:,}원과 다름"


def _daily_doubts(candles: Sequence[Candle], day: date, told: DailyAnswer) -> list[str]:
    """The first open equals the daily one; prices lie within the day's, volume within its (off-hours included)."""
    daily = told.get(day)
    if daily is None:
        why = "일봉의 이 날을 읽을 수 없습니다." if day in told else "분봉은 있는데 일봉에 이 날이 없습니다."
        return [why] if told else []
    doubts = []
    if candles[0].open != daily.open:
        doubts.append(f"첫 시가 {candles[0].open:,}원이 일봉 시가 {daily.open:,}원과 다릅니다.")
    low, high = min(c.low for c in candles), max(c.high for c in candles)
    if high > daily.high or low < daily.low:
        span = f"{low:,}~{high:,}원, 일봉 {daily.low:,}~{daily.high:,}원"
        doubts.append(f"일봉의 고가·저가를 벗어난 분봉이 있습니다 ({span}).")
    if (volume := sum(c.volume for c in candles)) > daily.volume:
        doubts.append(f"분봉 거래량의 합 {volume:,}주가 일봉 거래량 {daily.volume:,}주보다 많습니다.")
    return doubts
