"""Answers that come and say nothing: yesterday's rows, none at all, or fillers while the market trades.

A round that stored nothing is no fault by itself: nobody may have traded. But KIS shows every minute, as a filler where
nobody did, so a session without a new minute of any symbol for five minutes is KIS's silence, and so are fillers beside
a daily candle that moves. A market that is halted (circuit breaker) has fillers and a daily candle that stands still.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import LATE_PRINTS, Session
from minute_candles.market.candles import session_rows
from minute_candles.market.intraday import Watermark, floor
from minute_candles.market.write_event import Stored
from minute_candles.monitoring.incidents import Troubles
from minute_candles.monitoring.unknown_symbols import Strangers, well_known

KEY = "KIS 분봉"
PATIENCE = timedelta(minutes=5)
ASK_ABOUT_ONE = timedelta(minutes=10)
"""How often those are asked about that have said nothing since the open."""
MOST_ASKED = 10
_ELSE = ("KIS", "DB", "토큰", "업데이터")
"""Troubles that explain a silence."""
_PAUSE = LATE_PRINTS
"""Before the close orders are collected and nothing trades."""


class Silence:
    """Watches one session's rounds; what it finds is a trouble, told once."""

    def __init__(
        self, client: KisClient, clock: Clock, symbols: Sequence[str], troubles: Troubles, strangers: Strangers
    ) -> None:
        self._client, self._clock, self._symbols, self._troubles = client, clock, symbols, troubles
        self._strangers = strangers
        self.begin()

    def begin(self) -> None:
        """A session begins."""
        self._written = datetime.min
        self._speaking: set[str] = set()
        self._moved: tuple[object, datetime] | None = None
        self._market_volume, self._suspicious = 0, False
        self._asked_at = self._witnessed_at = datetime.min.replace(tzinfo=KST)
        self._asked: dict[str, int] = {}
        self._volumes: dict[str, int] = {}
        self._moving: set[str] = set()

    def written(self, stored: Stored) -> None:
        """Something was committed, by a round or by the stream (`Store.listeners`)."""
        if minutes := stored.candles.get(1):
            self._written = max(self._written, minutes[-1].timestamp)
            self._speaking.add(stored.symbol)

    def look(self, session: Session, seen: Mapping[str, Watermark], now: datetime) -> None:
        """After a round that was answered: has anybody told anything? Who could not be stored tells nothing of KIS."""
        troubles = self._troubles.current.keys()
        seen = {symbol: one for symbol, one in seen.items() if symbol not in troubles}
        if troubles & _ELSE or not seen:
            self._moved = None
            return
        opened = session.open.replace(tzinfo=None)
        newest = max([self._newest(seen), opened - timedelta(minutes=1)])
        silent_since = newest + timedelta(minutes=1)
        is_heard = floor(now) - silent_since < PATIENCE
        if is_heard and not self._is_stuck(session, seen, now):
            self._troubles.end(KEY)
        if not session.open + PATIENCE <= now < session.close - _PAUSE:
            return
        if not is_heard:
            self._tell_silence(session, silent_since.replace(tzinfo=session.open.tzinfo), now)
        elif KEY not in self._troubles.current:
            self._ask_about_the_quiet(session, seen, now)

    def settled(self) -> None:
        """The authority has told what was not shown."""
        for key in self._troubles.current:
            if key.endswith(" 분봉"):
                self._troubles.end(key)

    def _newest(self, seen: Mapping[str, Watermark]) -> datetime:
        return max([self._written, *(one.shown for one in seen.values() if one.shown)])

    def _tell_silence(self, session: Session, since: datetime, now: datetime) -> None:
        if now - self._witnessed_at < PATIENCE:
            return
        self._witnessed_at = now
        if self._shows(well_known("", frozenset(self._symbols)), session, now):
            return  # KIS tells of the market: it is our symbols, or the stream, that have nothing
        minutes = (now - since).total_seconds() // 60
        text = f"{minutes:.0f}분째 어느 종목도 새 분봉이 없습니다. 계속 다시 묻고, 마감 뒤 과거 분봉으로 채웁니다."
        self._troubles.begin(KEY, text, since=since)

    def _shows(self, symbol: str, session: Session, now: datetime) -> bool:
        try:
            rows = session_rows(self._client.today_minutes(symbol, now), session, fillers=True, lost=[])
        except Stopped:
            raise
        except MinuteDataError:
            return False
        return any(floor(now) - row.minute <= PATIENCE for row in rows)

    def _is_stuck(self, session: Session, seen: Mapping[str, Watermark], now: datetime) -> bool:
        """Whether everything shown stands still for minutes while the daily candle of the most active moves.

        A trade may fall between a look at the minutes and one at the daily candle: the next round decides.
        """
        told = (sum(one.turnover or 0 for one in seen.values()), self._written)
        if self._moved is None or self._moved[0] != told:
            self._moved, self._market_volume, self._suspicious = (told, now), 0, False
            return False
        since = self._moved[1]
        if now - since < PATIENCE or not session.open + PATIENCE <= now < session.close - _PAUSE:
            return KEY in self._troubles.current
        if self._suspicious:
            text = "새 분봉이 모두 거래 없음인데 일봉 거래량은 늘고 있습니다. 마감 뒤 과거 분봉으로 채웁니다."
            self._troubles.begin(KEY, text, since=since)
            return True
        volume = self._volume(max(seen, key=lambda symbol: seen[symbol].turnover or 0), session)
        self._suspicious = 0 < self._market_volume < volume
        self._market_volume = volume
        return KEY in self._troubles.current

    def _volume(self, symbol: str, session: Session) -> int:
        daily = (self._strangers.daily(symbol) or {}).get(session.day)
        return daily.volume if daily else 0

    def _ask_about_the_quiet(self, session: Session, seen: Mapping[str, Watermark], now: datetime) -> None:
        """Who has said nothing since the open: unknown to KIS, without a trade, or kept back by it?"""
        if now - max(self._asked_at, session.open) < ASK_ABOUT_ONE:
            return
        self._asked_at = now
        quiet = [one for one in self._symbols if _is_quiet(seen.get(one)) and one not in self._troubles.current]
        quiet = [one for one in quiet if one not in self._speaking and not self._strangers.know(one)]
        for symbol in sorted(quiet, key=lambda one: self._asked.get(one, 0))[:MOST_ASKED]:
            self._asked[symbol] = self._asked.get(symbol, 0) + 1
            self._ask_about(symbol, session)
        for key in self._troubles.current:
            if key.endswith(" 분봉") and key != KEY and key.split()[0] not in quiet:
                self._troubles.end(key)

    def _ask_about(self, symbol: str, session: Session) -> None:
        """Named once the volume has gone up between two looks and a later one still shows no minute."""
        if symbol in self._moving:
            text = "개장 뒤 분봉이 하나도 없는데 일봉 거래량은 늘고 있습니다. 마감 뒤 과거 분봉으로 채웁니다."
            self._troubles.begin(f"{symbol} 분봉", text)
            return
        volume = self._volume(symbol, session)
        if not volume and self._strangers.is_one(symbol):
            return
        if volume > self._volumes.setdefault(symbol, volume):
            self._moving.add(symbol)


def _is_quiet(seen: Watermark | None) -> bool:
    return seen is not None and seen.traded is None and not seen.turnover
