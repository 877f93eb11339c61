"""`alerts.toml`, read strictly: every mistake is one line that names the rule and what is allowed.

    rules = read(Path("alerts.toml"))          # Rules(market=[Rule(kind="price_change", …)], operations=[…])

Rules have a kind and named parameters, no language of their own. What each kind means stands in conditions.py.
"""

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.indicators.indicators import NAMES as INDICATORS
from minute_candles.indicators.indicators import outputs
from minute_candles.indicators.patterns import NAMES as PATTERNS
from minute_candles.market.windows import INTERVALS

Severity = Literal["info", "warning", "critical"]
SEVERITIES = ("info", "warning", "critical")
LINES = ("price", *(line for name in INDICATORS if name != "obv" for line in outputs(name)))
"""What `cross` and `threshold` may look at; `price` is the close. OBV's height depends on where one begins to count."""


class WrongValueError(Exception):
    """What a value must be, in Korean."""


Check = Callable[[object], object]
_NEEDED = object()


class Parameter(NamedTuple):
    """How a value is checked, and what stands where it is left out."""

    check: Check
    default: object = _NEEDED


def _number(low: float, high: float) -> Check:
    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise WrongValueError(f"{low:g}~{high:g} 사이의 숫자여야 합니다")
        return float(value)

    return check


def _whole(low: int, high: int) -> Check:
    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise WrongValueError(f"{low:,}~{high:,} 사이의 정수여야 합니다")
        return value

    return check


def _one_of(*allowed: object) -> Check:
    def check(value: object) -> object:
        if isinstance(value, bool) or value not in allowed:
            raise WrongValueError(f"{', '.join(map(str, allowed))} 가운데 하나여야 합니다")
        return value

    return check


def _some_of(allowed: Sequence[str]) -> Check:
    def check(value: object) -> tuple[str, ...]:
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not listed or any(item not in allowed for item in listed):
            raise WrongValueError(f"{', '.join(allowed)} 가운데 하나 이상이어야 합니다")
        return tuple(dict.fromkeys(listed))

    return check


def _symbols(value: object) -> frozenset[str]:
    listed = value if isinstance(value, list) else [value]
    if not listed or not all(isinstance(s, str) and re.fullmatch(r"[0-9A-Z]{6}", s) for s in listed):
        raise WrongValueError('종목코드 6자리의 목록이어야 합니다(예: ["005930", "000660"])')
    return frozenset(listed)


def _hours(value: object) -> tuple[time, time]:
    found = (
        re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", value) if isinstance(value, str) else None
    )
    if not found or found[1] + found[2] >= found[3] + found[4]:
        raise WrongValueError('"09:00-15:30" 처럼 시작-끝 시각이어야 합니다')
    return time(int(found[1]), int(found[2])), time(int(found[3]), int(found[4]))


def _name(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 60 or not value.isprintable():
        raise WrongValueError("1~60자의 이름이어야 합니다")
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
        "least": Parameter(_whole(0, 10**12), 0), "against": Parameter(_one_of("usual", "forecast"), "usual"),
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
        """Return whether the rule looks at a symbol."""
        return not self.symbols or symbol in self.symbols

    def is_open_at(self, moment: time) -> bool:
        """Return whether a window that starts then may fire."""
        return self.hours is None or self.hours[0] <= moment <= self.hours[1]


class Rules(NamedTuple):
    """The rules of a file: over candles, and over the collection itself."""

    market: list[Rule]
    operations: list[Rule]


def read(path: Path) -> Rules:
    """Return the rules of a file. Raises `ConfigError`: one line with the rule and what is allowed there."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"알림 규칙 파일이 UTF-8이 아닙니다: {path}. UTF-8로 다시 저장하세요.") from None
    except OSError as error:
        raise ConfigError(f"알림 규칙 파일을 읽을 수 없습니다 ({error.strerror}): {path}") from None
    return parse(text, path.name)


def parse(text: str, file: str) -> Rules:
    """Return the rules of a text; `file` is named in errors. Raises `ConfigError`."""
    tables = _tables(text, file)
    for table in tables:
        if table not in ("rule", "operations") or not _is_list_of_tables(tables[table]):
            raise ConfigError(
                f"{file}: {particle(repr(table[:20]), '은/는')} 모릅니다. [[rule]] 이나 [[operations]] 로 쓰세요."
            )
    market = [_Table(file, "rule", n, values) for n, values in enumerate(tables.get("rule", ()), 1)]
    operations = [_Table(file, "operations", n, values) for n, values in enumerate(tables.get("operations", ()), 1)]
    rules = Rules([one.market_rule() for one in market], [one.operations_rule() for one in operations])
    places: dict[str, _Table] = {}
    for place, rule in zip([*market, *operations], [*rules.market, *rules.operations], strict=True):
        if rule.name in places:
            raise place.wrong(f"이름이 {particle(places[rule.name].place, '과/와')} 같습니다. name 을 따로 지으세요")
        places[rule.name] = place
    return rules


def _tables(text: str, file: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{file}: TOML로 읽을 수 없습니다. 글자는 따옴표로 감싸고, 값은 이름 = 값 으로 쓰세요. ({error})"
        ) from None
    except RecursionError:
        raise ConfigError(f"{file}: TOML로 읽을 수 없습니다. 괄호가 너무 깊습니다.") from None


def _is_list_of_tables(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


class _Table:
    """One `[[rule]]` or `[[operations]]` of the file, the `n`-th of its kind."""

    def __init__(self, file: str, header: str, n: int, values: dict[str, Any]) -> None:
        self._file, self._values = file, values
        name = values.get("name")
        self.place = f"{n}번째 [[{header}]]" + (f" {name[:20]!r}" if isinstance(name, str) and name else "")

    def wrong(self, reason: str) -> ConfigError:
        """Return the error that names this table."""
        return ConfigError(f"{self._file} {self.place}: {reason}.")

    def market_rule(self) -> Rule:
        """Return it as a rule over candles. Raises `ConfigError`."""
        rule = self._rule(KINDS, _OF_RULES)
        either = EITHER.get(rule.kind, ())
        if either and sum(rule.parameters[name] is not None for name in either) != 1:
            raise self.wrong(f"{rule.kind} 규칙에는 {particle(either[0], '과/와')} {either[1]} 가운데 하나만 쓰세요")
        if rule.kind == "cross" and rule.parameters["line"] == rule.parameters["over"]:
            raise self.wrong("line 과 over 가 같습니다")
        if rule.parameters.get("against") == "forecast" and rule.interval == 1:
            raise self.wrong('against = "forecast" 에는 interval = 5 나 15 가 필요합니다')
        return rule

    def operations_rule(self) -> Rule:
        """Return it as a rule over the collection. Raises `ConfigError`."""
        return self._rule(OPERATIONS, _COMMON)

    def _rule(self, kinds: Mapping[str, dict[str, Parameter]], common: Mapping[str, Parameter]) -> Rule:
        kind = self._values.get("kind")
        if not isinstance(kind, str) or kind not in kinds:
            raise self.wrong(f"kind 는 {', '.join(kinds)} 가운데 하나여야 합니다")
        known = {**common, **kinds[kind]}
        for key in self._values.keys() - {"kind", *known}:
            raise self.wrong(
                f"{kind} 규칙에 {particle(repr(key[:20]), '은/는')} 없습니다. 쓸 수 있는 것: {', '.join(known)}"
            )
        values: dict[str, Any] = {name: self._value(name, parameter) for name, parameter in known.items()}
        shared = {name: values[name] for name in common if name not in ("name", "cooldown")}
        parameters = {name: values[name] for name in kinds[kind]}
        cooldown = timedelta(minutes=values["cooldown"])
        return Rule(name=values["name"] or kind, kind=kind, parameters=parameters, cooldown=cooldown, **shared)

    def _value(self, name: str, parameter: Parameter) -> object:
        if name not in self._values:
            if parameter.default is _NEEDED:
                raise self.wrong(f"{particle(name, '이/가')} 없습니다")
            return parameter.default
        try:
            return parameter.check(self._values[name])
        except WrongValueError as wrong:
            raise self.wrong(f"{particle(name, '은/는')} {wrong}") from None
