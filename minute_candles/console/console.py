"""What a person meets: the progress bar, Ctrl-C, numbers and tables one can read; and all of terminal and log."""

import contextlib
import os
import re
import signal
import sys
import threading
from _thread import start_new_thread
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Self

from minute_candles.console.logs import LOG, setup_logging
from minute_candles.console.terminal import complain, is_terminal, paint, prepare_streams, say, terminal_columns, width
from minute_candles.core.korean import number
from minute_candles.core.printable import printable

if TYPE_CHECKING:
    from tqdm import tqdm

    from minute_candles.core.clock import Clock

__all__ = [
    "Progress",
    "complain",
    "duration",
    "is_terminal",
    "number",
    "on_stop",
    "paint",
    "prepare_streams",
    "say",
    "setup_logging",
    "table",
]

PLAIN_PROGRESS_SECONDS = 5.0
_BAR = "{desc}: {percentage:3.0f}%|{bar:10}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"
_NUMBER = re.compile(r"[-+]?(?:0|[1-9][\d,]*)(?:\.\d+)?[%회건초]?")


def on_stop(clock: "Clock", says: str = "저장 중인 것만 마치고 끝냅니다.") -> None:
    """Let SIGINT and SIGTERM request a stop through `clock.stop`; a second Ctrl-C ends the process at once with 130.

    Does nothing off the main thread. A signal that is ignored (a background job of a script) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stopper(clock, says))


def _stopper(clock: "Clock", says: str) -> Callable[[int, FrameType | None], None]:
    def stop(number: int, frame: FrameType | None) -> None:
        if clock.stop.is_set() and number == signal.SIGINT:
            with contextlib.suppress(OSError):
                os.write(2, b"\n")  # leave the line of the progress bar
            os._exit(130)
        # Not from here: the main thread may hold the event's lock, or be in the middle of a write to stderr.
        with contextlib.suppress(RuntimeError):
            start_new_thread(_ask_for_stop, (clock, number, says))

    return stop


def _ask_for_stop(clock: "Clock", number: int, says: str) -> None:
    if not clock.stop.is_set():
        clock.stop.set()
        again = " (Ctrl-C를 한 번 더 누르면 바로 끝냅니다)" if number == signal.SIGINT else ""
        LOG.warning("⏹️ 중지 요청: %s%s", says, again)


class Progress:
    """How far a run has come: a tqdm bar on a terminal, else a log line every 5 seconds. Any thread may advance it."""

    def __init__(self, total: int, label: str, clock: "Clock", *, quiet: bool = False) -> None:
        self._total, self._label, self._clock = total, label, clock
        self._done = 0
        self._lock = threading.Lock()
        self._started = self._reported = clock.time()
        self._bar = self._open_bar() if is_terminal(sys.stderr) and not quiet else None

    def advance(self, n: int = 1) -> None:
        """Count `n` more as done."""
        with self._lock:
            self._done += n
            if self._bar is not None:
                self._touch_bar(lambda bar: bar.update(n))
            elif self._clock.time() - self._reported >= PLAIN_PROGRESS_SECONDS and self._done < self._total:
                self._reported = self._clock.time()
                LOG.info(self._plain_line())

    def close(self) -> None:
        """Leave the last state standing; once."""
        with self._lock:
            if self._bar is not None:
                self._touch_bar(lambda bar: bar.close())
                self._bar = None
            elif self._done and self._total:
                LOG.info(self._bar_line())
            self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.close()

    def _open_bar(self) -> "tqdm[Any] | None":
        from tqdm import tqdm

        known = terminal_columns(sys.stderr) > 0  # a bar on a terminal of unknown size would not be drawn at all
        columns, rows = (None, None) if known else (80, 24)
        with contextlib.suppress(OSError, ValueError):
            return tqdm(
                total=self._total, desc=self._label, bar_format=_BAR, file=sys.stderr,
                dynamic_ncols=known, ncols=columns, nrows=rows,
            )  # fmt: skip
        return None

    def _touch_bar(self, act: "Callable[[tqdm[Any]], object]") -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError, ValueError):
                act(self._bar)

    def _plain_line(self) -> str:
        left = (self._clock.time() - self._started) / self._done * (self._total - self._done)
        share = f"{number(self._done)}/{number(self._total)} ({100 * self._done // self._total}%)"
        return f"{self._label}: {share}, 남은 시간 {duration(left)}"

    def _bar_line(self) -> str:
        from tqdm import tqdm

        elapsed = max(0.0, self._clock.time() - self._started)
        return tqdm.format_meter(self._done, self._total, elapsed, prefix=self._label, bar_format=_BAR).strip()


def duration(seconds: float) -> str:
    """Return a duration in words: "12초", "약 9분", "약 2시간 5분", "약 3일 4시간"."""
    total = round(max(0.0, seconds))
    if total < 60:
        return f"{total}초" if total else "1초 미만"
    minutes = round(total / 60)
    if minutes < 60:
        return f"약 {minutes}분"
    if minutes < 24 * 60:
        return _two("시간", minutes // 60, "분", minutes % 60)
    hours = round(minutes / 60)
    return _two("일", hours // 24, "시간", hours % 24)


def _two(large: str, count: int, small: str, rest: int) -> str:
    return f"약 {count}{large} {rest}{small}" if rest else f"약 {count}{large}"


def table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return columns aligned, numbers to the right; an `int` gets thousands separators, `None` is an empty cell."""
    cells = [[_cell(value) for value in row] for row in rows]
    widths = [max(map(width, column)) for column in zip(headers, *cells, strict=True)]
    right = [_is_numeric([line[column] for line in cells]) for column in range(len(headers))]
    lines = [list(headers), ["─" * columns for columns in widths], *cells]
    return "\n".join("  ".join(map(_padded, line, widths, right)).rstrip() for line in lines)


def _is_numeric(cells: Sequence[str]) -> bool:
    """Return whether a column has only numbers, blanks and dashes, and no symbol codes (`005930`)."""
    numbers = [cell for cell in cells if cell not in {"", "-"}]
    return bool(numbers) and all(_NUMBER.fullmatch(cell) for cell in numbers)


def _cell(value: object) -> str:
    if value is None:
        return ""
    return number(value) if isinstance(value, int) and not isinstance(value, bool) else printable(str(value))


def _padded(text: str, columns: int, right: bool) -> str:
    gap = " " * (columns - width(text))
    return gap + text if right else text + gap
