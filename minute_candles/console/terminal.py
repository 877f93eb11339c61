"""The terminal, whatever it is: a closed one, a pipe nobody reads, a C locale or cp949 never ends a run."""

import atexit
import contextlib
import io
import os
import re
import sys
import unicodedata
from collections.abc import Mapping
from typing import IO

from minute_candles.core.printable import printable

_COLOURS = {"red": 31, "green": 32, "yellow": 33, "cyan": 36, "grey": 90}


def prepare_streams() -> None:
    """Make stdin, stdout and stderr safe to use: open, able to take any character, silent when their reader is gone."""
    _occupy_closed_descriptors()
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - lives as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding=None if _can_korean(stream) else "utf-8", errors="replace")
    atexit.register(_flush_at_exit)


def say(text: str = "", *, stream: IO[str] | None = None) -> None:
    """Write a line of results to stdout (or `stream`), above the progress bar if one is shown; raise nothing."""
    write_line(stream or sys.stdout, printable(text, keep="\n"))


def complain(text: str) -> None:
    """Write what went wrong to stderr; on a terminal broken between words, so that commands can be read."""
    columns = terminal_columns(sys.stderr) if is_terminal(sys.stderr) else 0
    say(wrapped(f"❌ {text}", columns) if columns else f"❌ {text}", stream=sys.stderr)


def wrapped(text: str, columns: int) -> str:
    """Return `text` in lines of at most `columns`, broken between words.

    What stands in `backticks` stays together.
    """
    lines = [""]
    for word in re.findall(r"`[^`]*`\S*|\S+", text):
        if lines[-1].strip() and width(f"{lines[-1]} {word}") > columns:
            lines.append("  ")
        lines[-1] += f" {word}" if lines[-1] else word
    return "\n".join(lines)


def write_line(stream: IO[str] | None, text: str) -> None:
    """Write a line to a terminal, pipe or file; one that is gone takes nothing."""
    if stream is None:
        return
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)  # loaded only once a bar is shown
    try:
        if bars is not None:
            bars.write(text, file=stream)
        else:
            stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        _mute(stream)
    except (OSError, ValueError):  # a full disk, a closed stream: this line is lost, the next may go through
        pass


def paint(text: str, colour: str, stream: IO[str] | None) -> str:
    """Return `text` in `colour` where `stream` is a terminal that shows colours.

    The colours are red, green, yellow, cyan and grey.
    """
    return f"\033[{_COLOURS[colour]}m{text}\033[0m" if _likes_colours(stream, os.environ) else text


def is_terminal(stream: IO[str] | None) -> bool:
    """Return whether the stream is a terminal."""
    try:
        return stream is not None and stream.isatty()
    except ValueError:  # closed
        return False


def terminal_columns(stream: IO[str]) -> int:
    """Return how wide the terminal is, 0 where it does not say (`docker run -t`, `script`, a CI)."""
    try:
        return os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def _likes_colours(stream: IO[str] | None, environ: Mapping[str, str]) -> bool:
    """Return whether to colour, by https://no-color.org.

    Windows' old console shows the codes themselves unless one of its newer hosts is used.
    """
    plain = environ.get("NO_COLOR") or environ.get("TERM") == "dumb"
    hosts = ("WT_SESSION", "TERM", "ANSICON", "ConEmuANSI")
    old_console = os.name == "nt" and not any(environ.get(name) for name in hosts)
    return is_terminal(stream) and not plain and not old_console


def _can_korean(stream: io.TextIOWrapper) -> bool:
    try:
        return bool("한글".encode(stream.encoding))
    except (UnicodeEncodeError, LookupError):
        return False


def _occupy_closed_descriptors() -> None:
    """Open 0, 1 and 2 where they are closed: else a socket or the database gets the number, and messages."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)  # takes the lowest free number: this one


def _flush_at_exit() -> None:
    """Flush before the interpreter does: for a reader that left (`| head`) its own last flush prints an error."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            _mute(stream)


def _mute(stream: IO[str]) -> None:
    """Lead the stream nowhere from here on."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def width(text: str) -> int:
    """Return how many columns a terminal needs for `text`.

    Korean and most emoji take two, combining marks none.
    """
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(unicodedata.category(character) in {"Mn", "Me", "Cf"} for character in text)
