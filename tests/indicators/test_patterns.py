"""Candle patterns: a textbook one of each kind is found at its last candle, with its Korean name and direction."""

from datetime import datetime, timedelta

import pytest

from minute_candles.core.errors import ConfigError
from minute_candles.indicators.patterns import NAMES, TABLE, Mark, found
from minute_candles.market.candles import Candle

OPEN = datetime(2026, 11, 20, 9)


def of(*ohlc: tuple[int, int, int, int], falling: bool = True) -> list[Candle]:
    """Twenty plain candles of a trend, then these."""
    step = -200 if falling else 200
    prices = [(100_000 + step * n, 100_000 + step * (n + 1)) for n in range(20)]
    plain = [(o, max(o, c) + 50, min(o, c) - 50, c) for o, c in prices]
    rows = [*plain, *ohlc]
    return [Candle(OPEN + timedelta(minutes=n), *row, 100, None, None) for n, row in enumerate(rows)]


CASES = {
    "hammer": (of((95_900, 96_000, 94_500, 95_980)), "up"),
    "engulfing": (of((96_000, 96_050, 95_700, 95_750), (95_700, 96_400, 95_650, 96_350)), "up"),
    "shooting_star": (of((104_200, 105_700, 104_190, 104_250), falling=False), "down"),
    "three_black_crows": (
        of((104_300, 104_310, 103_890, 103_900), (104_100, 104_110, 103_590, 103_600),
           (103_800, 103_810, 103_290, 103_300), falling=False), "down",
    ),
    "doji": (of((96_000, 96_300, 95_700, 96_000)), "none"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_textbook_pattern_is_found(name):
    candles, direction = CASES[name]
    assert Mark(candles[-1].timestamp, name, TABLE[name].label, direction) in found(candles, [name])


def test_marks_come_by_time_and_of_what_was_asked_for():
    candles, _ = CASES["engulfing"]
    marks = found(candles)
    assert marks == sorted(marks) and {mark.name for mark in marks} <= set(NAMES)
    assert {mark.name for mark in found(candles, ["doji"])} <= {"doji"}


def test_nothing_of_nothing_and_an_unknown_name_is_told():
    assert found([]) == []
    with pytest.raises(ConfigError, match="망치형"):
        found([], ["hamer"])
