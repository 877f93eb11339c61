"""Stored candles and their coverage: the public class of `storage/`, the only package that speaks SQL.

    store = open_store(settings.database, clock)
    store.preflight()
    store.rewrite("005930", session, lambda stored: candles, now=clock.now(), status="COMPLETE")

A symbol-day is written in one transaction, only where it differs from what is stored. The same data written twice
changes neither `id`, `created_at` nor `updated_at` ("Rewriting is free"). Times in the tables are naive KST.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from minute_candles.config.database_url import Database, must_exist
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreError, StoreLost
from minute_candles.market.adjustment import Factor
from minute_candles.market.calendar import Session, midnight
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.market.rows import DailyRow
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.market.write_event import Listener, Stored
from minute_candles.storage import adjustment_factors as factors
from minute_candles.storage import daily_table
from minute_candles.storage import migrate as schema
from minute_candles.storage.advice import Advice, read_advice
from minute_candles.storage.alert_table import AlertTable
from minute_candles.storage.codec import Counts, candles_of, keyed, moment_of, naive
from minute_candles.storage.connection import Connection
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.day_writer import Day, DayWriter, Rewritten
from minute_candles.storage.driver import Run
from minute_candles.storage.minute_columns import Minutes
from minute_candles.storage.mysql import warn_without_extension
from minute_candles.storage.reader import CandleReader, FiredAlert, KeptAlert, Last, SparklinePoint
from minute_candles.storage.row_counts import Counting, by_two
from minute_candles.storage.table_access import TableAccess

__all__ = [
    "AlertTable",
    "CandleReader",
    "Counts",
    "CoverageRow",
    "FiredAlert",
    "KeptAlert",
    "Last",
    "SparklinePoint",
    "Store",
    "open_alerts",
    "open_reader",
    "open_store",
]

log = logging.getLogger(__name__)


def open_store(database: Database, clock: Clock, *, patience: float = 120.0) -> "Store":
    """Connect; `ConfigError` within seconds where the database cannot be reached with these settings."""
    connection = _connected(database, clock, patience)
    log.info("✅ 데이터베이스 연결 성공")
    return Store(connection, database, clock)


def open_reader(database: Database, clock: Clock, *, patience: float = 5.0) -> CandleReader:
    """Connect to read only: SELECT is all it needs, nothing is created. Raises `ConfigError` as `open_store` does."""
    must_exist(database)
    return CandleReader(_connected(database, clock, patience, read_only=True))


def open_alerts(database: Database, clock: Clock, *, patience: float = 5.0) -> AlertTable:
    """Connect twice, to read what alert rules need and to keep what fired. Raises `ConfigError` as above."""
    must_exist(database)
    reader = _connected(database, clock, patience, read_only=True)
    return AlertTable(reader, Connection(database, clock, patience=patience))


def _connected(database: Database, clock: Clock, patience: float, *, read_only: bool = False) -> Connection:
    if database.kind == "mysql":
        warn_without_extension()
    connection = Connection(database, clock, patience=patience, read_only=read_only)
    connection.open()
    return connection


class Store(TableAccess):
    """Minute candles and their coverage. Every method may be called by many threads; one transaction runs at a time."""

    def __init__(self, connection: Connection, database: Database, clock: Clock) -> None:
        super().__init__(connection)
        self._database, self._clock = database, clock
        self._another = partial(Connection, database, clock, patience=0)
        self.listeners: list[Listener] = []
        """Called for every write after its commit, by the thread that wrote."""

    def preflight(self, *, dedupe: bool = False, read_only: bool = False) -> list[str]:
        """Make both tables ready or raise `ConfigError`; lines to log. `read_only` changes nothing, only reports."""
        self._known_layout, lines = schema.prepare(
            self._connection, self._database, self._clock, dedupe=dedupe, read_only=read_only
        )
        return lines

    def missing_rows(
        self, verified: Mapping[tuple[str, date], CoverageRow], sessions: Sequence[Session]
    ) -> dict[tuple[str, date], Counts]:
        """Return what those symbol-days hold that hold less than was counted when they were verified."""
        days, symbols = {session.day for session in sessions}, list(dict.fromkeys(symbol for symbol, _ in verified))
        held = self.counts(symbols, sessions)
        found = {key: held.get(key, (0, 0, 0)) for key in verified if not sessions or key[1] in days}
        return {key: has for key, has in found.items() if any(missing_rows(verified[key], has))}

    def rewrite(
        self, symbol: str, session: Session, change: Callable[[Candles], Candles], *,
        since: datetime | None = None, now: datetime, status: DayStatus | None = None,
        reasons: Sequence[Reason] = (), evidence: str | None = None, adjustment: Decimal | None = None,
        note: str | None = None, yields: bool = False,
    ) -> Counts:  # fmt: skip
        """Make the symbol-day from `since` (naive KST, default midnight) to `session.end` equal to `change(stored)`.

        One transaction: only rows that differ are touched. With `status` the coverage row is written, too. It holds
        the `reasons`, the digest of the `evidence` and the factor of an adjusted source; `note` is shown, never read.
        `change` must be pure: it is repeated when the transaction is. Returns the rows of the whole day afterwards.
        `yields`: a day that the final source has settled since its end is left as it is.
        """
        begin, stamp = midnight(session.day), naive(now).replace(microsecond=0)
        day, layout = Day(symbol, begin, since or begin, naive(session.end)), self._layout

        def work(run: Run) -> Rewritten:
            writer = DayWriter(run, self._connection.dialect, layout, day)
            done = writer.make(change, stamp, yields=yields)
            if status is not None and not done.yielded:
                row = CoverageRow(status, done.counts, tuple(reasons), evidence, adjustment, note)
                writer.record(row, stamp)
            elif done.erased or any(done.changed.values()):
                writer.touch()
            return done

        done = self._connection.transaction(work)
        for listener in () if done.yielded else self.listeners:
            listener(Stored(symbol, session.day, done.changed, done.erased, status))
        return done.counts

    def candles(self, symbol: str, interval: int, first: datetime, last: datetime) -> list[Candle]:
        """Return the stored candles with `first` ≤ timestamp ≤ `last` (naive KST), ascending."""
        rows = self._rows(
            f"SELECT minute_interval, timestamp, {self._layout.selected} FROM stock_minute_prices{self._layout.hint}"
            " WHERE stock_symbol = %s AND minute_interval = %s AND timestamp BETWEEN %s AND %s ORDER BY timestamp",
            symbol, STORED_INTERVALS[interval], first, last,
        )  # fmt: skip
        return candles_of(dict(keyed(row, self._connection.dialect) for row in rows), self._layout)[interval]

    def minutes(self) -> Minutes:
        """Return the reader of 1-minute candles in bulk (frames/symbol_candles.py)."""
        return Minutes(self._connection, self._layout)

    def factors(self, symbol: str) -> list[Factor]:
        """Return what split-adjusted prices are multiplied by, ascending; [] where the factors were never requested."""
        return self._run(factors.read, symbol)

    def factors_checked(self, symbols: Sequence[str]) -> dict[str, date]:
        """Return the day (KST) of each symbol's last request for factors, if any."""
        return self._run(factors.checked, symbols)

    def keep_factors(self, symbol: str, found: Sequence[Factor], now: datetime) -> None:
        """Replace a symbol's; the table is made when it is missing."""
        self._run(factors.keep, symbol, found, naive(now))

    def keep_daily(self, symbol: str, rows: Iterable[DailyRow], now: datetime) -> None:
        """Keep what the daily TR said of a symbol's days; a database that refuses it costs readers of days, no run."""
        try:
            self._run(daily_table.keep, symbol, rows, naive(now), optional=True)
        except StoreLost:
            raise
        except StoreError as error:
            log.debug("daily candles not kept: %s", error)

    def symbols(self) -> list[str]:
        """Return every symbol that has a candle, ascending: a jump through the key for each."""
        rows = self._rows(f"SELECT DISTINCT stock_symbol FROM stock_minute_prices{self._layout.hint}")
        return sorted(row[0] for row in rows)

    def spans(self, before: Mapping[str, datetime]) -> dict[str, tuple[datetime, datetime]]:
        """Return the first and last 1-minute candle, before its moment, of each symbol that has any; naive KST."""
        found = {}
        of = f"FROM stock_minute_prices{self._layout.hint} WHERE stock_symbol = %s AND minute_interval = %s"
        selected = ", ".join(f"(SELECT {end}(timestamp) {of} AND timestamp < %s)" for end in ("MIN", "MAX"))
        for symbol, moment in before.items() if self._layout.prices else ():
            first, last = self._read(f"SELECT {selected}", *(symbol, STORED_INTERVALS[1], moment) * 2)[0]
            if first is not None:
                found[symbol] = (moment_of(first), moment_of(last))
        return found

    def turnover_rank(self, symbols: Sequence[str], since: date) -> list[str]:
        """Return `symbols`, the most traded since then first (KRW, Σ close · volume of 15-minute rows).

        Those without rows come last.
        """
        turnover: dict[str, Any] = dict(self._rows_of(
            symbols, "SELECT stock_symbol, SUM(close_price * volume)", "timestamp >= %s GROUP BY stock_symbol",
            STORED_INTERVALS[15], midnight(since),
        ))  # fmt: skip
        return sorted(symbols, key=lambda symbol: -turnover.get(symbol, 0))

    def server(self) -> tuple[str, datetime]:
        """Return kind and version of the database, and its clock as naive KST."""
        lite = {"sqlite": "'SQLite ' || sqlite_version(), datetime('now', '+9 hours')"}
        values = lite.get(self._connection.dialect, "VERSION(), NOW()")
        [(version, now)] = self._read(f"SELECT {values}")
        return str(version), moment_of(now)

    def rehearse_preflight(self) -> None:
        """Raise the error with which `preflight` would end; nothing is changed."""
        schema.rehearse(self._connection, self._database, self._clock)

    def advice(self) -> Advice:
        """Return what would make the server faster: looked up, nothing is changed."""
        return self._run(read_advice)

    def close(self) -> None:
        """Close the connection after the transaction in hand."""
        if self._connection.close():
            log.info("🔌 데이터베이스 연결 해제")

    def _count(self, counting: Counting, symbols: Sequence[str]) -> dict[tuple[str, date], Counts]:
        return by_two(counting.of, self._connection, self._another, symbols)
