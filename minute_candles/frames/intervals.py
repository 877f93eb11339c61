"""The interval of a frame or a file, as people write it: minutes that tile a day, the day, the week, the month. Pure.

parse_interval("5m") == parse_interval("5T") == 5       parse_interval("1h") == 60       parse_interval("D") == "day"
"""

import re
from datetime import timedelta
from typing import Literal

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle

FrameInterval = int | Literal["day", "week", "month"]
"""Minutes below a day that divide it, or a period of whole sessions."""
DAY_MINUTES = 24 * 60
_PERIODS: dict[str, FrameInterval] = {
    **dict.fromkeys(("d", "day", "daily", "days", "b", "일", "일봉"), "day"),
    **dict.fromkeys(("w", "wk", "week", "weekly", "주", "주봉"), "week"),
    **dict.fromkeys(("mo", "month", "monthly", "me", "ms", "월", "월봉"), "month"),
}
_MINUTES = ("", "m", "min", "mins", "minute", "minutes", "t", "분", "분봉")
_HOURS = ("h", "hour", "hours", "시간")


def parse_interval(value: object) -> FrameInterval:
    """Return the interval that a user writes as 5, "5m", "5min", "5T", "1h", "1d", "week" or "1mo".

    Raises `ConfigError` for one that makes no windows, and for a bare "m" (a minute or a month).
    """
    if isinstance(value, timedelta):
        found = _of_minutes(value / timedelta(minutes=1))
    else:
        found = None if isinstance(value, bool) else _of_text(str(value).strip())
    if found is None:
        raise ConfigError(
            f"봉 간격 {particle(repr(str(value)[:20]), '은/는')} 없습니다. "
            "하루를 나누는 분(1, 2, 3, 5, 10, 15, 30, 60 …)이나 day, week, month 를 쓰세요."
        )
    return found


def _of_text(text: str) -> FrameInterval | None:
    parts = re.fullmatch(r"(\d{0,4})\s*([^\W\d_]*)", text)
    if parts is None or text in {"", "m"}:
        return None
    count, unit = int(parts[1] or 1), parts[2]
    if unit == "M":
        unit = "mo"
    unit = unit.lower()
    if unit in _PERIODS:
        return _PERIODS[unit] if count == 1 else None
    if unit in _MINUTES or unit in _HOURS:
        return _of_minutes(count * (60 if unit in _HOURS else 1))
    return None


def _of_minutes(minutes: float) -> FrameInterval | None:
    if minutes == DAY_MINUTES:
        return "day"
    is_tile = minutes >= 1 and DAY_MINUTES % minutes == 0 and minutes == int(minutes)
    return int(minutes) if is_tile else None


def interval_label(interval: FrameInterval) -> str:
    """Return how file names write it: "5min", "day"."""
    return f"{interval}min" if isinstance(interval, int) else interval
