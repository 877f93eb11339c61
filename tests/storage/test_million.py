"""A table of one million rows: planning, rewriting and charts go through the unique key (its speed: benchmarks/)."""

import time
from datetime import date

import pytest
from store_testing import CALENDAR, NAMES, README_DDL, SYMBOL, ready

from minute_candles.market.day_status import DayStatus
from minute_candles.storage.store import CoverageRow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DAYS = CALENDAR.trading_days(date(2025, 7, 1), date(2025, 9, 30))[:22]
SYMBOLS = [SYMBOL, *(f"{n:06d}" for n in range(100_000, 100_096))]
MINUTES = [(name, minute) for n, name in NAMES.items() for minute in [*range(0, 380, n), 390]]
KEYS = ",\n    INDEX idx_stock_interval (stock_symbol, minute_interval), INDEX idx_timestamp (timestamp)"
FILL = (
    "INSERT INTO stock_minute_prices SELECT NULL, s, TIMESTAMPADD(MINUTE, 540 + m, d), i, 70000, 70100, 69900, 70050,"
    " 1000 + m, '2025-10-01', NULL FROM symbols STRAIGHT_JOIN days STRAIGHT_JOIN minutes"
)


@pytest.fixture(scope="module")
def million(server):
    """97 symbols × 22 days, as a backfill by symbol writes them, in the README's table (whose second key tempts)."""
    database, quoted = server.fresh(), "('{}')".format
    for sql in (
        README_DDL.replace(KEYS, ""),
        "CREATE TABLE days (d DATE)", f"INSERT INTO days VALUES {', '.join(map(quoted, DAYS))}",
        "CREATE TABLE symbols (s VARCHAR(20))", f"INSERT INTO symbols VALUES {', '.join(map(quoted, SYMBOLS))}",
        "CREATE TABLE minutes (i VARCHAR(20), m INT)", f"INSERT INTO minutes VALUES {', '.join(map(str, MINUTES))}",
        FILL,
        f"ALTER TABLE stock_minute_prices{KEYS.lstrip(',').replace('INDEX', 'ADD INDEX')}",
    ):  # fmt: skip
        server.run(sql, database=database.name)
    store = ready(database)
    verified = "SELECT s, d, 381, 77, 27, 'COMPLETE', NULL, NULL, NULL, NULL, '2025-10-01' FROM symbols, days"
    server.run(f"INSERT INTO stock_minute_coverage {verified}", database=database.name)
    server.run("ANALYZE TABLE stock_minute_prices, stock_minute_coverage", database=database.name)
    yield store
    store.close()
    server.drop(database)


def test_planning_a_rewrite_and_a_chart_go_through_the_unique_key(million, monkeypatch) -> None:
    """Planning 97 symbols and 30 days takes under two seconds."""
    sessions, began = [CALENDAR.session(day) for day in DAYS], time.monotonic()
    found = million.coverage(SYMBOLS, DAYS[0], DAYS[-1])
    assert len(found) == 97 * 22 and million.missing_rows(found, sessions) == {} and time.monotonic() - began < 2
    key, driver, queries, session = million._layout.key, million._connection._driver, [], sessions[-1]
    explained = lambda sql, *params: str(million._read(f"EXPLAIN FORMAT=JSON {sql}", *params)[0][0])  # noqa: E731
    run = driver.run
    monkeypatch.setattr(driver, "run", lambda sql, *params: [queries.append((sql, params)), run(sql, *params)][1])
    million.counts([SYMBOL], [session])
    million.missing_rows({(SYMBOL, DAYS[-1]): CoverageRow(DayStatus.COMPLETE, (381, 77, 27))}, [session])
    million.rewrite(SYMBOL, session, lambda stored: stored, now=session.end)
    monkeypatch.undo()
    queries = [query for query in queries if "FROM stock_minute_prices" in query[0]]
    assert len(queries) == 8
    for sql, params in queries:
        plan = explained(sql, *params)
        assert f'"{key}"' in plan
        assert "COUNT(*)" not in sql or '"using_index": true' in plan or '"covering": true' in plan
    where = "WHERE stock_symbol = %s AND minute_interval = %s AND timestamp BETWEEN %s AND %s ORDER BY timestamp"
    for first, last in ((DAYS[3], DAYS[4]), (DAYS[0], DAYS[-1])):
        span = (SYMBOL, NAMES[1], first.isoformat(), last.isoformat())
        plan = explained(f"SELECT * FROM stock_minute_prices {where}", *span)
        assert f'"key": "{key}"' in plan or f'"index_name": "{key}"' in plan
        assert "filesort" not in plan.replace('"using_filesort": false', "")
