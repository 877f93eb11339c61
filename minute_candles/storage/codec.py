"""Candles as rows of `stock_minute_prices` and back: what a value is written as, and which rows can be candles at all.

Times in the tables are naive KST; SQLite hands datetimes, dates and decimals out as text.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from minute_candles.core.kst import KST
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.driver import Dialect, Row, Run, Value
from minute_candles.storage.layout import TableLayout

Counts = tuple[int, int, int]
"""Rows of 1, 5 and 15 minutes."""
Key = tuple[str, datetime]
"""Interval by its name in the table, and the start of the window."""

MINUTES = {name: minutes for minutes, name in STORED_INTERVALS.items()}
"""Of each interval's name in the table."""
_MOST_SYMBOLS = 500
"""Symbols of one statement: of a thousand MariaDB makes a join that reads the whole key, seconds for milliseconds."""
_ROWS_A_STATEMENT = 1000


def keyed(row: Row, dialect: Dialect) -> tuple[Key, Row]:
    """Return key and values of a row that was selected as interval, timestamp, `TableLayout.selected`."""
    if dialect != "sqlite":
        return (row[0], row[1]), row[2:]
    values = tuple(Decimal(value) if isinstance(value, str) else value for value in row[2:])
    return (row[0], datetime.fromisoformat(row[1])), values


def values_of(candle: Candle, layout: TableLayout) -> Row:
    """Return a row in the order of `TableLayout.values`; a percentage that its column cannot hold is NULL."""
    values: tuple[Value, ...] = (candle.open, candle.high, candle.low, candle.close, candle.volume)
    if "price_change" in layout.derived:
        values += (candle.price_change,)
    if "price_change_percent" in layout.derived:
        percent = candle.price_change_percent
        values += (percent if abs(percent) < layout.percent_limit else None,)
    return (*values, candle.vwap) if "vwap" in layout.derived else values


def candles_of(stored: Mapping[Key, Row], layout: TableLayout) -> Candles:
    """Return the stored rows that can be candles, ascending: whole KRW, on the grid of their interval."""
    found: Candles = {interval: [] for interval in STORED_INTERVALS}
    for (name, when), values in sorted(stored.items()):
        prices, interval = values[:5], MINUTES.get(name)
        if interval is None or when.second or when.microsecond or when.minute % interval:
            continue
        whole = tuple(int(value) for value in prices)
        if whole == prices:
            first, high, low, close, volume = whole
            vwap = values[-1] if "vwap" in layout.derived else None
            found[interval].append(Candle(when, first, high, low, close, volume, None, vwap))
    return found


def of_keys(candles: Candles, keys: Collection[Key]) -> Candles:
    """Return the candles of these keys."""
    return {
        interval: [candle for candle in candles.get(interval, ()) if (name, candle.timestamp) in keys]
        for interval, name in STORED_INTERVALS.items()
    }


def counts_of(by_name: Mapping[str, int]) -> Counts:
    """Return the counts of 1, 5 and 15 minutes from those by the interval's name."""
    one, five, fifteen = (int(by_name.get(name, 0)) for name in STORED_INTERVALS.values())
    return one, five, fifteen


def numbers(values: Row) -> str:
    """Return SQL of whole numbers, decimals and None; text travels as parameters only."""
    return ", ".join(["NULL" if value is None else str(value) for value in values])


def marks(values: Collection[object]) -> str:
    """Return a parameter's mark for each value."""
    return ", ".join(["%s"] * len(values))


def chunks(items: Sequence[Any], most: int = _ROWS_A_STATEMENT) -> Iterator[list[Any]]:
    """Yield the items in parts that fit one statement."""
    rest = iter(items)
    while part := list(islice(rest, most)):
        yield part


def rows_of(run: Run, symbols: Sequence[str], sql: str, *params: Value) -> list[Row]:
    """Return the rows of a statement on these symbols; `{symbols}` in it is their list, `params` come after it."""
    return [
        row
        for part in chunks(symbols, _MOST_SYMBOLS)
        for row in run(sql.replace("{symbols}", marks(part)), *part, *params)
    ]


def naive(moment: datetime) -> datetime:
    """Return a moment in KST without the zone, as the tables have it."""
    return moment.astimezone(KST).replace(tzinfo=None) if moment.tzinfo else moment


def moment_of(value: datetime | str) -> datetime:
    """Return a moment that SQLite has as text."""
    return datetime.fromisoformat(value) if isinstance(value, str) else value


def day_of(value: date | str) -> date:
    """Return a date that SQLite has as text."""
    return date.fromisoformat(value) if isinstance(value, str) else value
