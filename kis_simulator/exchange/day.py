"""A symbol's day: its trades, the minutes folded from them, and what of it shows at a given second. Pure."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple, overload

from kis_simulator.exchange.calendar import Session

WHOLE_DAY = 86_400
"""Seconds of a day; "the second it has reached" of a day that is over."""
Trade = tuple[int, int, int, int]
"""Second of the day, price in KRW as printed, shares, turnover in KRW."""


class Trades(Sequence[Trade]):
    """Trades as plain numbers: 32 bytes each, where tuples take about 200; a market keeps millions of them."""

    def __init__(self, trades: Iterable[Trade] = ()) -> None:
        self._numbers = array("q", (number for trade in trades for number in trade))

    def __len__(self) -> int:
        return len(self._numbers) // 4

    def __iter__(self) -> Iterator[Trade]:
        numbers = iter(self._numbers)
        return zip(numbers, numbers, numbers, numbers, strict=True)

    @overload
    def __getitem__(self, at: int) -> Trade: ...
    @overload
    def __getitem__(self, at: slice) -> "Trades": ...
    def __getitem__(self, at: int | slice) -> "Trade | Trades":
        if isinstance(at, slice):
            start, stop, _ = at.indices(len(self))
            part = Trades()
            part._numbers = self._numbers[4 * start : 4 * max(start, stop)]
            return part
        first = 4 * (at if at >= 0 else len(self) + at)
        second, price, volume, turnover = self._numbers[first : first + 4]
        return second, price, volume, turnover


class Row(NamedTuple):
    """One minute as KIS knows it; `acml` = turnover of the day so far in KRW, `first` = index of its first trade."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    acml: int
    first: int


class Block(NamedTuple):
    """Trades outside the sessions: in the day's volume and turnover, in no minute."""

    volume: int
    turnover: int


NO_BLOCK = Block(0, 0)


@dataclass(frozen=True)
class MarketDay:
    """A symbol's day, all of it: `trades` ascending, the after-market included; `rows` are its minutes with a trade."""

    day: date
    session: Session
    trades: Sequence[Trade] = ()
    rows: tuple[Row, ...] = ()
    before: Block = NO_BLOCK
    between: Block = NO_BLOCK
    auction: int = -1
    shift: int = 0
    halt: str = ""

    def label(self, minute: int) -> int:
        """Return the second KIS writes on this minute: off the grid on odd days, a minute early on a CSAT day.

        The after-market has its own labels: a minute early, its first row would fall into the session.
        """
        return minute * 60 + (self.shift if minute < self.session.after else 0)

    def closed_rows(self, second: int) -> tuple[Row, ...]:
        """Return the rows of the minutes that are over at this second of the day."""
        return self.rows[: bisect_left(self.rows, second // 60, key=lambda row: row.minute)]

    def running_row(self, second: int) -> Row | None:
        """Return the row of the running minute as far as it has traded."""
        closed = self.closed_rows(second)
        start = self.rows[len(closed)].first if len(closed) < len(self.rows) else len(self.trades)
        stop = bisect_right(self.trades, second, key=lambda trade: trade[0])
        return fold(self.trades[start:stop], acml_before=self._acml(start), first=start) if stop > start else None

    def trades_until(self, second: int) -> Sequence[Trade]:
        """Return every trade up to and with this second of the day."""
        return self.trades[: bisect_right(self.trades, second, key=lambda trade: trade[0])]

    def _acml(self, index: int) -> int:
        """Return the turnover of the day before the trade at `index`."""
        total = self.before.turnover + sum(trade[3] for trade in self.trades[:index])
        after = index < len(self.trades) and self.trades[index][0] >= self.session.after * 60
        return total + (self.between.turnover if after else 0)


def fold(trades: Sequence[Trade], *, acml_before: int, first: int) -> Row:
    """Return trades of one minute as its row."""
    second, opening, _, _ = trades[0]
    high = low = price = opening
    total, acml = 0, acml_before
    for _, price, volume, turnover in trades:
        high, low = max(high, price), min(low, price)
        total += volume
        acml += turnover
    return Row(second // 60, opening, high, low, price, total, acml, first)
