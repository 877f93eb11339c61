"""`realtime_updater_running.json`: the minutes that run, from the updater to pages on the same host, once a second.

    with running_file.writing(settings.log_dir, clock) as running:      # the updater
        stream.on_running.append(running.add)
    running_file.follow(settings.log_dir, on_minute, clock)             # a page: a thread of its own

The rule "Readers hold nobody up": `add` only keeps the newest candle, a thread of the writer's own replaces the file.
A disk that is full or gone costs a warning when it begins and a line when it ends; nobody waits for a reader.
"""

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

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


class Writer:
    """Keeps the newest running minute of each symbol and replaces the file once a second."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / FILE
        self._minutes: dict[str, Candle] = {}
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
            minutes, changed, self._changed = dict(self._minutes), self._changed, False
        if not changed:
            return
        candles = (table_text(symbol, 1, candle, RUNNING) for symbol, candle in minutes.items())
        files.atomic_write(self._path, f'{{"candles":[{",".join(candles)}]}}\n', durable=False)
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


def read(folder: Path) -> dict[str, Candle]:
    """Return the running minutes by symbol; none where there is no file, or none that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, RecursionError):
        path = folder / FILE
        if path.stat().st_size <= MOST_BYTES:
            found = json.loads(path.read_text(encoding="utf-8"))["candles"]
            return {str(one["stock_symbol"]): candle_of(one) for one in found}
    return {}


def follow(folder: Path, on_minute: OnMinute, clock: Clock) -> threading.Thread:
    """Call `on_minute` for each running minute that changed, on a new thread, until a stop is requested."""
    thread = threading.Thread(target=_follow, args=(folder, on_minute, clock), name="running-file", daemon=True)
    thread.start()
    return thread


def _follow(folder: Path, on_minute: OnMinute, clock: Clock) -> None:
    seen: tuple[int, int] | None = None
    known: dict[str, Candle] = {}
    with suppress(Stopped):
        while True:
            if (mark := _mark(folder / FILE)) != seen:
                seen, before, known = mark, known, read(folder)
                for symbol, candle in known.items():
                    if before.get(symbol) != candle:
                        on_minute(symbol, candle)
            clock.sleep(READ_SECONDS)


def _mark(path: Path) -> tuple[int, int] | None:
    """Return what changes with each replacement of the file."""
    with suppress(OSError):
        found = path.stat()
        return found.st_mtime_ns, found.st_ino
    return None
