"""The hand-over to Redis: whoever writes candles puts them here and goes on; the feed's thread takes them.

It is bounded: where Redis takes nothing for long, the oldest are dropped and their symbols marked. A marked symbol is
read from the table again. Of running minutes only the newest of each symbol is kept.
"""

import logging
import threading
from collections import deque
from collections.abc import Iterable

from minute_candles.market.candles import Candle
from minute_candles.market.write_event import Stored

MOST, MOST_EACH = 50_000, 100
"""Candles that wait at the most, and for each symbol of many: a whole day of 97 symbols, a long hour of 2,700.

About 400 bytes each: 20 MB, 110 MB.
"""
_log = logging.getLogger(__name__)


def most_for(symbols: int) -> int:
    """Return how many candles may wait."""
    return max(MOST, MOST_EACH * symbols)


class Backlog:
    """Thread-safe; nothing here waits for anything but a lock held for microseconds."""

    def __init__(self, most: int = MOST) -> None:
        self._most, self._lock = most, threading.Lock()
        self._stored: deque[Stored] = deque()
        self._held = 0
        self._running: dict[str, Candle] = {}
        self._stale: dict[str, None] = {}
        self._overflowing = False
        self.something = threading.Event()
        """Set when there is something to do."""

    def add(self, stored: Stored) -> None:
        """Take a write."""
        with self._lock:
            self._stored.append(stored)
            self._held += _size(stored)
            self._drop_the_oldest()
        self.something.set()

    def take(self, most: int) -> list[Stored]:
        """Return the oldest, about `most` candles of them; at least one write if any waits."""
        taken: list[Stored] = []
        with self._lock:
            enough = self._held - most
            while self._stored and self._held > enough:
                taken.append(self._stored.popleft())
                self._held -= _size(taken[-1])
            self._overflowing = self._overflowing and bool(self._stored)
        return taken

    def put_back(self, taken: list[Stored]) -> None:
        """Take back what could not be published, in its old place."""
        with self._lock:
            self._stored.extendleft(reversed(taken))
            self._held += sum(map(_size, taken))
            self._drop_the_oldest()

    def _drop_the_oldest(self) -> None:
        while self._held > self._most and len(self._stored) > 1:
            gone = self._stored.popleft()
            self._held -= _size(gone)
            self._stale[gone.symbol] = None
            if not self._overflowing:
                self._overflowing = True
                _log.warning("⚠️ Redis가 받지 못해 기다리던 캔들을 오래된 것부터 버립니다. 테이블에는 모두 있습니다.")

    def mark(self, symbols: Iterable[str]) -> None:
        """Note that the sets of these symbols are to be filled from the table."""
        with self._lock:
            self._stale.update(dict.fromkeys(symbols))
        self.something.set()

    def marked(self) -> str | None:
        """Return one symbol whose sets are to be filled, no longer marked then."""
        with self._lock:
            symbol = next(iter(self._stale), None)
            if symbol is not None:
                del self._stale[symbol]
            return symbol

    def run(self, symbol: str, minute: Candle) -> None:
        """Take a running minute."""
        with self._lock:
            self._running[symbol] = minute

    def running(self) -> dict[str, Candle]:
        """Return the running minutes that changed since the last call."""
        with self._lock:
            found, self._running = self._running, {}
        return found

    def __len__(self) -> int:
        """Return how many candles wait."""
        return self._held

    def __bool__(self) -> bool:
        """Return whether anything waits."""
        return bool(self._stored or self._stale)


def _size(stored: Stored) -> int:
    return sum(map(len, stored.candles.values()))
