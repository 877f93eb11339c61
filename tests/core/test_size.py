"""The plan of a year, with everything missing."""

import sqlite3
import tracemalloc
from datetime import date, timedelta
from pathlib import Path

import pytest

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store
from minute_candles.verification.plan import plan, unproven

CALENDAR = TradingCalendar()
DAYS = CALENDAR.trading_days(date(2026, 11, 20) - timedelta(days=364), date(2026, 11, 20))
SYMBOLS = [f"{number:06d}" for number in range(600)]


@pytest.mark.slow
def test_the_plan_of_a_year_holds_little_in_memory(tmp_path: Path) -> None:
    """73 MB before: the coverage and the counts of all at once."""
    database = Database("sqlite", path=tmp_path / "minutes.db")
    store = open_store(database, Clock())
    store.preflight()
    rows = [
        (symbol, str(day), ("UNPROVEN", "COMPLETE")[n % 50 > 0]) for n, symbol in enumerate(SYMBOLS) for day in DAYS
    ]
    with sqlite3.connect(str(database.path)) as connection:
        values = "(?, ?, 381, 77, 27, ?, NULL, NULL, NULL, NULL, '2026-11-20 16:00:00')"
        connection.executemany(f"INSERT INTO stock_minute_coverage VALUES {values}", rows)
    tracemalloc.start()
    missing, marked = plan(store, CALENDAR, SYMBOLS, DAYS), unproven(store, SYMBOLS, DAYS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    store.close()
    assert len(missing) == len(SYMBOLS) * len(DAYS) and len(marked) == 12 * len(DAYS)
    assert [(one.symbol, one.day) for one in missing[:2]] == [("000000", DAYS[0]), ("000000", DAYS[1])]
    assert peak < 45e6
