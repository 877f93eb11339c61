"""One updater a table: a lock file, the pid of its holder in another, and how to stop that process.

A stop is requested by removing the pid file, which the running process watches: Windows has no signals.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError

_log = logging.getLogger(__name__)
LOOK_SECONDS = 0.5
"""How often the running process checks whether it is to stop."""
STOPPED_WITHIN = 60.0
"""So long a transaction in hand may take."""


def lock_file(settings: Settings) -> Path:
    """Return the lock file of this table."""
    mark = hashlib.sha256(settings.database.describe().encode()).hexdigest()[:8]
    return settings.log_dir / f"realtime_updater-{mark}.lock"


def is_running(settings: Settings) -> bool:
    """Return whether a process holds the table's lock; the pid file of a killed one is removed."""
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
def only_one(settings: Settings, clock: Clock, *, waits: bool = False) -> Iterator[None]:
    """Hold the lock of this table; `clock.stop` is set when `stop` asks.

    `waits`: wait until its holder is gone; else raise `ConfigError` naming the holder. Raises `Stopped`.
    """
    import filelock

    lock, pid_file, done = filelock.FileLock(lock_file(settings), timeout=0), _pid_file(settings), threading.Event()
    is_waiting = False
    while not lock.is_locked:
        try:
            lock.acquire()
        except filelock.Timeout:
            if not waits:
                raise ConfigError(_running_text(pid_file)) from None
            if not is_waiting:
                is_waiting = True
                _log.info("💤 %s 그것이 끝나면 이어받습니다.", _running_text(pid_file))
            clock.sleep(LOOK_SECONDS)
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


def _running_text(pid_file: Path) -> str:
    with suppress(OSError):
        pid = pid_file.read_text(encoding="utf-8").strip()
        return f"이미 실행 중입니다 (pid {pid}). 멈추려면: python realtime_updater.py --stop"
    return "이미 실행 중입니다."


def _listen(pid_file: Path, clock: Clock, done: threading.Event) -> None:
    """Ask for a stop once the pid file is gone; a folder that cannot be looked into says nothing."""
    while not done.wait(LOOK_SECONDS):
        try:
            pid_file.stat()
        except FileNotFoundError:
            clock.stop.set()
            return
        except OSError:
            continue


def _pid_file(settings: Settings) -> Path:
    return lock_file(settings).with_suffix(".pid")


def _remove(path: Path) -> None:
    with suppress(OSError):
        path.unlink()
