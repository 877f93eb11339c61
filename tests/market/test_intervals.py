"""Any interval from 1-minute candles: windows from midnight, days apart, turnover and VWAP only where proven."""

from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minute_candles.core.errors import ConfigError
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.intervals import SESSIONS, SHOWN, parse, shown, turnover_of, window_end
from minute_candles.market.windows import derive


@st.composite
def trading(draw):
    """1-minute candles of up to four days in two weeks and two months, with holes, some unproven."""
    opened = [datetime(2026, 11, 20, 9) + timedelta(days=4 * day) for day in range(draw(st.integers(1, 4)))]
    some = st.sampled_from([*range(0, 380, 7), *range(30), 390])
    offsets = draw(st.lists(some, min_size=1, max_size=30, unique=True))
    found = []
    for minute in sorted(start + timedelta(minutes=offset) for start in opened for offset in offsets):
        price, volume = draw(st.integers(100, 900_000)), draw(st.integers(1, 10**7))
        turnover = draw(st.none() | st.integers((price - 10) * volume, (price + 20) * volume))
        found.append(with_vwap((minute, price, price + 20, price - 10, price + 5, volume), turnover))
    return found


def expected(minutes, interval):
    """Counted once more, plainly: every minute looks for its window by walking back from itself."""
    windows = {}
    for one in minutes:
        start = one.timestamp
        if not isinstance(interval, int):
            start = start.replace(hour=0, minute=0)
        while isinstance(interval, int) and (start.hour * 60 + start.minute) % interval:
            start -= timedelta(minutes=1)
        while (interval == "month" and start.day > 1) or (interval == "week" and start.weekday()):
            start -= timedelta(days=1)
        windows.setdefault(start, []).append(one)
    return [one_candle(start, inside) for start, inside in windows.items()]


def one_candle(start, some):
    turnovers = [c.turnover for c in some]
    high, low, volume = max(c.high for c in some), min(c.low for c in some), sum(c.volume for c in some)
    turnover = None if None in turnovers else sum(turnovers)
    return with_vwap((start, some[0].open, high, low, some[-1].close, volume), turnover)


@given(trading(), st.sampled_from((*SHOWN, *SESSIONS)))
def test_every_interval_follows_from_the_minutes_and_read_back_within_the_rounding_of_a_vwap(minutes, interval):
    candles, read_back = shown(minutes, interval), [minute._replace(turnover=None) for minute in minutes]
    assert candles == expected(minutes, interval)
    assert (shown(minutes, 5), shown(minutes, 15)) == (derive(minutes)[5], derive(minutes)[15])
    for true, found in zip(candles, shown(read_back, interval), strict=True):
        assert found[:6] == true[:6] and (found.vwap is None) == (true.vwap is None) == (found.turnover is None)
        if true.turnover is not None:
            count = sum(true.timestamp <= m.timestamp < window_end(true.timestamp, interval) for m in minutes)
            assert abs(found.turnover - true.turnover) <= Decimal("0.005") * true.volume + count / Decimal(2)
            assert abs(found.vwap - true.vwap) <= Decimal("0.01") + Decimal(count) / (2 * true.volume)


def test_turnover_of_a_candle_read_back_rounds_half_up():
    read_back = Candle(datetime(2026, 11, 20, 9), 100, 100, 100, 100, 30, None, Decimal("100.05"))
    changes = ({}, {"vwap": None}, {"turnover": 3001})
    assert [turnover_of(read_back._replace(**change)) for change in changes] == [3002, None, 3001], "3001.5"


@pytest.mark.parametrize("other", [2, "2", "daymin", "min", "", "5 min", "٥", "day'; DROP TABLE x", 5.0, True])
def test_an_interval_has_several_names_and_any_other_is_refused(other):
    assert [parse(name) for name in (5, "5", "5min", "60", "day", "week")] == [5, 5, 5, 60, "day", "week"]
    with pytest.raises(ConfigError, match="1, 3, 5, 10, 15, 30, 60, day"):
        parse(other)
