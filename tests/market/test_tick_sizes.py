"""Tick sizes and daily limits by the rule of the exchange, worked out by hand."""

import pytest

from minute_candles.market.tick_sizes import lower_limit, tick_size, upper_limit

TICKS = {
    1_999: 1, 2_000: 5, 4_995: 5, 5_000: 10, 19_990: 10, 20_000: 50, 50_000: 100, 199_900: 100, 200_000: 500,
    499_500: 500, 500_000: 1_000, 1_200_000: 1_000,
}  # fmt: skip


def test_a_tick_begins_at_its_price():
    assert {price: tick_size(price) for price in TICKS} == TICKS


@pytest.mark.parametrize(
    ("close", "upper", "lower"),
    [(10_000, 13_000, 7_000), (9_990, 12_980, 7_000), (70_900, 92_100, 49_700), (1_545, 2_005, 1_082),
     (385_000, 500_000, 269_500), (3_855, 5_010, 2_700), (20_050, 26_050, 14_050)],
)  # fmt: skip
def test_limits_are_cut_to_the_tick(close, upper, lower):
    assert (upper_limit(close), lower_limit(close)) == (upper, lower)
