"""The small table of factors for split-adjusted prices, as KIS reported them last; no stored price is touched."""

from collections.abc import Sequence
from datetime import date, datetime
from fractions import Fraction

from minute_candles.market.adjustment import Factor
from minute_candles.storage.codec import day_of, moment_of, rows_of
from minute_candles.storage.ddl import FACTORS, FACTORS_DDL
from minute_candles.storage.driver import Dialect, Row, Run
from minute_candles.storage.layout import make_table, read_columns

_TOTAL = ("total_numerator", "total_denominator")
"""Columns that tables of versions before 0.3 lack."""


def keep(run: Run, dialect: Dialect, symbol: str, found: Sequence[Factor], now: datetime) -> None:
    """Replace a symbol's factors: a split changes those of every earlier day. The table is made when it is missing."""
    make_table(run, dialect, FACTORS, FACTORS_DDL)
    columns = {column.name for column in read_columns(run, dialect, FACTORS)}
    for name in _TOTAL:
        if name not in columns:
            run(f"ALTER TABLE {FACTORS} ADD COLUMN {name} BIGINT NULL")
    run(f"DELETE FROM {FACTORS} WHERE stock_symbol = %s", symbol)
    for factor in found:
        total = (None, None) if factor.total is None else (factor.total.numerator, factor.total.denominator)
        values = (symbol, *factor[:4], now.replace(microsecond=0), *total)
        run(f"INSERT INTO {FACTORS} VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", *values)


def read(run: Run, dialect: Dialect, symbol: str) -> list[Factor]:
    """Return a symbol's factors, ascending; [] where they were never requested."""
    columns = {column.name for column in read_columns(run, dialect, FACTORS)}
    if not columns:
        return []
    total = ", ".join(name if name in columns else "NULL" for name in _TOTAL)
    rows = run(
        f"SELECT first_date, last_date, numerator, denominator, {total} FROM {FACTORS} WHERE stock_symbol = %s"
        " ORDER BY first_date",
        symbol,
    )
    return [_factor(row) for row in rows]


def _factor(row: Row) -> Factor:
    total = None if row[4] is None else Fraction(int(row[4]), int(row[5]))
    return Factor(day_of(row[0]), day_of(row[1]), int(row[2]), int(row[3]), total)


def checked(run: Run, dialect: Dialect, symbols: Sequence[str]) -> dict[str, date]:
    """Return the day of each symbol's last request for factors, if any: later splits are not in them."""
    if not symbols or not read_columns(run, dialect, FACTORS):
        return {}
    sql = f"SELECT stock_symbol, MIN(asked_at) FROM {FACTORS} WHERE stock_symbol IN ({{symbols}}) GROUP BY stock_symbol"
    rows = rows_of(run, symbols, sql)
    return {row[0]: moment_of(row[1]).date() for row in rows}
