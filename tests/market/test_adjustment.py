"""Factors found in daily candles reported both ways, whatever KIS does when it rounds to whole KRW."""

import math
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minute_candles.market.adjustment import Factor, factors, simplest, splits
from minute_candles.market.rows import CorporateAction, DailyRow

DAYS = [date(2026, 10, 1) + timedelta(days=n) for n in range(51)]
FIRST, LAST, ONE = DAYS[0], DAYS[-1], Fraction(1)


def candle(n, price, rounding, ratio):
    price += 100 * n
    prices = [rounding(each * ratio) for each in (price, price + price // 50, price - price // 50, price)]
    return DailyRow(FIRST, *prices, 1000)


def both(ratios, rounding=round, price=70_100):
    """Daily candles of the first days as traded, and adjusted by these ratios."""
    whole = {DAYS[n]: candle(n, price, round, ONE) for n in range(len(ratios))}
    return whole, {DAYS[n]: candle(n, price, rounding, ratio) for n, ratio in enumerate(ratios)}


@pytest.mark.parametrize("rounding", [round, math.floor, math.ceil])
@pytest.mark.parametrize("into", [2, 50, Fraction(1, 5), Fraction(3, 2)])
def test_a_split_is_found_on_its_day_whatever_the_rounding(rounding, into):
    found = factors(*both([1 / Fraction(into)] * 10 + [ONE] * 10, rounding), FIRST, LAST)
    assert [one[:2] for one in found] == [(FIRST, DAYS[9]), (DAYS[10], LAST)]
    assert [one.ratio for one in found] == [1 / Fraction(into), ONE] and list(splits(found)) == [(DAYS[10], into)]


def test_equal_factors_are_no_split():
    """Today has a factor of its own: a range that includes it named a split of every symbol."""
    assert factors(*both([ONE] * 20), FIRST, LAST) == [Factor(FIRST, LAST, 1, 1, ONE)]
    assert list(splits([Factor(FIRST, LAST, 1, 1), Factor(LAST, LAST, 1, 1)])) == []


def test_what_a_fund_distributed_is_no_split():
    """A split on the tenth day, a distribution on the fifteenth: it is in the total ratio alone."""
    paid = Fraction(9985, 10000)
    whole, other = both([Fraction(1, 5) * paid] * 10 + [paid] * 5 + [ONE] * 5, price=270_100)
    assert len(factors(whole, other, FIRST, LAST)) == 3
    whole[DAYS[15]] = whole[DAYS[15]]._replace(action=CorporateAction.DISTRIBUTION)
    found = factors(whole, other, FIRST, LAST)
    assert [(one.first, one.ratio) for one in found] == [(FIRST, Fraction(1, 5)), (DAYS[10], 1), (DAYS[15], 1)]
    assert [float(one.total) for one in found] == pytest.approx([0.1997, 0.9985, 1], rel=1e-4)


def test_days_without_a_price_are_passed_over():
    whole, other = both([Fraction(1, 5)] * 5 + [ONE] * 5)
    other[DAYS[2]], whole[DAYS[3]] = None, DailyRow(FIRST, 0, 0, 0, 0, 0)
    assert [one.ratio for one in factors(whole, other, FIRST, LAST)] == [Fraction(1, 5), 1]
    assert factors({}, other, FIRST, LAST) == []


FRACTIONS = st.fractions(min_value=0, max_value=100, max_denominator=100)


@given(FRACTIONS, FRACTIONS)
def test_the_simplest_fraction_lies_between_and_none_is_simpler(one, other):
    assume(one != other)
    low, high = sorted((one, other))
    found = simplest(low, high)
    assert low < found < high
    assert all(math.floor(low * n) + 1 >= high * n for n in range(1, found.denominator))
