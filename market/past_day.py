"""What a day of the past TR must show to be believed: a proven start, a chain of turnover, the daily candle. Pure.

The start is proven by a page (law 8), the minutes by their turnover (law 7), the whole by the daily candle as second
source. What is wrong is a `BadDay`; what is only odd is believed, and tells that a second look is worth its call.
"""

from collections.abc import Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Any, NamedTuple

from base.errors import BadRow, SourceError
from market.candles import Candle, Row, label, prove, session_rows, unexplained_start
from market.daily import DailyAnswer, DailyCandle
from market.hours import Session

COMPLETE, NO_TRADES = "COMPLETE", "NO_TRADES"
FULL_PAGE = 120
"""Rows of a full answer of the past TR; a shorter one has nothing behind it (kis_api.md §6)."""


class BadDay(SourceError):
    """The day's rows contradict each other, or the daily answer that is `doubted`: asked once more before it fails."""

    def __init__(self, text: str, doubted: DailyAnswer | None = None) -> None:
        super().__init__(text)
        self.doubted = doubted


class Minutes(NamedTuple):
    """A day's rows, oldest first."""

    rows: list[Row]
    whole: bool = False
    """Whether all came in one full page that runs into an earlier day: nothing is left out of it."""


class Verdict(NamedTuple):
    """What a symbol-day turned out to be; `odd` tells why a second look is worth its call, "" where nothing is."""

    candles: list[Candle]
    status: str
    note: str | None
    odd: str = ""


class Page(NamedTuple):
    rows: list[Row]
    size: int
    starts_day: bool
    """Whether nothing of the day lies before this page."""
    earliest: datetime
    """Aware KST label of the day's earliest row here; the request's own time where there is none."""
    seamless: bool = False
    """A full page, newest first, that runs from this day into an earlier one: nothing is left out at the seam."""


def read_page(raws: list[Any], session: Session, last: datetime) -> Page:
    """Sort out one answer of the past TR asked for rows at and before `last`. Raises `BadRow`.

    The start is proven by a row at the open, a row of an earlier day, or a page of 1–119 rows (law 8).
    """
    labels = [label(raw) for raw in raws]
    todays = [minute for minute in labels if minute.date() == session.day]
    spilled = any(minute.date() < session.day for minute in labels)
    if labels and not todays and not spilled:
        raise BadRow(f"{session.day} 이전을 물었는데 그 뒤 날짜의 행만 왔습니다.")
    earliest = min(todays, default=last.replace(tzinfo=None)).replace(tzinfo=last.tzinfo)
    if earliest > last:
        raise BadRow(f"{last:%H:%M} 이전을 물었는데 그 뒤 시각의 행만 왔습니다.")
    starts = earliest <= session.first_label or spilled or len(raws) < FULL_PAGE
    ordered = all(newer > older for newer, older in pairwise(labels))
    seamless = bool(todays) and spilled and ordered and len(raws) >= FULL_PAGE
    return Page(session_rows(raws, session), len(raws), starts, earliest, seamless)


def check_day(minutes: Minutes, session: Session, told: DailyAnswer) -> Verdict:
    """Prove a day by its turnover and by the daily candle. Raises `BadDay` with the reason.

    What is odd but possible is believed, with a note where the reader should know.
    """
    rows, daily = minutes.rows, told.get(session.day)
    candles, doubts = prove(rows, session)
    if doubts:
        where = ", ".join(f"{minute:%H:%M}" for minute in doubts[:3])
        raise BadDay(f"거래대금이 맞지 않는 분이 있습니다 ({where}{' …' if len(doubts) > 3 else ''}): 빠졌거나 틀린 행")
    notes = []
    if candles[0].timestamp < session.open.replace(tzinfo=None):
        notes.append(f"첫 봉 라벨이 개장 1분 전({candles[0].timestamp:%H:%M})")
    if daily:
        check_against_daily(candles, session.day, told)
    elif told:
        raise BadDay("분봉은 있는데 일봉에 이 날이 없습니다.", told)
    else:
        notes.append("일봉이 비어 있어 대조하지 못함")
    start, auction = _odd_start(rows, session), _has_auction(candles, session)
    end = "" if auction else _odd_end(candles[-1], daily)
    doubtful = start or ("" if auction else "종가 단일가 봉이 없음")
    odd = end or ("" if minutes.whole else doubtful)
    return Verdict(candles, COMPLETE, " · ".join([*notes, *filter(None, (start, end))]) or None, odd)


def _odd_start(rows: Sequence[Row], session: Session) -> str:
    """Off-hours trades before the open are a few percent of a day; more may be minutes that an answer kept back."""
    before = rows[0].turnover - rows[0].close * rows[0].volume
    if not unexplained_start(rows, session) or before * 20 < rows[-1].turnover:
        return ""
    return f"첫 봉({rows[0].minute:%H:%M}) 이전 거래대금이 하루의 {100 * before // rows[-1].turnover}%"


def _has_auction(candles: Sequence[Candle], session: Session) -> bool:
    """No row behind it, so no turnover, shows that the last one is missing: the auction is the end's only witness.

    Where labels begin a minute before the open (a past CSAT day), the auction's is a minute early, too.
    """
    opened, closed = session.open.replace(tzinfo=None), session.close.replace(tzinfo=None)
    return candles[-1].timestamp >= min(closed, closed - (opened - candles[0].timestamp))


def _odd_end(last: Candle, daily: DailyCandle | None) -> str:
    """A day without an auction that ends at another price than the daily candle lacks a row, maybe."""
    if daily is None or last.close == daily.close:
        return ""
    return f"종가 단일가 봉이 없고 마지막 종가 {last.close:,}원이 일봉 종가 {daily.close:,}원과 다름"


def check_against_daily(candles: Sequence[Candle], day: date, told: DailyAnswer) -> None:
    """The first open equals the daily one; prices lie within the day's, volume within its (off-hours included)."""
    daily = told[day]
    if candles[0].open != daily.open:
        raise BadDay(f"첫 시가 {candles[0].open:,}원이 일봉 시가 {daily.open:,}원과 다릅니다.", told)
    if max(c.high for c in candles) > daily.high or min(c.low for c in candles) < daily.low:
        raise BadDay("일봉의 고가·저가를 벗어난 분봉이 있습니다.", told)
    if sum(c.volume for c in candles) > daily.volume:
        raise BadDay("분봉 거래량의 합이 일봉 거래량보다 많습니다.", told)
