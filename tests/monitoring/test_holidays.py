"""KIS's own calendar: asked once a day, remembered, and right where the package disagrees."""

import logging
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kis_testing import FakeClock

from minute_candles.core.errors import SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.parse import holiday_rows
from minute_candles.market.rows import HolidayRow
from minute_candles.monitoring.holidays import HolidayCheck

FRIDAY, SATURDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)
MORNING = datetime(2026, 11, 20, 8, tzinfo=KST)


class Kis:
    """Answers chk-holiday: each day as the package has it, but for `wrong`."""

    def __init__(self, **wrong: str) -> None:
        self.wrong, self.calls = wrong, 0
        self.error: Exception | None = None

    def holidays(self, first: date) -> list[HolidayRow]:
        self.calls += 1
        if self.error:
            raise self.error
        days = [first + timedelta(days=n) for n in range(30)]
        usual = {f"d{day:%Y%m%d}": "Y" if day.weekday() < 5 else "N" for day in days} | self.wrong
        return [HolidayRow(day, usual[f"d{day:%Y%m%d}"] == "Y") for day in days]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MORNING)


def check(kis: Kis, clock: FakeClock, folder: Path) -> HolidayCheck:
    return HolidayCheck(kis, clock, folder / "holidays.json", ())  # type: ignore[arg-type]


def test_kis_is_called_once_a_day_wins_and_a_disagreement_is_logged_once(clock: FakeClock, tmp_path: Path, caplog: Any):
    kis = Kis(d20261123="N", d20261121="Y", d20261225="N", d20261231="N", d20270101="N")  # the last three agree
    holidays = check(kis, clock, tmp_path)
    with caplog.at_level(logging.WARNING, "minute_candles"):
        for _ in range(3):
            for _ in range(5):
                holidays.refresh()
            clock.move(days=1)
    assert holidays.calendar.trading_days(FRIDAY, MONDAY) == [FRIDAY, SATURDAY] and kis.calls == 3
    assert sorted(line.split()[1] for line in caplog.messages) == ["2026-11-21:", "2026-11-23:"]


def test_what_kis_said_of_a_day_outlives_the_day(clock: FakeClock, tmp_path: Path):
    """The look-back of the week must not wait for a day that KIS had closed."""
    check(Kis(d20261120="N"), clock, tmp_path).refresh()
    clock.move(days=4)
    later = check(Kis(), clock, tmp_path)
    later.refresh()
    assert not later.calendar.is_trading_day(FRIDAY)
    clock.move(days=440)
    later.refresh()
    assert "2026-11-20" not in (tmp_path / "holidays.json").read_text()


def test_where_kis_is_silent_the_package_counts_and_it_is_asked_in_an_hour(clock: FakeClock, tmp_path: Path):
    kis = Kis(d20261123="N")
    kis.error = SourceError("KIS가 오류로 답했습니다.")
    holidays = check(kis, clock, tmp_path)
    for _ in range(5):
        holidays.refresh()
    assert kis.calls == 1 and holidays.calendar.is_trading_day(MONDAY)
    kis.error = None
    clock.move(minutes=61)
    holidays.refresh()
    assert kis.calls == 2 and not holidays.calendar.is_trading_day(MONDAY)


@pytest.mark.parametrize("content", ["", "[]", '{"asked": "2026-11-20", "open": {"x": true}}'])
def test_a_spoilt_memory_is_no_memory(clock: FakeClock, tmp_path: Path, content: str):
    (tmp_path / "holidays.json").write_text(content)
    kis = Kis()
    check(kis, clock, tmp_path).refresh()
    assert kis.calls == 1


def test_rows_that_cannot_be_read_say_nothing():
    odd = [None, 3, {}, {"bass_dt": "x", "opnd_yn": "Y"}, {"bass_dt": "20261120", "opnd_yn": "?"}]
    assert holiday_rows([*odd, {"bass_dt": "20261123", "opnd_yn": "N"}]) == [(MONDAY, False)]


def test_an_answer_that_differs_on_more_than_a_few_days_is_not_believed(clock: FakeClock, tmp_path: Path, caplog: Any):
    closed = {f"d{FRIDAY + timedelta(days=n):%Y%m%d}": "N" for n in range(30)}
    holidays = check(Kis(**closed), clock, tmp_path)
    before = holidays.calendar
    holidays.refresh()
    assert holidays.calendar is before and not (tmp_path / "holidays.json").exists()
    assert len(caplog.messages) == 1
