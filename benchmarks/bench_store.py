"""Point 4: rows a second of the symbol-day write, beside row-by-row inserts and LOAD DATA, on the same server.

The table is the one the store makes itself (README's DDL and the unique key); the servers run with their defaults.
"""

import time
from collections.abc import Sequence
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from harness import SESSIONS, THE_97, Line, Spread, folder, keep, load, quick, running, spread, timed
from store_testing import full_day

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.candles import Candles
from minute_candles.market.day_status import COMPLETE
from minute_candles.market.windows import STORED_INTERVALS

COLUMNS = (
    "stock_symbol, minute_interval, timestamp, open_price, high_price, low_price, close_price, volume, price_change,"
    " price_change_percent, vwap, created_at, updated_at"
)
CALENDAR = TradingCalendar()
Day = tuple[str, Session, Candles]


def days(symbols: int, sessions: Sequence[date]) -> list[Day]:
    """Symbol-days as a backfill brings them."""
    first = CALENDAR.session(sessions[0])
    return [
        (symbol, CALENDAR.session(day), shifted(full_day(first, seed=number), day - sessions[0]))
        for number, symbol in enumerate(THE_97[:symbols])
        for day in sessions
    ]


def shifted(candles: Candles, by: timedelta) -> Candles:
    return {
        interval: [candle._replace(timestamp=candle.timestamp + by) for candle in some]
        for interval, some in candles.items()
    }


def rows(day: Day) -> list[tuple[Any, ...]]:
    symbol, session, candles = day
    stamp = session.end_label
    return [
        (symbol, STORED_INTERVALS[interval], c.timestamp, c.open, c.high, c.low, c.close, c.volume, c.price_change,
         c.price_change_percent, c.vwap, stamp, stamp)
        for interval in STORED_INTERVALS for c in candles[interval]
    ]  # fmt: skip


def by_store(database: Database, work: Sequence[Day]) -> float:
    store = db.open_store(database, Clock())
    store.preflight()
    now = work[-1][1].end.astimezone(KST)
    began = time.perf_counter()
    for symbol, session, candles in work:
        store.rewrite(symbol, session, lambda _, candles=candles: candles, now=now, status=COMPLETE)  # type: ignore[misc]
    seconds = time.perf_counter() - began
    store.close()
    return seconds


def row_by_row(server: Any, database: Database, work: Sequence[Day]) -> float:
    """What scripts usually do: an INSERT a row, a commit a day."""
    insert = f"INSERT INTO stock_minute_prices ({COLUMNS}) VALUES ({', '.join(['%s'] * 13)})"
    table = [rows(day) for day in work]
    with closing(server.connect(database.name, autocommit=False)) as connection:
        cursor = connection.cursor()
        began = time.perf_counter()
        for day in table:
            for row in day:
                cursor.execute(insert, row)
            connection.commit()
        return time.perf_counter() - began


def load_data(server: Any, database: Database, work: Sequence[Day], file: Path) -> float:
    """The ceiling: one statement for all rows, the file ready beforehand."""
    lines = ("\t".join(r"\N" if value is None else str(value) for value in row) for day in work for row in rows(day))
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with closing(server.connect(database.name, autocommit=False, allow_local_infile=True)) as connection:
        cursor = connection.cursor()
        statement = f"LOAD DATA LOCAL INFILE '{file}' INTO TABLE stock_minute_prices ({COLUMNS})"
        return timed(lambda: (cursor.execute(statement), connection.commit()))


def measure(server: Any, rounds: int, work: Sequence[Day], few: Sequence[Day]) -> dict[str, Spread]:
    """Rows a second of each way, one after the other in every round, always into an empty table; ratios a round."""
    database = server.fresh()
    counts = {"many": sum(len(rows(day)) for day in work), "few": sum(len(rows(day)) for day in few)}
    found: dict[str, list[float]] = {"store": [], "single": [], "load": []}
    by_store(database, work[:1])
    with folder() as here:
        for _ in range(rounds):
            for name, way, some in (
                ("store", lambda: by_store(database, work), "many"),
                ("single", lambda: row_by_row(server, database, few), "few"),
                ("load", lambda: load_data(server, database, work, here / "rows.tsv"), "many"),
            ):
                server.run("TRUNCATE stock_minute_prices", database=database.name)
                server.run("TRUNCATE stock_minute_coverage", database=database.name)
                found[name].append(counts[some] / way())
    server.drop(database)
    for other in ("single", "load"):
        found[f"÷ {other}"] = [ours / theirs for ours, theirs in zip(found["store"], found[other], strict=True)]
    return {name: spread(values) for name, values in found.items()}


def lines(kind: str, version: str, found: dict[str, Spread]) -> list[Line]:
    single, ceiling = found["÷ single"], found["÷ load"]
    return [
        Line(f"{kind} {version}: 종목일 저장 (행/초)", str(found["store"])),
        Line(f"{kind}: 한 행씩 INSERT, 날마다 커밋 (행/초)", str(found["single"])),
        Line(f"{kind}: LOAD DATA LOCAL INFILE 한 번 (행/초)", str(found["load"])),
        Line(f"{kind}: 한 행씩의 몇 배", f"{single}배", "≥ 6배", single.median >= 6),
        Line(f"{kind}: LOAD DATA의 몇 배", f"{ceiling}배", "≥ 0.3배", ceiling.median >= 0.3),
    ]


def main() -> None:
    began, found = load(), list[Line]()
    work = days(4 if quick() else 10, SESSIONS[-3 if quick() else -21 :])
    few = work[: 3 if quick() else 15]
    for kind in ("mariadb", "mysql"):
        with running(kind) as server:
            if server is None:
                continue
            if kind == "mysql":
                server.run("SET GLOBAL local_infile = 1")
            version = server.run("SELECT VERSION()")[0][0].split("-")[0]
            found += lines(kind, version, measure(server, 1 if quick() else 5, work, few))
    note = f"종목일 {len(work)}개({sum(len(rows(day)) for day in work):,}행, 세 간격), 서버는 기본 설정."
    note += " 종목일 저장은 읽기·대조·되읽기·coverage까지 한 트랜잭션입니다."
    keep("store", "4. 저장", found, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
