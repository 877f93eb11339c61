"""How many rows are stored of each symbol-day, from the key alone: a range of the key a day, nothing is grouped.

Many symbols are counted over two connections: a server scans for each with one core.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import product

from minute_candles.core.errors import StoreError
from minute_candles.market.calendar import Session, midnight
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.codec import Counts, counts_of, naive
from minute_candles.storage.connection import Connection
from minute_candles.storage.driver import Run
from minute_candles.storage.layout import TableLayout

Found = dict[tuple[str, date], Counts]
_MANY_SYMBOLS = 20
_AT_A_TIME = 400
"""Columns of one statement; SQLite takes 2,000, a server is the slower the more there are."""


class Counting:
    """Counts what stands before each session's end; days without rows are left out."""

    def __init__(self, layout: TableLayout, sessions: Sequence[Session]) -> None:
        parts = [sessions[start : start + _AT_A_TIME] for start in range(0, len(sessions), _AT_A_TIME)]
        self._parts = [([session.day for session in part], _by_day(part, layout)) for part in parts]

    def of(self, connection: Connection, symbols: Sequence[str]) -> Found:
        """Return the rows of each symbol-day that has any. Raises `StoreError`."""
        found: dict[tuple[str, date], dict[str, int]] = {}

        def work(run: Run) -> None:
            found.clear()
            for symbol, name, (days, sql) in product(symbols, STORED_INTERVALS.values(), self._parts):
                for day, count in zip(days, run(sql, *[symbol, name] * len(days))[0], strict=True):
                    if count:
                        found.setdefault((symbol, day), {})[name] = count

        connection.transaction(work)
        return {key: counts_of(by_name) for key, by_name in found.items()}


def by_two(
    work: Callable[[Connection, Sequence[str]], Found],
    connection: Connection,
    another: Callable[[], Connection],
    symbols: Sequence[str],
) -> Found:
    """Do `work`, for half of the symbols over a second connection where there is one."""
    if len(symbols) < _MANY_SYMBOLS or connection.dialect == "sqlite":
        return work(connection, symbols)
    half, second = len(symbols) // 2, another()
    try:
        with ThreadPoolExecutor(max_workers=1) as helper:
            rest = helper.submit(work, second, symbols[half:])
            found = work(connection, symbols[:half])
    finally:
        second.close()
    try:
        return found | rest.result()
    except StoreError:  # no second connection to be had
        return found | work(connection, symbols[half:])


def _by_day(sessions: Sequence[Session], layout: TableLayout) -> str:
    """Return SQL that counts the rows of a symbol and interval.

    It has a column for each day, which counts up to its session's end.
    """
    spans = [(midnight(session.day), naive(session.end)) for session in sessions]
    of_a_day = f"SELECT COUNT(*) FROM stock_minute_prices{layout.hint} WHERE stock_symbol = %s AND minute_interval = %s"
    return "SELECT " + ", ".join(
        f"({of_a_day} AND timestamp >= '{start}' AND timestamp < '{end}')" for start, end in spans
    )
