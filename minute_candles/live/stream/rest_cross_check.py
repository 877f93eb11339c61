"""Page and stream side by side: every 25 minutes a streamed symbol is visited all the same, and what differs is told.

A page reaches thirty minutes back, so no minute escapes it. REST wins (it is written over what the stream said), and
the stream of that symbol is not believed any more in this session. Thread-safe.
"""

import logging
import threading
from collections.abc import Sequence
from datetime import datetime, timedelta

from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import Proven

EVERY = 25
"""Minutes between two visits of a symbol that the stream keeps current."""
_KEPT = timedelta(minutes=40)
_MINUTE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class Comparison:
    """What the stream said of one session, and whose turn it is to be compared."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._phase = {symbol: number % EVERY for number, symbol in enumerate(symbols)}
        self._said: dict[str, dict[datetime, Candle | None]] = {symbol: {} for symbol in symbols}
        self._due: dict[str, int] = {}
        self._doubted: set[str] = set()

    def say(self, proven: Proven) -> None:
        """The stream's word: a candle, and none in the minutes after it that nobody traded in."""
        minute = proven.candle.timestamp
        with self._lock:
            said = self._said[proven.symbol]
            said[minute] = proven.candle
            for number in range(1, min(EVERY, int((proven.through - minute) / _MINUTE))):
                said[minute + number * _MINUTE] = None
            while said and minute - next(iter(said)) > _KEPT:
                del said[next(iter(said))]

    def is_believed(self, symbol: str) -> bool:
        return symbol in self._said and symbol not in self._doubted

    def is_due(self, symbol: str, now: datetime) -> bool:
        """Whether it is time to visit this symbol."""
        return _number(now) >= self._due.get(symbol, 0)

    def visited(self, symbol: str, now: datetime, candles: Sequence[Candle]) -> None:
        """A page's candles; only those that turnover proves can contradict anybody."""
        if symbol not in self._said:
            return
        with self._lock:
            this = _number(now)
            self._due[symbol] = this + ((self._phase[symbol] - this) % EVERY or EVERY)
            said = self._said[symbol]
            wrong = [
                candle for candle in candles
                if candle.turnover is not None and candle.timestamp in said and said[candle.timestamp] != candle
            ]  # fmt: skip
            news = bool(wrong) and symbol not in self._doubted
            if news:
                self._doubted.add(symbol)
        if news:
            mine = said[wrong[0].timestamp]
            _log.warning(
                "⚠️ %s %s 스트림과 REST가 다릅니다 (스트림 %s, REST %s). REST를 따르고, 오늘은 스트림을 믿지 않습니다.",
                symbol, f"{wrong[0].timestamp:%H:%M}", _told(mine), _told(wrong[0]),
            )  # fmt: skip


def _number(now: datetime) -> int:
    return int(now.timestamp() // 60)


def _told(candle: Candle | None) -> str:
    return "거래 없음" if candle is None else "/".join(str(value) for value in candle[1:6])
