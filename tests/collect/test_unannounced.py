"""A CSAT day that nobody announced (10:00–16:30): the rows show it, nothing of it is lost, the user is told once."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, assert_true, coverage, now, stored_rows
from updater_tools import FRIDAY, FakeDay, at

from simulator.simulator import Simulator

pytestmark = pytest.mark.usefixtures("short_week")
PROFILES = {"373220": "illiquid", "005930": "liquid", "000660": "medium"}
Make = Callable[..., FakeDay]
TOLD = "달력과 달리 10:00~16:30"


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[FakeDay] = []

    def make(start: datetime, **options: Any) -> FakeDay:
        made.append(FakeDay(tmp_path, start, PROFILES, kis={"csat": [FRIDAY]}, **options))
        return made[-1]

    yield make
    for day in made:
        day.close()


def test_the_updater_goes_on_to_half_past_four(make: Make) -> None:
    day = make(at(8, 50), every={1: 4, 5: 5, 15: 15})
    halves: list[Any] = []

    def look() -> None:
        halves.extend(row for row in stored_rows(day.url, "005930") if str(row[2])[11:16] >= "15:30")

    day.clock.plan(at(15, 41), look)
    day.run(until=at(17, 0))
    assert [row for row in halves if row[1] == "FIFTEEN_MINUTES"] == [], "the window of 15:30 runs until 15:45"
    assert len([row for row in halves if row[1] == "ONE_MINUTE"]) >= 8, "and the rounds go on"
    day.assert_week()
    assert len(day.lines(TOLD)) == 1


@pytest.mark.parametrize("start", [at(15, 50), at(16, 35), at(20, 0)], ids=["running", "in its last minutes", "over"])
def test_the_updater_started_late_believes_the_rows(make: Make, start: datetime) -> None:
    day = make(start)
    day.run(until=max(start, at(17, 0)).replace(minute=30))
    day.assert_week()
    assert len(day.lines(TOLD)) == 1


def test_the_backfill_of_such_a_day_is_whole_and_the_next_run_asks_nobody(tmp_path: Path) -> None:
    with Simulator(now=now, rate=100_000, profiles=PROFILES, csat=[FRIDAY]) as kis:
        user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
        flags = ("--from", f"{FRIDAY}", "--symbols", ",".join(PROFILES))
        ran = user.run(*flags, "--workers", "1")
        assert ran.code == 0, ran.all
        assert_true(user.database, kis, list(PROFILES), [FRIDAY])
        assert ran.err.count(TOLD) == 1 and "검증 실패" not in ran.err
        assert set(coverage(user.database).values()) == {"COMPLETE"}
        before = len(kis.requests)
        assert user.run(*flags).code == 0
        assert len(kis.requests) == before
