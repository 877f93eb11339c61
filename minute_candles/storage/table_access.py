"""What the store and the readers share: a connection, the tables as they were found, what is verified, what is held."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import TypeVar

from minute_candles.market.calendar import Session
from minute_candles.market.day_status import DayStatus
from minute_candles.storage import daily_table
from minute_candles.storage.codec import Counts, rows_of
from minute_candles.storage.connection import Connection
from minute_candles.storage.coverage import CoverageRow, read_coverage
from minute_candles.storage.daily_table import StoredDaily
from minute_candles.storage.ddl import PRICES
from minute_candles.storage.driver import Row, Value
from minute_candles.storage.layout import TableLayout, inspect
from minute_candles.storage.row_counts import Counting

T = TypeVar("T")


class TableAccess:
    """One connection; any thread may use it. Raises `StoreError` where the server stays away."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._known_layout: TableLayout | None = None

    def coverage(
        self, symbols: Sequence[str], first: date, last: date, *, status: DayStatus | None = None
    ) -> dict[tuple[str, date], CoverageRow]:
        """Return the coverage rows from `first` to `last`, both included; those of this `status` alone."""
        layout = self._layout
        return self._connection.transaction(lambda run: read_coverage(run, layout, symbols, first, last, status))

    def counts(self, symbols: Sequence[str], sessions: Sequence[Session]) -> dict[tuple[str, date], Counts]:
        """Return how many rows each symbol-day has before `session.end`, from the key alone.

        Days without rows are left out.
        """
        if not symbols or not sessions or not self._layout.prices:
            return {}
        return self._count(Counting(self._layout, sessions), symbols)

    def daily(self, symbols: Sequence[str], first: date, last: date) -> dict[tuple[str, date], StoredDaily]:
        """Return what the daily TR said of these days, both included; an aid that may be absent."""
        return self._run(daily_table.read, symbols, first, last)

    def _count(self, counting: Counting, symbols: Sequence[str]) -> dict[tuple[str, date], Counts]:
        return counting.of(self._connection, symbols)

    def close(self) -> None:
        """Close the connection after the transaction in hand."""
        self._connection.close()

    @property
    def _layout(self) -> TableLayout:
        """As it was found; inspected again until both tables stand."""
        if self._known_layout is None:
            found = self._connection.transaction(lambda run: inspect(run, self._connection.dialect))
            if not (found.prices and found.coverage):
                return found
            self._known_layout = found
        return self._known_layout

    def _run(self, work: Callable[..., T], *parameters: object, optional: bool = False) -> T:
        """Run a function of `run`, dialect and these parameters in a transaction."""
        dialect = self._connection.dialect
        return self._connection.transaction(lambda run: work(run, dialect, *parameters), optional=optional)

    def _read(self, sql: str, *params: Value) -> list[Row]:
        return self._connection.transaction(lambda run: run(sql, *params))

    def _rows(self, sql: str, *params: Value) -> list[Row]:
        """Return the rows; none where the table of prices does not exist yet."""
        return self._read(sql, *params) if self._layout.prices else []

    def _rows_of(self, symbols: Sequence[str], select: str, where: str, *params: Value) -> list[Row]:
        """Return the rows of these symbols and of the interval that is the first of `params`."""
        return rows_of(
            self._rows, symbols,
            f"{select} FROM {PRICES}{self._layout.hint} WHERE stock_symbol IN ({{symbols}}) AND minute_interval = %s"
            f" AND {where}",
            *params,
        )  # fmt: skip
