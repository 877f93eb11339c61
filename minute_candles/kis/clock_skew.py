"""How far KIS's clock and this host's are apart, by the `Date` headers of the answers."""

import threading
from collections import deque
from datetime import timedelta
from email.utils import parsedate_to_datetime

from minute_candles.console.console import duration
from minute_candles.core.clock import Clock

TRUSTED_SKEW = timedelta(seconds=2)
"""So far the clocks of host and KIS may differ: the `Date` header knows whole seconds."""
_JUMP = timedelta(seconds=30)
"""No answer is delayed by so much: this host's clock was set, or one server's is wrong."""
_AGREEING = 3
"""So many answers in a row must show the same jump before it counts."""


class ClockSkew:
    """The least delayed of the last answers. Thread-safe; the keys of a host share one."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._skews: deque[timedelta] = deque(maxlen=20)
        self._suspected: list[timedelta] = []

    @property
    def value(self) -> timedelta:
        """KIS's clock minus this host's, to a second."""
        first = self._suspected[-1] if self._suspected else timedelta(0)
        return max(self._skews, default=first)

    @property
    def suspected(self) -> timedelta | None:
        """The jumped skew that too few answers have confirmed yet, None without one."""
        with self._lock:
            return self._suspected[-1] if self._skews and self._suspected else None

    def note(self, date_header: str) -> None:
        """Take the `Date` header of an answer; what is no date is passed over."""
        try:
            skew = parsedate_to_datetime(date_header) - self._clock.now()
        except (ValueError, TypeError, OverflowError):
            return
        with self._lock:
            self._take(skew)

    def trouble(self) -> str:
        """Return what is wrong with this host's clock and what to do (Korean); "" while it agrees with KIS's."""
        seconds = self.value.total_seconds()
        if abs(seconds) <= TRUSTED_SKEW.total_seconds():
            return ""
        side = "느립니다" if seconds > 0 else "빠릅니다"
        how = "시간 동기화(NTP)를 켜세요 (예: timedatectl set-ntp true)."
        return f"이 컴퓨터의 시계가 KIS보다 {duration(abs(seconds))} {side}. {how}"

    def _take(self, skew: timedelta) -> None:
        """Take a jump of KIS's clock for one only where several answers in a row agree."""
        if abs(skew - self.value) <= _JUMP:
            self._suspected.clear()
            self._skews.append(skew)
            return
        if self._suspected and abs(skew - self._suspected[-1]) > _JUMP:
            self._suspected.clear()
        self._suspected.append(skew)
        if len(self._suspected) >= _AGREEING:
            self._skews.clear()
            self._skews.extend(self._suspected)
            self._suspected.clear()
