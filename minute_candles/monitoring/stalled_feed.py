"""A feed that answers and brings nothing: yesterday's rows, none at all, or fillers while the market trades.

A round that stored nothing is no fault by itself: perhaps nothing traded. But KIS shows every minute, as a filler where
nothing did. So five minutes without a new minute of any symbol are a stalled feed. Fillers while a daily candle grows
are one, too. In a halted market (circuit breaker) the fillers go on and the daily candle stands still.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import CLOSING_AUCTION, Session
from minute_candles.market.intraday import Watermark, minute_of
from minute_candles.market.session_rows import session_rows
from minute_candles.market.write_event import Stored
from minute_candles.monitoring.incidents import (
    DATABASE,
    KIS,
    STALLED_FEED,
    TOKEN,
    UPDATER,
    Incident,
    IncidentKind,
    Incidents,
)
from minute_candles.monitoring.unknown_symbols import UnknownSymbols, well_known

PATIENCE = timedelta(minutes=5)
QUIET_CHECK_EVERY = timedelta(minutes=10)
"""How often the symbols without any minute since the open are looked into."""
QUIET_CHECKED_AT_ONCE = 10
_EXPLANATIONS = frozenset({KIS, DATABASE, TOKEN, UPDATER})
"""Incidents that explain why nothing is stored."""


class StalledFeedWatch:
    """Watches the rounds of one session; a stalled feed is an incident."""

    def __init__(
        self, client: KisClient, clock: Clock, symbols: Sequence[str], incidents: Incidents, unknown: UnknownSymbols
    ) -> None:
        self._client, self._clock, self._symbols, self._incidents = client, clock, symbols, incidents
        self._unknown = unknown
        self.begin()

    def begin(self) -> None:
        """Begin a session."""
        self._last_stored = datetime.min
        self._has_stored: set[str] = set()
        self._last_change: tuple[object, datetime] | None = None
        self._reference_volume, self._is_suspicious = 0, False
        self._quiet_checked_at = self._reference_checked_at = datetime.min.replace(tzinfo=KST)
        self._checks: dict[str, int] = {}
        self._first_volumes: dict[str, int] = {}
        self._growing: set[str] = set()

    def on_stored(self, stored: Stored) -> None:
        """Note a commit of a round or of the stream (`Store.listeners`)."""
        if minutes := stored.candles.get(1):
            self._last_stored = max(self._last_stored, minutes[-1].timestamp)
            self._has_stored.add(stored.symbol)

    def check(self, session: Session, watermarks: Mapping[str, Watermark], now: datetime) -> None:
        """Look at a round that was answered. A symbol that fails says nothing of the feed."""
        current = self._incidents.current.keys()
        failing = {incident.symbol for incident in current if incident.kind is IncidentKind.SYMBOL}
        watermarks = {symbol: watermark for symbol, watermark in watermarks.items() if symbol not in failing}
        if current & _EXPLANATIONS or not watermarks:
            self._last_change = None
            return
        opened = session.open_label
        silent_since = max(self._newest(watermarks) + timedelta(minutes=1), opened)
        is_alive = minute_of(now) - silent_since < PATIENCE
        if is_alive and not self._is_stuck(session, watermarks, now):
            self._incidents.end(STALLED_FEED)
        if not session.open + PATIENCE <= now < session.close - CLOSING_AUCTION:
            return
        if not is_alive:
            self._report_stall(session, silent_since.replace(tzinfo=session.open.tzinfo), now)
        elif STALLED_FEED not in self._incidents.current:
            self._check_quiet_symbols(session, watermarks, now)

    def on_settled(self) -> None:
        """End every stall: the final source has brought what was not shown."""
        for incident in self._incidents.current:
            if incident.kind is IncidentKind.STALLED_FEED:
                self._incidents.end(incident)

    def _newest(self, watermarks: Mapping[str, Watermark]) -> datetime:
        return max([self._last_stored, *(mark.shown for mark in watermarks.values() if mark.shown)])

    def _report_stall(self, session: Session, since: datetime, now: datetime) -> None:
        if now - self._reference_checked_at < PATIENCE:
            return
        self._reference_checked_at = now
        if self._shows(well_known("", frozenset(self._symbols)), session, now):
            return  # KIS shows the market: only our symbols, or the stream, bring nothing
        minutes = (now - since).total_seconds() // 60
        text = f"{minutes:.0f}분째 어느 종목도 새 분봉이 없습니다. 계속 다시 묻고, 마감 뒤 과거 분봉으로 채웁니다."
        self._incidents.begin(STALLED_FEED, text, since=since)

    def _shows(self, symbol: str, session: Session, now: datetime) -> bool:
        try:
            rows = session_rows(self._client.today_minutes(symbol, now), session, fillers=True)
        except Stopped:
            raise
        except MinuteDataError:
            return False
        return any(minute_of(now) - row.minute <= PATIENCE for row in rows)

    def _is_stuck(self, session: Session, watermarks: Mapping[str, Watermark], now: datetime) -> bool:
        """Return whether all that is shown stands still while the daily candle of the most traded symbol grows.

        A trade may fall between the two answers: the next round decides.
        """
        shown = (sum(mark.turnover or 0 for mark in watermarks.values()), self._last_stored)
        if self._last_change is None or self._last_change[0] != shown:
            self._last_change, self._reference_volume, self._is_suspicious = (shown, now), 0, False
            return False
        since = self._last_change[1]
        if now - since < PATIENCE or not session.open + PATIENCE <= now < session.close - CLOSING_AUCTION:
            return STALLED_FEED in self._incidents.current
        if self._is_suspicious:
            text = "새 분봉이 모두 거래 없음인데 일봉 거래량은 늘고 있습니다. 마감 뒤 과거 분봉으로 채웁니다."
            self._incidents.begin(STALLED_FEED, text, since=since)
            return True
        volume = self._volume(max(watermarks, key=lambda symbol: watermarks[symbol].turnover or 0), session)
        self._is_suspicious = 0 < self._reference_volume < volume
        self._reference_volume = volume
        return STALLED_FEED in self._incidents.current

    def _volume(self, symbol: str, session: Session) -> int:
        daily = (self._unknown.daily(symbol) or {}).get(session.day)
        return daily.volume if daily else 0

    def _check_quiet_symbols(self, session: Session, watermarks: Mapping[str, Watermark], now: datetime) -> None:
        """Look into symbols without a minute since the open: unknown to KIS, without a trade, or kept back by it."""
        if now - max(self._quiet_checked_at, session.open) < QUIET_CHECK_EVERY:
            return
        self._quiet_checked_at = now
        quiet = [symbol for symbol in self._symbols if self._is_quiet(symbol, watermarks.get(symbol))]
        for symbol in sorted(quiet, key=lambda symbol: self._checks.get(symbol, 0))[:QUIET_CHECKED_AT_ONCE]:
            self._checks[symbol] = self._checks.get(symbol, 0) + 1
            self._check_quiet(symbol, session)
        for incident in self._incidents.current:
            if incident.kind is IncidentKind.STALLED_FEED and incident.symbol and incident.symbol not in quiet:
                self._incidents.end(incident)

    def _is_quiet(self, symbol: str, watermark: Watermark | None) -> bool:
        if symbol in self._has_stored or symbol in self._unknown:
            return False
        return watermark is not None and watermark.traded is None and not watermark.turnover

    def _check_quiet(self, symbol: str, session: Session) -> None:
        """Begin the incident once the volume grew between two checks and a later one still shows no minute."""
        if symbol in self._growing:
            text = "개장 뒤 분봉이 하나도 없는데 일봉 거래량은 늘고 있습니다. 마감 뒤 과거 분봉으로 채웁니다."
            self._incidents.begin(Incident(IncidentKind.STALLED_FEED, symbol), text)
            return
        volume = self._volume(symbol, session)
        if not volume and self._unknown.check(symbol):
            return
        if volume > self._first_volumes.setdefault(symbol, volume):
            self._growing.add(symbol)
