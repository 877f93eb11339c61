"""Split-adjusted prices, made on reading by the factors that KIS has reported (As traded). Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal

from minute_candles.core.errors import ConfigError, IncompleteData
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range
from minute_candles.frames.symbol_candles import SymbolCandles
from minute_candles.frames.windows import DAY, EPOCH, day_of
from minute_candles.market.adjustment import Factor, splits

Adjusted = bool | Literal["total"]
"""What prices are adjusted for: nothing, splits and rights, or what funds distributed, too ("total")."""


def adjusted_candles(
    candles: SymbolCandles, factors: Sequence[Factor], since: date, interval: FrameInterval = 1,
    *, adjusted: Adjusted = True,
) -> SymbolCandles:  # fmt: skip
    """Return the same candles with the ratio of each one's day; `since` is the first day of the range.

    Raises `IncompleteData` where a day's factor is unknown or the day could not be turned back to what traded,
    `ConfigError` for weeks and months over a change of the ratio.
    """
    import numpy as np

    if unturned := [state.day for state in candles.states if state.is_unturned]:
        raise IncompleteData(
            f"{candles.symbol} {unturned[0]}은 수정된 채로 저장되어 한 번 더 수정할 수 없습니다. 되돌리기: "
            f"python fetch_minute_data.py --recheck --symbols {candles.symbol} --from {unturned[0]}"
        )
    firsts = np.array([(factor.first - EPOCH).days for factor in factors], np.int64)
    lasts = np.array([(factor.last - EPOCH).days for factor in factors], np.int64)
    ratios = [factor.total if adjusted == "total" else factor.ratio for factor in factors]
    days = candles.columns.start // DAY
    at = np.searchsorted(firsts, days, side="right") - 1
    unknown = at < 0
    if len(factors):
        unknown |= (days > lasts[at]) | np.array([ratio is None for ratio in ratios])[at]
    if unknown.any():
        how = "--adjusted total" if adjusted == "total" else "--adjusted"
        raise IncompleteData(
            f"{candles.symbol} {day_of(days[unknown][0])}의 수정계수를 모릅니다. KIS에 먼저 물으세요: "
            f"python export_candles.py {how} --symbols {candles.symbol} --from {since} --out adjusted.parquet"
        )
    numerators = np.array([ratio.numerator for ratio in ratios if ratio], np.int64)
    denominators = np.array([ratio.denominator for ratio in ratios if ratio], np.int64)
    inside = [split for split in splits(factors) if len(days) and day_of(days[0]) < split[0]]
    steps = [factor.first for factor in factors[1:] if len(days) and day_of(days[0]) < factor.first]
    if interval in ("week", "month") and (changed := steps if adjusted == "total" else [day for day, _ in inside]):
        raise ConfigError(
            f"{candles.symbol} {changed[0]} 에 계수가 바뀌어 수정된 주봉·월봉을 만들 수 없습니다. 일봉으로 읽으세요."
        )
    texts = tuple(f"{candles.symbol} {day} 1주 → {shares}주" for day, shares in inside)
    return candles._replace(ratio=(numerators[at], denominators[at]), splits=texts)


def outdated_factors(adjusted_to: Mapping[str, date], period: Range) -> str:
    """Return in Korean whose factors are older than the last session that has begun; "" where none are."""
    opened = [
        day for day in period.calendar.trading_days(period.today - timedelta(days=14), period.today)
        if period.calendar.session(day).open <= period.now
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
