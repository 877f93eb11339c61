"""Split-adjusted prices, made on reading by the factors that KIS has reported (As traded). Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from minute_candles.core.errors import ConfigError, IncompleteData
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range
from minute_candles.frames.symbol_candles import SymbolCandles
from minute_candles.frames.windows import DAY, EPOCH
from minute_candles.market.adjustment import Factor, splits


def adjusted_candles(
    candles: SymbolCandles, factors: Sequence[Factor], since: date, interval: FrameInterval = 1
) -> SymbolCandles:
    """Return the same candles with the ratio of each one's day; `since` is the first day of the range.

    Raises `IncompleteData` where a day's factor is unknown, `ConfigError` for weeks and months over a split.
    """
    import numpy as np

    firsts = np.array([(factor.first - EPOCH).days for factor in factors], np.int64)
    lasts = np.array([(factor.last - EPOCH).days for factor in factors], np.int64)
    days = candles.columns.start // DAY
    at = np.searchsorted(firsts, days, side="right") - 1
    unknown = at < 0 if not len(factors) else (at < 0) | (days > lasts[at])
    if unknown.any():
        day = EPOCH + timedelta(days=int(days[unknown][0]))
        raise IncompleteData(
            f"{candles.symbol} {day}의 수정계수를 모릅니다. KIS에 먼저 물으세요: "
            f"python export_candles.py --adjusted --symbols {candles.symbol} --from {since} --out adjusted.parquet"
        )
    numerators = np.array([factor.numerator for factor in factors], np.int64)[at]
    denominators = np.array([factor.denominator for factor in factors], np.int64)[at]
    inside = [split for split in splits(factors) if len(days) and EPOCH + timedelta(days=int(days[0])) < split[0]]
    if inside and interval in ("week", "month"):
        raise ConfigError(
            f"{candles.symbol} {inside[0][0]} 에 분할이 있어 수정된 주봉·월봉을 만들 수 없습니다. 일봉으로 읽으세요."
        )
    texts = tuple(f"{candles.symbol} {day} 1주 → {shares}주" for day, shares in inside)
    return candles._replace(ratio=(numerators, denominators), splits=texts)


def outdated_factors(adjusted_to: Mapping[str, date], asked: Range) -> str:
    """Return in Korean whose factors are older than the last session that has begun; "" where none are."""
    opened = [
        day for day in asked.calendar.trading_days(asked.today - timedelta(days=14), asked.today)
        if asked.calendar.session(day).open <= asked.now
    ]  # fmt: skip
    old = {symbol: day for symbol, day in adjusted_to.items() if opened and day < opened[-1]}
    if not old:
        return ""
    first = min(old, key=old.__getitem__)
    named = f"{first}({old[first]})" + (f" 외 {len(old) - 1}종목" if len(old) > 1 else "")
    return (
        f"수정계수를 물은 뒤에 장이 열렸습니다. 그 뒤의 분할은 들어 있지 않습니다: {named}. "
        "다시 묻기: python export_candles.py --adjusted --out adjusted.parquet"
    )
