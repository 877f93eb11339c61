"""Fits the factor of a day that KIS reports adjusted: reported price = round(price × f), volume ÷ f. Pure.

Every row says in which ranges f can lie. The factor is where the most of them meet:

- a price that traded is on the tick grid, half ticks included;
- a volume that traded is a whole number of shares: below f = 1 some reported volumes cannot come about;
- turnover is exact: low·volume ≤ Δturnover ≤ high·volume, and a minute of one price traded Δ ÷ price shares.

A single row that contradicts the others costs nothing. Where f < 0.98 that is
one value of seven digits.
"""

import itertools
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from fractions import Fraction
from typing import NamedTuple

from minute_candles.market.rows import MinuteRow
from minute_candles.market.tick_sizes import Kind, is_cut, printed_prices

_MINUTE = timedelta(minutes=1)
_EPSILON = 1e-9
_ROUNDS = 4
"""Prices and factor narrow each other; four rounds change nothing any more."""
_MOST_VOLUMES = 20
"""A reported volume that leaves more whole numbers than this says nothing yet: a later, narrower round asks it."""
_MORE = 1.001
"""By so much more must a fund's ticks fit: they fit a share's prices, too."""
_EXACT_WEIGHT = 3
"""A minute of one price whose turnover is a whole number of shares proves more than a range does."""


class FactorRange(NamedTuple):
    """Where f lies; both ends included."""

    low: float
    high: float

    def factor(self) -> float:
        """Return f: the simple fraction in the range where there is one (a split), else its middle."""
        middle = (self.low + self.high) / 2
        simple = float(Fraction(middle).limit_denominator(50))
        return simple if self.low <= simple <= self.high else middle


class MinuteTurnover(NamedTuple):
    """A row's turnover in KRW. Behind a gap, and for the first row, it may include minutes that are not there."""

    moved: int
    is_bound: bool


def minute_turnovers(rows: Sequence[MinuteRow]) -> list[MinuteTurnover]:
    """Return what turnover moved by in each row, oldest first."""
    found = [MinuteTurnover(rows[0].turnover, is_bound=True)]
    for before, row in itertools.pairwise(rows):
        found.append(MinuteTurnover(row.turnover - before.turnover, row.minute - before.minute > _MINUTE))
    return found


class Unrounded:
    """What may have traded where a price or a volume was reported, for one range of the factor."""

    def __init__(self, span: FactorRange, kind: Kind) -> None:
        self.span = span
        self.factor = span.factor()
        self.kind = kind
        self._prices: dict[int, list[int]] = {}

    def prices(self, reported: int) -> list[int]:
        """Return the prices on the grid that are reported so, ascending; [] where none is."""
        known = self._prices.get(reported)
        if known is None:
            low, high = (reported - 0.5) / self.span.high, (reported + 0.5) / self.span.low
            known = list(printed_prices(low * (1 - _EPSILON), high * (1 + _EPSILON), self.kind))
            self._prices[reported] = known
        return known

    def volumes(self, reported: int) -> tuple[int, int]:
        """Return the fewest and the most shares that are reported so; the first is greater where none are."""
        low, high = (reported - 0.5) * self.span.low, (reported + 0.5) * self.span.high
        return math.ceil(low * (1 - _EPSILON)), math.floor(high * (1 + _EPSILON))

    def is_reported_as(self, traded: MinuteRow, row: MinuteRow) -> bool:
        """Return whether KIS reports this traded minute as `row`."""
        fewest, most = self.volumes(row.volume)
        pairs = zip(
            (traded.open, traded.high, traded.low, traded.close), (row.open, row.high, row.low, row.close), strict=True
        )
        return fewest <= traded.volume <= most and all(price in self.prices(reported) for price, reported in pairs)

    def one_price(self, row: MinuteRow, moved: int) -> Iterator[tuple[int, int]]:
        """Yield price and volume of a minute that traded at one price, as its turnover proves them."""
        fewest, most = self.volumes(row.volume)
        for price in self.prices(row.high) if row.high == row.low else ():
            for halves in (2 * price, 2 * price + 1) if is_cut(price, self.kind) else (2 * price,):
                volume, rest = divmod(2 * moved, halves)
                if not rest and fewest <= volume <= most:
                    yield price, volume


Weighted = tuple[FactorRange, int]


def densest(ranges: Iterable[Weighted], within: FactorRange) -> tuple[FactorRange, int]:
    """Return where the most weight of the ranges meets inside `within`, and that weight.

    Where several places have the same, the answer spans them all.
    """
    edges = []
    for (low, high), weight in ranges:
        if max(low, within.low) <= min(high, within.high):
            edges += [(max(low, within.low), 0, weight), (min(high, within.high), 1, -weight)]
    edges.sort()
    total, best, found = 0, 0, within
    for (at, _, weight), (until, _, _) in itertools.pairwise(edges):
        total += weight
        if total > best:
            best, found = total, FactorRange(at, until)
        elif total == best and weight > 0:
            found = FactorRange(found.low, until)
    return found, best


def fit(rows: Sequence[MinuteRow], start: FactorRange) -> Unrounded:
    """Return what traded under the factor that the day's rows fit best, found inside `start`.

    The rows say whose ticks their prices follow: a fund's lie between a share's.
    """
    share, fund = (_fit(rows, Unrounded(start, kind)) for kind in (Kind.SHARE, Kind.FUND))
    return fund[0] if fund[1] > share[1] * _MORE else share[0]


def _fit(rows: Sequence[MinuteRow], under: Unrounded) -> tuple[Unrounded, int]:
    """Return the narrowed factor and how much of the rows agrees with it."""
    prices = Counter(price for row in rows if row.volume for price in (row.open, row.high, row.low, row.close))
    turnovers = minute_turnovers(rows)
    weight = 0
    for _ in range(_ROUNDS):
        ranges = [_price_ranges(prices, under), _turnover_ranges(rows, turnovers, under), _volume_ranges(rows, under)]
        span, weight = densest(itertools.chain(*ranges), under.span)
        if span == under.span:
            break
        under = Unrounded(span, under.kind)
    return under, weight


def _price_ranges(prices: Counter[int], under: Unrounded) -> Iterator[Weighted]:
    for reported, count in prices.items():
        spans = [((reported - 0.5) / price, (reported + 0.5) / price) for price in reversed(under.prices(reported))]
        yield from ((span, count) for span in _joined(spans))


def _volume_ranges(rows: Sequence[MinuteRow], under: Unrounded) -> Iterator[Weighted]:
    for row in rows:
        fewest, most = under.volumes(row.volume)
        if row.volume and most - fewest < _MOST_VOLUMES:
            shares = range(max(fewest, 1), most + 1)
            spans = [(volume / (row.volume + 0.5), volume / (row.volume - 0.5)) for volume in shares]
            yield from ((span, 1) for span in _joined(spans))


def _joined(spans: Iterable[tuple[float, float]]) -> list[FactorRange]:
    """Return ascending spans with those joined that touch: one row counts once at every factor."""
    found: list[FactorRange] = []
    for low, high in spans:
        if found and low <= found[-1].high * (1 + _EPSILON):
            found[-1] = FactorRange(found[-1].low, high)
        else:
            found.append(FactorRange(low, high))
    return found


def _turnover_ranges(
    rows: Sequence[MinuteRow], turnovers: Sequence[MinuteTurnover], under: Unrounded
) -> Iterator[Weighted]:
    for row, (moved, is_bound) in zip(rows, turnovers, strict=True):
        lows, highs = under.prices(row.low), under.prices(row.high)
        if not row.volume or moved <= 0 or not lows or not highs:
            continue
        least, most = row.volume - 0.5, row.volume + 0.5
        exact = [volume for _, volume in under.one_price(row, moved)]
        if exact:
            yield FactorRange(min(exact) / most, max(exact) / least), _EXACT_WEIGHT
        if not exact or not is_bound:
            top = highs[-1] + is_cut(highs[-1], under.kind) / 2
            yield FactorRange(0 if is_bound else moved / (top * most), moved / (lows[0] * least)), 1
