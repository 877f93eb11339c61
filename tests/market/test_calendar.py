"""When the exchange trades: days, sessions, the odd ones, and what the user or KIS corrects."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minute_candles.core.kst import KST
from minute_candles.market.calendar import CSAT_DAYS, TradingCalendar

CALENDAR = TradingCalendar()
ORDINARY = date(2026, 11, 20)  # a Friday


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


def hours(day: date, calendar: TradingCalendar = CALENDAR) -> tuple[time, time]:
    session = calendar.session(day)
    return session.open.time(), session.close.time()


@pytest.mark.parametrize(
    ("days", "trades"),
    [(("2024-12-31 2025-01-01 2025-01-27 2025-05-01 2025-06-03 2025-10-08 2025-12-31 2026-02-17 2026-06-03 2026-07-17"
      " 2026-08-17 2026-11-21 2026-11-22 2026-12-25 2026-12-31"), False),
     ("2025-08-26 2026-01-02 2026-08-13 2026-09-14 2026-11-19 2026-12-30", True)],
    ids=["holidays and weekends", "other weekdays"],
)  # fmt: skip
def test_trading_days(days, trades):
    assert [day for day in days.split() if CALENDAR.is_trading_day(date.fromisoformat(day)) != trades] == []


def test_announced_days_overrule_the_package_and_both_ends_are_included():
    calendar = TradingCalendar(closed=[ORDINARY, date(2026, 1, 2)], opened=[date(2026, 12, 25), date(2026, 11, 21)])
    assert not calendar.is_trading_day(ORDINARY)
    assert calendar.is_trading_day(date(2026, 12, 25)) and calendar.is_trading_day(date(2026, 11, 21))
    assert hours(date(2026, 1, 5), calendar) == (time(10), time(15, 30)), "the first trading day of the year moves"
    days = CALENDAR.trading_days(date(2026, 9, 23), date(2026, 9, 29))  # Chuseok on the 24th and 25th, a weekend
    assert [day.day for day in days] == [23, 28, 29]
    assert CALENDAR.trading_days(date(2026, 9, 29), date(2026, 9, 28)) == []


@pytest.mark.parametrize("day", sorted(CSAT_DAYS))
def test_a_csat_day_is_an_hour_late(day):
    assert day.weekday() == 3 and CALENDAR.is_trading_day(day)
    assert hours(day) == (time(10), time(16, 30))
    session = CALENDAR.session(day)
    assert session.csat and session.end.time() == time(16, 40) and session.first_label.time() == time(9, 59)


@pytest.mark.parametrize("day", ["2024-01-02", "2025-01-02", "2026-01-02", "2027-01-04"])
def test_the_first_trading_day_of_a_year_opens_at_ten(day):
    first = date.fromisoformat(day)
    assert hours(first) == (time(10), time(15, 30))
    assert hours(CALENDAR.next_session(at(f"{day}T23:00")).day) == (time(9), time(15, 30))


def test_an_announced_csat_day_replaces_the_listed_one_of_its_year_only():
    calendar = TradingCalendar(csat_days=[date(2026, 12, 3), date(2028, 11, 16)])
    opens = {date(2026, 12, 3): 10, date(2026, 11, 19): 9, date(2025, 11, 13): 10, date(2028, 11, 16): 10}
    assert {day: hours(day, calendar)[0].hour for day in opens} == opens
    assert hours(ORDINARY) == (time(9), time(15, 30)) == hours(date(2028, 11, 16))


def test_years_whose_csat_day_is_unknown():
    assert CALENDAR.unlisted_csat_years(date(2026, 11, 1), date(2026, 11, 30)) == []
    assert CALENDAR.unlisted_csat_years(date(2028, 10, 1), date(2028, 11, 9)) == []
    assert CALENDAR.unlisted_csat_years(date(2027, 10, 1), date(2028, 11, 10)) == [2028]
    assert (
        TradingCalendar(csat_days=[date(2028, 11, 16)]).unlisted_csat_years(date(2028, 1, 1), date(2028, 12, 1)) == []
    )


@pytest.mark.parametrize(
    ("now", "closed", "coming"),
    [
        ("2026-11-20T00:00", "2026-11-19", "2026-11-20"), ("2026-11-20T15:39:59.999999", "2026-11-19", "2026-11-20"),
        ("2026-11-20T15:40", "2026-11-20", "2026-11-23"), ("2026-11-22T12:00", "2026-11-20", "2026-11-23"),
        ("2026-11-19T16:39:59", "2026-11-18", "2026-11-19"), ("2026-11-19T16:40", "2026-11-19", "2026-11-20"),
        ("2026-01-02T09:00", "2025-12-30", "2026-01-02"), ("2026-12-30T15:40", "2026-12-30", "2027-01-04"),
    ],
)  # fmt: skip
def test_the_last_closed_session_and_the_one_that_runs_or_comes(now, closed, coming):
    assert CALENDAR.last_closed(at(now)) == date.fromisoformat(closed)
    session = CALENDAR.session(CALENDAR.next_session(at(now)).day)
    assert session.day == date.fromisoformat(coming)
    assert session.first_label <= session.open_label and session.open < session.close < session.end


def test_any_zone_of_now_will_do():
    utc = datetime(2026, 11, 20, 6, 40, tzinfo=UTC)  # 15:40 KST
    assert CALENDAR.last_closed(utc) == ORDINARY
    assert CALENDAR.next_session(datetime(2026, 11, 19, 23, 0, tzinfo=UTC)).day == ORDINARY


@given(st.datetimes(datetime(2024, 1, 10), datetime(2028, 12, 10)))
def test_the_last_closed_and_the_next_session_are_neighbours(moment):
    now = moment.replace(tzinfo=KST)
    closed, coming = CALENDAR.last_closed(now), CALENDAR.next_session(now)
    assert CALENDAR.session(closed).end <= now < coming.end
    assert CALENDAR.trading_days(closed, coming.day) == [closed, coming.day]
