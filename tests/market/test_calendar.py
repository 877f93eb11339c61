"""When the exchange trades: days, sessions, the odd ones, and what the user or KIS corrects."""

from datetime import UTC, date, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minute_candles.core.kst import KST
from minute_candles.market.calendar import CSAT_DAYS, TradingCalendar, contradict_hours

CALENDAR = TradingCalendar()
FRIDAY = date(2026, 11, 20)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=KST)


def hours(day, calendar=CALENDAR):
    session = calendar.session(day)
    return session.open.time(), session.close.time()


def test_trading_days():
    closed = (
        "2024-12-31 2025-01-01 2025-01-27 2025-05-01 2025-06-03 2025-10-08 2025-12-31 2026-02-17 2026-06-03 2026-07-17"
        " 2026-08-17 2026-11-21 2026-11-22 2026-12-25 2026-12-31"
    )
    opened = ["2025-08-26", "2026-01-02", "2026-08-13", "2026-09-14", "2026-11-19", "2026-12-30"]
    days = sorted([*closed.split(), *opened])
    assert [day for day in days if CALENDAR.is_trading_day(date.fromisoformat(day))] == opened
    days = CALENDAR.trading_days(date(2026, 9, 23), date(2026, 9, 29))  # Chuseok on the 24th and 25th, a weekend
    assert [day.day for day in days] == [23, 28, 29]


def test_announced_days_overrule_the_package():
    calendar = TradingCalendar(closed=[FRIDAY, date(2026, 1, 2)], opened=[date(2026, 12, 25), date(2026, 11, 21)])
    days = [FRIDAY, date(2026, 12, 25), date(2026, 11, 21)]
    assert [calendar.is_trading_day(day) for day in days] == [False, True, True]
    assert hours(date(2026, 1, 5), calendar) == (time(10), time(15, 30)), "the first trading day of the year moves"


@pytest.mark.parametrize("day", sorted(CSAT_DAYS))
def test_a_csat_day_is_an_hour_late(day):
    session = CALENDAR.session(day)
    assert CALENDAR.is_trading_day(day) and hours(day) == (time(10), time(16, 30))
    assert session.csat and session.end.time() == time(16, 40) and session.first_label.time() == time(9, 59)


@pytest.mark.parametrize("day", ["2024-01-02", "2025-01-02", "2026-01-02", "2027-01-04"])
def test_the_first_trading_day_of_a_year_opens_at_ten(day):
    assert hours(date.fromisoformat(day)) == (time(10), time(15, 30))
    assert hours(CALENDAR.next_session(at(f"{day}T23:00")).day) == (time(9), time(15, 30))


def test_an_announced_csat_day_replaces_the_listed_one_of_its_year_only():
    calendar = TradingCalendar(csat_days=[date(2026, 12, 3), date(2028, 11, 16)])
    opens = {date(2026, 12, 3): 10, date(2026, 11, 19): 9, date(2025, 11, 13): 10, date(2028, 11, 16): 10}
    assert {day: hours(day, calendar)[0].hour for day in opens} == opens
    assert hours(FRIDAY) == (time(9), time(15, 30)) == hours(date(2028, 11, 16)), "nobody announced it to this one"


def test_years_whose_csat_day_is_unknown():
    spans = [("2026-11-01", "2026-11-30"), ("2028-10-01", "2028-11-09"), ("2027-10-01", "2028-11-10")]
    unlisted = [CALENDAR.unlisted_csat_years(*map(date.fromisoformat, span)) for span in spans]
    assert unlisted == [[], [], [2028]]


@pytest.mark.parametrize(
    ("now", "closed", "coming"),
    [("2026-11-20T15:39:59.999999", "2026-11-19", "2026-11-20"), ("2026-11-20T15:40", "2026-11-20", "2026-11-23"),
     ("2026-11-19T16:39:59", "2026-11-18", "2026-11-19"), ("2026-11-19T16:40", "2026-11-19", "2026-11-20"),
     ("2026-01-02T09:00", "2025-12-30", "2026-01-02"), ("2026-12-30T15:40", "2026-12-30", "2027-01-04")],
)  # fmt: skip
def test_the_last_closed_session_and_the_one_that_runs_or_comes(now, closed, coming):
    assert (f"{CALENDAR.last_closed(at(now))}", f"{CALENDAR.next_session(at(now)).day}") == (closed, coming)


def test_any_zone_of_now_will_do():
    assert CALENDAR.last_closed(datetime(2026, 11, 20, 6, 40, tzinfo=UTC)) == FRIDAY, "15:40 KST"
    assert CALENDAR.next_session(datetime(2026, 11, 19, 23, 0, tzinfo=UTC)).day == FRIDAY


@given(st.datetimes(datetime(2024, 1, 10), datetime(2028, 12, 10)))
def test_the_last_closed_and_the_next_session_are_neighbours(moment):
    now = moment.replace(tzinfo=KST)
    closed, coming = CALENDAR.last_closed(now), CALENDAR.next_session(now)
    assert CALENDAR.session(closed).end <= now < coming.end
    assert CALENDAR.trading_days(closed, coming.day) == [closed, coming.day]


@pytest.mark.parametrize(
    ("traded", "before_ten", "ordinary", "csat"),
    [("09:59 15:22", False, True, False), ("09:58 15:22", True, False, True),
     ("10:00 15:20 15:30", False, False, False), ("", True, False, True)],
)  # fmt: skip
def test_rows_that_contradict_announced_hours(traded, before_ten, ordinary, csat):
    minutes = [datetime.fromisoformat(f"{FRIDAY}T{time}") for time in traded.split()]
    calendars = CALENDAR, TradingCalendar(csat_days=[FRIDAY])
    sessions = [calendar.session(FRIDAY) for calendar in calendars]
    assert [contradict_hours(minutes, one, before_ten=before_ten) for one in sessions] == [ordinary, csat]
