"""1-minute candles in bulk: whole columns of 64-bit integers, read by the unique key, a query a symbol.

A DECIMAL and a DATETIME cost the connector more than everything else. The server therefore returns plain integers: the
time in microseconds since 1970 (of the naive KST in the table), prices and VWAP in 1/100 KRW.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, NamedTuple

from minute_candles.core.extras import extra
from minute_candles.market.calendar import midnight
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.connection import Connection
from minute_candles.storage.ddl import PRICES
from minute_candles.storage.layout import TableLayout

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

MINUTE = 60_000_000
"""Microseconds."""
UNPROVEN = -1
"""Where a turnover or a VWAP is not proven."""
_SPAN_DAYS = 60
"""Of one query: a Python object for every number of a year at once would be 35 MB."""
_MICROSECONDS = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', timestamp) AS start"
_MICROSECONDS_SQLITE = (
    "CAST(ROUND((julianday(timestamp) - 2440587.5) * 86400 - 0.499) AS INTEGER) * 1000000"
    " + CAST(ROUND(substr(strftime('%f', timestamp), 3) * 1000000) AS INTEGER) AS start"
)
"""SQLite has no microseconds; unixepoch() only since 3.38."""


class Columns(NamedTuple):
    """Candles of one symbol and one interval, ascending; a column each, of equal length.

    `start` in µs since 1970 of the naive KST, prices in KRW, `turnover` in KRW, `vwap` in 1/100 KRW; −1: not proven.
    """

    start: "Numbers"
    open: "Numbers"
    high: "Numbers"
    low: "Numbers"
    close: "Numbers"
    volume: "Numbers"
    turnover: "Numbers"
    vwap: "Numbers"


class Minutes:
    """Reads the 1-minute candles of a symbol, whole days at a time."""

    def __init__(self, connection: Connection, layout: TableLayout) -> None:
        self._connection, self._layout = connection, layout

    def read(self, symbol: str, first: date, last: date) -> Columns:
        """Return the candles from `first` to `last`, both included, without rows that cannot be one (part of a KRW)."""
        extra("numpy", "DataFrame과 파일 내보내기")
        import numpy as np

        spans = _spans(first, last) if self._layout.prices else []
        table = np.concatenate([np.empty((7, 0), np.int64), *[self._rows(symbol, *span) for span in spans]], axis=1)
        whole = (table[0] % MINUTE == 0) & (table[1:5] % 100 == 0).all(axis=0)
        start, *cents, volume, vwap = table if whole.all() else table[:, whole]
        open_, high, low, close = (price // 100 for price in cents)
        turnover = np.where(vwap >= 0, (vwap * volume + 50) // 100, UNPROVEN)
        return Columns(start, open_, high, low, close, volume, turnover, vwap)

    def _rows(self, symbol: str, first: date, last: date) -> "Numbers":
        """Return seven rows of integers: start, open, high, low, close, volume, vwap."""
        import numpy as np

        since, until = midnight(first), midnight(last + timedelta(days=1))
        rows = self._connection.transaction(lambda run: run(self._sql, symbol, STORED_INTERVALS[1], since, until))
        return np.array(rows, dtype=np.int64).reshape(-1, 7).T.copy()

    @property
    def _sql(self) -> str:
        lite = self._connection.dialect == "sqlite"
        prices = [_cents(name, lite=lite) for name in ("open_price", "high_price", "low_price", "close_price")]
        vwap = "NULL" if "vwap" not in self._layout.derived else _cents("vwap", lite=lite)
        start = _MICROSECONDS_SQLITE if lite else _MICROSECONDS
        selected = ", ".join([start, *prices, "volume", f"COALESCE({vwap}, {UNPROVEN})"])
        return (
            f"SELECT {selected} FROM {PRICES}{self._layout.hint} WHERE stock_symbol = %s"
            " AND minute_interval = %s AND timestamp >= %s AND timestamp < %s ORDER BY timestamp"
        )


def _spans(first: date, last: date) -> list[tuple[date, date]]:
    starts = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, _SPAN_DAYS)]
    return [(start, min(last, start + timedelta(days=_SPAN_DAYS - 1))) for start in starts]


def _cents(column: str, *, lite: bool) -> str:
    return f"CAST(ROUND({column} * 100) AS INTEGER)" if lite else f"CAST({column} * 100 AS SIGNED)"
