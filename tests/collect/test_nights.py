"""What an operator meets at night and in the morning: states in which the updater must not be idle or wrong."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import coverage, execute, stored_rows, true_rows
from updater_tools import FRIDAY, FakeDay, assert_provisional, at

from simulator.traps import Traps

AUCTION = datetime(2026, 11, 20, 15, 30)
LULL = ("000006", "000086", "000198", "000388")
"""Illiquid ones whose last trade before the auction lies more than a page back."""
AS_KIS = Traps(fillers=True, late_rows=True)
ALL = ("ONE_MINUTE", "FIVE_MINUTES", "FIFTEEN_MINUTES")
Make = Callable[..., FakeDay]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeDay] = []

    def make(start: datetime, symbols: Any = ("005930", "000660"), profile: str = "liquid", **options: Any) -> FakeDay:
        profiles = symbols if isinstance(symbols, dict) else dict.fromkeys(symbols, profile)
        made.append(FakeDay(tmp_path, start, profiles, **options))
        return made[-1]

    yield make
    for day in made:
        day.close()


def test_a_database_that_takes_no_rows_is_told_once_and_reading_it_heals_nothing(make: Make) -> None:
    """One symbol has nothing to write: that its visit works says nothing about the database."""
    day = make(at(9, 50), {"005930": "liquid", "000660": "liquid", "018880": "suspended"})
    full = "SELECT RAISE(ABORT, 'database or disk is full')"
    stop = f"CREATE TRIGGER full BEFORE INSERT ON stock_minute_prices BEGIN {full}; END"
    day.clock.plan(at(10, 0), lambda: execute(day.url, stop))
    day.clock.plan(at(10, 20), lambda: execute(day.url, "DROP TRIGGER full"))
    day.run(until=at(10, 31))
    assert [line.split(":")[0] for line in day.lines("문제 시작")] == ["⚠️ DB 문제 시작"]
    assert len(day.lines("복구:")) == 1 and day.lines("✅ DB 복구: 약 20분")
    assert_provisional(day, "005930", at(10, 29), ALL)


# --- VTS ---


def test_a_vts_updater_in_the_evening_takes_complete_away_from_nobody(make: Make) -> None:
    """A real key has settled today of two symbols; a VTS updater of three comes in the evening, one being missing."""
    real = make(at(15, 41))
    assert real.run(until=at(16, 0), once=True) == 0
    settled = {symbol: stored_rows(real.url, symbol) for symbol in real.symbols}
    day = make(at(18, 0), ("005930", "000660", "035420"), env="vts", rate_limit=0.9, kis={"env": "vts"})
    day.run(until=at(20, 0))
    found = coverage(day.url)
    told = {symbol: found[symbol, "2026-11-20"] for symbol in day.symbols}
    assert told == {"005930": "COMPLETE", "000660": "COMPLETE", "035420": "PROVISIONAL"}
    assert all(value == "COMPLETE" for (symbol, _), value in found.items() if symbol != "035420")
    assert {symbol: stored_rows(day.url, symbol) for symbol in settled} == settled and not day.watcher.wrong
    asked = {request.params.get("FID_INPUT_ISCD") for request in day.kis.requests if "itemchart" in request.path}
    assert "000660" not in asked


@pytest.mark.parametrize("start", [at(14, 50), at(15, 36), at(16, 0)])
@pytest.mark.parametrize("traps", [Traps(), AS_KIS], ids=["plain", "as KIS"])
def test_on_vts_the_last_look_goes_back_over_a_lull(make: Make, traps: Traps, start: datetime) -> None:
    day = make(start, LULL, "illiquid", env="vts", rate_limit=0.9, kis={"env": "vts", "traps": traps})
    day.run(until=at(17, 0))
    for symbol in LULL:
        assert_provisional(day, symbol, at(23, 59), ALL)
        assert [row[2] for row in stored_rows(day.url, symbol)].count(AUCTION) == 3
        auction = [row[:10] for row in true_rows(day.kis, symbol, [FRIDAY]) if row[2] == AUCTION]
        assert [row[:10] for row in stored_rows(day.url, symbol) if row[2] == AUCTION] == auction
