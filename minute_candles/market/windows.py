"""Windows derive from minutes: the 5- and 15-minute candles that follow from 1-minute ones, and any other. Pure."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from itertools import groupby

from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, Candles, with_vwap

STORED_INTERVALS = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}
"""What is stored: minutes, and how the column `minute_interval` names them, in the order in which rows are written."""
INTERVALS = tuple(STORED_INTERVALS)


def window(timestamp: datetime, interval: int) -> datetime:
    """Start of the window a minute falls in; windows are floored from midnight (15:30 is a window of its own)."""
    return timestamp - timedelta(minutes=(timestamp.hour * 60 + timestamp.minute) % interval)


def is_closed(timestamp: datetime, interval: int, now: datetime, session: Session) -> bool:
    """Return whether the window starting at `timestamp` (naive) is over at `now` (aware)."""
    return timestamp + timedelta(minutes=interval) <= now.astimezone(KST).replace(tzinfo=None) or now >= session.end


def aggregate(minutes: Sequence[Candle], interval: int) -> list[Candle]:
    """Aggregate the 1-minute candles of one day, oldest first, into windows of `interval` minutes.

    Plain integers: a sixth of the time of a pandas group-by on 381 rows (benchmarks/README.md), and no price is ever a
    float. A window with one unproven minute has no turnover.
    """
    return fold(minutes, lambda minute: window(minute, interval))


def fold(candles: Iterable[Candle], start_of: Callable[[datetime], datetime]) -> list[Candle]:
    """Return one candle a window of these, oldest first; `start_of` names the window that a timestamp falls in."""
    windows = groupby(candles, key=lambda candle: start_of(candle.timestamp))
    return [_merged(start, list(inside)) for start, inside in windows]


def _merged(start: datetime, inside: Sequence[Candle]) -> Candle:
    turnovers = [candle.turnover for candle in inside if candle.turnover is not None]
    ohlc = inside[0].open, max(c.high for c in inside), min(c.low for c in inside), inside[-1].close
    volume = sum(candle.volume for candle in inside)
    return with_vwap((start, *ohlc, volume), sum(turnovers) if len(turnovers) == len(inside) else None)


def derive(minutes: Sequence[Candle]) -> Candles:
    """Return the candles of all three intervals that follow from a day's 1-minute ones."""
    return {1: list(minutes), **{interval: aggregate(minutes, interval) for interval in INTERVALS[1:]}}
