"""Tables filled with what the simulator traded, and frames and files held against its truth, whatever the interval."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from backfill_tools import CSAT, EVENING, LAST
from store_testing import CALENDAR, ready

from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database, Settings, demo_settings
from minute_candles.market.candles import with_vwap
from minute_candles.market.intervals import Interval
from minute_candles.market.windows import derive
from minute_candles.storage.store import Store

DAYS = [CSAT, LAST]
"""Thursday, an hour later than usual, and Friday: their 60-minute windows differ."""
SYMBOLS = ["005930", "000660"]


def settings_of(database: Database, folder: Path) -> Settings:
    """A user of this database, without a key."""
    return replace(demo_settings("http://127.0.0.1:9", folder), database=database)


def fill(store: Store, sim: Simulator, symbols: Sequence[str] = SYMBOLS, days: Iterable[date] = DAYS) -> None:
    """As a backfill would have left them."""
    for symbol in symbols:
        for day in days:
            candles = derive([with_vwap(tuple(row[:6]), row[6]) for row in sim.truth(symbol, day, 1)])
            store.rewrite(symbol, CALENDAR.session(day), lambda _, c=candles: c, now=EVENING, status="COMPLETE")  # type: ignore[misc]


def filled(database: Database, sim: Simulator, symbols: Sequence[str] = SYMBOLS, days: Iterable[date] = DAYS) -> None:
    with closing(ready(database)) as store:
        fill(store, sim, symbols, days)


def truth(sim: Simulator, symbol: str, interval: Interval, days: Iterable[date] = DAYS) -> Iterator[tuple[Any, ...]]:
    """start, open, high, low, close, volume, exact turnover or None; windows found by walking, from the minutes."""
    length = 24 * 60 if interval == "day" else interval
    for day in days:
        found: dict[datetime, list[tuple[Any, ...]]] = {}
        for row in sim.truth(symbol, day, 1):
            minute = row[0].hour * 60 + row[0].minute
            found.setdefault(row[0] - timedelta(minutes=minute % length), []).append(tuple(row))
        for start, rows in found.items():
            turnover = None if any(row[6] is None for row in rows) else sum(row[6] for row in rows)
            high, low = max(row[2] for row in rows), min(row[3] for row in rows)
            yield start, rows[0][1], high, low, rows[-1][4], sum(row[5] for row in rows), turnover


def assert_true(
    frame: pd.DataFrame, sim: Simulator, interval: Interval, symbols: Sequence[str] = SYMBOLS,
    days: Iterable[date] = DAYS,
) -> None:  # fmt: skip
    """Equal in start and OHLCV; turnover and VWAP within what the table's two decimals leave of them, or both none."""
    for symbol in symbols:
        mine, wanted = frame[frame["symbol"] == symbol], list(truth(sim, symbol, interval, days))
        starts = mine["timestamp"].dt.tz_localize(None).dt.to_pydatetime()
        ohlcv = mine.iloc[:, 2:7].itertuples(index=False, name=None)
        assert [(start, *row) for start, row in zip(starts, ohlcv, strict=True)] == [row[:6] for row in wanted]
        for turnover, vwap, (*_, volume, exact) in zip(mine["turnover"], mine["vwap"], wanted, strict=True):
            if exact is None:
                assert pd.isna(turnover) and pd.isna(vwap)
            else:
                assert abs(turnover - exact) <= 0.005 * volume + 0.5 * 400
                assert abs(vwap - exact / volume) <= 0.0101 + 200 / volume
