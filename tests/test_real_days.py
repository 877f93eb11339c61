"""Days that KIS really reported, through the updater's rounds and the settle: 0 wrong, 0 missing, 0 extra."""

import multiprocessing
import os
import tempfile
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from real_days import CAPTURED, RealDay, Replay, load
from updater_tools import FakeClock

from minute_candles.config.settings import Database
from minute_candles.live.session import LiveSession
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.market.rows import MinuteRow
from minute_candles.market.turnover_proof import prove
from minute_candles.market.windows import INTERVALS, aggregate
from minute_candles.storage.store import Store, open_store

LATEST = date(2025, 11, 12)
"""The date with the most late minutes."""
pytestmark = pytest.mark.skipif(not CAPTURED.exists(), reason=f"{CAPTURED} is not here")


class Rounds:
    """One date, all its symbols: a round each minute, then the settle; what was late, and what healed it.

    `begin`: the updater starts so long after the open, and heals the morning from the past TR.
    """

    def __init__(self, day: date, days: dict[str, RealDay], folder: Path, begin: timedelta = timedelta()) -> None:
        self.days, self.calendar = days, TradingCalendar()
        self.session = self.calendar.session(day)
        self.clock = FakeClock(self.session.open + begin + timedelta(minutes=1, seconds=3))
        self.kis: Any = Replay(days, self.clock.now)
        self.store: Store = open_store(Database("sqlite", path=folder / f"{day}.db"), self.clock)
        self.store.preflight()
        kis, symbols = self.kis, list(days)
        self.updater = LiveSession(
            kis, self.store, self.calendar, self.clock, symbols, [], 0, workers=2, heals=bool(begin)
        )
        self.traded = {symbol: set(real.minutes) for symbol, real in days.items()}
        self.late = self.by_page = self.by_turnover = self.by_settle = 0

    def run(self) -> None:
        self.updater.begin(self.session)
        waiting: dict[str, set[datetime]] = {symbol: set() for symbol in self.days}
        while self.clock.now() < self.session.end:
            due = [n for n in INTERVALS if self.clock.now().minute % n == 0]
            before = dict(self.kis.pages)
            done = self.updater.round(self.session, due, hurried=False)
            assert not done.errors, self.updater.incidents.current
            for symbol in self.days:
                self._count(symbol, waiting[symbol], self.kis.pages[symbol] - before.get(symbol, 0))
            self.clock.jump(self.clock.now() + timedelta(minutes=1))
        self.by_settle = sum(map(len, waiting.values()))
        self._settle()

    def _count(self, symbol: str, waiting: set[datetime], pages: int) -> None:
        """A minute is late that is not stored by the round after its end."""
        now = self.clock.now().replace(tzinfo=None, second=0)
        new = {now - timedelta(minutes=1)} & self.traded[symbol]
        if not (new or waiting):
            return
        first = min(new | waiting)
        held = {candle.timestamp for candle in self.store.candles(symbol, 1, first, now)}
        healed = waiting & held
        waiting -= healed
        if pages > 1:
            self.by_turnover += len(healed)
        else:
            self.by_page += len(healed)
        self.late += len(new - held)
        waiting |= new - held

    def _settle(self) -> None:
        day = self.session.day
        self.calendar.trading_days = lambda first, last: [day]  # type: ignore[method-assign]
        for _ in range(3):  # what is doubtful is requested once more
            self.clock.jump(self.clock.now() + timedelta(minutes=1))
            if self.updater.settle(day):
                return
        raise AssertionError(self.updater.incidents.current)

    def assert_equal(self) -> int:
        """Table = rows, in all intervals; how many were compared."""
        total = 0
        for symbol, real in self.days.items():
            minutes = [Candle(*row[:6], None, None) for row in real.rows]
            for interval in INTERVALS:
                wanted = minutes if interval == 1 else aggregate(minutes, interval)
                found = self.store.candles(symbol, interval, self.end.replace(hour=0), self.end)
                assert [c[:6] for c in found] == [c[:6] for c in wanted], (symbol, interval)
                total += len(wanted)
        return total

    @property
    def end(self) -> datetime:
        return self.session.end.replace(tzinfo=None)


@pytest.fixture(scope="module")
def days() -> dict[date, dict[str, RealDay]]:
    return load()


class Outcome(NamedTuple):
    """What came of some symbol-days."""

    days: int
    candles: int
    late: int
    by_page: int
    by_turnover: int
    by_settle: int

    def __str__(self) -> str:
        return (
            f"{self.days} real symbol-days, {self.candles:,} candles equal; {self.late:,} minutes late: "
            f"{self.by_page:,} by the next page, {self.by_turnover:,} by turnover, {self.by_settle:,} by the settle"
        )


def replayed(day: date, symbols: dict[str, RealDay]) -> Outcome:
    with tempfile.TemporaryDirectory() as folder:
        rounds = Rounds(day, symbols, Path(folder))
        try:
            rounds.run()
            total = rounds.assert_equal()
        finally:
            rounds.store.close()
    return Outcome(len(symbols), total, rounds.late, rounds.by_page, rounds.by_turnover, rounds.by_settle)


def test_the_real_day_with_the_most_late_minutes() -> None:
    chosen = dict(sorted(load(LATEST)[LATEST].items(), key=lambda item: -len(item[1].late))[:2])
    nothing_but_fillers = {"900001": RealDay([])}
    assert replayed(LATEST, chosen | nothing_but_fillers).late


def test_a_real_morning_that_was_missed_is_healed_from_the_past_tr(tmp_path: Path) -> None:
    """Nothing of it is wrong at one o'clock, nothing but late minutes missing; after the settle it is equal."""
    rounds = Rounds(LATEST, dict(list(load(LATEST)[LATEST].items())[:3]), tmp_path, begin=timedelta(hours=4))
    try:
        rounds.updater.begin(rounds.session)
        assert not rounds.updater.round(rounds.session, INTERVALS, hurried=False).errors
        now = rounds.clock.now().replace(tzinfo=None, second=0)
        assert rounds.kis.calls <= 5 * len(rounds.days) and max(rounds.kis.pages.values()) <= 2
        for symbol, real in rounds.days.items():
            over = [row[:6] for row in real.rows if row.minute < now - timedelta(minutes=1)]
            held = rounds.store.candles(symbol, 1, real.minutes[0].replace(hour=0), now - timedelta(minutes=2))
            assert [candle[:6] for candle in held] == over, symbol
        rounds.run()
        assert rounds.assert_equal()
    finally:
        rounds.store.close()


@pytest.mark.slow
def test_of_single_lost_rows_turnover_misses_one_in_three_hundred_at_most(
    days: dict[date, dict[str, RealDay]], record_property: Any
) -> None:
    """A row whose turnover hides in the range of the next one: a few shares. The first and the last have witnesses of
    their own, the daily open and the auction."""
    dice, lost, unseen = Random(1), 0, 0
    for day, symbols in days.items():
        session = TradingCalendar().session(day)
        for real in symbols.values():
            rows = [MinuteRow(*row[:7]) for row in real.rows]
            known = set(prove(rows, session).doubts)
            for at in dice.sample(range(1, len(rows) - 1), 4 if len(rows) > 10 else 0):
                lost += 1
                unseen += set(prove(rows[:at] + rows[at + 1 :], session).doubts) <= known
    record_property("figures", f"{unseen} of {lost} single lost rows unseen")
    assert lost > 2_000 and unseen / lost < 1 / 300


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_most_real_days(days: dict[date, dict[str, RealDay]], record_property: Any) -> None:
    """A day of so many symbols at most, a process a core; REAL_SYMBOLS=1000 replays them all."""
    most = int(os.environ.get("REAL_SYMBOLS", "16"))
    chosen = {day: list(symbols.items())[:most] for day, symbols in days.items()}
    parts = [(day, dict(some[at : at + 6])) for day, some in chosen.items() for at in range(0, len(some), 6)]
    with ProcessPoolExecutor(os.cpu_count(), multiprocessing.get_context("spawn")) as pool:
        every = list(pool.map(replayed, *zip(*parts, strict=True)))
    outcome = Outcome(*map(sum, zip(*every, strict=True)))
    assert outcome.days == sum(map(len, chosen.values())) and outcome.late > 0
    record_property("figures", str(outcome))
