"""Issue 30, point 1: reading one symbol where rows lie minute by minute (`id` is the primary key) and by the key.

Both tables hold the same live rows, inserted minute by minute over all symbols. The server starts anew before each
table is read, with its default buffer pool: a symbol's first read meets no page in it.
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
COLD = "--innodb-buffer-pool-load-at-startup=OFF"


def fill(server: Any, database: Database, symbols: Sequence[str], days: Sequence[date], ddl: str) -> float:
    """Make the table by `ddl` (the product's own where it is empty) and insert as live rounds do; seconds."""
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
        seconds = timed(cursor.execute, _INSERT)
    server.run("ANALYZE TABLE stock_minute_prices", database=database.name)
    return seconds


def reading(server: Any, database: Database, symbols: Sequence[str], first: date, last: date) -> Spread:
    """Milliseconds for the minutes of these days, of each symbol once."""
    server.restart(COLD)
    store = db.open_store(database, Clock())
    minutes = store.minutes()
    found = spread([1000 * timed(minutes.read, symbol, first, last) for symbol in symbols])
    store.close()
    return found


def main() -> None:
    began = load()
    symbols, days = (THE_97[:20], SESSIONS[-3:]) if quick() else (THE_97, SESSIONS[-21:])
    some, found = symbols[:: max(1, len(symbols) // 12)], list[Line]()
    with running("mariadb") as server:
        assert server
        kinds = {}
        for name, ddl in (("id 순서", README_DDL), ("키 순서", "")):
            database = server.fresh()
            loaded = fill(server, database, symbols, days, ddl)
            size = server.run(
                "SELECT DATA_LENGTH + INDEX_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s"
                " AND TABLE_NAME = 'stock_minute_prices'", database.name,
            )[0][0]  # fmt: skip
            month = reading(server, database, some, days[0], days[-1])
            kinds[name] = month, reading(server, database, some, days[-1], days[-1]), loaded, int(size) / 1e6
            found += [Line(f"{name}: 한 종목 {len(days)}거래일 읽기 (ms)", str(month)),
                      Line(f"{name}: 한 종목 하루 읽기 (ms)", str(kinds[name][1])),
                      Line(f"{name}: 크기 (MB)", f"{kinds[name][3]:,.0f}")]  # fmt: skip
        old, new = kinds.values()
        ratio = old[0].median / new[0].median
        found += [Line("한 달 읽기: id 순서 ÷ 키 순서", f"{ratio:.1f}배", "≥ 3배", ratio >= 3),
                  Line("하루 읽기: id 순서 ÷ 키 순서", f"{old[1].median / new[1].median:.1f}배"),
                  Line("채우기: id 순서 ÷ 키 순서", f"{old[2] / new[2]:.2f}배"),
                  Line("크기: id 순서 ÷ 키 순서", f"{old[3] / new[3]:.2f}배")]  # fmt: skip
    note = f"MariaDB 기본 설정(버퍼 풀 128 MB), {len(symbols) * len(days) * ROWS_A_DAY:,}행을 분마다 모든 종목의 차례로"
    keep("order", "30. 행의 순서", found, began_at_load=began, note=f"{note} 넣고, 서버를 다시 켠 뒤 읽었습니다.")


if __name__ == "__main__":
    main()
