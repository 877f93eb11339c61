"""Candle patterns: a textbook one of each kind is found at its last candle, with its Korean name and direction."""

from datetime import datetime, timedelta

import pytest

from minute_candles.core.errors import ConfigError
from minute_candles.indicators.patterns import NAMES, TABLE, Mark, found
from minute_candles.market.candles import Candle

OPEN = datetime(2026, 11, 20, 9)
CASES = [
    ("hammer", -200, "up", [(95_900, 96_000, 94_500, 95_980)]),
    ("engulfing", -200, "up", [(96_000, 96_050, 95_700, 95_750), (95_700, 96_400, 95_650, 96_350)]),
    ("shooting_star", 200, "down", [(104_200, 105_700, 104_190, 104_250)]),
    ("three_black_crows", 200, "down", [(104_300, 104_310, 103_890, 103_900), (104_100, 104_110, 103_590, 103_600),
                                        (103_800, 103_810, 103_290, 103_300)]),
    ("doji", -200, "none", [(96_000, 96_300, 95_700, 96_000)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "direction", "last"), CASES)
def test_a_textbook_pattern_is_found(name, step, direction, last):
    prices = [(100_000 + step * n, 100_000 + step * (n + 1)) for n in range(20)]  # a trend
    rows = [*((o, max(o, c) + 50, min(o, c) - 50, c) for o, c in prices), *last]
    candles = [Candle(OPEN + timedelta(minutes=n), *row, 100, None, None) for n, row in enumerate(rows)]
    assert Mark(candles[-1].timestamp, name, TABLE[name].label, direction) in found(candles, [name])
    marks = found(candles)
    assert marks == sorted(marks) and {mark.name for mark in marks} <= set(NAMES)
    assert {mark.name for mark in found(candles, ["doji"])} <= {"doji"}


def test_nothing_of_nothing_and_an_unknown_name_is_refused():
    assert found([]) == []
    with pytest.raises(ConfigError, match="망치형"):
        found([], ["hamer"])
