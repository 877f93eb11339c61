"""Faults that last: each is told once when it begins and once when it ends, however often it is met in between."""

import logging
import threading
from datetime import datetime

from base.clock import Clock
from cli import console

_log = logging.getLogger("minute_data")


class Troubles:
    """What is wrong right now, by key (KIS, DB, 토큰, a symbol). Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, tuple[datetime, str]] = {}

    def begin(self, key: str, text: str, error: Exception | None = None) -> None:
        """Log `text` where the trouble is new; with the traceback of an `error` nobody foresaw."""
        with self._lock:
            if key in self._since:
                return
            self._since[key] = (self._clock.now(), text)
        _log.warning("⚠️ %s 문제 시작: %s", key, text, exc_info=error)

    def end(self, key: str) -> None:
        with self._lock:
            began = self._since.pop(key, None)
        if began:
            _log.info("✅ %s 복구: %s 만에", key, console.duration((self._clock.now() - began[0]).total_seconds()))

    def give_up(self, key: str, command: str) -> None:
        """Nobody tries any more: say what does."""
        with self._lock:
            self._since.pop(key, None)
        _log.warning("⚠️ %s 은 더 다시 받지 않습니다. 직접 받으려면: %s", key, command)

    @property
    def current(self) -> dict[str, tuple[datetime, str]]:
        """Key → (since when, what)."""
        with self._lock:
            return dict(self._since)
