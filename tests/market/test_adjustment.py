"""Factors found in daily candles told both ways, whatever KIS does when it rounds to whole KRW."""

import math
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from minute_candles.market.adjustment import Factor, factors, simplest, splits
from minute_candles.market.daily import DailyAnswer
from minute_candles.market.rows import CorporateAction, DailyRow

FIRST, LAST = date(2026, 10, 1), date(2026, 11, 20)


def row(price: int, rounding: Callable[[Fraction], int], ratio: Fraction) -> DailyRow:
    prices = [rounding(Fraction(each) * ratio) for each in (price, price + price // 50, price - price // 50, price)]
    return DailyRow(FIRST, *prices, 1000)


def both(
    ratios: list[Fraction], rounding: Callable[[Fraction], int] = round, price: int = 70_100
) -> tuple[DailyAnswer, DailyAnswer]:
    whole: DailyAnswer = {
        FIRST + timedelta(days=n): row(price + 100 * n, round, Fraction(1)) for n in range(len(ratios))
    }
    return whole, {day: row(price + 100 * n, rounding, ratios[n]) for n, day in enumerate(whole)}


@pytest.mark.parametrize("rounding", [round, math.floor, math.ceil])
@pytest.mark.parametrize("into", [2, 50, Fraction(1, 5), Fraction(3, 2)])
def test_a_split_is_found_on_its_day_whatever_the_rounding(rounding: Callable[[Fraction], int], into: Fraction) -> None:
    found = factors(*both([1 / Fraction(into)] * 10 + [Fraction(1)] * 10, rounding), FIRST, LAST)
    day = FIRST + timedelta(days=10)
    assert [(one.first, one.last, one.ratio) for one in found] == [
        (FIRST, day - timedelta(days=1), 1 / Fraction(into)), (day, LAST, Fraction(1)),
    ]  # fmt: skip
    assert list(splits(found)) == [(day, Fraction(into))]


def test_equal_factors_are_no_split() -> None:
    """Today has a factor of its own: a range that includes it named a split of every symbol."""
    assert factors(*both([Fraction(1)] * 20), FIRST, LAST) == [Factor(FIRST, LAST, 1, 1, Fraction(1))]
    assert list(splits([Factor(FIRST, LAST, 1, 1), Factor(LAST, LAST, 1, 1)])) == []


def test_what_a_fund_distributed_is_no_split() -> None:
    """A split on the tenth day, a distribution on the fifteenth: it is in the total ratio alone."""
    paid = Fraction(9985, 10000)
    whole, other = both([Fraction(1, 5) * paid] * 10 + [paid] * 5 + [Fraction(1)] * 5, price=270_100)
    split_day, ex_day = FIRST + timedelta(days=10), FIRST + timedelta(days=15)
    assert len(factors(whole, other, FIRST, LAST)) == 3
    whole[ex_day] = whole[ex_day]._replace(action=CorporateAction.DISTRIBUTION)
    found = factors(whole, other, FIRST, LAST)
    assert [(one.first, one.ratio) for one in found] == [(FIRST, Fraction(1, 5)), (split_day, 1), (ex_day, 1)]
    assert [float(one.total or 0) for one in found] == pytest.approx([0.1997, 0.9985, 1], rel=1e-4)


def test_days_that_kis_cannot_tell_are_passed_over() -> None:
    whole, other = both([Fraction(1, 5)] * 5 + [Fraction(1)] * 5)
    other[FIRST + timedelta(days=2)] = None
    whole[FIRST + timedelta(days=3)] = DailyRow(FIRST, 0, 0, 0, 0, 0)
    assert [one.ratio for one in factors(whole, other, FIRST, LAST)] == [Fraction(1, 5), 1]
    assert factors({}, other, FIRST, LAST) == []


FRACTIONS = st.fractions(min_value=0, max_value=100, max_denominator=1000)


@given(FRACTIONS, FRACTIONS)
def test_the_simplest_fraction_lies_between_and_none_is_simpler(one: Fraction, other: Fraction) -> None:
    assume(one != other)
    low, high = min(one, other), max(one, other)
    found = simplest(low, high)
    assert low < found < high
    for denominator in range(1, found.denominator):
        assert math.floor(low * denominator) + 1 >= high * denominator
