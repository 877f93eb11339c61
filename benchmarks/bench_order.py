"""Issue 30, point 1: reading one symbol where rows lie minute by minute (`id` is the primary key) and by the key.

Both tables hold the same live rows, inserted minute by minute over all symbols. The server starts anew before each
table is read, with a small buffer pool: a table of the whole market is larger than any.
"""

from collections.abc import Sequence
from contextlib import closing
from datetime import date
from typing import Any

from filled import ROWS_A_DAY, SLOTS
from harness import CALENDAR, SESSIONS, THE_97, Line, Spread, keep, load, quick, running, spread, timed
from store_testing import README_DDL

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock

_INSERT = """
INSERT INTO stock_minute_prices (stock_symbol, minute_interval, timestamp, open_price, high_price, low_price,
    close_price, volume, price_change, price_change_percent, vwap, created_at, updated_at)
SELECT s.symbol, name, opens + INTERVAL minute MINUTE, 70000, 70300, 69800, 70100, 1000 + minute, 100, 0.14, 70050.25,
    opens, opens
FROM slots CROSS JOIN bench_days CROSS JOIN bench_symbols AS s ORDER BY opens, minute, name, s.symbol
"""
COLD = ("--innodb-buffer-pool-load-at-startup=OFF", "--innodb-buffer-pool-size=8M")


def fill(server: Any, database: Database, symbols: Sequence[str], days: Sequence[date], ddl: str) -> None:
    """Make the table by `ddl` (the product's own where it is empty) and insert as live rounds do."""
    if ddl:
        server.run(ddl, database=database.name)
        more = ("price_change DECIMAL(15,2)", "price_change_percent DECIMAL(5,2)", "vwap DECIMAL(15,2)")
        server.run(f"ALTER TABLE stock_minute_prices ADD {', ADD '.join(more)}", database=database.name)
    store = db.open_store(database, Clock())
    store.preflight()
    store.close()
    with closing(server.connect(database.name)) as connection:
        cursor = connection.cursor()
        cursor.execute(SLOTS)
        cursor.execute("CREATE TABLE bench_days (opens DATETIME PRIMARY KEY)")
        cursor.execute("CREATE TABLE bench_symbols (symbol VARCHAR(20) PRIMARY KEY)")
        cursor.executemany("INSERT INTO bench_symbols VALUES (%s)", [(symbol,) for symbol in symbols])
        opens = [(CALENDAR.session(day).open.replace(tzinfo=None),) for day in days]
        cursor.executemany("INSERT INTO bench_days VALUES (%s)", opens)
        cursor.execute(_INSERT)
    server.run("ANALYZE TABLE stock_minute_prices", database=database.name)


def reading(server: Any, database: Database, symbols: Sequence[str], first: date, last: date) -> tuple[Spread, float]:
    """Milliseconds for the minutes of these days, of each symbol once, and pages that the server read for a symbol."""
    server.restart(*COLD)
    store = db.open_store(database, Clock())
    minutes, before = store.minutes(), pages_read(server)
    found = spread([1000 * timed(minutes.read, symbol, first, last) for symbol in symbols])
    store.close()
    return found, (pages_read(server) - before) / len(symbols)


def pages_read(server: Any) -> int:
    return int(server.run("SHOW GLOBAL STATUS LIKE 'Innodb_pages_read'")[0][1])


def megabytes(server: Any, database: Database) -> float:
    sql = "SELECT (DATA_LENGTH + INDEX_LENGTH) / 1e6 FROM information_schema.TABLES WHERE TABLE_NAME = %s"
    return float(server.run(f"{sql} AND TABLE_SCHEMA = %s", "stock_minute_prices", database.name)[0][0])


def main() -> None:
    began = load()
    symbols, days = (THE_97, SESSIONS[-5:]) if quick() else (THE_97, SESSIONS[-21:])
    some, kinds, found = symbols[::8], {}, list[Line]()
    with running("mariadb") as server:
        assert server
        for name, ddl in (("id 순서", README_DDL), ("키 순서", "")):
            database = server.fresh()
            fill(server, database, symbols, days, ddl)
            (span, pages), (day, _) = (
                reading(server, database, some, first, days[-1]) for first in (days[0], days[-1])
            )
            kinds[name] = pages, span.least, day.least, megabytes(server, database)
            found.append(Line(f"{name}: 한 종목 {len(days)}거래일 읽기 (ms)", f"{span} · {pages:,.0f}페이지"))
    pages, span, day, size = (old / new for old, new in zip(*kinds.values(), strict=True))
    found += [
        Line(f"{len(days)}거래일의 페이지: id 순서 ÷ 키 순서", f"{pages:.1f}배", "≥ 5배", pages >= 5),
        Line(f"{len(days)}거래일 읽기 (최소끼리)", f"{span:.1f}배"), Line("하루 읽기 (최소끼리)", f"{day:.1f}배"),
        Line("크기", f"{size:.2f}배"),
    ]  # fmt: skip
    rows = f"{len(symbols) * len(days) * ROWS_A_DAY:,}행"
    note = f"MariaDB, 테이블보다 작은 버퍼 풀(8 MB). {rows}을 분마다 모든 종목의 차례로 넣고 서버를 다시 켠 뒤 읽음."
    keep("order", "30. 행의 순서", found, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
