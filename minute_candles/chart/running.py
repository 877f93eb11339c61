"""What only the updater knows: the running minute of each symbol (by Redis or its file), and the previous closes."""

from datetime import date, datetime, timedelta
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
        self._previous_closes: dict[str, tuple[date, int]] = {}

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

    def add_previous_close(self, symbol: str, day: date, close: int) -> None:
        """Take over the close (KRW) of the session before `day`, as KIS's quote has it."""
        self._previous_closes[symbol] = day, close

    def previous_close(self, symbol: str, day: date) -> int | None:
        """Return the close of the session before `day`, None where no quote of that day came."""
        known, close = self._previous_closes.get(symbol, (None, None))
        return close if known == day else None

    def take_moved(self) -> dict[str, Candle]:
        """Return the minutes that changed since the last call."""
        with self._lock:
            moved, self._moved = self._moved, set()
            return {symbol: self._minutes[symbol] for symbol in moved}

    def _runs(self, start: datetime) -> bool:
        return self._clock.now() - start.replace(tzinfo=KST) < KEPT
