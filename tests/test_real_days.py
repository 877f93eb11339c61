"""Days that KIS really reported, through the updater's rounds and the settle: 0 wrong, 0 missing, 0 extra."""

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from real_days import CAPTURED, RealDay, Replay, load
from updater_tools import FakeClock

from minute_candles.config.settings import Database
from minute_candles.live.session import LiveSession
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.windows import INTERVALS, aggregate
from minute_candles.storage.store import Store, open_store

LATEST = date(2025, 11, 12)
"""The date with the most late minutes."""
pytestmark = pytest.mark.skipif(not CAPTURED.exists(), reason=f"{CAPTURED} is not here")


def replayed(day: date, days: dict[str, RealDay]) -> int:
    """A round each minute, then the settle; how many candles of the table were compared, all equal the rows."""
    calendar = TradingCalendar()
    session = calendar.session(day)
    clock = FakeClock(session.open + timedelta(minutes=1, seconds=3))
    kis: Any = Replay(days, clock.now)
    with (
        tempfile.TemporaryDirectory() as folder,
        closing(open_store(Database("sqlite", path=Path(folder) / "a.db"), clock)) as store,
    ):
        store.preflight()
        updater = LiveSession(kis, store, calendar, clock, list(days), [], 0, workers=2)
        updater.begin(session)
        while clock.now() < session.end:
            due = [n for n in INTERVALS if clock.now().minute % n == 0]
            assert not updater.round(session, due, hurried=False).errors, updater.incidents.current
            clock.jump(clock.now() + timedelta(minutes=1))
        calendar.trading_days = lambda first, last: [day]  # type: ignore[method-assign]
        for _ in range(3):  # what is doubtful is requested once more
            clock.jump(clock.now() + timedelta(minutes=1))
            if is_settled := updater.settle(day):
                break
        assert is_settled, updater.incidents.current
        return count_equal(store, days, session.end.replace(tzinfo=None))


def count_equal(store: Store, days: dict[str, RealDay], end: datetime) -> int:
    total = 0
    for symbol, real in days.items():
        minutes = [Candle(*row[:6], None, None) for row in real.rows]
        for interval in INTERVALS:
            wanted = minutes if interval == 1 else aggregate(minutes, interval)
            found = store.candles(symbol, interval, end.replace(hour=0), end)
            assert [c[:6] for c in found] == [c[:6] for c in wanted], (symbol, interval)
            total += len(wanted)
    return total


def test_the_real_day_with_the_most_late_minutes() -> None:
    chosen = dict(sorted(load(LATEST)[LATEST].items(), key=lambda item: -len(item[1].late))[:1])
    assert all(day.late for day in chosen.values())
    assert replayed(LATEST, chosen | {"900001": RealDay([])}), "the last one has nothing but fillers"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_most_real_days(record_property: Any) -> None:
    """A day of so many symbols at most, a process a core; REAL_SYMBOLS=1000 replays them all."""
    most = int(os.environ.get("REAL_SYMBOLS", "3"))
    chosen = {day: list(symbols.items())[:most] for day, symbols in load().items()}
    parts = [(day, dict(some[at : at + 6])) for day, some in chosen.items() for at in range(0, len(some), 6)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        candles = sum(pool.map(replayed, *zip(*parts, strict=True)))
    record_property("figures", f"{sum(map(len, chosen.values()))} real symbol-days, {candles:,} candles equal")
    assert candles
