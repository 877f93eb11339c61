"""A page of the past TR, and what it proves of a day's start (minute_candles/verification/past_pages.py)."""

from datetime import datetime, timedelta

from kis_testing import WEDNESDAY, raw

from minute_candles.kis.parse import minute_rows
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.past_pages import read_page

SESSION = TradingCalendar().session(WEDNESDAY)
CHANGES = {
    "a row is missing": lambda rows: rows[1:], "nothing of the day": lambda rows: rows[40:] + rows[40:80],
    "an earlier day in between": lambda rows: [*rows[:5], rows[-1], *rows[5:-1]],
}  # fmt: skip


def page(change=lambda rows: rows):
    noon, eve = datetime(2026, 11, 18, 12), datetime(2026, 11, 17, 20)
    labels = [noon - timedelta(minutes=n) for n in range(40)] + [eve - timedelta(minutes=n) for n in range(80)]
    rows = [raw(f"{at:%H%M%S}", 100, 1, 9, day=at.date()) for at in labels]
    return read_page(minute_rows(change(rows)), SESSION, SESSION.end - timedelta(seconds=1))


def test_a_full_page_that_runs_into_an_earlier_day_proves_the_start_and_anything_less_does_not():
    assert page().seamless and page().starts_day
    assert [name for name, change in CHANGES.items() if page(change).seamless] == []
