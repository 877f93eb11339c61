"""Writing a small file whole or not at all: a reader never sees half of it, a crash leaves the old one."""

import contextlib
import os
import secrets
import time
from pathlib import Path

_WINDOWS_RETRIES = 50


def atomic_write(path: Path, text: str, *, mode: int = 0o644, group: int | None = None, durable: bool = True) -> None:
    """Replace `path` (what it points to, if it is a link) by `text` in UTF-8; `mode` holds from the first byte on.

    `group`: the group it belongs to, where the system knows groups and the user is in it.

    Not `durable`: what is written anew each second need not survive a power cut, and costs the disk no sync.
    Raises `OSError`; then the old file stands untouched and no temporary file is left.
    """
    target = os.path.realpath(path)
    folder, name = os.path.split(target)
    temporary = os.path.join(folder, f".{name}.{secrets.token_hex(8)}.tmp")
    try:
        _write(temporary, text.encode(), mode, durable=durable)
        if group is not None and hasattr(os, "chown"):
            _give_to(group, temporary, mode)
        _replace(temporary, target)
    finally:
        with contextlib.suppress(OSError):  # it is gone already where all went well
            os.unlink(temporary)


def _write(path: str, content: bytes, mode: int, *, durable: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if durable:
            os.fsync(file.fileno())


def _give_to(group: int, path: str, mode: int) -> None:
    """Hand it to the group with exactly this mode; whoever is not in that group keeps it for the owner alone."""
    try:
        os.chown(path, -1, group)
    except OSError:
        mode &= 0o700
    os.chmod(path, mode)


def _replace(source: str, target: str) -> None:
    """Replace `target`; Windows refuses while another process holds it open, so there it is tried for a second."""
    for _ in range(_WINDOWS_RETRIES if os.name == "nt" else 0):
        try:
            os.replace(source, target)
        except PermissionError:
            time.sleep(0.02)
        else:
            return
    os.replace(source, target)
