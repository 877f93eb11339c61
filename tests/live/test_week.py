"""A week of the updater on a fake clock, from Monday 08:50 to Sunday, with a fault a day.

The table equals the truth, what is told fits on two screens, and `--status` was 1 while something was wrong for more
than three minutes, and at no other time.
"""

import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from backfill_tools import execute
from updater_tools import FRIDAY, FakeDay, at

from kis_simulator.faults.server_behaviour import ServerBehaviour
from minute_candles.config import symbols_file
from minute_candles.monitoring import status_file

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = (FRIDAY - timedelta(days=back) for back in (4, 3, 2, 1))
SATURDAY, SUNDAY = FRIDAY + timedelta(days=1), FRIDAY + timedelta(days=2)
MINUTE = timedelta(minutes=1)
ROUND = 2 * MINUTE
"""A round every two minutes: the week in half the time."""
TWO_SCREENS = 100
FULL = "CREATE TRIGGER full BEFORE INSERT ON stock_minute_prices BEGIN SELECT RAISE(ABORT, 'database is full'); END"


class Wrong(NamedTuple):
    """From `since` to `until` something is wrong; it shows after `seen` at the latest."""

    since: datetime
    until: datetime
    seen: timedelta

    def must_show(self, moment: datetime) -> bool:
        return self.since + max(self.seen, status_file.TOLERATED) + ROUND < moment < self.until

    def may_show(self, moment: datetime) -> bool:
        return self.since < moment < self.until + ROUND + MINUTE


WRONG = [
    Wrong(at(10, 0, day=MONDAY), at(10, 20, day=MONDAY), MINUTE),
    Wrong(at(11, 0, day=TUESDAY), at(11, 40, day=TUESDAY), 5 * MINUTE),
    Wrong(at(13, 0, day=THURSDAY), at(14, 0, day=THURSDAY), MINUTE),
    Wrong(at(9, 0, day=FRIDAY), at(9, 30, day=FRIDAY), 5 * MINUTE),
]


@pytest.fixture
def week(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeDay]:
    """Twenty symbols; the database takes no rows, KIS tells of yesterday, calls an open day closed, tells one symbol's
    rows in another shape, says nothing from an open on, and calls a Saturday open."""
    names = list(symbols_file.choose(None, None))[: int(os.environ.get("WEEK_SYMBOLS", "20"))]
    kinds = ("liquid", "liquid", "medium", "illiquid", "halted")
    profiles = {name: kinds[number % 5] for number, name in enumerate(names)}
    every = {1: 2, 5: 6, 15: 16}
    day = FakeDay(
        tmp_path, at(8, 50, day=MONDAY), profiles, every=every, kis={"behaviour": ServerBehaviour(True, True)}
    )
    plan, kis = day.clock.plan, day.kis
    plan(at(10, 0, day=MONDAY), lambda: execute(day.url, FULL))
    plan(at(10, 20, day=MONDAY), lambda: execute(day.url, "DROP TRIGGER full"))
    plan(at(11, 0, day=TUESDAY), lambda: [kis.add_fault("wrong_day", path=path) for path in ("today", "past")])
    plan(at(11, 40, day=TUESDAY), kis.clear_faults)
    plan(at(13, 0, day=THURSDAY), lambda: kis.add_fault("shape_numbers", path="today", symbol=names[0]))
    plan(at(14, 0, day=THURSDAY), kis.clear_faults)
    plan(at(9, 0, day=FRIDAY), lambda: [kis.add_fault("empty", path=path) for path in ("today", "past")])
    plan(at(9, 30, day=FRIDAY), kis.clear_faults)
    truth, told = kis.answers.open_days, {f"{WEDNESDAY:%Y%m%d}": "N", f"{SATURDAY:%Y%m%d}": "Y"}

    def open_days(first: date) -> Any:
        return [{**row, "opnd_yn": told.get(row["bass_dt"], row["opnd_yn"])} for row in truth(first)]

    monkeypatch.setattr(kis.answers, "open_days", open_days)
    yield day
    day.close()


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_week_with_a_fault_a_day(week: FakeDay) -> None:
    seen: dict[datetime, bool] = {}

    def look() -> None:
        now = week.clock.now()
        seen[now] = status_file.render(status_file.read(week.folder), now)[1]
        week.clock.plan(now + MINUTE, look)

    week.clock.plan(at(8, 52, 40, day=MONDAY), look)
    week.run(until=at(23, 0, day=SUNDAY))
    week.assert_week()
    told = [line for _, _, line in week.log if "종목 ·" not in line or "1분봉 " not in line]
    print(*told, sep="\n")
    assert len(told) <= TWO_SCREENS
    blamed = {when.date() for when, _, line in week.log if "KIS 분봉 문제" in line}
    assert blamed == {TUESDAY, FRIDAY}, "of a database that takes nothing KIS is not to blame"
    hidden = [moment for moment, well in seen.items() if well and any(one.must_show(moment) for one in WRONG)]
    false = [moment for moment, well in seen.items() if not well and not any(one.may_show(moment) for one in WRONG)]
    assert not hidden and not false, (hidden[:3], false[:3])
    assert len(seen) > 9_000
