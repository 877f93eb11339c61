"""The running minute of each symbol, whichever way it comes: Redis, the updater's file, or both."""

from datetime import datetime, timedelta
from threading import Lock

from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.candles import Candle

KEPT = timedelta(minutes=3)
"""How long after its start a running minute is shown; by then its sender is gone."""


class RunningMinutes:
    """The newest running minute a symbol; any thread may add and ask."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._minutes: dict[str, Candle] = {}
        self._moved: set[str] = set()

    def add(self, symbol: str, minute: Candle) -> bool:
        """Take over a minute; False where it is older than the one that is known, or the same."""
        with self._lock:
            known = self._minutes.get(symbol)
            if known and (minute.timestamp, minute.volume) <= (known.timestamp, known.volume):
                return False
            self._minutes[symbol] = minute
            self._moved.add(symbol)
            return True

    def get(self, symbol: str) -> Candle | None:
        """Return the minute that runs; None where none came lately."""
        with self._lock:
            minute = self._minutes.get(symbol)
        return minute if minute and self._runs(minute.timestamp) else None

    def take_moved(self) -> dict[str, Candle]:
        """Return the minutes that changed since the last call."""
        with self._lock:
            moved, self._moved = self._moved, set()
            return {symbol: self._minutes[symbol] for symbol in moved}

    def _runs(self, start: datetime) -> bool:
        return self._clock.now() - start.replace(tzinfo=KST) < KEPT
