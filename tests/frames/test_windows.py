"""Columns of windows are the pure function of the market layer, by the million."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minute_candles.frames.windows import shown_columns
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import SESSIONS, SHOWN, Interval, shown
from minute_candles.storage.minute_columns import UNPROVEN, Columns


@pytest.mark.parametrize(("turnover", "vwap"), [(UNPROVEN, UNPROVEN), (0, 10_000)])
def test_rows_without_volume_divide_nothing(turnover: int, vwap: int) -> None:
    """What an old program left, whatever VWAP it wrote: none of the window (not one of 0), no warning."""
    row = (date(2026, 11, 20) - date(1970, 1, 1)).days * 24 * 3_600_000_000 + 9 * 3_600_000_000
    columns = Columns(*[np.array([n], np.int64) for n in (row, 100, 100, 100, 100, 0, turnover, vwap)])
    with np.errstate(all="raise"):
        assert int(shown_columns(columns, 5).vwap[0]) == UNPROVEN


@st.composite
def trading(draw: st.DrawFn) -> list[Candle]:
    """Minutes of up to four days of two weeks and months with holes, some unproven, read back: VWAP but no turnover."""
    days = [datetime(2026, 11, 19, 10), *(datetime(2026, 11, 20, 9) + timedelta(days=n) for n in (0, 4, 12))]
    opened = days[: draw(st.integers(1, 4))]
    offsets = draw(st.lists(st.integers(0, 390), max_size=60, unique=True))
    found = []
    for when in sorted(start + timedelta(minutes=offset) for start in opened for offset in offsets):
        price, volume = draw(st.integers(100, 2_000_000)), draw(st.integers(1, 10**8))
        vwap = draw(st.one_of(st.none(), st.decimals(price, price + 20, places=2)))
        found.append(Candle(when, price, price + 20, price, price + 5, volume, None, vwap))
    return found


@settings(max_examples=40)
@given(trading(), st.sampled_from((*SHOWN, *SESSIONS)))
def test_columns_are_the_pure_function_by_the_million(minutes: list[Candle], interval: Interval) -> None:
    found, wanted = shown_columns(as_columns(shown(minutes, 1)), interval), as_columns(shown(minutes, interval))
    assert [column.tolist() for column in found] == [column.tolist() for column in wanted]


def as_columns(candles: list[Candle]) -> Columns:
    start = [(c.timestamp - datetime(1970, 1, 1)) // timedelta(microseconds=1) for c in candles]
    turnover = [UNPROVEN if c.turnover is None else c.turnover for c in candles]
    vwap = [UNPROVEN if c.vwap is None else int(c.vwap.scaleb(2)) for c in candles]
    prices = [[c[n] for c in candles] for n in range(1, 6)]
    return Columns(*[np.array(column, np.int64) for column in (start, *prices, turnover, vwap)])
