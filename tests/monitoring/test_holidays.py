"""KIS's own calendar: asked once a day, remembered, and right where the package disagrees."""

import logging
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from kis_testing import FakeClock

from kis_simulator.simulator import Simulator
from minute_candles.core.errors import SourceError, Stopped
from minute_candles.core.kst import KST
from minute_candles.kis.parse import holiday_rows
from minute_candles.market.rows import HolidayRow
from minute_candles.monitoring.holidays import HolidayCheck

FRIDAY, SATURDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 21), date(2026, 11, 23)
KEYS = {"KIS_APP_KEY": "a" * 36, "KIS_APP_SECRET": "b" * 180, "DB_URL": "sqlite:///x.db"}
MORNING = datetime(2026, 11, 20, 8, tzinfo=KST)


class Kis:
    """Answers chk-holiday: each day as the package has it, but for `wrong`."""

    def __init__(self, **wrong: str) -> None:
        self.wrong, self.asked = wrong, 0
        self.error: Exception | None = None

    def holidays(self, first: date) -> list[HolidayRow]:
        self.asked += 1
        if self.error:
            raise self.error
        days = [first + timedelta(days=n) for n in range(30)]
        return [
            HolidayRow(day, self.wrong.get(f"d{day:%Y%m%d}", "Y" if day.weekday() < 5 else "N") == "Y") for day in days
        ]


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MORNING)


def check(kis: Kis, clock: FakeClock, folder: Path) -> HolidayCheck:
    return HolidayCheck(kis, clock, folder / "holidays.json", ())  # type: ignore[arg-type]


def test_where_both_agree_nothing_changes(clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    holidays = check(Kis(d20261225="N", d20261231="N", d20270101="N"), clock, tmp_path)
    before = holidays.calendar
    with caplog.at_level(logging.INFO, "minute_candles"):
        holidays.refresh()
    assert holidays.calendar is before
    assert not caplog.records


def test_a_day_that_kis_closes_and_one_that_it_opens(
    clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    holidays = check(Kis(d20261123="N", d20261121="Y"), clock, tmp_path)
    with caplog.at_level(logging.WARNING, "minute_candles"):
        holidays.refresh()
    assert holidays.calendar.trading_days(FRIDAY, MONDAY) == [FRIDAY, SATURDAY]
    assert "⚠️ 2026-11-23: 내장 달력과 달리 KIS는 휴장이라고 합니다. KIS를 따릅니다." in caplog.messages
    assert "⚠️ 2026-11-21: 내장 달력과 달리 KIS는 개장이라고 합니다. KIS를 따릅니다." in caplog.messages


def test_it_is_asked_once_a_day_and_a_disagreement_told_once(
    clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    kis = Kis(d20261127="N")
    holidays = check(kis, clock, tmp_path)
    with caplog.at_level(logging.WARNING, "minute_candles"):
        for _ in range(3):
            for _ in range(5):
                holidays.refresh()
            clock.move(days=1)
    assert kis.asked == 3
    assert len([line for line in caplog.messages if "2026-11-27" in line]) == 1


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
    assert kis.asked == 1 and holidays.calendar.is_trading_day(MONDAY)
    kis.error = None
    clock.move(minutes=61)
    holidays.refresh()
    assert kis.asked == 2 and not holidays.calendar.is_trading_day(MONDAY)


def test_a_stop_is_no_silence(clock: FakeClock, tmp_path: Path):
    kis = Kis()
    kis.error = Stopped("중지")
    with pytest.raises(Stopped):
        check(kis, clock, tmp_path).refresh()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"asked": 3, "open": {}}', '{"asked": "2026-11-20", "open": {"x": true}}']
)
def test_a_spoilt_memory_is_no_memory(clock: FakeClock, tmp_path: Path, content: str):
    (tmp_path / "holidays.json").write_text(content)
    kis = Kis()
    check(kis, clock, tmp_path).refresh()
    assert kis.asked == 1


def test_a_folder_that_cannot_be_written_costs_the_memory_only(clock: FakeClock, tmp_path: Path):
    kis = Kis(d20261123="N")
    holidays = HolidayCheck(kis, clock, tmp_path / "nowhere" / "holidays.json", ())  # type: ignore[arg-type]
    holidays.refresh()
    assert not holidays.calendar.is_trading_day(MONDAY)


def test_rows_that_cannot_be_read_say_nothing():
    rows = [
        None,
        3,
        {},
        {"bass_dt": "x", "opnd_yn": "Y"},
        {"bass_dt": "20261120", "opnd_yn": "?"},
        {"bass_dt": "20261123", "opnd_yn": "N"},
    ]
    assert holiday_rows(rows) == [(MONDAY, False)]


def test_the_simulated_kis_agrees_with_the_package(clock: FakeClock):
    with Simulator(now=clock.now) as sim:
        told = dict(holiday_rows(sim.endpoints.open_days(FRIDAY)))
    plain = HolidayCheck(None, clock, Path(), ()).calendar  # type: ignore[arg-type]
    assert told == {day: plain.is_trading_day(day) for day in told}
    assert len(told) == 30


def test_an_answer_that_differs_on_more_than_a_few_days_is_not_believed(
    clock: FakeClock, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    closed = {f"d{FRIDAY + timedelta(days=n):%Y%m%d}": "N" for n in range(30)}
    holidays = check(Kis(**closed), clock, tmp_path)
    before = holidays.calendar
    holidays.refresh()
    assert holidays.calendar is before and not (tmp_path / "holidays.json").exists()
    assert len(caplog.messages) == 1 and "믿지 않습니다" in caplog.messages[0]
