"""Reads what is new of the symbols that anybody watches: two statements a second for all of them."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import midnight
from minute_candles.market.candles import Candle
from minute_candles.storage.store import CandleReader, CoverageRow

_BACK = timedelta(minutes=5)
_DAYS_BACK = timedelta(days=7)
"""So many days before the newest are settled or proven later than they were stored: until the week's last recheck."""


class DayRows(NamedTuple):
    """1-minute candles of a symbol, ascending, and its coverage rows by day."""

    minutes: list[Candle]
    coverage: dict[date, CoverageRow]


def read_days(
    reader: CandleReader, clock: Clock, whole: Collection[str], newest: Mapping[str, datetime | None]
) -> dict[str, DayRows]:
    """Return of `whole` symbols all of their newest day and the week's coverage, of the others what is new.

    `newest`: the newest minute that is known of each of the others. Runs on a worker thread.
    """
    today = midnight(clock.now().date())
    last = reader.last_before([*whole], today + timedelta(days=1))
    since: dict[datetime, list[str]] = defaultdict(list)
    for symbol in whole:
        since[midnight(last[symbol].timestamp.date()) if symbol in last else today].append(symbol)
    for symbol, at in newest.items():
        since[at - _BACK if at else today].append(symbol)
    minutes: dict[str, list[Candle]] = {}
    for start, symbols in _together(since).items():
        minutes |= reader.minutes_of(symbols, start)
    coverage = _coverage(reader, minutes, _DAYS_BACK if whole else timedelta())
    return {symbol: DayRows(some, coverage[symbol]) for symbol, some in minutes.items()}


def _coverage(
    reader: CandleReader, minutes: Mapping[str, list[Candle]], back: timedelta
) -> Mapping[str, dict[date, CoverageRow]]:
    """Return the coverage rows of the newest days, and of so long before."""
    found: dict[str, dict[date, CoverageRow]] = defaultdict(dict)
    if dates := [some[-1].timestamp.date() for some in minutes.values() if some]:
        for (symbol, day), row in reader.coverage([*minutes], min(dates) - back, max(dates)).items():
            found[symbol][day] = row
    return found


def _together(since: Mapping[datetime, list[str]]) -> dict[datetime, list[str]]:
    """Read symbols whose newest minutes differ a little together, from the earliest on; a whole day stays apart."""
    days: dict[tuple[object, bool], list[datetime]] = defaultdict(list)
    for start in since:
        days[(start.date(), start.time() == time())].append(start)
    return {min(starts): [symbol for start in starts for symbol in since[start]] for starts in days.values()}
