"""`realtime_updater_running.json`: what the updater knows and the table does not, for pages on the same host.

The minutes that run, once a second, and the previous closes as KIS's quotes have them: on the first live day the table
holds no session before.

    with running_file.writing(settings.log_dir) as running:                         # the updater
        stream.on_running.append(running.add)
    running_file.follow(settings.log_dir, on_minute, on_previous_close, clock)      # a page: a thread of its own

The rule "Readers hold nobody up": `add` only keeps the newest candle, a thread of the writer's own replaces the file.
A disk that is full or gone costs a warning when it begins and a line when it ends; nobody waits for a reader.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date
from pathlib import Path
from typing import NamedTuple

from minute_candles.core import files
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.market.candle_json import RUNNING, candle_of, table_text
from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import RunningMinute

FILE = "realtime_updater_running.json"
WRITE_SECONDS, READ_SECONDS = 1.0, 0.5
MOST_BYTES = 4_000_000
"""Of a file that is read: 10,000 candles are 2 MB."""
_log = logging.getLogger(__name__)

OnMinute = Callable[[str, Candle], None]
"""Called with a symbol and its running minute."""
OnPreviousClose = Callable[[str, date, int], None]
"""Called with a symbol, a day, and the close (KRW) of the session before that day."""


class Content(NamedTuple):
    """What the file holds by symbol: the running minute; a day with the close (KRW) of the session before."""

    minutes: dict[str, Candle]
    previous_closes: dict[str, tuple[date, int]]


class Writer:
    """Keeps the newest running minute of each symbol and replaces the file once a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._minutes: dict[str, Candle] = {}
        self._previous_closes: dict[str, tuple[date, int]] = {}
        self._changed = self._failing = False
        self._lock, self._over = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="running-file", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def add(self, running: RunningMinute) -> None:
        """Take over a running minute whose trades are known from the first one on; return at once."""
        if running.is_whole:
            with self._lock:
                self._minutes[running.symbol] = running.candle
                self._changed = True

    def add_previous_close(self, symbol: str, day: date, close: int) -> None:
        """Take over the close (KRW) of the session before `day`; return at once."""
        with self._lock:
            if self._previous_closes.get(symbol) != (day, close):
                self._previous_closes[symbol] = day, close
                self._changed = True

    def close(self) -> None:
        """End the thread and remove the file: nothing runs any more."""
        self._over.set()
        self._thread.join(2)
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _work(self) -> None:
        while not self._over.wait(WRITE_SECONDS):
            try:
                self._write()
            except OSError as error:
                if not self._failing:
                    _log.warning("⚠️ %s 을 쓰지 못합니다 (%s). 캔들 저장은 계속됩니다.", FILE, error.strerror)
                self._failing = True

    def _write(self) -> None:
        with self._lock:
            minutes, closes = dict(self._minutes), dict(self._previous_closes)
            changed, self._changed = self._changed, False
        if not changed:
            return
        candles = (table_text(symbol, 1, candle, RUNNING) for symbol, candle in minutes.items())
        before = json.dumps({symbol: [str(day), close] for symbol, (day, close) in closes.items()})
        text = f'{{"candles":[{",".join(candles)}],"previous_closes":{before}}}\n'
        files.atomic_write(self._path, text, durable=False)
        if self._failing:
            _log.info("✅ %s 을 다시 씁니다.", FILE)
        self._failing = False


@contextmanager
def writing(folder: Path) -> Iterator[Writer]:
    """Yield a writer that runs as long as the block."""
    writer = Writer(folder)
    writer.start()
    try:
        yield writer
    finally:
        writer.close()


def read(folder: Path) -> Content:
    """Return what the file holds; nothing where there is none, or none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        path = folder / FILE
        if path.stat().st_size <= MOST_BYTES:
            found = json.loads(path.read_text(encoding="utf-8"))
            return Content(
                {str(one["stock_symbol"]): candle_of(one) for one in found["candles"]},
                {
                    symbol: (date.fromisoformat(day), int(close))
                    for symbol, (day, close) in found["previous_closes"].items()
                },
            )
    return Content({}, {})


def follow(folder: Path, on_minute: OnMinute, on_previous_close: OnPreviousClose, clock: Clock) -> threading.Thread:
    """Call these for whatever changed, on a new thread, until a stop is requested."""
    arguments = folder, on_minute, on_previous_close, clock
    thread = threading.Thread(target=_follow, args=arguments, name="running-file", daemon=True)
    thread.start()
    return thread


def _follow(folder: Path, on_minute: OnMinute, on_previous_close: OnPreviousClose, clock: Clock) -> None:
    last_mark: tuple[int, int] | None = None
    known = Content({}, {})
    with suppress(Stopped):
        while True:
            if (mark := _mark(folder / FILE)) != last_mark:
                last_mark, before, known = mark, known, read(folder)
                for symbol, close in known.previous_closes.items():
                    if before.previous_closes.get(symbol) != close:
                        on_previous_close(symbol, *close)
                for symbol, candle in known.minutes.items():
                    if before.minutes.get(symbol) != candle:
                        on_minute(symbol, candle)
            clock.sleep(READ_SECONDS)


def _mark(path: Path) -> tuple[int, int] | None:
    """Return what changes with each replacement of the file."""
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_ino
    return None
