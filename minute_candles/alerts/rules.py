"""`alerts.toml`: what people want to be told, read strictly: every mistake names its line and what is allowed.

    rules = read(Path("alerts.toml"))          # Rules(market=[Rule(kind="price_change", …)], operations=[…])

Rules have a kind and named parameters, no language of their own. What each kind means is told in judges.py.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.indicators.indicators import NAMES as INDICATORS
from minute_candles.indicators.indicators import outputs
from minute_candles.indicators.patterns import NAMES as PATTERNS

Severity = Literal["info", "warning", "critical"]
SEVERITIES = ("info", "warning", "critical")
LINES = ("price", *(line for name in INDICATORS if name != "obv" for line in outputs(name)))
"""What `cross` and `threshold` may look at; `price` is the close. OBV's height depends on where one begins to count."""
INTERVALS = (1, 5, 15)


class Wrong(Exception):
    """What a value must be, in Korean."""


Check = Callable[[Any], Any]
_NEEDED = object()


class Parameter(NamedTuple):
    """How a value is checked, and what stands where it is left out."""

    check: Check
    default: Any = _NEEDED


def _number(low: float, high: float) -> Check:
    def check(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise Wrong(f"{low:g}~{high:g} 사이의 숫자여야 합니다")
        return float(value)

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise Wrong(f"{low:,}~{high:,} 사이의 정수여야 합니다")
        return value

    return check


def _one_of(*allowed: Any) -> Check:
    def check(value: Any) -> Any:
        if isinstance(value, bool) or value not in allowed:
            raise Wrong(f"{', '.join(map(str, allowed))} 가운데 하나여야 합니다")
        return value

    return check


def _some_of(allowed: Sequence[str]) -> Check:
    def check(value: Any) -> tuple[str, ...]:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not listed or any(item not in allowed for item in listed):
            raise Wrong(f"{', '.join(allowed)} 가운데 하나 이상이어야 합니다")
        return tuple(dict.fromkeys(listed))

    return check


def _symbols(value: Any) -> frozenset[str]:
    listed = [value] if isinstance(value, str) else value
    good = (
        isinstance(listed, list)
        and listed
        and all(isinstance(s, str) and re.fullmatch(r"[0-9A-Z]{6}", s) for s in listed)
    )
    if not good:
        raise Wrong('종목코드 6자리의 목록이어야 합니다(예: ["005930", "000660"])')
    return frozenset(listed)


def _hours(value: Any) -> tuple[time, time]:
    found = (
        re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    )
    if not found or found[1] + found[2] >= found[3] + found[4]:
        raise Wrong('"09:00-15:30" 처럼 시작-끝 시각이어야 합니다')
    return time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 60 or not value.isprintable():
        raise Wrong("1~60자의 이름이어야 합니다")
    return value.strip()


_DIRECTION = Parameter(_one_of("up", "down", "both"), "both")
_PERCENT = Parameter(_number(0.01, 1000))
KINDS: dict[str, dict[str, Parameter]] = {
    "price_change": {"percent": _PERCENT, "minutes": Parameter(_whole(1, 390), 5), "direction": _DIRECTION},
    "price": {
        "level": Parameter(_whole(1, 10**9), None), "limit": Parameter(_one_of("upper", "lower", "both"), None),
        "direction": _DIRECTION,
    },
    "volume_surge": {
        "times": Parameter(_number(1.01, 10_000)), "sessions": Parameter(_whole(1, 60), 20),
        "least": Parameter(_whole(0, 10**12), 0),
    },
    "turnover": {"amount": Parameter(_whole(1, 10**15))},
    "cross": {"line": Parameter(_one_of(*LINES)), "over": Parameter(_one_of(*LINES)), "direction": _DIRECTION},
    "threshold": {
        "line": Parameter(_one_of(*LINES)), "below": Parameter(_number(-1e12, 1e12), None),
        "above": Parameter(_number(-1e12, 1e12), None),
    },
    "pattern": {"patterns": Parameter(_some_of(PATTERNS)), "direction": _DIRECTION},
    "gap": {"percent": _PERCENT, "direction": _DIRECTION},
}  # fmt: skip
EITHER = {"price": ("level", "limit"), "threshold": ("below", "above")}
"""Kinds of which exactly one of two parameters is given."""
OPERATIONS: dict[str, dict[str, Parameter]] = {
    "no_candle": {"minutes": Parameter(_whole(1, 120), 5)},
    "settle_open": {"minutes": Parameter(_whole(1, 1_000), 60)},
    "stream_down": {"minutes": Parameter(_whole(1, 390), 5)},
    "disk": {"free_mb": Parameter(_whole(1, 10**7), 500)},
    "clock_skew": {"minutes": Parameter(_whole(0, 390), 1)},
    "token": {"minutes": Parameter(_whole(0, 390), 1)},
}
_COMMON = {
    "name": Parameter(_name, None), "cooldown": Parameter(_whole(0, 10_000), 30),
    "severity": Parameter(_one_of(*SEVERITIES), "info"),
}  # fmt: skip
_OF_RULES = _COMMON | {
    "symbols": Parameter(_symbols, frozenset()), "interval": Parameter(_one_of(*INTERVALS), 1),
    "hours": Parameter(_hours, None),
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """One rule; `symbols` empty = all, `cooldown` counts from the last alert of the rule, symbol and direction."""

    name: str
    kind: str
    parameters: Mapping[str, Any]
    cooldown: timedelta
    severity: Severity
    symbols: frozenset[str] = frozenset()
    interval: int = 1
    hours: tuple[time, time] | None = None

    def is_about(self, symbol: str) -> bool:
        """Whether the rule looks at a symbol."""
        return not self.symbols or symbol in self.symbols

    def is_open_at(self, moment: time) -> bool:
        """Whether a window that starts then may fire."""
        return self.hours is None or self.hours[0] <= moment <= self.hours[1]


class Rules(NamedTuple):
    market: list[Rule]
    operations: list[Rule]


def read(path: Path) -> Rules:
    """The rules of a file. Raises `ConfigError`: one line with the place in the file and what is allowed there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"알림 규칙 파일이 UTF-8이 아닙니다: {path}. UTF-8로 다시 저장하세요.") from None
    except OSError as error:
        raise ConfigError(f"알림 규칙 파일을 읽을 수 없습니다 ({error.strerror}): {path}") from None
    return parse(text, path.name)


def parse(text: str, file: str) -> Rules:
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        at = re.search(r"at line (\d+)", str(error))
        where = at[1] if at else max(1, len(text.splitlines()))  # "at end of document"
        raise ConfigError(
            f"{file} {where}번째 줄: TOML로 읽을 수 없습니다. 글자는 따옴표로 감싸고, 값은 이름 = 값 으로 쓰세요."
        ) from None
    paper = _Paper(text, file)
    for table in told:
        if table not in ("rule", "operations") or not _is_list_of_tables(told[table]):
            raise paper.wrong(
                paper.line_of(table), f"{table[:20]!r} 은 모릅니다. [[rule]] 이나 [[operations]] 로 쓰세요"
            )
    rules = [_rule(paper, n, values) for n, values in enumerate(told.get("rule", ()))]
    operations = [_operation(paper, n, values) for n, values in enumerate(told.get("operations", ()))]
    _check_names(paper, [*rules, *operations])
    return Rules([rule for _, rule in rules], [rule for _, rule in operations])


def _is_list_of_tables(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


class _Paper:
    """Where things stand in the file: tomllib does not tell."""

    def __init__(self, text: str, file: str) -> None:
        self._lines, self._file = text.splitlines(), file

    def line_of(self, key: str, after: int = 0) -> int:
        """The line (from 1) that sets or opens `key`, from the line `after` on, within its table."""
        for number, line in enumerate(self._lines[after:], after + 1):
            if number > after + 1 and after and re.match(r"\s*\[", line):
                break
            if re.match(rf"""\s*(\[+\s*)?["']?{re.escape(key)}["']?\s*[\].=]""", line):
                return number
        return after or 1

    def header(self, table: str, n: int) -> int:
        """The line of the n-th `[[table]]`; of an inline list the line that opens it."""
        heads = [number for number, line in enumerate(self._lines, 1) if re.match(rf"\s*\[\[\s*{table}\s*\]\]", line)]
        return heads[n] if n < len(heads) else self.line_of(table)

    def wrong(self, line: int, reason: str) -> ConfigError:
        return ConfigError(f"{self._file} {line}번째 줄: {reason}.")


def _rule(paper: _Paper, n: int, values: dict[str, Any]) -> tuple[int, Rule]:
    line = paper.header("rule", n)
    kind, common, own = _checked(paper, line, values, KINDS, _OF_RULES)
    if (either := EITHER.get(kind)) and sum(own[name] is not None for name in either) != 1:
        raise paper.wrong(line, f"{kind} 규칙에는 {' 와 '.join(either)} 가운데 하나만 쓰세요")
    if kind == "cross" and own["line"] == own["over"]:
        raise paper.wrong(paper.line_of("over", line), "line 과 over 가 같습니다")
    return line, _made(kind, common, own)


def _operation(paper: _Paper, n: int, values: dict[str, Any]) -> tuple[int, Rule]:
    line = paper.header("operations", n)
    kind, common, own = _checked(paper, line, values, OPERATIONS, _COMMON)
    return line, _made(kind, common, own)


def _made(kind: str, common: dict[str, Any], own: dict[str, Any]) -> Rule:
    name, cooldown = common.pop("name") or kind, timedelta(minutes=common.pop("cooldown"))
    return Rule(name=name, kind=kind, parameters=own, cooldown=cooldown, **common)


def _checked(
    paper: _Paper, line: int, values: dict[str, Any], kinds: Mapping[str, dict[str, Parameter]],
    common: Mapping[str, Parameter],
) -> tuple[str, dict[str, Any], dict[str, Any]]:  # fmt: skip
    kind = values.get("kind")
    if not isinstance(kind, str) or kind not in kinds:
        where = paper.line_of("kind", line) if "kind" in values else line
        raise paper.wrong(where, f"kind 는 {', '.join(kinds)} 가운데 하나여야 합니다")
    known = {**common, **kinds[kind]}
    for key in values.keys() - {"kind"}:
        if key not in known:
            allowed = ", ".join(known)
            raise paper.wrong(
                paper.line_of(key, line), f"{kind} 규칙에 {key[:20]!r} 은 없습니다. 쓸 수 있는 것: {allowed}"
            )
    found = {name: _value(paper, line, values, name, parameter) for name, parameter in known.items()}
    return kind, {name: found[name] for name in common}, {name: found[name] for name in kinds[kind]}


def _value(paper: _Paper, line: int, values: dict[str, Any], name: str, parameter: Parameter) -> Any:
    if name not in values:
        if parameter.default is _NEEDED:
            raise paper.wrong(line, f"{values['kind']} 규칙에 {name} 이 없습니다")
        return parameter.default
    try:
        return parameter.check(values[name])
    except Wrong as wrong:
        raise paper.wrong(paper.line_of(name, line), f"{name} 은 {wrong}") from None


def _check_names(paper: _Paper, rules: Sequence[tuple[int, Rule]]) -> None:
    """A name is what cooldowns and the chart know a rule by."""
    seen: dict[str, int] = {}
    for line, rule in rules:
        if rule.name in seen:
            raise paper.wrong(
                line, f"이름 {rule.name!r} 이 {seen[rule.name]}번째 줄의 규칙과 같습니다. name 을 따로 지으세요"
            )
        seen[rule.name] = line
