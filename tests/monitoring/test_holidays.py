"""KIS's own calendar: requested once a day, remembered, and right where the package disagrees."""

import logging
from datetime import date, datetime, timedelta

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
    """Answers chk-holiday: each day as the package has it, but for `wrong` ("20261123": open)."""

    def __init__(self, wrong=()):
        self.wrong, self.calls, self.error = dict(wrong), 0, None

    def holidays(self, first):
        self.calls += 1
        if self.error:
            raise self.error
        days = [first + timedelta(days=n) for n in range(30)]
        return [HolidayRow(day, self.wrong.get(f"{day:%Y%m%d}", day.weekday() < 5)) for day in days]


@pytest.fixture
def check(tmp_path):
    return lambda kis, clock: HolidayCheck(kis, clock, tmp_path / "holidays.json", ())


def test_kis_is_called_once_a_day_wins_and_a_disagreement_is_logged_once(check, caplog):
    agreed = dict.fromkeys(("20261225", "20261231", "20270101"), False)
    kis, clock = Kis({"20261123": False, "20261121": True, **agreed}), FakeClock(MORNING)
    holidays = check(kis, clock)
    with caplog.at_level(logging.WARNING, "minute_candles"):
        for _ in range(3):
            for _ in range(5):
                holidays.refresh()
            clock.move(days=1)
    assert holidays.calendar.trading_days(FRIDAY, MONDAY) == [FRIDAY, SATURDAY] and kis.calls == 3
    assert sorted(line.split()[1] for line in caplog.messages) == ["2026-11-21:", "2026-11-23:"]


def test_what_kis_answered_of_a_day_outlives_the_day(check, tmp_path):
    """The look-back of the week must not wait for a day that KIS had closed."""
    clock = FakeClock(MORNING)
    check(Kis({"20261120": False}), clock).refresh()
    clock.move(days=4)
    later = check(Kis(), clock)
    later.refresh()
    assert not later.calendar.is_trading_day(FRIDAY)
    clock.move(days=440)
    later.refresh()
    assert "2026-11-20" not in (tmp_path / "holidays.json").read_text()


@pytest.mark.parametrize("memory", ["", "[]", '{"asked": "2026-11-20", "open": {"x": true}}'])
def test_without_an_answer_or_a_memory_the_package_counts_and_kis_is_called_in_an_hour(check, tmp_path, memory):
    (tmp_path / "holidays.json").write_text(memory)
    kis, clock = Kis({"20261123": False}), FakeClock(MORNING)
    kis.error, holidays = SourceError("KIS가 오류로 답했습니다."), check(kis, clock)
    for _ in range(5):
        holidays.refresh()
    assert kis.calls == 1 and holidays.calendar.is_trading_day(MONDAY)
    kis.error = None
    clock.move(minutes=61)
    holidays.refresh()
    assert kis.calls == 2 and not holidays.calendar.is_trading_day(MONDAY)


def test_rows_that_cannot_be_read_and_an_answer_that_differs_on_many_days_are_not_believed(check, tmp_path, caplog):
    odd = [None, 3, {}, {"bass_dt": "x", "opnd_yn": "Y"}, {"bass_dt": "20261120", "opnd_yn": "?"}]
    assert holiday_rows([*odd, {"bass_dt": "20261123", "opnd_yn": "N"}]) == [(MONDAY, False)]
    days = [f"{FRIDAY + timedelta(days=n):%Y%m%d}" for n in range(30)]
    holidays = check(Kis(dict.fromkeys(days, False)), FakeClock(MORNING))
    before = holidays.calendar
    holidays.refresh()
    assert holidays.calendar is before and not (tmp_path / "holidays.json").exists()
    assert len(caplog.messages) == 1
