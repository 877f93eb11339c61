"""Days that KIS really reported, through the updater's rounds and the settle: 0 wrong, 0 missing, 0 extra."""

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from datetime import date, timedelta
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


class Rounds:
    """One date, all its symbols: a round each minute, then the settle."""

    def __init__(self, day: date, days: dict[str, RealDay], folder: Path) -> None:
        self.days, self.calendar = days, TradingCalendar()
        self.session = self.calendar.session(day)
        self.end = self.session.end.replace(tzinfo=None)
        self.clock = FakeClock(self.session.open + timedelta(minutes=1, seconds=3))
        self.kis: Any = Replay(days, self.clock.now)
        self.store: Store = open_store(Database("sqlite", path=folder / f"{day}.db"), self.clock)
        self.store.preflight()
        self.updater = LiveSession(self.kis, self.store, self.calendar, self.clock, list(days), [], 0, workers=2)

    def run(self) -> int:
        """Return how many candles of the table were compared: all equal the rows, in all intervals."""
        self.updater.begin(self.session)
        while self.clock.now() < self.session.end:
            due = [n for n in INTERVALS if self.clock.now().minute % n == 0]
            assert not self.updater.round(self.session, due, hurried=False).errors, self.updater.incidents.current
            self.clock.jump(self.clock.now() + timedelta(minutes=1))
        self._settle()
        return self._assert_equal()

    def _settle(self) -> None:
        day = self.session.day
        self.calendar.trading_days = lambda first, last: [day]  # type: ignore[method-assign]
        for _ in range(3):  # what is doubtful is requested once more
            self.clock.jump(self.clock.now() + timedelta(minutes=1))
            if self.updater.settle(day):
                return
        raise AssertionError(self.updater.incidents.current)

    def _assert_equal(self) -> int:
        total = 0
        for symbol, real in self.days.items():
            minutes = [Candle(*row[:6], None, None) for row in real.rows]
            for interval in INTERVALS:
                wanted = minutes if interval == 1 else aggregate(minutes, interval)
                found = self.store.candles(symbol, interval, self.end.replace(hour=0), self.end)
                assert [c[:6] for c in found] == [c[:6] for c in wanted], (symbol, interval)
                total += len(wanted)
        return total


def replayed(day: date, symbols: dict[str, RealDay]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(day, symbols, Path(folder))
        with closing(rounds.store):
            return rounds.run()


def test_the_real_day_with_the_most_late_minutes() -> None:
    chosen = dict(sorted(load(LATEST)[LATEST].items(), key=lambda item: -len(item[1].late))[:2])
    assert all(day.late for day in chosen.values())
    assert replayed(LATEST, chosen | {"900001": RealDay([])}), "the last one has nothing but fillers"


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_most_real_days(record_property: Any) -> None:
    """A day of so many symbols at most, a process a core; REAL_SYMBOLS=1000 replays them all."""
    most = int(os.environ.get("REAL_SYMBOLS", "16"))
    chosen = {day: list(symbols.items())[:most] for day, symbols in load().items()}
    parts = [(day, dict(some[at : at + 6])) for day, some in chosen.items() for at in range(0, len(some), 6)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        candles = sum(pool.map(replayed, *zip(*parts, strict=True)))
    record_property("figures", f"{sum(map(len, chosen.values()))} real symbol-days, {candles:,} candles equal")
    assert candles
