"""What a round is told in one line, how long it may last, and who may spare it a visit."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from minute_candles.market.candles import INTERVALS, Candle
from minute_candles.market.intraday import Watermark

HAND_OVER = timedelta(seconds=58)
"""Into the minute: what a round has not begun by then is the next one's, which starts at :03."""
LAST_ANSWERS = timedelta(seconds=4)
"""So long a round waits beyond that for the visits it has begun."""


@dataclass
class Round:
    """What one round did; `stored` is new candles by interval, `lag` seconds from the minute's end to the last one."""

    started_at: datetime
    symbols: int = 0
    stored: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INTERVALS, 0))
    lag: float = 0.0
    calls: int = 0
    errors: int = 0
    left: int = 0

    def line(self, due: Collection[int]) -> str:
        """The line people `tail -f`."""
        mark = "⚠️" if self.errors or self.left else "✅"
        more = "".join(f" · {interval}분봉 {self.stored[interval]}건" for interval in (5, 15) if interval in due)
        left = f" · {self.left}종목은 다음 라운드로 미룸" if self.left else ""
        return (
            f"{mark} {self.started_at:%H:%M} 1분봉 {self.symbols}종목 · {self.stored[1]}건 저장 · 지연 {self.lag:.1f}초"
            f" · 호출 {self.calls}회 · 오류 {self.errors}{more}{left}"
        )


class Beside(Protocol):
    """Who tells of minutes beside the rounds (stream.py)."""

    def spares(self, symbol: str, read: datetime, now: datetime) -> bool:
        """Whether a symbol that is known up to `read` (naive) needs no visit."""

    def compare(self, symbol: str, candles: Sequence[Candle], seen: Watermark) -> None:
        """A visit's page and how far the day is seen by it."""


def hand_over(started_at: datetime) -> datetime:
    """Late in the running minute; a round begun after that has the next one."""
    minute = started_at.replace(second=0, microsecond=0)
    return minute + HAND_OVER if started_at < minute + HAND_OVER else minute + HAND_OVER + timedelta(minutes=1)
