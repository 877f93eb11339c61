"""One updater a table: a lock file, beside it the pid of who holds it, and how to ask that one to stop.

A stop is asked for by removing the pid file, which the running one looks at: signals are not to be had on Windows.
"""

import hashlib
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError

LOOK_SECONDS = 0.5
"""How often the running one looks whether it is asked to stop."""
STOPPED_WITHIN = 60.0
"""The longest that a transaction in hand is waited for."""


def lock_file(settings: Settings) -> Path:
    """One a table."""
    mark = hashlib.sha256(settings.database.describe().encode()).hexdigest()[:8]
    return settings.log_dir / f"realtime_updater-{mark}.lock"


def is_running(settings: Settings) -> bool:
    """Whether a process holds the table's lock; one that was killed cannot say that it is gone: its pid is removed."""
    import filelock

    if not lock_file(settings).exists():
        return False
    try:
        with filelock.FileLock(lock_file(settings), timeout=0):
            _remove(_pid_file(settings))
            return False
    except (filelock.Timeout, OSError):
        return True


def stop(settings: Settings) -> bool:
    """Ask the running one to stop and wait until it is gone; False where it still runs. True where none does, too."""
    deadline = time.monotonic() + STOPPED_WITHIN
    while is_running(settings):
        _remove(_pid_file(settings))
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOK_SECONDS / 5)
    return True


@contextmanager
def only_one(settings: Settings, clock: Clock) -> Iterator[None]:
    """Hold the lock of this table; `clock.stop` is set when `stop` asks. Raises `ConfigError` naming who holds it."""
    import filelock

    lock, pid_file, done = filelock.FileLock(lock_file(settings), timeout=0), _pid_file(settings), threading.Event()
    try:
        lock.acquire()
    except filelock.Timeout:
        with suppress(OSError):
            pid = pid_file.read_text(encoding="utf-8").strip()
            raise ConfigError(f"이미 실행 중입니다 (pid {pid}). 멈추려면: python realtime_updater.py --stop") from None
        raise ConfigError("이미 실행 중입니다.") from None
    except OSError as error:
        raise ConfigError(f"LOG_DIR에 쓸 수 없습니다 ({error.strerror}): {settings.log_dir}") from error
    try:
        with suppress(OSError):
            pid_file.write_text(f"{os.getpid()}\n", encoding="utf-8")
            threading.Thread(target=_listen, args=(pid_file, clock, done), name="stop", daemon=True).start()
        yield
    finally:
        done.set()
        _remove(pid_file)
        lock.release()


def _listen(pid_file: Path, clock: Clock, done: threading.Event) -> None:
    """Ask for a stop once the pid file is gone; a folder that cannot be looked into says nothing."""
    while not done.wait(LOOK_SECONDS):
        try:
            pid_file.stat()
        except FileNotFoundError:
            return clock.stop.set()
        except OSError:
            continue


def _pid_file(settings: Settings) -> Path:
    return lock_file(settings).with_suffix(".pid")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
