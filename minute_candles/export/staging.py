"""Where an export writes its files: next to the target, never in it, and one export at a time.

Readers of a folder take all that lies in it (Polars refuses another file extension, even in a dot folder). Unfinished
files lie in `.NAME.exporting.tmp` next to the target, on the same file system. They are moved in when whole.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.errors import ConfigError, StoreError


class Staging(NamedTuple):
    """The staging directory of a target."""

    folder: Path

    @contextmanager
    def replacing(self, path: Path) -> Iterator[Path]:
        """Yield a new file, which replaces `path` at the end; a kill leaves the old one or the new one.

        Where the block removes the new file, the old one stays.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.folder / f"{path.name}.tmp"
        try:
            yield fresh
            if fresh.exists():
                with fresh.open("rb+") as file:
                    os.fsync(file.fileno())
                fresh.replace(os.path.realpath(path))
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()


@contextmanager
def staging(target: Path) -> Iterator[Staging]:
    """Yield the staging directory of a folder or file, without what a killed export left.

    Raises `ConfigError` while another export uses it, `StoreError` where it cannot be made.
    """
    import filelock

    with naming_the_file(target):
        place = target.resolve()
        parent = _parent(place)
        parent.mkdir(parents=True, exist_ok=True)
        folder, path = parent / f".{place.name}.exporting.tmp", parent / f".{place.name}.exporting.lock"
        lock = filelock.FileLock(path, timeout=0)
        try:
            lock.acquire()
        except filelock.Timeout:
            who = f"다른 내보내기{_who(folder)}가"
            raise ConfigError(f"{who} {target} 에 쓰는 중입니다. 끝난 뒤에 다시 실행하세요.") from None
    try:
        with naming_the_file(target):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir()
            (folder / "pid").write_text(str(os.getpid()), encoding="utf-8")
        yield Staging(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # Windows removes it on release; a waiting `filelock` sees that it is gone
            path.unlink()
        lock.release()


def _parent(place: Path) -> Path:
    """Return the folder of the target; the target itself where it is a mount or its folder is not writable."""
    is_alone = place.is_dir() and (place.is_mount() or not os.access(place.parent, os.W_OK))
    return place if is_alone else place.parent


def _who(folder: Path) -> str:
    with contextlib.suppress(OSError):
        return f"(pid {(folder / 'pid').read_text(encoding='utf-8')})"
    return ""


@contextmanager
def naming_the_file(path: Path) -> Iterator[None]:
    """Raise `StoreError` for an `OSError`; a file that another program holds open is named so (Windows, Excel)."""
    try:
        yield
    except PermissionError as error:
        raise StoreError(
            f"파일을 쓸 수 없습니다: {error.filename2 or error.filename or path}. "
            "다른 프로그램(Excel 등)이 열고 있으면 닫고, 아니면 권한을 확인하세요."
        ) from error
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"파일을 쓸 수 없습니다 ({error.strerror or type(error).__name__}): {where}") from error
