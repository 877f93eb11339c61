"""When to fill lost sets again: at once, but not for ever into a Redis that evicts them for want of memory."""

import logging
from collections.abc import Callable

_AGAIN_SECONDS = 60.0
"""A set that is lost again so soon after it was filled was evicted; a flush or a restart happens once."""
_PAUSES = 60.0, 600.0
_log = logging.getLogger(__name__)


class RefillPause:
    """`until` is when sets may be filled; each further eviction doubles the pause."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now, self._pause, self.until = now, 0.0, float("-inf")
        self._lost_at = float("-inf")

    @property
    def holds(self) -> bool:
        """Whether no set is to be filled now."""
        return self._now() < self.until

    def note(self, *, lost: bool) -> None:
        """Take in whether sets were found smaller than they were left; not while a pause holds."""
        if self.holds:
            return
        if not lost:
            if self._pause and self._now() - self._lost_at > self._pause + _AGAIN_SECONDS:
                self._pause = 0.0
                _log.info("✅ Redis: 최근 캔들이 다시 남아 있습니다.")
            return
        if self._now() - self._lost_at < self._pause + _AGAIN_SECONDS:
            if not self._pause:
                _log.warning(
                    "⚠️ Redis가 채운 캔들을 자꾸 지웁니다. 메모리가 모자랍니다(maxmemory, allkeys-lru 같은 정책)."
                    " 최근 캔들을 채우는 일을 쉬어 가며 합니다. 테이블에는 모두 있습니다."
                )
            self._pause = min(_PAUSES[1], self._pause * 2 or _PAUSES[0])
            self.until = self._now() + self._pause
        self._lost_at = self._now()
