"""Intervals that are not stored: read from few rows, they say what the minutes say, on every kind of database."""

import random
from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from chart_testing import NAMES
from kis_testing import FakeClock
from store_testing import CALENDAR

from minute_candles.chart.derived import KEPT_SECONDS, Derived
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.intervals import SESSIONS, shown
from minute_candles.market.windows import derive
from minute_candles.storage.store import open_reader

SYMBOL = next(iter(NAMES))
DAYS = CALENDAR.trading_days(date(2026, 11, 6), date(2026, 11, 23))
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
    minutes = [one for ones in days.values() for one in ones]
    with closing(open_reader(any_database, Clock())) as view:
        derived = Derived(view, CALENDAR, Clock())
        for interval in (3, 10, 30, 60, "day", "week", "month"):
            wanted = shown(minutes, interval)
            for limit in (7, 100_000):
                found = derived.candles(SYMBOL, interval, SINCE, UNTIL, limit)
                assert [one[:6] for one in found] == [one[:6] for one in wanted[-limit:]]
                for mine, exact in zip(found, wanted[-limit:], strict=True):
                    assert (mine.vwap is None) == (exact.vwap is None)
                    assert mine.vwap is None or abs(mine.vwap - exact.vwap) <= Decimal("0.01")
            if interval not in SESSIONS:
                first, last = (datetime.combine(day, datetime.min.time()) for day in (DAYS[6], DAYS[10]))
                found = derived.candles(SYMBOL, interval, first, last, 100_000)
                assert {one.timestamp.date() for one in found} == set(DAYS[6:10])
        assert derived.candles("000660", 30, SINCE, UNTIL, 5) == []


def test_a_verified_day_is_read_once_until_it_is_written_again(any_database, any_store, days):
    """Every write of ours renews the coverage row; what others wrote behind it is shown within five minutes."""
    clock, session, ones = FakeClock(), CALENDAR.session(DAYS[2]), days[DAYS[2]]

    def write(close: int, **more: object) -> None:
        other = derive([*ones[:-1], with_vwap((*ones[-1][:4], close, ones[-1].volume), None)])
        any_store.rewrite(SYMBOL, session, lambda _: other, **{"now": session.end, **more})

    with closing(open_reader(any_database, Clock())) as view:
        derived = Derived(view, CALENDAR, clock)

        def closes() -> set[int]:
            found = [derived.candles(SYMBOL, interval, SINCE, UNTIL, 100_000) for interval in (3, 10, 30, "day")]
            return {[one for one in some if one.timestamp.date() == DAYS[2]][-1].close for some in found}

        assert closes() == {ones[-1].close}
        write(ones[-1].high, now=session.end + timedelta(hours=1), status="COMPLETE")
        assert closes() == {ones[-1].high}
        write(ones[-1].low)
        assert closes() == {ones[-1].high}, "kept, not read"
        clock.move(seconds=KEPT_SECONDS + 1)
        assert closes() == {ones[-1].low}
