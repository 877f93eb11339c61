"""What a page looks at, and nothing else: SELECTs by the key, whole numbers out of the server, no table made or mended.

    view = db.open_reader(settings.database, clock)
    candles = view.candles("005930", 1, midnight, now, 400)        # the newest 400, ascending

A DECIMAL costs the connector more than all the rest: prices come as integers, a VWAP as integer 1/100 KRW.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import chain
from typing import NamedTuple

from minute_candles.market.calendar import midnight
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.intervals import turnover_from_vwap
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.codec import MINUTES, chunks, day_of, marks, moment_of
from minute_candles.storage.ddl import ALERTS, PRICES
from minute_candles.storage.driver import Row, Value
from minute_candles.storage.layout import read_columns
from minute_candles.storage.table_access import TableAccess

_MOST_LOOKS = 100
"""Parts of one UNION; SQLite takes 500."""


class Last(NamedTuple):
    """A symbol's newest 1-minute candle: its start (naive KST) and its close (KRW)."""

    timestamp: datetime
    close: int


class SparklinePoint(NamedTuple):
    """A 15-minute candle as a sparkline needs it."""

    symbol: str
    timestamp: datetime
    close: int
    volume: int


class KeptAlert(NamedTuple):
    """A row of `stock_minute_alerts`; `timestamp` is the start of the window, naive KST."""

    rule: str
    symbol: str
    interval: int
    timestamp: datetime
    severity: str
    text: str
    value: float


class FiredAlert(NamedTuple):
    """An alert and when it rang, naive KST."""

    alert: KeptAlert
    rang_at: datetime


class CandleReader(TableAccess):
    """Reads what a page shows."""

    def candles(
        self, symbol: str, interval: int, first: datetime, last: datetime, limit: int, *, but: Sequence[datetime] = ()
    ) -> list[Candle]:
        """Return the newest `limit` candles with `first` ≤ timestamp ≤ `last` (naive KST) `but` these, ascending."""
        others = f" AND timestamp NOT IN ({marks(but)})" if but else ""
        rows = self._rows(
            f"SELECT {self._selected} FROM {PRICES}{self._layout.hint} WHERE stock_symbol = %s AND minute_interval = %s"
            f" AND timestamp BETWEEN %s AND %s{others} ORDER BY timestamp DESC LIMIT %s",
            symbol, STORED_INTERVALS[interval], first, last, *but, limit,
        )  # fmt: skip
        return [_candle(row) for row in reversed(rows)]

    def days(self, symbol: str, first: datetime, last: datetime) -> list[Candle]:
        """Return a candle for each date that has 15-minute rows, folded by the server as `market/windows.py` does.

        It has the first row's open and label and the last one's close. It has a turnover where every row has its VWAP.
        """
        vwap = "vwap" if "vwap" in self._layout.derived else "NULL"
        of = f"stock_symbol = %s AND minute_interval = '{STORED_INTERVALS[15]}' AND timestamp"
        rows = self._rows(
            f"SELECT start, {self._whole('a.open_price')}, {self._whole('high')}, {self._whole('low')},"
            f" {self._whole('b.close_price')}, traded, {self._whole('turnover')} FROM ("
            "SELECT MIN(timestamp) AS start, MAX(timestamp) AS finish, MAX(high_price) AS high, MIN(low_price) AS low,"
            f" SUM(volume) AS traded, CASE WHEN COUNT({vwap}) = COUNT(*) THEN SUM({vwap} * volume) END AS turnover"
            f" FROM {PRICES}{self._layout.hint} WHERE {of} BETWEEN %s AND %s GROUP BY DATE(timestamp)) AS whole"
            f" JOIN {PRICES} AS a{self._layout.hint} ON a.{of.replace('AND ', 'AND a.')} = start"
            f" JOIN {PRICES} AS b{self._layout.hint} ON b.{of.replace('AND ', 'AND b.')} = finish ORDER BY start",
            symbol, first, last, symbol, symbol,
        )  # fmt: skip
        return [_day(row) for row in rows]

    def minutes_of(self, symbols: Sequence[str], since: datetime) -> dict[str, list[Candle]]:
        """Return the 1-minute candles from `since` on of several symbols."""
        found: dict[str, list[Candle]] = {symbol: [] for symbol in symbols}
        for row in self._rows_of(
            symbols, f"SELECT {self._selected}, stock_symbol", "timestamp >= %s ORDER BY stock_symbol, timestamp",
            STORED_INTERVALS[1], since,
        ):  # fmt: skip
            found[row[7]].append(_candle(row))
        return found

    def last_before(self, symbols: Sequence[str], moment: datetime) -> dict[str, Last]:
        """Return each symbol's newest minute before a moment (naive KST); symbols without one are left out."""
        where = f"WHERE stock_symbol = %s AND minute_interval = '{STORED_INTERVALS[1]}'"
        minute = f"FROM {PRICES}{self._layout.hint} {where} AND"
        newest = self._each(f"SELECT %s, MAX(timestamp) {minute} timestamp < %s", [(s, s, moment) for s in symbols])
        found = self._each(
            f"SELECT stock_symbol, timestamp, {self._whole('close_price')} {minute} timestamp = %s",
            [(symbol, when) for symbol, when in newest if when is not None],
        )
        return {symbol: Last(moment_of(when), int(close)) for symbol, when, close in found}

    def _each(self, sql: str, params: Sequence[tuple[Value, ...]]) -> list[Row]:
        """Return the rows of a statement for each of these parameters: a look into the key, half a millisecond."""
        return [
            row
            for part in chunks(params, _MOST_LOOKS)
            for row in self._rows(" UNION ALL ".join([sql] * len(part)), *chain.from_iterable(part))
        ]

    def sparklines(self, symbols: Sequence[str], since: datetime) -> list[SparklinePoint]:
        """Return the 15-minute candles since then, each symbol's ascending."""
        rows = self._rows_of(
            symbols, f"SELECT stock_symbol, timestamp, {self._whole('close_price')}, volume",
            "timestamp >= %s ORDER BY stock_symbol, timestamp", STORED_INTERVALS[15], since,
        )  # fmt: skip
        return [SparklinePoint(row[0], moment_of(row[1]), int(row[2]), int(row[3])) for row in rows]

    def held(self, symbol: str, first: datetime, last: datetime) -> dict[date, int]:
        """Return how many 1-minute candles the symbol has of each day that has any, from the key alone."""
        rows = self._rows(
            f"SELECT DATE(timestamp), COUNT(*) FROM {PRICES}{self._layout.hint} WHERE stock_symbol = %s"
            " AND minute_interval = %s AND timestamp BETWEEN %s AND %s GROUP BY DATE(timestamp)",
            symbol, STORED_INTERVALS[1], first, last,
        )  # fmt: skip
        return {day_of(row[0]): int(row[1]) for row in rows}

    def held_of(self, symbols: Sequence[str], day: date) -> dict[str, int]:
        """Return how many 1-minute candles each symbol has of a day, if any, from the key alone."""
        rows = self._rows_of(
            symbols, "SELECT stock_symbol, COUNT(*)", "timestamp >= %s AND timestamp < %s GROUP BY stock_symbol",
            STORED_INTERVALS[1], midnight(day), midnight(day + timedelta(days=1)),
        )  # fmt: skip
        return {row[0]: int(row[1]) for row in rows}

    def fired(self, first: datetime, last: datetime, limit: int) -> list[FiredAlert]:
        """Return the newest `limit` alerts with `first` ≤ timestamp ≤ `last` (naive KST), newest first."""
        rows = self._connection.transaction(
            lambda run: run(
                "SELECT rule_name, stock_symbol, minute_interval, timestamp, severity, message, value, created_at"
                f" FROM {ALERTS} WHERE timestamp BETWEEN %s AND %s"
                " ORDER BY timestamp DESC, created_at DESC, stock_symbol, rule_name LIMIT %s",
                first, last, limit,
            )
            if read_columns(run, self._connection.dialect, ALERTS)
            else []
        )  # fmt: skip
        return [
            FiredAlert(KeptAlert(r[0], r[1], MINUTES[r[2]], moment_of(r[3]), r[4], r[5], float(r[6])), moment_of(r[7]))
            for r in rows
        ]

    @property
    def _selected(self) -> str:
        prices = [self._whole(name) for name in ("open_price", "high_price", "low_price", "close_price")]
        vwap = self._whole("vwap * 100") if "vwap" in self._layout.derived else "NULL"
        return ", ".join(["timestamp", *prices, "volume", vwap])

    def _whole(self, value: str) -> str:
        kind = "INTEGER" if self._connection.dialect == "sqlite" else "SIGNED"
        return f"CAST(ROUND({value}) AS {kind})"


def _candle(row: Row) -> Candle:
    """Return a row as a candle; its turnover (KRW) follows from its VWAP."""
    when, first, high, low, close, volume, hundredths = row[:7]
    if hundredths is None:
        return Candle(moment_of(when), first, high, low, close, volume, None, None)
    turnover = turnover_from_vwap(hundredths, volume)
    return Candle(moment_of(when), first, high, low, close, volume, turnover, Decimal(hundredths).scaleb(-2))


def _day(row: Row) -> Candle:
    return with_vwap((moment_of(row[0]), row[1], row[2], row[3], row[4], int(row[5])), row[6])
