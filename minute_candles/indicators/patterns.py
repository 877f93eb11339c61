"""Candle patterns by their Korean names, recognised by TA-Lib: where they stand and which way they point.

    found(candles)          # [Mark(timestamp=…, name="hammer", label="망치형", direction="up")]

A pattern stands at its last candle. `direction` is what the pattern is read as: up, down, or neither (a doji).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import numpy as np

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.market.candles import Candle

Direction = Literal["up", "down", "none"]


class Pattern(NamedTuple):
    """A function of TA-Lib and its Korean name; `neutral` ones warn of a turn without saying which way."""

    function: str
    label: str
    neutral: bool = False


TABLE = {
    "hammer": Pattern("CDLHAMMER", "망치형"),
    "inverted_hammer": Pattern("CDLINVERTEDHAMMER", "역망치형"),
    "hanging_man": Pattern("CDLHANGINGMAN", "교수형"),
    "shooting_star": Pattern("CDLSHOOTINGSTAR", "유성형"),
    "engulfing": Pattern("CDLENGULFING", "장악형"),
    "harami": Pattern("CDLHARAMI", "잉태형"),
    "piercing": Pattern("CDLPIERCING", "관통형"),
    "dark_cloud_cover": Pattern("CDLDARKCLOUDCOVER", "먹구름형"),
    "morning_star": Pattern("CDLMORNINGSTAR", "샛별형"),
    "evening_star": Pattern("CDLEVENINGSTAR", "석별형"),
    "three_white_soldiers": Pattern("CDL3WHITESOLDIERS", "적삼병"),
    "three_black_crows": Pattern("CDL3BLACKCROWS", "흑삼병"),
    "marubozu": Pattern("CDLMARUBOZU", "장대형"),
    "doji": Pattern("CDLDOJI", "도지", neutral=True),
    "dragonfly_doji": Pattern("CDLDRAGONFLYDOJI", "잠자리형 도지", neutral=True),
    "gravestone_doji": Pattern("CDLGRAVESTONEDOJI", "비석형 도지", neutral=True),
    "spinning_top": Pattern("CDLSPINNINGTOP", "팽이형", neutral=True),
}
NAMES = tuple(TABLE)


class Mark(NamedTuple):
    """A pattern at the candle that completes it; `timestamp` naive KST."""

    timestamp: datetime
    name: str
    label: str
    direction: Direction


def known(name: str) -> str:
    """Return the name, checked. Raises `ConfigError` naming what there is."""
    if name not in TABLE:
        listed = ", ".join(f"{key}({pattern.label})" for key, pattern in TABLE.items())
        raise ConfigError(f"캔들 패턴 {particle(repr(name[:20]), '은/는')} 없습니다. 쓸 수 있는 패턴: {listed}")
    return name


def found(candles: Sequence[Candle], names: Iterable[str] = NAMES) -> list[Mark]:
    """Return the patterns in these candles (oldest first, of one symbol and interval), by time."""
    wanted = [known(name) for name in names]
    if not candles:
        return []
    columns = ("open", "high", "low", "close")
    prices = [np.array([float(getattr(candle, column)) for candle in candles]) for column in columns]
    marks = [mark for name in wanted for mark in _marks(name, candles, prices)]
    return sorted(marks)


def _marks(name: str, candles: Sequence[Candle], prices: Sequence[object]) -> list[Mark]:
    pattern = TABLE[name]
    signs: Sequence[int] = getattr(extra("talib", "캔들 패턴"), pattern.function)(*prices)
    return [
        Mark(candle.timestamp, name, pattern.label, _direction(pattern, sign))
        for candle, sign in zip(candles, signs, strict=True)
        if sign
    ]


def _direction(pattern: Pattern, sign: int) -> Direction:
    if pattern.neutral:
        return "none"
    return "up" if sign > 0 else "down"
