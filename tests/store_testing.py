"""Candles and tables for the tests of the store."""

import random
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from places import ROOT

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.day_status import COMPLETE
from minute_candles.storage.store import Store, open_store

CALENDAR = TradingCalendar()
DAY = date(2025, 8, 26)
SESSION = CALENDAR.session(DAY)
NOW = datetime(2025, 8, 26, 15, 45, tzinfo=KST)
LATER = NOW + timedelta(hours=1)
SYMBOL = "005930"
T = TypeVar("T")
COUNTS = (381, 77, 27)
"""Candles of a full day by interval."""
NAMES = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}

README_DDL = """
CREATE TABLE stock_minute_prices (
    id BIGINT AUTO_INCREMENT PRIMARY KEY, stock_symbol VARCHAR(20) NOT NULL, timestamp DATETIME NOT NULL,
    minute_interval ENUM('ONE_MINUTE','FIVE_MINUTES','FIFTEEN_MINUTES') NOT NULL,
    open_price DECIMAL(15,2) NOT NULL, high_price DECIMAL(15,2) NOT NULL, low_price DECIMAL(15,2) NOT NULL,
    close_price DECIMAL(15,2) NOT NULL, volume BIGINT NOT NULL, created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    INDEX idx_stock_interval (stock_symbol, minute_interval), INDEX idx_timestamp (timestamp)) ENGINE=InnoDB
"""
HIBERNATE_DDL = """
CREATE TABLE stock_minute_prices (
    id bigint NOT NULL AUTO_INCREMENT, close_price decimal(15,2) NOT NULL, created_at datetime(6) NOT NULL,
    high_price decimal(15,2) NOT NULL, low_price decimal(15,2) NOT NULL,
    minute_interval enum('FIFTEEN_MINUTES','FIVE_MINUTES','ONE_MINUTE') NOT NULL, open_price decimal(15,2) NOT NULL,
    price_change decimal(15,2), price_change_percent decimal(5,2), stock_symbol varchar(20) NOT NULL, tick_count int,
    timestamp datetime(6) NOT NULL, updated_at datetime(6), volume bigint NOT NULL, vwap decimal(15,2),
    PRIMARY KEY (id), UNIQUE KEY UKq1w2 (stock_symbol, minute_interval, timestamp)) ENGINE=InnoDB
"""


def at(hour: int, minute: int = 0, day: date = DAY) -> datetime:
    return datetime.combine(day, time(hour, minute))


def candle(when: datetime, price: int = 70_000, volume: int = 100, vwap: str | None = None) -> Candle:
    return Candle(when, price, price + 100, price - 100, price + 50, volume, None, Decimal(vwap) if vwap else None)


def minutes(session: Session = SESSION, seed: int = 1) -> list[Candle]:
    """A full day of 1-minute candles, the closing auction included; every tenth without a proven VWAP."""
    dice, start = random.Random(seed), session.open.replace(tzinfo=None)
    whens = [start + timedelta(minutes=n) for n in [*range(380), 390]]
    prices = [dice.randrange(60_000, 80_000, 100) for _ in whens]
    vwaps = [price + Decimal(n % 100) / 100 if n % 10 else None for n, price in enumerate(prices)]
    return [
        Candle(when, price, price + 300, price - 300, price + 100, dice.randrange(1, 10**6), None, vwap)
        for when, price, vwap in zip(whens, prices, vwaps, strict=True)
    ]


def windows(candles: Sequence[Candle], interval: int) -> list[Candle]:
    """Plain aggregation, written independently of candles.py."""
    found: dict[datetime, list[Candle]] = {}
    for one in candles:
        start = one.timestamp - timedelta(minutes=one.timestamp.minute % interval)
        found.setdefault(start, []).append(one)
    return [_folded(start, some) for start, some in sorted(found.items())]


def _folded(start: datetime, some: Sequence[Candle]) -> Candle:
    high, low = max(one.high for one in some), min(one.low for one in some)
    return Candle(start, some[0].open, high, low, some[-1].close, sum(one.volume for one in some), None, None)


def full_day(session: Session = SESSION, seed: int = 1) -> Candles:
    return whole(minutes(session, seed))


def whole(ones: list[Candle]) -> Candles:
    return {1: ones, 5: windows(ones, 5), 15: windows(ones, 15)}


def stored(store: Store, day: date = DAY, symbol: str = SYMBOL) -> Candles:
    """Every candle the store holds of that calendar date."""
    return {n: store.candles(symbol, n, at(0, 0, day), at(23, 59, day)) for n in NAMES}


def rows(store: Store, sql: str, *params: object) -> list[tuple[object, ...]]:
    """What a plain SELECT sees, after everything is committed."""
    return store._read(sql, *params)  # type: ignore[arg-type]


def identities(store: Store) -> list[tuple[object, ...]]:
    """What rule "Rewriting is free" keeps."""
    columns = "stock_symbol, minute_interval, timestamp, id, created_at, updated_at"
    return rows(store, f"SELECT {columns} FROM stock_minute_prices ORDER BY id")


def at_once(*jobs: Callable[[], T]) -> list[T]:
    """Run the jobs in threads that begin together; none may fail."""
    gate = threading.Barrier(len(jobs))
    with ThreadPoolExecutor(len(jobs)) as pool:
        found = [pool.submit(lambda job=job: (gate.wait(), job())[1]) for job in jobs]  # type: ignore[misc]
        return [one.result() for one in found]


def put(store: Store, seed: int = 1, now: datetime = NOW, session: Session = SESSION) -> tuple[int, int, int]:
    """Store a whole day of a symbol."""
    return store.rewrite(SYMBOL, session, lambda _: full_day(session, seed), now=now, status=COMPLETE)


def is_whole(store: Store, seed: int) -> bool:
    """Whether the day equals the truth, and its coverage row says so."""
    return stored(store) == full_day(seed=seed) and store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].counts == COUNTS


def partition_sql() -> list[str]:
    """The statements of docs/tables.md that partition the table by month."""
    page = (ROOT / "docs" / "tables.md").read_text(encoding="utf-8")
    return [line for line in page.splitlines() if line.startswith("ALTER") and "PARTITION" in line]


def ready(database: Database, patience: float = 60, clock: Clock | None = None) -> Store:
    """A store whose tables are made."""
    store = open_store(database, clock or Clock(), patience=patience)
    store.preflight()
    return store


def stream_behind_a_settle(one: Database, other: Database, catch_up: str) -> None:
    """A node commits a late streamed minute behind the settle on another; the settled day must stay as it is.

    `FOR UPDATE` stays on its node; both write the coverage row, so one of them is repeated and sees the other.
    `catch_up`: what makes a session read what other nodes have committed.
    """
    settling, streaming = ready(one), ready(other)
    rows(streaming, catch_up)
    truth, late, settled = full_day(), candle(at(15, 25)), SESSION.end + timedelta(minutes=1)
    assert streaming.coverage([SYMBOL], DAY, DAY) == {}
    driver, settles = streaming._connection._driver, [True]
    commit = driver.commit

    def commit_behind_the_settle() -> None:
        if settles:
            settles.pop()
            settling.rewrite(SYMBOL, SESSION, lambda _: truth, now=settled, status=COMPLETE)
        commit()

    driver.commit = commit_behind_the_settle  # type: ignore[method-assign]
    merge: Callable[[Candles], Candles] = lambda now: {**now, 1: sorted([*now[1], late])}  # noqa: E731
    streaming.rewrite(SYMBOL, SESSION, merge, since=at(15, 20), now=NOW, yields=True)
    rows(settling, catch_up)
    assert settles == [] and stored(settling) == truth
    settling.close()
    streaming.close()
