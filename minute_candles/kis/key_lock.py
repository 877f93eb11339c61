"""A lock among the processes of one key on this host; who waits for it long says for what."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError

SAY_AFTER = 5.0
"""Seconds of waiting before it is said."""
_POLL = 0.05
_log = logging.getLogger(__name__)


class WaitNotice:
    """Says once that something is waited for, after a few seconds."""

    def __init__(self, clock: Clock, what: str) -> None:
        self._clock, self._what, self._since, self._is_said = clock, what, clock.time(), False

    def look(self) -> None:
        """Say it if it is time."""
        if not self._is_said and self._clock.time() - self._since > SAY_AFTER:
            self._is_said = True
            _log.warning("⏳ %s 기다립니다.", self._what)


@contextmanager
def key_lock(path: Path, clock: Clock, what: str) -> Iterator[None]:
    """Hold the lock file; who waits says `what` (Korean). Raises `ConfigError` without a right to it, `Stopped`."""
    import filelock

    clock.check()
    lock, notice = filelock.FileLock(path, timeout=0, thread_local=False), WaitNotice(clock, what)
    try:
        while True:
            try:
                lock.acquire()
                break
            except filelock.Timeout:
                notice.look()
                clock.sleep(_POLL)
    except OSError as error:
        raise ConfigError(
            f"토큰 폴더에 쓸 수 없습니다 ({error.strerror}): {path.parent}. KIS_TOKEN_FILE을 확인하세요."
        ) from error
    try:
        yield
    finally:
        lock.release()
