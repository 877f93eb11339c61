"""The REST cross-check: every 25 minutes a streamed symbol is polled all the same, and a difference is logged.

A page reaches thirty minutes back, so no minute escapes it. REST wins: its candle replaces the stream's, and the stream
of that symbol is not trusted any more in this session.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import Proven

EVERY = 25
"""Minutes between two polls of a symbol that the stream keeps current."""
_KEPT = timedelta(minutes=40)
_MINUTE = timedelta(minutes=1)
_log = logging.getLogger(__name__)


class RestCrossCheck:
    """What the stream proved of one symbol in one session. `number` spreads the symbols' polls over the minutes."""

    def __init__(self, symbol: str, number: int) -> None:
        self._symbol, self._phase = symbol, number % EVERY
        self._proven: dict[datetime, Candle | None] = {}
        self._due = 0
        self.is_trusted = True

    def on_proven(self, proven: Proven) -> None:
        """Keep a candle of the stream, and that nothing traded in the minutes after it."""
        minute = proven.candle.timestamp
        self._proven[minute] = proven.candle
        for number in range(1, min(EVERY, int((proven.through - minute) / _MINUTE))):
            self._proven[minute + number * _MINUTE] = None
        while minute - next(iter(self._proven)) > _KEPT:
            del self._proven[next(iter(self._proven))]

    def is_due(self, now: datetime) -> bool:
        """Return whether the symbol is to be polled in this minute."""
        return _number(now) >= self._due

    def on_page(self, candles: Sequence[Candle], now: datetime) -> None:
        """Compare a page's candles; only those that turnover proves can contradict the stream."""
        this = _number(now)
        self._due = this + ((self._phase - this) % EVERY or EVERY)
        for candle in candles:
            is_known = candle.turnover is not None and candle.timestamp in self._proven
            if is_known and self._proven[candle.timestamp] != candle and self.is_trusted:
                self.is_trusted = False
                self._report(candle)

    def _report(self, candle: Candle) -> None:
        _log.warning(
            "⚠️ %s %s 스트림과 REST가 다릅니다 (스트림 %s, REST %s). REST를 따르고, 오늘은 스트림을 믿지 않습니다.",
            self._symbol, f"{candle.timestamp:%H:%M}", _text(self._proven[candle.timestamp]), _text(candle),
        )  # fmt: skip


def _number(now: datetime) -> int:
    return int(now.timestamp() // 60)


def _text(candle: Candle | None) -> str:
    return "거래 없음" if candle is None else "/".join(str(value) for value in candle[1:6])
