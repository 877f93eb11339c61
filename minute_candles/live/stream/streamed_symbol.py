"""What the stream proves of one symbol: its chain of trades, and the REST cross-check of what it proved."""

import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from minute_candles.live.stream.rest_cross_check import RestCrossCheck
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle
from minute_candles.market.intraday import Watermark, minute_of
from minute_candles.market.rows import TradeTick
from minute_candles.market.trade_chain import Chain, Proven, RunningMinute

_MINUTE = timedelta(minutes=1)


class StreamedSymbol:
    """One symbol's chain and cross-check. Thread-safe: the socket's thread adds trades, the rounds add pages."""

    def __init__(self, symbol: str, session: Session, number: int) -> None:
        self.symbol, self._session = symbol, session
        self._lock = threading.Lock()
        self._chain = Chain(symbol, session)
        self._check = RestCrossCheck(symbol, number)
        self._has_changed = False

    def take_running(self) -> RunningMinute | None:
        """Return the minute of the last trade, where it changed since the last call."""
        with self._lock:
            has_changed, self._has_changed = self._has_changed, False
            return self._chain.running if has_changed else None

    def add(self, tick: TradeTick) -> Sequence[Proven]:
        """Take the next trade; return the minutes that it proves, none while REST contradicts the stream."""
        with self._lock:
            self._has_changed = True
            return self._accepted(self._chain.add(tick))

    def interrupt(self) -> None:
        """Note that the connection was cut: what traded since is unknown until the next trade continues the chain."""
        with self._lock:
            self._chain.interrupt()

    def stands(self, proven: Proven) -> bool:
        """Return whether no later trade has contradicted a proven minute."""
        with self._lock:
            return self._check.is_trusted and not self._chain.contradicts(proven.candle.timestamp)

    def continues(self, watermark: Watermark) -> bool:
        """Return whether all but the running minute is known: the chain is unbroken from `watermark` on."""
        with self._lock:
            return self._check.is_trusted and self._chain.continues(watermark)

    def is_quiet_since(self, watermark: Watermark) -> bool:
        """Return whether nothing traded since `watermark`: windows that closed meanwhile hold what is stored."""
        with self._lock:
            return self._check.is_trusted and self._chain.is_quiet_since(watermark)

    def keeps_current(self, watermark: Watermark, session: Session, now: datetime) -> bool:
        """Return whether REST cannot know more: it shows a minute only after a later trade, and so does the chain.

        From the close on it can: no later trade proves the closing auction.
        """
        if not self._check.is_trusted or self._check.is_due(now):
            return False
        return watermark.read >= minute_of(now) or (now < session.close and self.continues(watermark))

    def on_page(self, candles: Sequence[Candle], watermark: Watermark, now: datetime) -> Sequence[Proven]:
        """Compare a page of REST with what the stream proved; return the minutes that the page's turnover proves."""
        with self._lock:
            self._check.on_page(candles, now)
            if watermark.turnover is None:
                return ()
            self._has_changed = True  # the running minute may be known from its first trade on now
            return self._accepted(self._chain.confirm(watermark.read - _MINUTE, watermark.turnover))

    def _accepted(self, found: Sequence[Proven]) -> Sequence[Proven]:
        for proven in found:
            self._check.on_proven(proven)
        return found if self._check.is_trusted else ()
