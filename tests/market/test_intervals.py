"""Any interval from 1-minute candles: windows from midnight, days apart, turnover and VWAP only where proven."""

from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from minute_candles.core.errors import ConfigError
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import SESSIONS, SHOWN, Interval, parse, shown, turnover_of, window_end
from minute_candles.market.windows import derive

INTERVALS = (*SHOWN, *SESSIONS)


def a_minute(when: datetime, price: int, volume: int, turnover: int | None) -> Candle:
    vwap = None if turnover is None else (Decimal(turnover) / volume).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Candle(when, price, price + 20, price - 10, price + 5, volume, turnover, vwap)


@st.composite
def trading(draw: st.DrawFn) -> list[Candle]:
    """1-minute candles of up to four days in two weeks and two months, with holes, some unproven."""
    opened = [datetime(2026, 11, 20, 9) + timedelta(days=4 * day) for day in range(draw(st.integers(1, 4)))]
    offsets = draw(st.lists(st.sampled_from([*range(0, 380, 7), *range(30), 390]), min_size=1, unique=True))
    found = []
    for minute in sorted(start + timedelta(minutes=offset) for start in opened for offset in offsets):
        price, volume = draw(st.integers(100, 900_000)), draw(st.integers(1, 10**7))
        turnover = draw(st.one_of(st.none(), st.integers((price - 10) * volume, (price + 20) * volume)))
        found.append(a_minute(minute, price, volume, turnover))
    return found


def expected(minutes: list[Candle], interval: Interval) -> dict[datetime, Candle]:
    """Counted once more, plainly: every minute looks for its window by walking back from itself."""
    found: dict[datetime, list[Candle]] = {}
    for one in minutes:
        start = one.timestamp
        while isinstance(interval, int) and (start.hour * 60 + start.minute) % interval:
            start -= timedelta(minutes=1)
        if not isinstance(interval, int):
            start = datetime(start.year, start.month, start.day)
        while (interval == "month" and start.day > 1) or (interval == "week" and start.weekday()):
            start -= timedelta(days=1)
        found.setdefault(start, []).append(one)
    return {start: _one(start, some) for start, some in found.items()}


def _one(start: datetime, some: list[Candle]) -> Candle:
    turnover = None if any(c.turnover is None for c in some) else sum(c.turnover or 0 for c in some)
    high, low, volume = max(c.high for c in some), min(c.low for c in some), sum(c.volume for c in some)
    vwap = None if turnover is None else (Decimal(turnover) / volume).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Candle(start, some[0].open, high, low, some[-1].close, volume, turnover, vwap)


@given(trading(), st.sampled_from(INTERVALS))
def test_every_interval_follows_from_the_minutes(minutes: list[Candle], interval: Interval) -> None:
    assert shown(minutes, interval) == list(expected(minutes, interval).values())
    assert (shown(minutes, 5), shown(minutes, 15)) == (derive(minutes)[5], derive(minutes)[15])


@given(trading(), st.sampled_from(INTERVALS))
def test_minutes_read_back_give_turnover_and_vwap_within_their_rounding(
    minutes: list[Candle], interval: Interval
) -> None:
    read_back = [minute._replace(turnover=None) for minute in minutes]
    for true, found in zip(shown(minutes, interval), shown(read_back, interval), strict=True):
        assert found[:6] == true[:6] and (found.vwap is None) == (true.vwap is None) == (found.turnover is None)
        if true.turnover is not None:
            count = sum(true.timestamp <= m.timestamp < window_end(true.timestamp, interval) for m in minutes)
            assert abs(found.turnover - true.turnover) <= Decimal("0.005") * true.volume + count / Decimal(2)
            assert abs(found.vwap - true.vwap) <= Decimal("0.01") + Decimal(count) / (2 * true.volume)


def test_turnover_of_a_candle_read_back_rounds_half_up() -> None:
    read_back = Candle(datetime(2026, 11, 20, 9), 100, 100, 100, 100, 30, None, Decimal("100.05"))
    assert turnover_of(read_back) == 3002  # 3001.5
    assert turnover_of(read_back._replace(vwap=None)) is None
    assert turnover_of(read_back._replace(turnover=3001)) == 3001


@pytest.mark.parametrize("other", [2, "2", "daymin", "min", "", "5 min", "٥", "day'; DROP TABLE x", 5.0, True])
def test_an_interval_has_several_names_and_any_other_is_refused_in_one_line(other: object) -> None:
    assert [parse(name) for name in (5, "5", "5min", "60", "day", "week")] == [5, 5, 5, 60, "day", "week"]
    with pytest.raises(ConfigError) as refused:
        parse(other)
    assert "1, 3, 5, 10, 15, 30, 60, day" in str(refused.value) and "\n" not in str(refused.value)
