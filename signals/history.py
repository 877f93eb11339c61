"""A symbol's candles of one interval, the last five hundred of them, with the indicators carried along."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from operator import attrgetter

from market.candles import Candle
from signals.indicators import ENOUGH, TABLE, Running, lines

KEPT = ENOUGH + 400
"""A day more than what an indicator should have seen."""
Values = Mapping[str, float | None]
_at = attrgetter("timestamp")


class History:
    """Candles oldest first; `names` are the indicators that some rule looks at.

    A handle of TA-Lib goes forward only: where a candle changes or comes late it is opened anew on what is kept.
    """

    def __init__(self, candles: Iterable[Candle], names: Sequence[str]) -> None:
        self.candles = sorted(candles, key=_at)[-KEPT:]
        self._names = [name for name in names if name in TABLE]
        self._wants_vwap = "vwap" in names
        self._running: dict[str, Running] = {}
        self._values: dict[datetime, dict[str, float | None]] = {}

    def take(self, candle: Candle) -> None:
        """A closed candle, in any order; the same window again corrects it."""
        if not self.candles or candle.timestamp > self.candles[-1].timestamp:
            self.candles.append(candle)
            if self._running or not self._names:
                self._remember(candle, {name: running.update(candle) for name, running in self._running.items()})
            if len(self.candles) > 2 * KEPT:
                del self.candles[:-KEPT]
            return
        index = bisect_left(self.candles, candle.timestamp, key=_at)
        if index < len(self.candles) and self.candles[index].timestamp == candle.timestamp:
            self.candles[index] = candle
        else:
            self.candles.insert(index, candle)
        self._running, self._values = {}, {}

    def index(self, timestamp: datetime) -> int:
        """Where the candle of a window stands; it must be there."""
        return bisect_left(self.candles, timestamp, key=_at)

    def values(self, index: int) -> Values:
        """The lines at a candle, its close as `price`; of one that is not the newest from a batch."""
        candle = self.candles[index]
        if index == len(self.candles) - 1 and not self._running and self._names:
            self._running = {name: Running(name, self.candles) for name in self._names}
            self._remember(candle, {name: running.value for name, running in self._running.items()})
        if candle.timestamp not in self._values:
            self._values[candle.timestamp] = self._batch(index)
        return self._values[candle.timestamp]

    def _remember(self, candle: Candle, told: Mapping[str, Mapping[str, float] | None]) -> None:
        values: dict[str, float | None] = {"price": float(candle.close)}
        for value in told.values():
            values |= value or {}
        if self._wants_vwap:
            values["vwap"] = lines(["vwap"], self._session(len(self.candles) - 1))["vwap"][-1]
        self._values[candle.timestamp] = values

    def _batch(self, index: int) -> dict[str, float | None]:
        told = lines(self._names, self.candles[: index + 1])
        values = {name: line[-1] for name, line in told.items()} | {"price": float(self.candles[index].close)}
        if self._wants_vwap:
            values["vwap"] = lines(["vwap"], self._session(index))["vwap"][-1]
        return values

    def _session(self, index: int) -> Sequence[Candle]:
        """The candles of the day up to this one."""
        midnight = self.candles[index].timestamp.replace(hour=0, minute=0)
        return self.candles[bisect_left(self.candles, midnight, key=_at) : index + 1]

    def first_of_day(self, index: int) -> int:
        midnight = self.candles[index].timestamp.replace(hour=0, minute=0)
        return bisect_left(self.candles, midnight, key=_at)
