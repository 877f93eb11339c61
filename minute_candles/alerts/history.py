"""A symbol's candles of one interval, the last five hundred of them, with the indicators carried along."""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from minute_candles.indicators.indicators import ENOUGH, TABLE, Running, lines, session_vwap
from minute_candles.market.candles import Candle

KEPT = ENOUGH
SPARE = 100
"""Candles beyond those kept that may gather before they are cut off."""
Values = Mapping[str, float | None]
_MOST_REMEMBERED = 4
_at = attrgetter("timestamp")


class History:
    """Candles oldest first; `names` are the indicators that some rule looks at.

    A handle of TA-Lib goes forward only: where a candle changes or comes late it is opened anew on what is kept.
    """

    def __init__(self, candles: Iterable[Candle], names: Sequence[str]) -> None:
        self.candles = sorted(candles, key=_at)[-KEPT:]
        self._names = [name for name in names if name in TABLE]
        self._lines = _Lines(self._names, vwap="vwap" in names)
        self._values: dict[datetime, Values] = {}

    def take(self, candle: Candle) -> None:
        """Take a closed candle, in any order; the same window again corrects it."""
        if not self.candles or candle.timestamp > self.candles[-1].timestamp:
            self.candles.append(candle)
            if self._lines.open:
                self._remember(candle, self._lines.update(candle))
            if len(self.candles) > KEPT + SPARE:
                del self.candles[:-KEPT]
            return
        index = self.index(candle.timestamp)
        if self.candles[index].timestamp == candle.timestamp:
            self.candles[index] = candle
        else:
            self.candles.insert(index, candle)
        self._lines.open, self._values = False, {}

    def index(self, timestamp: datetime) -> int:
        """Return where the candle of a window stands, or would."""
        last = len(self.candles) - 1
        if last >= 0 and self.candles[last].timestamp == timestamp:
            return last
        return bisect_left(self.candles, timestamp, key=_at)

    def values(self, index: int) -> Values:
        """Return the lines at a candle, its close as `price`; None where an indicator has too few candles."""
        candle = self.candles[index]
        if candle.timestamp not in self._values:
            if index == len(self.candles) - 1:
                self._remember(candle, self._lines.begin(self.candles))
            else:
                found = lines([*self._names, "vwap"], self.candles[: index + 1])
                newest = {name: line[-1] for name, line in found.items()}
                self._remember(candle, {"price": float(candle.close), **newest})
        return self._values[candle.timestamp]

    def first_of_day(self, index: int) -> int:
        """Return where the session of a candle begins."""
        midnight = self.candles[index].timestamp.replace(hour=0, minute=0)
        return bisect_left(self.candles, midnight, key=_at)

    def _remember(self, candle: Candle, values: Values) -> None:
        self._values[candle.timestamp] = values
        if len(self._values) > _MOST_REMEMBERED:
            del self._values[next(iter(self._values))]


class _Lines:
    """The indicators, carried forward candle by candle."""

    def __init__(self, names: Sequence[str], *, vwap: bool) -> None:
        self._names, self._wants_vwap, self.open = names, vwap, False

    def begin(self, candles: Sequence[Candle]) -> Values:
        """Open them on these candles; return the values at the last one."""
        self.open, last = True, candles[-1]
        self._running = [Running(name, candles) for name in self._names]
        self._fed: deque[Candle] = deque(candles if self._wants_vwap else ())
        self._vwap = session_vwap(iter(self._fed.popleft, None))
        vwap = [next(self._vwap) for _ in range(len(self._fed))]
        return self._values(last, [one.value for one in self._running], vwap[-1] if vwap else None)

    def update(self, candle: Candle) -> Values:
        """Take the next candle; return the values at it."""
        vwap = None
        if self._wants_vwap:
            self._fed.append(candle)
            vwap = next(self._vwap)
        return self._values(candle, [one.update(candle) for one in self._running], vwap)

    def _values(self, candle: Candle, values: Sequence[Mapping[str, float] | None], vwap: float | None) -> Values:
        named: dict[str, float | None] = {"price": float(candle.close), "vwap": vwap}
        for value in values:
            named |= value or {}
        return named
