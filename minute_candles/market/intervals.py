"""The intervals a candle is shown in, each derived from 1-minute candles: 1, 3, 5, 10, 15, 30, 60 minutes and the day.

    interval = parse("5min")                      # 5; also "5", 5 and "day"
    candles = shown(minutes, interval)            # minutes of one or more days, oldest first

Windows are floored from midnight as in the table, a day's candle is labelled at midnight of its date. Pure.

A candle read back from the table has no turnover, but a VWAP rounded to 0.01 KRW. `turnover_of` restores the turnover
within volume × 0.005 KRW. So a derived VWAP may differ from the exact one by 0.01 KRW, never by more.
"""

from collections.abc import Sequence
from typing import Literal

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.market.candles import Candle, aggregate

Interval = Literal[1, 3, 5, 10, 15, 30, 60, "day"]
SHOWN: tuple[Interval, ...] = (1, 3, 5, 10, 15, 30, 60, "day")
DAY_MINUTES = 24 * 60
_BY_NAME: dict[str, Interval] = {str(interval): interval for interval in SHOWN}


def parse(value: object) -> Interval:
    """Return the interval a user means by 5, "5", "5min" or "day". Raises `ConfigError`."""
    name = str(value)
    found = _BY_NAME.get(name) or (_BY_NAME.get(name[:-3]) if name[:-3].isdecimal() and name.endswith("min") else None)
    if found is None:
        raise ConfigError(
            f"봉 간격 {particle(repr(name[:20]), '은/는')} 없습니다. {', '.join(_BY_NAME)} 가운데 고르세요."
        )
    return found


def window_minutes(interval: Interval) -> int:
    """Return the length of its window; a day is cut at midnight."""
    return DAY_MINUTES if interval == "day" else interval


def turnover_of(candle: Candle) -> int | None:
    """Return the turnover (KRW) as proved; None where unproven.

    Of a candle read back it is round(vwap × volume), exact to volume × 0.005 KRW.
    """
    if candle.turnover is not None or candle.vwap is None:
        return candle.turnover
    return told_turnover(int(candle.vwap.scaleb(2)), candle.volume)


def told_turnover(hundredths: int, volume: int) -> int:
    """Return the KRW paid for `volume` shares at a VWAP stored in 1/100 KRW."""
    return (hundredths * volume + 50) // 100


def with_turnover(minute: Candle) -> Candle:
    """Return the minute with its turnover (KRW), from its VWAP where it has only that; unchanged without both."""
    is_told = minute.turnover is not None or minute.vwap is None
    return minute if is_told else minute._replace(turnover=turnover_of(minute))


def shown(minutes: Sequence[Candle], interval: Interval) -> list[Candle]:
    """Return the candles of `interval` that follow from 1-minute ones of one symbol, of any days, oldest first.

    A window with one unproven minute has neither turnover nor VWAP. Of one minute, the VWAP stays as it was stored.
    """
    known = [with_turnover(minute) for minute in minutes]
    return known if interval == 1 else aggregate(known, window_minutes(interval))
