"""A day of the past TR page by page: from close + 9 minutes back until the day's start is proven (law 8)."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from minute_candles.core.errors import BadRow
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session
from minute_candles.market.candles import unexplained_start
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import MinuteRow, Reject
from minute_candles.verification.daily_reference import EMPTY_TRIES
from minute_candles.verification.day_verdict import MOST_NAMED, Minutes, Page, read_page


class DayPages:
    """Fetches all pages of a symbol-day; what they leave in doubt is named, and asked again by the caller."""

    def __init__(self, client: KisClient) -> None:
        self._client = client

    def fetch(self, symbol: str, session: Session) -> Minutes:
        """The day's rows. Raises `BadRow` for an answer that is none."""
        found: dict[datetime, MinuteRow] = {}
        last, deeper, pages, early = session.end - timedelta(seconds=1), False, 0, False
        doubted: datetime | None = None
        doubts: list[str] = []
        while True:
            page, pages = self._page(symbol, session, last, deeper, doubts), pages + 1
            merge(found, page.rows, doubts)
            rows, early = in_order(found), early or page.before_ten
            unexplained = bool(rows) and unexplained_start(rows, session)
            if deeper and not page.size and unexplained:
                doubts.append(f"{last:%H:%M} 이전 분봉이 계속 비어 있어 하루의 시작을 확인할 수 없습니다.")
                return Minutes(rows, doubts=_named(doubts), before_ten=early)
            deeper = not page.starts_day
            if deeper:
                last = page.earliest - timedelta(seconds=1)
            elif unexplained and not page.seamless and rows[0].minute != doubted:
                # Turnover says that something came before: off-hours trades, or minutes this answer kept back.
                doubted = rows[0].minute
                last = doubted.replace(tzinfo=last.tzinfo) - timedelta(seconds=1)
            else:
                return Minutes(rows, page.seamless and pages == 1, _named(doubts), early)

    def _page(self, symbol: str, session: Session, last: datetime, deeper: bool, doubts: list[str]) -> Page:
        """One page; asked again once for a bad row, which then is left out, four times where rows must lie `deeper`.

        Raises `BadRow` where nothing of it can be read.
        """
        empty = bad = 0
        while True:
            lost: list[Reject] = []
            answer = self._client.past_minutes(symbol, last)
            try:
                page = read_page(answer, session, last, lost)
            except BadRow:
                bad += 1
                if bad > 1:
                    raise
                continue
            if lost and not bad:
                bad += 1
                continue
            if page.size or not deeper or empty == EMPTY_TRIES:
                doubts += [reject_text(reject) for reject in lost]
                return page
            empty += 1


def merge(found: dict[datetime, MinuteRow], rows: Iterable[MinuteRow], doubts: list[str]) -> None:
    """Lay rows beside those found already; one that came with another value before stays as it was, and is named."""
    for row in rows:
        if found.setdefault(row.minute, row) != row:
            doubts.append(f"{row.minute:%H:%M} 행이 페이지마다 다른 값으로 왔습니다.")


def in_order(found: Mapping[datetime, MinuteRow]) -> list[MinuteRow]:
    return [found[minute] for minute in sorted(found)]


def _named(doubts: list[str]) -> tuple[str, ...]:
    """The first few, and how many more."""
    unique = list(dict.fromkeys(doubts))
    more = [f"그 밖의 행 {len(unique) - MOST_NAMED}개도 읽을 수 없어 뺐습니다."] if len(unique) > MOST_NAMED else []
    return (*unique[:MOST_NAMED], *more)
