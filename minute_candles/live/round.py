"""What one round did, in one line, and how long it may last."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from minute_candles.market.windows import INTERVALS

HAND_OVER = timedelta(seconds=63)
"""After the minute's start: what a round has not begun by then is left to the next one, which starts at :03.

A key that cannot serve all symbols each minute takes no pause between two rounds.
"""
TOO_LATE = timedelta(seconds=58)
"""A round that starts later in the minute than this has until the next one's hand-over."""
LAST_ANSWERS = timedelta(seconds=4)
"""So long a round waits beyond that for the polls it has begun."""


@dataclass
class Round:
    """What one round did; `stored` is new candles by interval, `lag` seconds from the minute's end to the last poll."""

    started_at: datetime
    symbols: int = 0
    stored: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INTERVALS, 0))
    lag: float = 0.0
    calls: int = 0
    errors: int = 0
    left: int = 0
    streamed: int = 0
    """Symbols that needed no call: the stream keeps them current."""

    @property
    def is_incomplete(self) -> bool:
        """Return whether symbols failed or were left over."""
        return bool(self.errors or self.left)

    def line(self, due: Collection[int]) -> str:
        """Return the line that people follow in the log."""
        polled = bool(self.calls or self.streamed)
        mark = "⚠️" if self.is_incomplete else "✅" if polled else "ℹ️"
        more = "".join(f" · {interval}분봉 {self.stored[interval]:,}건" for interval in (5, 15) if interval in due)
        left = f" · {self.left:,}종목은 다음 라운드로 미룸" if self.left else ""
        nothing = "" if polled or self.is_incomplete else " · 아직 닫힌 분이 없어 묻지 않음"
        stored = f"{self.symbols:,}종목 · {self.stored[1]:,}건 저장"
        return (
            f"{mark} {self.started_at:%H:%M} 1분봉 {stored} · 지연 {self.lag:.1f}초"
            f" · 호출 {self.calls:,}회 · 오류 {self.errors:,}{more}{left}{nothing}"
        )


def hand_over(started_at: datetime) -> datetime:
    """Return the deadline of a round: late in the running minute, or in the next one where that has passed."""
    minute = started_at.replace(second=0, microsecond=0)
    return minute + HAND_OVER if started_at < minute + TOO_LATE else minute + HAND_OVER + timedelta(minutes=1)
