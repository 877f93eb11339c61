"""What each kind of rule means at one closed window: whether it holds there, with the value that people want to see.

A condition looks back only: at the candle, those before it and, for volume, at what is usual. Pure.
"""

from collections.abc import Callable, Mapping
from datetime import time, timedelta
from typing import Literal, NamedTuple

from minute_candles.alerts.history import History
from minute_candles.alerts.rules import Rule
from minute_candles.core.korean import particle
from minute_candles.indicators.indicators import label
from minute_candles.indicators.patterns import found
from minute_candles.market.intervals import turnover_of
from minute_candles.market.tick_sizes import lower_limit, upper_limit

PATTERN_CANDLES = 40
"""A pattern looks at five candles and averages over ten before them."""
Usual = Mapping[time, float]
"""Mean volume of a minute of the day over past sessions, shares."""


class Trigger(NamedTuple):
    """Why a rule fires: the value it is about, the words, and the direction, by which its cooldown counts."""

    value: float
    text: str
    direction: Literal["up", "down", ""] = ""


def judge(rule: Rule, history: History, index: int, usual: Usual) -> Trigger | None:
    """Return what a rule fires for at the candle `index` of its symbol and interval; None where it does not hold."""
    if rule.kind == "volume_surge":
        return _volume_surge(rule, history, index, usual)
    return _JUDGES[rule.kind](rule, history, index)


def _price_change(rule: Rule, history: History, index: int) -> Trigger | None:
    """Compare with the last price N minutes before, of the same session; at its beginning with its open."""
    minutes, candle = rule.parameters["minutes"], history.candles[index]
    since, first = candle.timestamp - timedelta(minutes=minutes), history.first_of_day(index)
    before = index
    while before >= first and history.candles[before].timestamp > since:
        before -= 1
    base = history.candles[before].close if before >= first else history.candles[first].open
    percent = 100 * (candle.close - base) / base
    if not _reaches(rule, percent, rule.parameters["percent"]):
        return None
    return Trigger(percent, f"{minutes}분 동안 {percent:+.2f}%", "up" if percent > 0 else "down")


def _reaches(rule: Rule, value: float, limit: float) -> bool:
    direction = rule.parameters["direction"]
    return (value >= limit and direction != "down") or (value <= -limit and direction != "up")


def _price(rule: Rule, history: History, index: int) -> Trigger | None:
    """Hold where the close comes to a level from the other side, or to the day's limit."""
    if index == 0:
        return None
    before, close = history.candles[index - 1].close, history.candles[index].close
    if rule.parameters["limit"]:
        return _limit(rule, history, index, before, close)
    level, direction = rule.parameters["level"], rule.parameters["direction"]
    if before < level <= close and direction != "down":
        return Trigger(close, f"{level:,}원을 상향 돌파", "up")
    if before > level >= close and direction != "up":
        return Trigger(close, f"{level:,}원을 하향 돌파", "down")
    return None


def _limit(rule: Rule, history: History, index: int, before: int, close: int) -> Trigger | None:
    first = history.first_of_day(index)
    if first == 0:
        return None
    base, wanted = history.candles[first - 1].close, rule.parameters["limit"]
    upper, lower = upper_limit(base), lower_limit(base)
    if wanted != "lower" and close == upper and (before != upper or index == first):
        return Trigger(close, "상한가", "up")
    if wanted != "upper" and close == lower and (before != lower or index == first):
        return Trigger(close, "하한가", "down")
    return None


def _volume_surge(rule: Rule, history: History, index: int, usual: Usual) -> Trigger | None:
    candle = history.candles[index]
    mean = usual.get(candle.timestamp.time(), 0.0)
    if mean <= 0 or candle.volume < max(rule.parameters["least"], rule.parameters["times"] * mean):
        return None
    of = "예측한 상한(90%)" if rule.parameters["against"] == "forecast" else "평소 이 시각"
    return Trigger(candle.volume / mean, f"거래량 {candle.volume:,}주, {of}의 {candle.volume / mean:.1f}배")


def _turnover(rule: Rule, history: History, index: int) -> Trigger | None:
    moved = turnover_of(history.candles[index])
    if moved is None or moved < rule.parameters["amount"]:
        return None
    return Trigger(moved, f"거래대금 {moved / 1e8:,.1f}억 원")


def _cross(rule: Rule, history: History, index: int) -> Trigger | None:
    """Hold where `line` comes from at or below `over` to above it, or the other way round; over a night, too."""
    if index == 0:
        return None
    line, over = rule.parameters["line"], rule.parameters["over"]
    before, now = history.values(index - 1), history.values(index)
    old, new = (_gap(values.get(line), values.get(over)) for values in (before, now))
    if old is None or new is None:
        return None
    if old <= 0 < new and rule.parameters["direction"] != "down":
        return Trigger(new, f"{_two_lines(line, over)} 상향 돌파", "up")
    if old >= 0 > new and rule.parameters["direction"] != "up":
        return Trigger(new, f"{_two_lines(line, over)} 하향 돌파", "down")
    return None


def _two_lines(line: str, over: str) -> str:
    return f"{particle(label(line), '이/가')} {particle(label(over), '을/를')}"


def _gap(line: float | None, over: float | None) -> float | None:
    return None if line is None or over is None else line - over


def _threshold(rule: Rule, history: History, index: int) -> Trigger | None:
    """Hold where the line enters the range: at the candle before it stood outside, or was not known."""
    line, below, above = (rule.parameters[name] for name in ("line", "below", "above"))
    now = history.values(index).get(line)
    before = history.values(index - 1).get(line) if index else None
    if now is None:
        return None
    if below is not None and now < below and not (before is not None and before < below):
        return Trigger(now, f"{label(line)} {now:,.2f}: {below:,g} 아래로", "down")
    if above is not None and now > above and not (before is not None and before > above):
        return Trigger(now, f"{label(line)} {now:,.2f}: {above:,g} 위로", "up")
    return None


def _pattern(rule: Rule, history: History, index: int) -> Trigger | None:
    candles, direction = history.candles[max(0, index + 1 - PATTERN_CANDLES) : index + 1], rule.parameters["direction"]
    marks = [m for m in found(candles, rule.parameters["patterns"]) if m.timestamp == candles[-1].timestamp]
    marks = [mark for mark in marks if direction in ("both", mark.direction)]
    if not marks:
        return None
    directions = {mark.direction for mark in marks}
    one = directions.pop() if len(directions) == 1 else "none"
    return Trigger(len(marks), ", ".join(mark.label for mark in marks), "" if one == "none" else one)


def _gap_at_open(rule: Rule, history: History, index: int) -> Trigger | None:
    """Compare the session's first open with the close before it."""
    if index == 0 or history.first_of_day(index) != index:
        return None
    base = history.candles[index - 1].close
    percent = 100 * (history.candles[index].open - base) / base
    if not _reaches(rule, percent, rule.parameters["percent"]):
        return None
    return Trigger(percent, f"시가가 전일 종가보다 {percent:+.2f}%", "up" if percent > 0 else "down")


_JUDGES: dict[str, Callable[[Rule, History, int], Trigger | None]] = {
    "price_change": _price_change,
    "price": _price,
    "turnover": _turnover,
    "cross": _cross,
    "threshold": _threshold,
    "pattern": _pattern,
    "gap": _gap_at_open,
}
