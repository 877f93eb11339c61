"""When the exchange trades: days, sessions, the odd ones, and what the user or KIS corrects."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from minute_candles.core.kst import KST
from minute_candles.market import calendar as market_hours
from minute_candles.market.calendar import CSAT_DAYS, TradingCalendar

CALENDAR = TradingCalendar()
ORDINARY = date(2026, 11, 20)  # a Friday
DAYS = st.dates(date(2024, 1, 1), date(2028, 12, 20))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=KST)


def hours(day: date, calendar: TradingCalendar = CALENDAR) -> tuple[time, time]:
    session = calendar.session(day)
    return session.open.time(), session.close.time()


# Trading days


@pytest.mark.parametrize(
    ("days", "trades"),
    [(("2024-12-31 2025-01-01 2025-01-27 2025-05-01 2025-06-03 2025-10-08 2025-12-31 2026-02-17 2026-06-03 2026-07-17"
      " 2026-08-17 2026-11-21 2026-11-22 2026-12-25 2026-12-31"), False),
     ("2025-08-26 2026-01-02 2026-08-13 2026-09-14 2026-11-19 2026-12-30", True)],
    ids=["holidays and weekends", "other weekdays"],
)  # fmt: skip
def test_trading_days(days, trades):
    assert [day for day in days.split() if CALENDAR.is_trading_day(date.fromisoformat(day)) != trades] == []


def test_what_is_told_overrules_the_package():
    calendar = TradingCalendar(closed=[ORDINARY], opened=[date(2026, 12, 25), date(2026, 11, 21)])
    assert not calendar.is_trading_day(ORDINARY)
    assert calendar.is_trading_day(date(2026, 12, 25)) and calendar.is_trading_day(date(2026, 11, 21))


def test_trading_days_include_both_ends():
    days = CALENDAR.trading_days(date(2026, 9, 23), date(2026, 9, 29))  # Chuseok on the 24th and 25th, a weekend
    assert [day.day for day in days] == [23, 28, 29]
    assert CALENDAR.trading_days(date(2026, 9, 29), date(2026, 9, 28)) == []


def test_many_threads_see_the_same_holidays():
    """The package's own calendar fills a year in while others already read it."""
    market_hours._holidays.cache_clear()
    days = [date(2030, 1, 1) + timedelta(days=n) for n in range(365)]
    with ThreadPoolExecutor(16) as pool:
        seen = list(pool.map(lambda _: [day for day in days if CALENDAR.is_trading_day(day)], range(64)))
    assert all(one == seen[0] for one in seen)


# Sessions


def test_an_ordinary_session():
    session = CALENDAR.session(ORDINARY)
    assert hours(ORDINARY) == (time(9), time(15, 30))
    assert session.end == at("2026-11-20T15:40") and session.first_label == session.open and not session.csat
    assert session.open.tzinfo is KST


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


def test_the_first_trading_day_moves_with_what_is_told():
    calendar = TradingCalendar(closed=[date(2026, 1, 2)])
    assert hours(date(2026, 1, 5), calendar) == (time(10), time(15, 30))


def test_a_csat_day_of_an_unlisted_year_can_be_told():
    day = date(2028, 11, 16)
    assert hours(day) == (time(9), time(15, 30))
    assert hours(day, TradingCalendar(csat_days=[day])) == (time(10), time(16, 30))


def test_a_postponed_csat_day_replaces_the_listed_one_of_its_year_only():
    calendar = TradingCalendar(csat_days=[date(2026, 12, 3)])
    assert hours(date(2026, 12, 3), calendar)[0] == time(10)
    assert hours(date(2026, 11, 19), calendar)[0] == time(9)
    assert hours(date(2025, 11, 13), calendar)[0] == time(10)


def test_years_whose_csat_day_is_unknown():
    assert CALENDAR.unlisted_csat_years(date(2026, 11, 1), date(2026, 11, 30)) == []
    assert CALENDAR.unlisted_csat_years(date(2028, 10, 1), date(2028, 11, 9)) == []
    assert CALENDAR.unlisted_csat_years(date(2027, 10, 1), date(2028, 11, 10)) == [2028]
    assert (
        TradingCalendar(csat_days=[date(2028, 11, 16)]).unlisted_csat_years(date(2028, 1, 1), date(2028, 12, 1)) == []
    )


# Now


@pytest.mark.parametrize(
    ("now", "closed"),
    [
        ("2026-11-20T15:39:59.999999", "2026-11-19"),
        ("2026-11-20T15:40", "2026-11-20"),
        ("2026-11-19T16:39:59", "2026-11-18"),  # CSAT
        ("2026-11-19T16:40", "2026-11-19"),
        ("2026-11-22T12:00", "2026-11-20"),
        ("2026-11-23T00:00", "2026-11-20"),
        ("2026-01-02T09:00", "2025-12-30"),
    ],
)
def test_the_last_closed_session(now, closed):
    assert CALENDAR.last_closed(at(now)) == date.fromisoformat(closed)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T00:00", "2026-11-20"),
        ("2026-11-20T15:39:59.999999", "2026-11-20"),
        ("2026-11-20T15:40", "2026-11-23"),
        ("2026-09-23T15:40", "2026-09-28"),
        ("2026-12-30T15:40", "2027-01-04"),
    ],
)
def test_the_next_session_is_the_one_that_runs_or_comes(now, day):
    assert CALENDAR.next_session(at(now)).day == date.fromisoformat(day)


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


@given(DAYS)
def test_a_session_lies_within_its_day(day):
    session = CALENDAR.session(day)
    assert session.first_label <= session.open < session.close < session.end
    assert session.open.date() == session.end.date() == day
    assert session.close - session.open in (timedelta(hours=6, minutes=30), timedelta(hours=5, minutes=30))


def test_importing_loads_no_holidays():
    code = "import minute_candles.market.calendar, sys; print('holidays' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout == "False\n"
