"""Which verified symbol-days hold fewer rows than were counted when they were verified: asked of the server, by symbol.

The rows are counted where they are, from the key alone, and held against the coverage table there: what travels is
what is lost. Days of unusual hours are counted one by one (minute_candles/storage/row_counts.py).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta

from minute_candles.market.calendar import Session
from minute_candles.storage.codec import day_of
from minute_candles.storage.connection import Connection
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.ddl import NAMES, PRICES
from minute_candles.storage.driver import Dialect, Run, Value
from minute_candles.storage.layout import TableLayout
from minute_candles.storage.row_counts import Found

_COLUMNS = tuple(zip(NAMES.values(), ("count_1min", "count_5min", "count_15min"), strict=True))


class Losses:
    """Looks at what stands before each session's end; what lies behind it (16:40 on a CSAT day) is others'."""

    def __init__(self, dialect: Dialect, layout: TableLayout, sessions: Sequence[Session]) -> None:
        ends = Counter(session.end.time() for session in sessions)
        self._end = max(ends, key=ends.__getitem__)
        self.unusual = [session for session in sessions if session.end.time() != self._end]
        days = [session.day for session in sessions if session.end.time() == self._end]
        self._days, self._first, self._last = frozenset(days), min(days), max(days)
        self._sql = _by_symbol(dialect, layout)

    def of(self, connection: Connection, symbols: Sequence[str]) -> Found:
        """What each such day of the usual hours holds. Raises `StoreError`."""
        found: Found = {}

        def work(run: Run) -> None:
            found.clear()
            for symbol in symbols:
                for told, one, five, fifteen in run(self._sql, *self._parameters(symbol)):
                    if (day := day_of(told)) in self._days:
                        found[symbol, day] = int(one), int(five), int(fifteen)

        connection.transaction(work)
        return found

    def _parameters(self, symbol: str) -> list[Value]:
        since, until = (datetime.combine(day, time()) for day in (self._first, self._last + timedelta(days=1)))
        held: tuple[Value, ...] = (symbol, since, until, str(self._end))
        return [*held * len(NAMES), symbol, self._first, self._last]


def less(held: Found, verified: Mapping[tuple[str, date], CoverageRow], sessions: Iterable[Session]) -> Found:
    """The same of days whose rows were counted one by one."""
    days, found = {session.day for session in sessions}, {}
    for key, known in verified.items():
        has = held.get(key, (0, 0, 0))
        if key[1] in days and any(missing_rows(known, has)):
            found[key] = has
    return found


def _by_symbol(dialect: Dialect, layout: TableLayout) -> str:
    day, clock = ("date", "time") if dialect == "sqlite" else ("DATE", "TIME")
    joined = " ".join(
        f"LEFT JOIN (SELECT {day}(timestamp) AS held_day, COUNT(*) AS held FROM {PRICES}{layout.hint}"
        f" WHERE stock_symbol = %s AND minute_interval = '{name}' AND timestamp >= %s AND timestamp < %s"
        f" AND {clock}(timestamp) < %s GROUP BY {day}(timestamp)) AS {name} ON {name}.held_day = c.trade_date"
        for name in NAMES.values()
    )
    less = " OR ".join(f"COALESCE({name}.held, 0) < c.{column}" for name, column in _COLUMNS)
    held = ", ".join(f"COALESCE({name}.held, 0)" for name in NAMES.values())
    return (
        f"SELECT c.trade_date, {held} FROM stock_minute_coverage AS c {joined}"
        f" WHERE c.stock_symbol = %s AND c.trade_date BETWEEN %s AND %s AND ({less})"
    )
