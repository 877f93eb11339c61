"""Faults that last: each is told once when it begins and once when it ends, however often it is met in between."""

import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import (
    AuthError,
    ConfigError,
    MinuteDataError,
    NotOffered,
    SourceError,
    Stopped,
    StoreError,
    StoreLost,
)
from minute_candles.market.write_event import Stored

_DO_AND_RERUN = re.compile(r"([하우])고 다시 실행하세요\.")
_HEALS_ITSELF = re.compile(r"(^|[.:]) ?(?:잠시 뒤 )?다시 실행하세요\.")
"""What errors tell somebody who ran a command is not for an updater, which tries again by itself."""
_log = logging.getLogger(__name__)


class Troubles:
    """What is wrong right now, by key (KIS, DB, 토큰, a symbol). Thread-safe.

    A database that refused a write is well again when it took one: that it can be read proves nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[str, tuple[datetime, str]] = {}
        self._writes = self._noted_writes = 0
        self._write_failed = False

    def begin(self, key: str, text: str, error: Exception | None = None, *, since: datetime | None = None) -> None:
        """Log `text` where the trouble is new; with the traceback of an `error` nobody foresaw."""
        text = _HEALS_ITSELF.sub("\\1 스스로 다시 시도합니다.", _DO_AND_RERUN.sub("\\1세요. 다시 실행하세요.", text))
        with self._lock:
            if key in self._since:
                return
            self._since[key] = (since or self._clock.now(), text)
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

    def written(self, stored: Stored) -> None:
        """Something has been committed (`Store.listeners`)."""
        self._writes += 1
        self._write_failed = False
        self.end("DB")

    def note(self, failed: Mapping[str, Exception], *, any_success: bool) -> None:
        """Tell of each fault once: of KIS or the database as a whole where nothing worked, of single symbols else.

        Raises `NotOffered` and `Stopped`.
        """
        any_written, self._noted_writes = self._writes > self._noted_writes, self._writes
        for name, error in failed.items():
            if isinstance(error, NotOffered | Stopped):
                raise error
            if isinstance(error, MinuteDataError):
                whose = _whose(name, error, any_written if isinstance(error, StoreError) else any_success)
                self._write_failed = self._write_failed or whose == "DB"
                self.begin(whose, str(error))
            else:
                self.begin(name, f"예상하지 못한 오류 {type(error).__name__}", error)

    def end_of(self, name: str) -> None:
        """What worked: KIS, the token, this symbol (or symbol-day)."""
        for key in ("KIS", "토큰", name, name.split(maxsplit=1)[0]):
            self.end(key)

    @contextmanager
    def asking_the_store(self) -> Iterator[None]:
        try:
            yield
            if not self._write_failed:
                self.end("DB")
        except StoreError as error:
            self.begin("DB", str(error))
            raise


def _whose(name: str, error: MinuteDataError, any_success: bool) -> str:
    """Whose trouble an error is."""
    if isinstance(error, AuthError | ConfigError):
        return "토큰"
    if isinstance(error, StoreLost) or (isinstance(error, StoreError) and not any_success):
        return "DB"
    return "KIS" if isinstance(error, SourceError) and not any_success else name
