"""Whether the final source has caught up with the session: what today's TR and the quote still show of it.

Until the next morning KIS may be late with a day's minutes, its daily candle or both.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session
from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import Reason
from minute_candles.market.rows import MinuteRow
from minute_candles.market.session_rows import session_rows
from minute_candles.verification.missing_minutes import MissingMinutes

MORNING = time(7, 30)
"""From then on KIS's last word on the day before counts: its daily candle is the after-market's until 05:28 (§7)."""

AFTER_MARKET = timedelta(minutes=30)
"""After the close: from then on the quote's turnover includes the after-market and proves nothing of the session."""

AGAIN = "잠시 뒤, 늦어도 다음 날 아침(07:30부터) 다시 받으면 됩니다."
"""What the updater does, and a user may do."""


class Late(SourceError):
    """The final source has not caught up with the session yet: to be requested again, and no fault."""


class ProvenMinutesMissing(SourceError):
    """The final source lacks minutes that the session itself had proven."""

    def __init__(self, missing: MissingMinutes) -> None:
        super().__init__(f"과거 분봉에 {len(missing.minutes)}분이 없습니다.")
        self.missing = missing


class SourceLag:
    """Compares a day whose session ended today with today's TR; `asks`: whether that may be requested. Thread-safe.

    `may_wait`: the day may wait for the morning, so a quote with the after-market in it counts as ahead, too.
    """

    def __init__(self, client: KisClient, clock: Clock, *, asks: bool, may_wait: bool = False) -> None:
        self._client, self._clock, self._asks, self._may_wait = client, clock, asks, may_wait

    def is_fresh(self, session: Session) -> bool:
        """Return whether KIS may still be late with a day: until the next morning."""
        return self._clock.now() < datetime.combine(session.day + timedelta(days=1), MORNING, KST)

    def check(self, symbol: str, session: Session, rows: Sequence[MinuteRow], *, untraded: bool = False) -> None:
        """Raise `Late` where today's TR or the quote has trades after the final source's last row, or no row.

        KIS has a filler row for every minute without a trade. So an answer without a row of the day proves nothing,
        unless the daily candle says that the day is `untraded`.
        """
        if not (self._asks and self.is_fresh(session)):
            return
        live = self._live(symbol, session, session.end - timedelta(seconds=1))
        if late := [row for row in live if _is_later(rows, row, session)]:
            raise Late(f"과거 분봉이 아직 {late[0].minute:%H:%M}까지 오지 않았습니다. {AGAIN}")
        if not live and not untraded:
            raise Late(f"오늘 분봉이 비어 있어 과거 분봉이 다 왔는지 확인할 수 없습니다. {AGAIN}")
        counts = self._may_wait or self._clock.now() < session.close + AFTER_MARKET
        if rows and counts and self._is_quote_ahead(symbol, session, rows):
            raise Late(f"{reason_text(Reason.QUOTE_AHEAD)}합니다. {AGAIN}")

    def check_gaps(self, symbol: str, session: Session, gaps: Sequence[tuple[datetime, datetime]]) -> None:
        """Raise `Late` where today's TR has trades in minutes that the final source lacks and turnover shows.

        The same answer twice within a second proves nothing of a source that may still be filling the day.
        """
        if not (gaps and self._asks and self.is_fresh(session)):
            return
        first, last = gaps[0][0], gaps[-1][1].replace(tzinfo=KST) - timedelta(seconds=1)
        while last.replace(tzinfo=None) > first:
            live = self._live(symbol, session, last)
            lost = [row for row in live if row.volume and any(before < row.minute < at for before, at in gaps)]
            if lost or not live or live[0].minute > last.replace(tzinfo=None):
                known = f"{lost[0].minute:%H:%M} 등의 분" if lost else "분"
                raise Late(f"과거 분봉에 빠진 {known}이 있는 것으로 보입니다. {AGAIN}")
            last = live[0].minute.replace(tzinfo=KST) - timedelta(seconds=1)

    def _is_quote_ahead(self, symbol: str, session: Session, rows: Sequence[MinuteRow]) -> bool:
        """Return whether the live quote has more turnover than the rows, of a day without a closing auction."""
        quote = self._client.quote(symbol, session.end - timedelta(seconds=1))
        return quote is not None and quote.turnover is not None and quote.turnover > rows[-1].turnover

    def _live(self, symbol: str, session: Session, last: datetime) -> list[MinuteRow]:
        """Return the day's rows of one answer of today's TR, fillers included; requested twice where there is none."""
        for _ in range(2):
            if live := session_rows(self._client.today_minutes(symbol, last), session, fillers=True):
                break
        return live


def _is_later(rows: Sequence[MinuteRow], live: MinuteRow, session: Session) -> bool:
    """Return whether today's TR shows a trade after the last of these rows: as volume, or as more turnover.

    Before the day's first trade a filler's turnover is 0, whatever was traded before the open (kis_http.md §5).
    """
    is_new = not rows or live.minute > rows[-1].minute
    in_session, known = live.minute < session.close_label, rows[-1].turnover if rows else 0
    return is_new and (live.volume > 0 or (in_session and live.turnover > known))
