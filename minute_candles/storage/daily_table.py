"""`stock_daily_candles`: what KIS's daily TR has said of each collected day, unadjusted; an aid for readers of days.

Its turnover and volume include off-hours trades; its close of the day itself is the after-market's until the next
morning (docs/dev/kis_http.md §7), so `seen_at` is kept.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import NamedTuple

from minute_candles.market.rows import DailyRow
from minute_candles.storage.codec import day_of, moment_of, rows_of
from minute_candles.storage.ddl import DAILY, DAILY_DDL
from minute_candles.storage.driver import Dialect, Run
from minute_candles.storage.layout import make_table, read_columns

_COLUMNS = "trade_date, close_price, volume, turnover, seen_at"


class StoredDaily(NamedTuple):
    """A row of the table: KRW, shares, KRW; `seen_at` is naive KST."""

    day: date
    close: int
    volume: int
    turnover: int
    seen_at: datetime

    @property
    def final_close(self) -> int | None:
        """The regular session's close; None where it was read on its own day, when it is the after-market's."""
        return self.close if self.seen_at.date() > self.day else None


def keep(run: Run, dialect: Dialect, symbol: str, rows: Iterable[DailyRow], now: datetime) -> None:
    """Write the rows that say something new; the table is made when it is missing."""
    final = {row.day: row for row in rows if row.turnover is not None}
    if not final:
        return
    make_table(run, dialect, DAILY, DAILY_DDL)
    before = read(run, dialect, [symbol], min(final), max(final))
    for day, row in final.items():
        old = before.get((symbol, day))
        if old and old[1:4] == (row.close, row.volume, row.turnover) and old.final_close is not None:
            continue
        run(f"DELETE FROM {DAILY} WHERE stock_symbol = %s AND trade_date = %s", symbol, day)
        values = (symbol, day, row.close, row.volume, row.turnover, now.replace(microsecond=0))
        run(f"INSERT INTO {DAILY} (stock_symbol, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s)", *values)


def read(
    run: Run, dialect: Dialect, symbols: Sequence[str], first: date, last: date
) -> dict[tuple[str, date], StoredDaily]:
    """Return the rows of several symbols, each symbol's days ascending; {} where there is no table."""
    if not symbols or not read_columns(run, dialect, DAILY):
        return {}
    rows = rows_of(
        run, symbols,
        f"SELECT {_COLUMNS}, stock_symbol FROM {DAILY} WHERE stock_symbol IN ({{symbols}})"
        " AND trade_date BETWEEN %s AND %s ORDER BY stock_symbol, trade_date",
        first, last,
    )  # fmt: skip
    days = [StoredDaily(day_of(row[0]), int(row[1]), int(row[2]), int(row[3]), moment_of(row[4])) for row in rows]
    return {(row[5], one.day): one for row, one in zip(rows, days, strict=True)}
