"""How many stored candles an engine is opened with: `MOST` a symbol, shared by what the rules of each interval look at.

First every interval gets what its rules need to fire at all; what is left goes to the lines that depend on every candle
before (RSI, EMA, MACD, ATR). `late` lists the rules that get less, with the candles they wait for. Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from minute_candles.alerts.conditions import PATTERN_CANDLES
from minute_candles.alerts.rules import Rule
from minute_candles.indicators.indicators import NAMES, TABLE, needed, outputs

MOST = 500
"""Candles a symbol, of all intervals together; RSI and EMA need about so many to settle."""
SESSION = 391
"""Minutes of a session, the auction's among them: what its VWAP is made of."""
EDGES = 2
"""Every rule looks at the candle before, and shows the change against the last close of the session before."""
_OF_LINE = {line: name for name in NAMES for line in outputs(name)}
_REMEMBERING = frozenset({"EMA", "RSI", "MACD", "ATR"})


class Late(NamedTuple):
    """A rule that does not fire before so many more candles of its interval have closed."""

    rule: Rule
    candles: int


def indicators_of(rules: Iterable[Rule]) -> set[str]:
    """Return the indicators that rules look at."""
    lines = {rule.parameters.get(key) for rule in rules for key in ("line", "over")}
    return {_OF_LINE[line] for line in lines if line in _OF_LINE}


def least(rule: Rule) -> int:
    """Return how many candles before the one that is judged a rule needs to be right."""
    names = indicators_of([rule])
    known = [needed(name) for name in names]
    if "vwap" in names:
        known.append(-(-SESSION // rule.interval))
    if rule.kind == "price_change":
        known.append(int(rule.parameters["minutes"]) // rule.interval)
    if rule.kind == "pattern":
        known.append(PATTERN_CANDLES)
    return EDGES + max(known, default=0)


def shares(rules: Sequence[Rule], most: int = MOST) -> dict[int, int]:
    """Return the candles to read by interval, together at most `most`: the smallest need is met first."""
    wanted = {interval: max(map(least, some)) for interval, some in _by_interval(rules).items()}
    found, left = {}, max(0, most)
    for interval in sorted(wanted, key=wanted.__getitem__):
        found[interval] = min(wanted[interval], left)
        left -= found[interval]
    remembering = [interval for interval, some in _by_interval(rules).items() if _remembers(some)]
    for interval in remembering:
        found[interval] += left // len(remembering)
    return found


def late(rules: Sequence[Rule]) -> list[Late]:
    """Return the rules that have to wait after a start."""
    given = shares(rules)
    return [Late(rule, least(rule) - given[rule.interval]) for rule in rules if least(rule) > given[rule.interval]]


def _by_interval(rules: Iterable[Rule]) -> Mapping[int, list[Rule]]:
    found: dict[int, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.interval, []).append(rule)
    return found


def _remembers(rules: Iterable[Rule]) -> bool:
    return any(name in TABLE and TABLE[name].function in _REMEMBERING for name in indicators_of(rules))
