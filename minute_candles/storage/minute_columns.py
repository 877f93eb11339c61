"""1-minute candles in bulk: whole columns of 64-bit integers, read by the unique key, a query a symbol.

A DECIMAL and a DATETIME cost the connector more than everything else; here the server hands out plain integers: the
time in microseconds since 1970 (of the naive KST in the table), prices and VWAP in 1/100 KRW. Where `connectorx` is
installed it fills the same columns by the same statement; whatever it cannot do is done without it.
"""

import ctypes
import logging
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from importlib import import_module, util
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from minute_candles.config.settings import Database
from minute_candles.core.extras import extra
from minute_candles.storage.arrow_numbers import numbers_of
from minute_candles.storage.connection import Connection
from minute_candles.storage.ddl import NAMES, PRICES
from minute_candles.storage.layout import TableLayout, read_columns

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Numbers = NDArray[np.int64]

log = logging.getLogger(__name__)

MINUTE = 60_000_000
"""Microseconds."""
_SPAN_DAYS = 60
UNPROVEN = -1
"""Where a turnover or a VWAP is not proven."""


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

    def __init__(
        self, connection: Connection, layout: TableLayout, database: Database, *, fast: bool | None = None
    ) -> None:
        self._connection, self._layout, self._database = connection, layout, database
        self._fast = self._can_be_fast() if fast is None else fast

    def read(self, symbol: str, first: date, last: date) -> Columns:
        """The candles from `first` to `last`, both included: rows that can be none (part of a KRW) are passed over."""
        extra("numpy", "DataFrame과 파일 내보내기")
        import numpy as np

        table = self._table(symbol, first, last) if self._layout.prices else np.empty((7, 0), np.int64)
        whole = (table[0] % MINUTE == 0) & (table[1:5] % 100 == 0).all(axis=0)
        start, *cents, volume, vwap = table if whole.all() else table[:, whole]
        first_price, high, low, close = (price // 100 for price in cents)
        turnover = np.where(vwap >= 0, (vwap * volume + 50) // 100, UNPROVEN)
        return Columns(start, first_price, high, low, close, volume, turnover, vwap)

    def _table(self, symbol: str, first: date, last: date) -> Any:
        """Seven rows of integers: start, open, high, low, close, volume, vwap."""
        import numpy as np

        table = np.concatenate([self._rows(self._sql(symbol, *span)) for span in _spans(first, last)], axis=1)
        if self._fast:
            _give_back()
        return table

    def _rows(self, sql: str) -> Any:
        import numpy as np

        if self._fast:
            try:
                return _by_connectorx(self._database, sql)
            except Exception as error:
                log.debug("connectorx: %s", type(error).__name__)
                self._fast = False
        rows = self._connection.transaction(lambda run: run(sql))
        return np.array(rows, dtype=np.int64).reshape(-1, 7).T.copy()

    def _sql(self, symbol: str, first: date, last: date) -> str:
        """Without parameters: connectorx takes none. Symbols are six letters and digits, dates are dates."""
        if not (symbol.isascii() and symbol.isalnum()):
            raise ValueError(f"no symbol: {symbol!r}")
        since, until = datetime.combine(first, time()), datetime.combine(last + timedelta(days=1), time())
        lite = self._connection.dialect == "sqlite"
        prices = [_cents(name, lite) for name in ("open_price", "high_price", "low_price", "close_price")]
        vwap = f"COALESCE({_cents('vwap', lite)}, {UNPROVEN})" if "vwap" in self._layout.derived else str(UNPROVEN)
        selected = ", ".join([_MICROSECONDS_LITE if lite else _MICROSECONDS, *prices, "volume", vwap])
        return (
            f"SELECT {selected} FROM {PRICES}{self._layout.hint} WHERE stock_symbol = '{symbol}'"
            f" AND minute_interval = '{NAMES[1]}' AND timestamp >= '{since}' AND timestamp < '{until}'"
            " ORDER BY timestamp"
        )

    def _can_be_fast(self) -> bool:
        """Only where a server's DATETIME means the same to every session; connectorx cannot set the time zone."""
        if self._database.kind == "sqlite" or not _is_installed("connectorx", "pyarrow") or not self._layout.prices:
            return False
        columns = self._connection.transaction(lambda run: read_columns(run, self._connection.dialect, PRICES))
        return any(column.name == "timestamp" and column.type.startswith("datetime") for column in columns)


def _spans(first: date, last: date) -> list[tuple[date, date]]:
    """The range in parts: a Python object for every number of a year at once would be 35 MB.

    connectorx keeps 4 MB of every year that it reads at once, and next to nothing of two months.
    """
    starts = [first + timedelta(days=n) for n in range(0, (last - first).days + 1, _SPAN_DAYS)]
    return [(start, min(last, start + timedelta(days=_SPAN_DAYS - 1))) for start in starts]


def _is_installed(*names: str) -> bool:
    return all(util.find_spec(name) is not None for name in names)


_MICROSECONDS = "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', timestamp) AS start"
_MICROSECONDS_LITE = (
    "CAST(ROUND((julianday(timestamp) - 2440587.5) * 86400 - 0.499) AS INTEGER) * 1000000"
    " + CAST(ROUND(substr(strftime('%f', timestamp), 3) * 1000000) AS INTEGER) AS start"
)
"""SQLite has no microseconds; unixepoch() only since 3.38."""


def _cents(column: str, lite: bool) -> str:
    return f"CAST(ROUND({column} * 100) AS INTEGER)" if lite else f"CAST({column} * 100 AS SIGNED)"


def _by_connectorx(database: Database, sql: str) -> Any:
    """The same integers, without a Python object for each."""
    import numpy as np

    connectorx = import_module("connectorx")
    user, password = quote(database.user, safe=""), quote(database.password, safe="")
    host = f"[{database.host}]" if ":" in database.host else database.host
    address = f"mysql://{user}:{password}@{host}:{database.port}/{quote(database.name, safe='')}"
    table = connectorx.read_sql(address, sql, return_type="arrow")
    return np.array([numbers_of(column).astype(np.int64, casting="safe") for column in table.columns])


def _give_back() -> None:
    """Glibc keeps what each of connectorx's threads has freed, megabytes more with every symbol; other systems do not."""
    with suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
