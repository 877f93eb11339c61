"""One updater a table: a lock file, and beside it the pid of who holds it."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from base.errors import ConfigError
from config.settings import Settings


def lock_file(settings: Settings) -> Path:
    """One a table."""
    mark = hashlib.sha256(settings.database.describe().encode()).hexdigest()[:8]
    return settings.log_dir / f"realtime_updater-{mark}.lock"


def is_running(settings: Settings) -> bool:
    """Whether a process holds the table's lock; one that was killed cannot say that it is gone."""
    import filelock

    if not lock_file(settings).exists():
        return False
    try:
        with filelock.FileLock(lock_file(settings), timeout=0):
            return False
    except (filelock.Timeout, OSError):
        return True


@contextmanager
def only_one(settings: Settings) -> Iterator[None]:
    """Hold the lock of this table. Raises `ConfigError` naming the pid that holds it."""
    import filelock

    lock = filelock.FileLock(lock_file(settings), timeout=0)
    pid_file = lock_file(settings).with_suffix(".pid")
    try:
        lock.acquire()
    except filelock.Timeout:
        with suppress(OSError):
            pid = pid_file.read_text(encoding="utf-8").strip()
            raise ConfigError(f"이미 실행 중입니다 (pid {pid}). 멈추려면: kill {pid}") from None
        raise ConfigError("이미 실행 중입니다.") from None
    except OSError as error:
        raise ConfigError(f"LOG_DIR에 쓸 수 없습니다 ({error.strerror}): {settings.log_dir}") from error
    try:
        with suppress(OSError):
            pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            pid_file.unlink()
        lock.release()
