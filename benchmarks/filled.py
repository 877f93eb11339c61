"""Tables filled fast: millions of rows as a complete collector would have left them, made inside the server."""

from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from typing import Any

from harness import CALENDAR

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock

SLOTS = """
CREATE TABLE slots AS WITH RECURSIVE n AS (SELECT 0 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 390)
SELECT 'ONE_MINUTE' AS name, i AS minute FROM n WHERE i < 380 OR i = 390
UNION ALL SELECT 'FIVE_MINUTES', i FROM n WHERE i % 5 = 0 AND (i < 380 OR i = 390)
UNION ALL SELECT 'FIFTEEN_MINUTES', i FROM n WHERE i % 15 = 0
"""
ROWS_A_DAY = 381 + 77 + 27
_INSERT = """
INSERT INTO stock_minute_prices (stock_symbol, minute_interval, timestamp, open_price, high_price, low_price,
    close_price, volume, price_change, price_change_percent, vwap, created_at, updated_at)
SELECT %s, name, d.opens + INTERVAL minute MINUTE, 70000, 70300, 69800, 70100, 1000 + minute, 100, 0.14, 70050.25,
    '2026-11-20 16:00:00', '2026-11-20 16:00:00'
FROM slots CROSS JOIN bench_days AS d WHERE minute < d.length - 10 OR minute = d.length ORDER BY name, d.opens, minute
"""
_COVERAGE = """
INSERT INTO stock_minute_coverage SELECT %s, DATE(opens), length - 9, length DIV 5 - 1, CEIL((length - 10) / 15) + 1,
    'COMPLETE', NULL, NULL, NULL, NULL, '2026-11-20 16:00:00' FROM bench_days
"""


def ready(database: Database) -> db.Store:
    """A store on this database, its tables made."""
    store = db.open_store(database, Clock())
    store.preflight()
    return store


def fill(server: Any, database: Database, symbols: Sequence[str], days: Sequence[date]) -> None:
    """Add complete days of these symbols; the secondary indexes are dropped meanwhile and built by sorting."""
    with closing(server.connect(database.name, autocommit=True)) as connection:
        cursor = connection.cursor()

        def run(sql: str, *params: object) -> list[Any]:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.with_rows else []

        indexes = _indexes(run)
        run(f"ALTER TABLE stock_minute_prices {', '.join(f'DROP INDEX {name}' for name in indexes)}")
        run("DROP TABLE IF EXISTS slots, bench_days")
        run(SLOTS)
        run("CREATE TABLE bench_days (opens DATETIME PRIMARY KEY, length INT)")
        for session in map(CALENDAR.session, days):  # the year's first is an hour shorter
            length = (session.close - session.open) // timedelta(minutes=1)
            run("INSERT INTO bench_days VALUES (%s, %s)", session.open_label, length)
        for symbol in symbols:
            run(_INSERT, symbol)
            run(_COVERAGE, symbol)
        run(f"ALTER TABLE stock_minute_prices {', '.join(f'ADD {text}' for text in indexes.values())}")
        run("DROP TABLE slots, bench_days")
        run("ANALYZE TABLE stock_minute_prices, stock_minute_coverage")


def _indexes(run: Any) -> dict[str, str]:
    """Every index but the primary one, as it is written."""
    found: dict[str, tuple[bool, list[str]]] = {}
    for row in run("SHOW INDEX FROM stock_minute_prices"):
        if row[2] != "PRIMARY" and row[4] != "id":  # an auto-increment column must keep its key
            found.setdefault(row[2], (not row[1], []))[1].append(row[4])
    return {
        name: f"{'UNIQUE ' if unique else ''}INDEX {name} ({', '.join(columns)})"
        for name, (unique, columns) in found.items()
    }
