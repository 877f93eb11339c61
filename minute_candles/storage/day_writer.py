"""One symbol-day rewritten inside a transaction: read and locked, only what differs touched, counted, then recorded.

    rewritten = DayWriter(run, dialect, layout, day).make(change, stamp)

The same data written twice changes neither `id`, `created_at` nor `updated_at` ("Rewriting is free").
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from minute_candles.market.candles import Candles
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.codec import (
    Counts,
    Key,
    candles_of,
    chunks,
    counts_of,
    keyed,
    marks,
    numbers,
    of_keys,
    values_of,
)
from minute_candles.storage.connection import DisturbedError
from minute_candles.storage.coverage import CoverageRow, values_of_coverage
from minute_candles.storage.ddl import COVERAGE
from minute_candles.storage.driver import Dialect, Row, Run
from minute_candles.storage.layout import TableLayout, upsert_coverage, upsert_prices


class Day(NamedTuple):
    """The part of a symbol-day that is rewritten: `since` ≤ t < `end`; naive KST."""

    symbol: str
    midnight: datetime
    since: datetime
    end: datetime


class Rewritten(NamedTuple):
    """`counts` of the whole symbol-day afterwards, the candles that were new or changed, and how many rows went.

    `yielded`: nothing was written, the final source had settled the day.
    """

    counts: Counts
    changed: Candles
    erased: int
    yielded: bool = False


class DayWriter:
    """The statements of one symbol-day, all within the transaction of `run`."""

    def __init__(self, run: Run, dialect: Dialect, layout: TableLayout, day: Day) -> None:
        self._run, self._dialect, self._layout, self._day = run, dialect, layout, day

    def make(self, change: Callable[[Candles], Candles], stamp: datetime, *, yields: bool = False) -> Rewritten:
        """Make the stored part of the day equal to `change(stored)`; `yields` to a day settled since its end."""
        stored = self._stored()
        if yields and (settled := self._settled()):
            return Rewritten(settled, {}, 0, yielded=True)
        candles = change(candles_of(stored, self._layout))
        wanted = self._wanted(candles)
        gone = [key for key in stored if key not in wanted]
        self._erase(gone)
        changed = {key: row for key, row in wanted.items() if stored.get(key) != row}
        self._upsert(list(changed.items()), stamp)
        return Rewritten(self._verified_counts(wanted), of_keys(candles, changed), len(gone))

    def record(self, coverage: CoverageRow, stamp: datetime) -> None:
        """Write the coverage row of the day."""
        row = values_of_coverage(self._day.symbol, self._day.midnight.date(), coverage, stamp)
        self._run(upsert_coverage(self._dialect, f"({marks(row)})"), *row)

    def touch(self) -> None:
        """Write the coverage row of the day and take it back, where there is nothing to say of the day.

        A cluster compares the rows that two nodes' transactions wrote; a lock by `FOR UPDATE` stays on its node. So
        every write of a day meets every other one in this row, and one of them is repeated.
        """
        if self._dialect == "sqlite":
            return
        key = (self._day.symbol, self._day.midnight.date())
        where = "WHERE stock_symbol = %s AND trade_date = %s"
        if self._run(f"SELECT 1 FROM {COVERAGE} {where} FOR UPDATE", *key):
            for step in ("+ 1", "- 1"):
                self._run(f"UPDATE {COVERAGE} SET count_1min = count_1min {step} {where}", *key)
        else:
            self.record(CoverageRow(PROVISIONAL, (0, 0, 0)), self._day.midnight)
            self._run(f"DELETE FROM {COVERAGE} {where}", *key)

    def _stored(self) -> dict[Key, Row]:
        """Return what is stored of the day, locked until commit: another writer of these rows waits, none is lost."""
        lock, day = "" if self._dialect == "sqlite" else " FOR UPDATE", self._day
        rows = self._run(
            f"SELECT minute_interval, timestamp, {self._layout.selected} FROM stock_minute_prices{self._layout.hint}"
            f" WHERE stock_symbol = %s AND minute_interval IN ({marks(STORED_INTERVALS)})"
            f" AND timestamp >= %s AND timestamp < %s{lock}",
            day.symbol, *STORED_INTERVALS.values(), day.since, day.end,
        )  # fmt: skip
        return dict(keyed(row, self._dialect) for row in rows)

    def _settled(self) -> Counts | None:
        """Return the counts of a day that was verified after its end; its rows are locked, a settle of it waits."""
        lock, day = "" if self._dialect == "sqlite" else " FOR UPDATE", self._day
        rows = self._run(
            "SELECT count_1min, count_5min, count_15min FROM stock_minute_coverage WHERE stock_symbol = %s"
            f" AND trade_date = %s AND status <> 'PROVISIONAL' AND verified_at >= %s{lock}",
            day.symbol, day.midnight.date(), day.end,
        )  # fmt: skip
        return rows[0][:3] if rows else None

    def _wanted(self, candles: Candles) -> dict[Key, Row]:
        """Return the rows that are to be stored, in the order of the key."""
        day = self._day
        rows = {
            (STORED_INTERVALS[interval], candle.timestamp): values_of(candle, self._layout)
            for interval in STORED_INTERVALS
            for candle in sorted(candles.get(interval, ()), key=lambda candle: candle.timestamp)
        }
        if outside := [key for key in rows if not day.since <= key[1] < day.end]:
            raise ValueError(f"candle outside the rewritten span: {day.symbol} {outside[0]}")
        return rows

    def _erase(self, keys: Sequence[Key]) -> None:
        for name in STORED_INTERVALS.values():
            times = [key[1] for key in keys if key[0] == name]
            for part in chunks(times):
                self._run(
                    f"DELETE FROM stock_minute_prices WHERE stock_symbol = %s AND minute_interval = %s"
                    f" AND timestamp IN ({marks(part)})",
                    self._day.symbol, name, *part,
                )  # fmt: skip

    def _upsert(self, rows: Sequence[tuple[Key, Row]], stamp: datetime) -> None:
        """Write the rows, a thousand a statement, with the values in its text.

        A parameter for each value would cost the connector more time than the server's work. The symbol, the only
        text, is one parameter for all rows; SQLite has no variables, so there it is one for each row.
        """
        symbol, embedded = self._day.symbol, self._dialect == "sqlite"
        mark = "%s" if embedded else "@symbol"
        if rows and not embedded:
            self._run("SET @symbol = %s", symbol)
        stamps = f", '{stamp}'" * len(self._layout.stamps)
        for part in chunks(rows):
            values = ", ".join([f"({mark}, '{name}', '{when}', {numbers(row)}{stamps})" for (name, when), row in part])
            self._run(upsert_prices(self._dialect, self._layout, values), *([symbol] * len(part) if embedded else []))

    def _verified_counts(self, wanted: Mapping[Key, Row]) -> Counts:
        """Count the rows of the whole day by the key.

        Raises `DisturbedError` where the rewritten part is not what was wanted.
        """
        day = self._day
        rows = self._run(
            f"SELECT minute_interval, COUNT(*), SUM(timestamp >= %s) FROM stock_minute_prices{self._layout.hint}"
            f" WHERE stock_symbol = %s AND minute_interval IN ({marks(STORED_INTERVALS)})"
            " AND timestamp >= %s AND timestamp < %s GROUP BY minute_interval",
            day.since, day.symbol, *STORED_INTERVALS.values(), day.midnight, day.end,
        )  # fmt: skip
        expected, written = Counter(name for name, _ in wanted), {row[0]: int(row[2]) for row in rows}
        if counts_of(expected) != counts_of(written):
            raise DisturbedError(
                f"{day.symbol} {day.midnight:%Y-%m-%d}: 1·5·15분봉 {counts_of(expected)}건을 저장했는데 "
                f"{counts_of(written)}건이 있습니다. 다른 프로그램이 같은 행을 쓰고 있는지 확인하세요."
            )
        return counts_of({row[0]: row[1] for row in rows})
