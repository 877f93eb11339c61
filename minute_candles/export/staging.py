"""Where an export makes its files: beside the target, never in it, and for one export at a time.

Who reads a folder takes all that lies in it (Polars refuses another file extension, even in a dot folder). So what is
not finished lies in `.NAME.exporting.tmp` beside the target, on the same file system, and moves in when it is whole.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.errors import ConfigError, StoreError


class Workshop(NamedTuple):
    room: Path

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """A new file, which takes the place of `path` at the end; a kill leaves the old one or the new one.

        Where the block removes the new file, the old one stays.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.room / f"{path.name}.tmp"
        try:
            yield fresh
            if fresh.exists():
                with fresh.open("rb+") as file:
                    os.fsync(file.fileno())
                os.replace(fresh, os.path.realpath(path))
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()


@contextmanager
def workshop(target: Path) -> Iterator[Workshop]:
    """The workshop of a folder or file, swept of what a killed export left.

    Raises `ConfigError` while another export is in it, `StoreError` where it cannot be made.
    """
    import filelock

    with naming_the_file(target):
        place = target.resolve()
        yard = _yard(place)
        yard.mkdir(parents=True, exist_ok=True)
        room, path = yard / f".{place.name}.exporting.tmp", yard / f".{place.name}.exporting.lock"
        lock = filelock.FileLock(path, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            who = f"다른 내보내기{_who(room)}가"
            raise ConfigError(f"{who} {target} 에 쓰는 중입니다. 끝난 뒤에 다시 실행하세요.") from None
    try:
        with naming_the_file(target):
            if room.exists():
                shutil.rmtree(room)
            room.mkdir()
            (room / "pid").write_text(str(os.getpid()), encoding="utf-8")
        yield Workshop(room)
    finally:
        shutil.rmtree(room, ignore_errors=True)
        with contextlib.suppress(OSError):  # Windows removes it on release; a waiting `filelock` sees that it is gone
            path.unlink()
        lock.release()


def _yard(place: Path) -> Path:
    """Beside the target; in it where it is a file system of its own, or nobody may write beside it."""
    is_alone = place.is_dir() and (os.path.ismount(place) or not os.access(place.parent, os.W_OK))
    return place if is_alone else place.parent


def _who(room: Path) -> str:
    with contextlib.suppress(OSError):
        return f"(pid {(room / 'pid').read_text(encoding='utf-8')})"
    return ""


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Raises `StoreError` for an `OSError`."""
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"파일을 쓸 수 없습니다 ({error.strerror or type(error).__name__}): {where}") from error
