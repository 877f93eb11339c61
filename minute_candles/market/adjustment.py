"""Factors of split-adjusted prices, from KIS's daily candles reported both ways (FID_ORG_ADJ_PRC 1 and 0). Pure.

    adjusted price = stored price × numerator / denominator, adjusted volume = stored volume × denominator / numerator

KIS rounds adjusted prices to whole KRW, so a day tells its factor only within a band; days whose bands meet share one
factor: the simplest fraction in all of them (1/50 of a 50-for-1 split, 1 where nothing was adjusted).
"""

import itertools
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from minute_candles.market.daily import DailyAnswer
from minute_candles.market.rows import CorporateAction, DailyRow

_ROUNDING = Fraction(1, 10_000)


class Factor(NamedTuple):
    """What the as-traded prices of these days (both included) are multiplied by, for splits and rights.

    `total` has what funds distributed, too; None where that was never requested.
    """

    first: date
    last: date
    numerator: int
    denominator: int
    total: Fraction | None = None

    @property
    def ratio(self) -> Fraction:
        """Return adjusted ÷ as traded."""
        return Fraction(self.numerator, self.denominator)


class _Band(NamedTuple):
    low: Fraction
    high: Fraction

    def met(self, other: "_Band") -> "_Band | None":
        low, high = max(self.low, other.low), min(self.high, other.high)
        return _Band(low, high) if low < high else None


def factors(raw: DailyAnswer, adjusted: DailyAnswer, first: date, last: date) -> list[Factor]:
    """Return the factors from `first` to `last`, ascending, without a gap; [] where no day has one.

    What a fund distributed is in their `total` alone: its step is taken out of the ratio of every earlier day.
    """
    found: list[tuple[date, _Band]] = []
    for day in sorted(raw.keys() & adjusted.keys()):
        before, after = raw[day], adjusted[day]
        band = _band(before, after) if before and after else None
        if band is None or not first <= day <= last:
            continue
        joined = found[-1][1].met(band) if found else None
        if joined:
            found[-1] = (found[-1][0], joined)
        else:
            found.append((day, band))
    if not found:
        return []
    starts = [first, *(day for day, _ in found[1:])]
    ends = [*(day - timedelta(days=1) for day in starts[1:]), last]
    totals = [simplest(*band) for _, band in found]
    spans = zip(starts, ends, _without_distributions(totals, [raw[day] for day, _ in found]), totals, strict=True)
    return joined_equal(
        Factor(start, end, ratio.numerator, ratio.denominator, total) for start, end, ratio, total in spans
    )


def _without_distributions(ratios: Sequence[Fraction], days: Sequence[DailyRow | None]) -> list[Fraction]:
    """Return the ratios without the steps of days that go ex a distribution; `days` begin the ratios."""
    kept, removed = [ratios[-1]], Fraction(1)
    for before, after, ex_day in zip(ratios[-2::-1], ratios[:0:-1], days[:0:-1], strict=True):
        if ex_day and ex_day.action == CorporateAction.DISTRIBUTION:
            removed *= before / after
        kept.append(_snapped(before / removed) if removed != 1 else before)
    return kept[::-1]


def _snapped(ratio: Fraction) -> Fraction:
    """Return the nearest simple fraction: the quotient of two rounded ratios is off by up to 0.01 %."""
    simple = ratio.limit_denominator(1_000)
    return simple if abs(simple / ratio - 1) < _ROUNDING else ratio


def joined_equal(found: Iterable[Factor]) -> list[Factor]:
    """Return the factors with neighbours of the same ratios joined."""
    joined: list[Factor] = []
    for one in found:
        if joined and (joined[-1].ratio, joined[-1].total) == (one.ratio, one.total):
            joined[-1] = joined[-1]._replace(last=one.last)
        else:
            joined.append(one)
    return joined


def _band(raw: DailyRow, adjusted: DailyRow) -> _Band | None:
    """Return where the factor lies, whichever way KIS rounds to whole KRW."""
    pairs = [(reported, price) for reported, price in zip(adjusted.prices, raw.prices, strict=True) if price > 0]
    if not pairs:
        return None
    low = max(Fraction(max(reported - 1, 0), price) for reported, price in pairs)
    high = min(Fraction(reported + 1, price) for reported, price in pairs)
    return _Band(low, high) if low < high else None


def simplest(low: Fraction, high: Fraction) -> Fraction:
    """Return the fraction with the smallest denominator strictly between two others (0 ≤ low < high)."""
    whole = low.numerator // low.denominator
    if whole + 1 < high:
        return Fraction(whole + 1)
    if low == whole:
        return whole + Fraction(1, (1 / (high - whole)).__floor__() + 1)
    return whole + 1 / simplest(1 / (high - whole), 1 / (low - whole))


def splits(found: Sequence[Factor]) -> Iterable[tuple[date, Fraction]]:
    """Yield the days on which the factor changes, and how many shares one became: 50 for a 50-for-1 split."""
    for before, after in itertools.pairwise(found):
        if after.ratio != before.ratio:
            yield after.first, after.ratio / before.ratio
