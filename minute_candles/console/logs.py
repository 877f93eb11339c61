"""The log: a rotating file and stderr, times in KST, a line a record, no secrets. It never ends a run."""

import contextlib
import logging
import os
import sys
from collections.abc import Sequence
from logging.handlers import RotatingFileHandler
from pathlib import Path
from textwrap import indent
from typing import IO, TYPE_CHECKING

from minute_candles.console.terminal import paint, write_line
from minute_candles.core.errors import ConfigError
from minute_candles.core.printable import printable
from minute_candles.core.redact import Redactor

if TYPE_CHECKING:
    from minute_candles.core.clock import Clock

LOG = logging.getLogger("minute_candles")
LOG_BYTES, LOG_FILES = 10 * 1024 * 1024, 5
FILE_ONLY = {"file_only": True}
"""`extra` of a record that the terminal shows only under `--verbose`."""
_LEVEL_COLOURS = {logging.WARNING: "yellow", logging.ERROR: "red", logging.CRITICAL: "red"}


def setup_logging(
    log_file: Path | None, clock: "Clock", secrets: Sequence[str], *, verbose: bool = False, quiet: bool = False
) -> logging.Logger:
    """Set up the package's logger, "minute_candles": to `log_file` (if any) and stderr, without `secrets`.

    Times are KST by `clock`. `verbose` adds DEBUG to both, `quiet` leaves warnings and errors on stderr.
    Raises `ConfigError`.
    """
    for old in [handler for handler in LOG.handlers if isinstance(handler, _LogFile | _Terminal | _Cleaner)]:
        LOG.removeHandler(old)
        old.close()
    level = logging.DEBUG if verbose else logging.INFO
    clean = _Clean(clock, Redactor(secrets))
    handlers: list[tuple[logging.Handler, int]] = [
        (_Cleaner(), logging.NOTSET),  # first: whoever listens further up sees no secret either
        (_Terminal(), logging.WARNING if quiet else level),
    ]
    if log_file is not None:
        handlers.append((_open_log(log_file), level))
    for handler, least in handlers:
        handler.setLevel(least)
        handler.addFilter(clean)
        handler.setFormatter(logging.Formatter("%(kst)s - %(levelname)s - %(message)s"))
        LOG.addHandler(handler)
    if not verbose:
        handlers[1][0].addFilter(lambda record: not getattr(record, "file_only", False))
    LOG.setLevel(level)
    return LOG


class _Cleaner(logging.Handler):
    """Writes nothing; its filter cleans each record before any other handler sees it."""

    def emit(self, record: logging.LogRecord) -> None:
        pass


class _Clean(logging.Filter):
    """Stamps a record with the clock's KST and takes the secrets out of its message, arguments and traceback."""

    def __init__(self, clock: "Clock", redact: Redactor) -> None:
        super().__init__()
        self._clock = clock
        self._redact = redact
        self._format_traceback = logging.Formatter().formatException

    def filter(self, record: logging.LogRecord) -> bool:
        if hasattr(record, "kst"):
            return True
        record.kst = self._clock.now().strftime("%Y-%m-%d %H:%M:%S")
        record.msg, record.args = printable(self._redact(_message(record))), None
        if record.exc_info:
            record.exc_text = self._block(self._format_traceback(record.exc_info))
        if record.stack_info:
            record.stack_info = self._block(record.stack_info)
        return True

    def _block(self, text: str) -> str:
        """Return lines that cannot be taken for records: indented."""
        return indent(printable(self._redact(text), keep="\n"), "  ")


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except (TypeError, ValueError, KeyError):  # arguments that do not fit: show them rather than lose the line
        return f"{record.msg} {record.args}"


def _open_log(path: Path) -> "_LogFile":
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = _LogFile(path, maxBytes=LOG_BYTES, backupCount=LOG_FILES, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        reason = f"로그 파일을 쓸 수 없습니다: {path} ({error.strerror})."
        raise ConfigError(f"{reason} LOG_DIR 을 쓸 수 있는 폴더로 바꾸세요.") from None
    if not os.access(path.parent, os.W_OK):
        handler.close()
        raise ConfigError(f"로그 폴더에 쓸 수 없습니다: {path.parent}. LOG_DIR 을 쓸 수 있는 폴더로 바꾸세요.")
    return handler


class _LogFile(RotatingFileHandler):
    """Rotates; follows its file when another process rotated it or somebody removed it; fails with one warning."""

    _warned = False

    def emit(self, record: logging.LogRecord) -> None:
        if self.stream and self._was_replaced(self.stream):
            self._drop_stream()
        super().emit(record)

    def doRollover(self) -> None:
        """Rotate; where the rename fails (Windows, an open file) grow by a tenth and try again."""
        try:
            super().doRollover()
            self.maxBytes = LOG_BYTES
        except OSError:
            self.maxBytes = _size(self.baseFilename) + LOG_BYTES // 10

    def handleError(self, record: logging.LogRecord) -> None:
        self._drop_stream()
        if not self._warned:
            self._warned = True
            reason = f"{self.baseFilename} ({sys.exception()})"
            write_line(sys.stderr, f"⚠️ 로그 파일에 쓰지 못했습니다: {reason}. 수집은 계속합니다.")

    def close(self) -> None:
        self._drop_stream()
        super().close()

    def _was_replaced(self, stream: IO[str]) -> bool:
        try:
            return not os.path.samestat(os.stat(self.baseFilename), os.fstat(stream.fileno()))
        except (OSError, ValueError):
            return True

    def _drop_stream(self) -> None:
        """Forget the file; the next record opens it again. What a full disk did not take is lost."""
        stream, self.stream = self.stream, None
        if stream:
            with contextlib.suppress(OSError, ValueError):
                stream.close()


def _size(path: str) -> int:
    with contextlib.suppress(OSError):
        return os.path.getsize(path)
    return 0


class _Terminal(logging.Handler):
    """To whatever stderr is at that moment, above the progress bar."""

    def emit(self, record: logging.LogRecord) -> None:
        text, colour = self.format(record), _LEVEL_COLOURS.get(record.levelno)
        write_line(sys.stderr, paint(text, colour, sys.stderr) if colour else text)
