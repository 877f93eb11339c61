"""Intervals that are not stored: read from few rows, they say what the minutes say, on every kind of database."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import requests
from chart_testing import NAMES, serving
from store_testing import CALENDAR

from base.clock import Clock
from base.kst import KST
from chart.derived import Derived
from db import open_view
from market.candles import Candle, derive, with_vwap
from market.hours import Session
from market.intervals import shown

SYMBOL = next(iter(NAMES))
DAYS = CALENDAR.trading_days(date(2026, 10, 26), date(2026, 11, 23))
SINCE, UNTIL = datetime(2026, 10, 1), datetime(2026, 11, 23, 23, 59, 59)


def traded(session: Session, seed: int) -> list[Candle]:
    """A day with gaps: proven turnover but for the first minute, and for a few others on every third day."""
    dice, start, found = random.Random(seed), session.open.replace(tzinfo=None), []
    for minute in [n for n in range(380) if dice.random() < 0.7] + [390]:
        price, volume = dice.randrange(60_000, 80_000, 100), dice.randrange(1, 10**6)
        proven = found and not (seed % 3 == 0 and dice.random() < 0.02)
        turnover = price * volume + dice.randrange(300 * volume) if proven else None
        ohlcv = (start + timedelta(minutes=minute), price, price + 300, price, price + 100, volume)
        found.append(with_vwap(ohlcv, turnover))
    return found


@pytest.fixture
def days(any_store) -> dict[date, list[Candle]]:
    """Verified days; one that is unknown to the coverage table, one provisional that lacks its windows, and today."""
    found = {day: traded(CALENDAR.session(day), day.toordinal()) for day in DAYS}
    found[DAYS[-1]] = found[DAYS[-1]][:100]
    for day, ones in found.items():
        session, whole = CALENDAR.session(day), derive(ones)
        status = "UNPROVEN" if day.toordinal() % 3 == 0 else "COMPLETE"
        if day == DAYS[4]:
            status, whole = None, whole | {5: [], 15: []}
        elif day in (DAYS[8], DAYS[-1]):
            status, whole = "PROVISIONAL", whole | {5: whole[5][:-3], 15: whole[15][:-1]}
        any_store.rewrite(SYMBOL, session, lambda _, whole=whole: whole, now=session.end, status=status)
    return found


def test_few_rows_say_what_the_minutes_say(any_database, days):
    view = open_view(any_database, Clock())
    derived = Derived(view, CALENDAR)
    minutes = [one for ones in days.values() for one in ones]
    for interval in (3, 10, 30, 60, "day"):
        wanted = shown(minutes, interval)
        for limit in (1, 7, 40, 100_000):
            told = derived.candles(SYMBOL, interval, SINCE, UNTIL, limit)
            assert [one[:6] for one in told] == [one[:6] for one in wanted[-limit:]]
            for mine, exact in zip(told, wanted[-limit:], strict=True):
                assert (mine.vwap is None) == (exact.vwap is None)
                assert mine.vwap is None or abs(mine.vwap - exact.vwap) <= Decimal("0.01")
        some = datetime.combine(DAYS[6], datetime.min.time()), datetime.combine(DAYS[9], datetime.max.time())
        told = derived.candles(SYMBOL, interval, *(one.replace(microsecond=0) for one in some), 100_000)
        assert {one.timestamp.date() for one in told} == set(DAYS[6:10])
    assert derived.candles("000660", 30, SINCE, UNTIL, 5) == []
    view.close()


def test_a_corrected_day_is_read_anew(any_database, any_store, days):
    with serving(any_database, at=datetime(2026, 11, 23, 10, 50, tzinfo=KST)) as page:

        def closes(interval: object) -> list[int]:
            asked = {"symbol": SYMBOL, "interval": str(interval), "from": str(DAYS[2]), "to": str(DAYS[2])}
            answer = requests.get(f"{page.url}api/candles", params=asked, timeout=5)
            return [one["close"] for one in answer.json()["candles"]]

        before, session = {interval: closes(interval) for interval in (10, 30, 60, "day")}, CALENDAR.session(DAYS[2])
        ones = days[DAYS[2]]
        other = derive([*ones[:-1], with_vwap((*ones[-1][:4], ones[-1].high, ones[-1].volume), None)])
        any_store.rewrite(SYMBOL, session, lambda _: other, now=session.end, status="COMPLETE")
        for interval, old in before.items():
            assert closes(interval) == [*old[:-1], ones[-1].high] != old
