"""Point 7: cost of a symbol-day, written and planned, as symbols and rows grow; flat is the goal. Default settings."""

import time
from collections.abc import Sequence
from datetime import date
from typing import Any

import filled
from bench_store import CALENDAR, by_store, shifted
from harness import SESSIONS, Line, folder, keep, load, quick, running, spread, symbols_of
from store_testing import full_day

import db
from minute_candles.config.settings import Database
from minute_candles.verification.plan import plan

STEPS = ((10, 21), (100, 21), (500, 21), (500, 42))
"""Symbols and sessions: 0.1, 1, 5 and 10 million rows."""
PLANNED = 21
WRITTEN = 60


def grow(
    server: Any, database: Database, symbols: Sequence[str], had: int, days: Sequence[date], more: Sequence[date]
) -> None:
    """Fill up to these symbols and days with fast settings, then start again with the default ones."""
    server.restart("--innodb-buffer-pool-size=2G", "--innodb-flush-log-at-trx-commit=0")
    if len(symbols) > had:
        filled.fill(server, database, symbols[had:], days)
    else:
        filled.fill(server, database, symbols, more)
    server.restart()


def planning(store: db.Store, symbols: Sequence[str], days: Sequence[date]) -> float:
    """Milliseconds a symbol-day."""
    began = time.perf_counter()
    assert plan(store, CALENDAR, symbols, days) == []
    return (time.perf_counter() - began) * 1000 / (len(symbols) * len(days))


def writing(server: Any, database: Database, symbols: Sequence[str], number: int) -> float:
    """Milliseconds a symbol-day of a new day, for symbols spread over the table."""
    day, base = SESSIONS[-5 + number], CALENDAR.session(SESSIONS[-6])
    some = (list(symbols) * WRITTEN)[: len(symbols) * WRITTEN : max(1, len(symbols) // WRITTEN)][:WRITTEN]
    some = list(dict.fromkeys(some))
    candles = shifted(full_day(base, seed=number), day - SESSIONS[-6])
    return by_store(database, [(symbol, CALENDAR.session(day), candles) for symbol in some]) * 1000 / len(some)


def cleaned(server: Any, database: Database) -> None:
    """The days written for measuring go again."""
    for table, column in (("stock_minute_prices", "timestamp"), ("stock_minute_coverage", "trade_date")):
        server.run(f"DELETE FROM {table} WHERE {column} >= %s", SESSIONS[-5], database=database.name)


def main() -> None:
    began, lines = load(), list[Line]()
    days = SESSIONS[-5 - 42 : -5]
    steps = ((5, 21), (10, 21), (10, 42)) if quick() else STEPS
    with running("mariadb") as server, folder():
        assert server, "needs mariadbd"
        database = server.fresh()
        filled.ready(database).close()
        had, first = 0, None
        for count, many in steps:
            symbols = symbols_of(count)
            grow(server, database, symbols, had, days[-PLANNED:], days[:-PLANNED])
            had = count
            rows = server.run("SELECT COUNT(*) FROM stock_minute_prices", database=database.name)[0][0]
            store = filled.ready(database)
            planned = spread([planning(store, symbols, days[-PLANNED:]) for _ in range(3)])
            store.close()
            written = spread([writing(server, database, symbols, number) for number in range(5)])
            cleaned(server, database)
            first = first or (written.median, planned.median)
            ratio = f"{written.median / first[0]:.2f}배 · {planned.median / first[1]:.2f}배"
            what = f"{count}종목 · {rows:,}행 ({many}거래일)"
            lines.append(Line(what, f"저장 {written} ms · 계획 {planned} ms · {ratio}", "평평"))
            print(*lines[-1], flush=True)
    note = "종목일 하나의 비용: 새 하루 저장(세 간격 485행)과 21거래일 계획. 서버는 기본 설정(버퍼 풀 128 MB)."
    note += " 배수는 첫 줄의 몇 배인가."
    keep("growth", "7. 커질 때 (MariaDB)", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
