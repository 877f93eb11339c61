"""The intervals a candle is shown in, each derived from 1-minute ones: 1 to 60 minutes, the day, the week, the month.

    interval = parse("5min")                      # 5; also "5", 5 and "day"
    candles = shown(minutes, interval)            # minutes of one or more days, oldest first

Windows are floored from midnight as in the table. A day is labelled by its midnight, a week by its Monday's, a month
by its first's. Pure.

A candle read back from the table has no turnover, but a VWAP rounded to 0.01 KRW. `turnover_of` restores the turnover
within volume × 0.005 KRW. So a derived VWAP may differ from the exact one by 0.01 KRW, never by more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.market.candles import Candle
from minute_candles.market.windows import fold, window

Interval = Literal[1, 3, 5, 10, 15, 30, 60, "day", "week", "month"]
SHOWN: tuple[Interval, ...] = (1, 3, 5, 10, 15, 30, 60, "day")
"""The intervals of one session at most."""
SESSIONS: dict[Interval, int] = {"week": 7, "month": 23}
"""The intervals of several sessions, and how many a window holds at most (a Saturday may be opened)."""
_BY_NAME: dict[str, Interval] = {str(interval): interval for interval in (*SHOWN, *SESSIONS)}


def parse(value: object) -> Interval:
    """Return the interval a user means by 5, "5", "5min" or "day". Raises `ConfigError`."""
    name = str(value)
    found = _BY_NAME.get(name) or (_BY_NAME.get(name[:-3]) if name[:-3].isdecimal() and name.endswith("min") else None)
    if found is None:
        raise ConfigError(
            f"봉 간격 {particle(repr(name[:20]), '은/는')} 없습니다. {', '.join(_BY_NAME)} 가운데 고르세요."
        )
    return found


def window_start(moment: datetime, interval: Interval) -> datetime:
    """Return the start of the window that a moment falls in."""
    if isinstance(interval, int):
        return window(moment, interval)
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if interval == "month":
        return midnight.replace(day=1)
    return midnight - timedelta(days=midnight.weekday() if interval == "week" else 0)


def window_end(start: datetime, interval: Interval) -> datetime:
    """Return the end of the window that begins at `start`, which it does not hold."""
    if isinstance(interval, int):
        return start + timedelta(minutes=interval)
    return window_start(start + timedelta(days={"day": 1, "week": 7, "month": 31}[interval]), interval)


def turnover_of(candle: Candle) -> int | None:
    """Return the turnover (KRW) as proved; None where unproven.

    Of a candle read back it is round(vwap × volume), exact to volume × 0.005 KRW.
    """
    if candle.turnover is not None or candle.vwap is None:
        return candle.turnover
    return turnover_from_vwap(int(candle.vwap.scaleb(2)), candle.volume)


def turnover_from_vwap(hundredths: int, volume: int) -> int:
    """Return the KRW paid for `volume` shares at a VWAP stored in 1/100 KRW."""
    return (hundredths * volume + 50) // 100


def with_turnover(minute: Candle) -> Candle:
    """Return the minute with its turnover (KRW), from its VWAP where it has only that; unchanged without both."""
    is_known = minute.turnover is not None or minute.vwap is None
    return minute if is_known else minute._replace(turnover=turnover_of(minute))


def shown(minutes: Sequence[Candle], interval: Interval) -> list[Candle]:
    """Return the candles of `interval` that follow from 1-minute ones of one symbol, of any days, oldest first.

    A window with one unproven minute has neither turnover nor VWAP. Of one minute, the VWAP stays as it was stored.
    """
    known = [with_turnover(minute) for minute in minutes]
    return known if interval == 1 else fold(known, lambda minute: window_start(minute, interval))
