"""Days that KIS reports adjusted: turned back, never laid over true rows. Real ones: tests/market/test_as_traded.py."""

from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import LAST, User, assert_true, coverage, execute, now, sessions, stored_rows
from kis_testing import FRIDAY, LIQUID, WEDNESDAY, FakeClock, World, client_of, settings_for

from kis_simulator.faults.inconsistencies import INCONSISTENCIES
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database
from minute_candles.core.errors import SourceError
from minute_candles.live.session import LiveSession
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import with_vwap
from minute_candles.market.day_status import COMPLETE, UNPROVEN, Reason
from minute_candles.market.rows import MinuteRow
from minute_candles.market.windows import derive
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import open_store
from minute_candles.verification.as_traded_days import with_missing_minutes
from minute_candles.verification.day_verdict import BadDay

TICK = 100
"""KRW, at the price of the simulated symbol."""
AT = datetime(2026, 11, 18, 10)
FACTORS = {
    "005930": ("split", 1 / 50), "000660": ("split", 5.0), "035420": ("rights", 0.9583),
    "069500": ("distribution", 0.9985),
}  # fmt: skip
"""The simulator's corporate actions, a symbol each, and what a price becomes."""


def row_of(minute: int, price: int, volume: int, turnover: int) -> MinuteRow:
    return MinuteRow(AT.replace(minute=minute), price, price, price, price, volume, turnover)


def test_a_repair_writes_the_missing_minutes_alone_and_replaces_what_was_stored_adjusted() -> None:
    """The third minute is lost; the second one's window has it, the stored one of the first stays as it stands."""
    traded = [with_vwap((AT.replace(minute=n), 100, 100, 100, 100, 10), 1_000) for n in (0, 5, 6)]
    reported = [row_of(n, 50, 20, 1_000 * k) for k, n in enumerate((0, 5, 6))]
    stored = derive(traded[:2])
    stored[5][0] = stored[5][0]._replace(vwap=None)  # as another program wrote it
    turned = [candle._replace(open=101, high=101, low=101, close=101) for candle in traded]
    day = with_missing_minutes(stored, turned, reported)
    assert [candle[:6] for candle in day[1]] == [*(c[:6] for c in traded[:2]), turned[2][:6]]
    assert day[5][0] == stored[5][0] and day[5][1].volume == 20
    reported = [row_of(n, 50, 20, 1_000) for n in (0, 5, 6)]
    older = derive([with_vwap(row[:6], None) for row in reported])
    assert with_missing_minutes(older, traded, reported) == derive(traded)


@pytest.fixture
def here(tmp_path: Path) -> Iterator[World]:
    with closing(World(tmp_path, FakeClock(), (WEDNESDAY, FRIDAY), profiles={LIQUID: "liquid"})) as made:
        yield made


def collect(here: World) -> CoverageRow:
    """Collect as the command does: what is doubtful is requested once more, and accepted then."""
    here.collector = here.new_collector()
    try:
        here.collect()
    except SourceError:
        here.collect()
    known = here.coverage()
    assert known
    return known


@pytest.mark.parametrize(("daily", "factor"), [("empty", 0.02), ("daily_narrow", 5)])
def test_without_a_right_daily_candle_what_is_stored_shows_the_factor(here: World, daily: str, factor: float) -> None:
    known, before = collect(here), here.candles()
    assert known.status == COMPLETE
    here.sim.add_fault("split", day=WEDNESDAY, factor=factor)
    here.sim.add_fault(daily, path="daily")
    assert collect(here) == known and here.candles() == before
    lost = before[100]
    session = TradingCalendar().session(WEDNESDAY)
    here.store.rewrite(LIQUID, session, lambda day: derive([c for c in day[1] if c != lost]), now=here.clock.now())
    known = collect(here)
    changed = [(a, b) for a, b in zip(before, here.candles(), strict=True) if a != b]
    assert all(a == lost and max(abs(x - y) for x, y in zip(a[1:6], b[1:6], strict=True)) <= TICK for a, b in changed)
    assert (known.status, float(known.adjustment or 0)) == (UNPROVEN, pytest.approx(factor, rel=1e-3))


@pytest.mark.parametrize(("announced", "known"), [(True, 0.9583), (False, None)])
def test_else_the_announced_rate_shows_the_factor_or_nothing_does(here: World, announced: bool, known: float) -> None:
    here.sim.add_fault("rights", **{"ex_day": FRIDAY} if announced else {"day": WEDNESDAY})
    here.sim.add_fault("daily_missing", day=WEDNESDAY)
    found = collect(here)
    assert found.status == UNPROVEN and Reason.ADJUSTED_SOURCE in found.reasons
    assert (found.adjustment and float(found.adjustment)) == (known and pytest.approx(known, abs=1e-4))
    here.sim.clear_faults()
    here.sim.add_fault("rights", day=WEDNESDAY)
    collect(here)
    right = [candle[:5] for candle in here.sim.truth(LIQUID, WEDNESDAY)]
    assert [candle[:5] for candle in here.candles()] == right, "a daily candle that comes later turns the day back"


def test_a_few_stored_minutes_show_no_factor_and_stay(here: World) -> None:
    """Nothing adjusted is laid over them: the day fails until its daily candle comes."""
    session = TradingCalendar().session(WEDNESDAY)
    collect(here)
    here.store.rewrite(LIQUID, session, lambda day: derive(day[1][:5]), now=here.clock.now())
    before = here.candles()
    here.sim.add_fault("split", day=WEDNESDAY, factor=0.5)
    here.sim.add_fault("empty", path="daily")
    with pytest.raises(BadDay):
        collect(here)
    assert here.candles() == before


def minutes_of(user: User) -> dict[Any, Any]:
    return {row[:3]: row for symbol in FACTORS for row in stored_rows(user.database, symbol)}


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_later_run_changes_what_is_stored_as_traded(tmp_path: Path) -> None:
    """By no later run, command or settle, whatever else KIS reports wrongly."""
    run = ("--from", "2026-11-13", "--symbols", ",".join(FACTORS))
    with Simulator(now=now, rate=100_000, profiles=dict.fromkeys(FACTORS, "liquid")) as kis:
        for number, kind in enumerate(kind for kind in INCONSISTENCIES if kind != "late"):
            kis.add_fault(kind, rate=0.1, seed=number)
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        days = sessions(kis, date(2026, 11, 13), LAST)
        assert user.run(*run, timeout=300).code == 0
        assert_true(user.database, kis, list(FACTORS), days)
        before, marks = minutes_of(user), coverage(user.database)
        for symbol, (kind, factor) in FACTORS.items():
            kis.add_fault(kind, symbol=symbol, factor=factor, rate=0.3)
        when = kis.now().replace(tzinfo=None)
        assert sum(one.factor_of(one.symbol, day, when) != 1 for one in kis.active.actions for day in days) > 3
        assert user.run("--force", *run, timeout=300).code == 0
        assert minutes_of(user) == before and coverage(user.database) == marks
        execute(user.database, "DELETE FROM stock_minute_prices WHERE timestamp LIKE '%% 11:05:00'")
        assert user.run(*run, timeout=300).code == 0
        assert user.run("--recheck", *run, timeout=300).code == 0
        # the updater ends the last week, as if the night had not come for any of its days
        execute(user.database, "UPDATE stock_minute_coverage SET status = 'PROVISIONAL'")
        client = client_of(settings_for(kis.url, user.folder), clock := FakeClock(now()))
        with closing(open_store(Database("sqlite", path=tmp_path / "minutes.db"), clock)) as store:
            live = LiveSession(client, store, TradingCalendar(), clock, list(FACTORS), [], 0, workers=2)
            assert any(live.settle(LAST) for _ in range(3))
        after = minutes_of(user)
        assert after.keys() == before.keys()
        other = {key for key in before if f"{key[2]:%H:%M}" not in ("11:00", "11:05")}
        assert {key for key in other if before[key] != after[key]} == set()
