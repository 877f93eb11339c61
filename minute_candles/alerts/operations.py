"""When collection itself is in trouble: what each kind of operations rule means, reported when it begins and ends.

    operations = Operations(rules.operations)
    notes = operations.check(Health(now, …))       # every few seconds

While it lasts it is reported again after each cooldown.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from minute_candles.alerts.digest import Note
from minute_candles.alerts.health import Health
from minute_candles.alerts.rules import Rule
from minute_candles.core.korean import number
from minute_candles.market.calendar import CLOSING_AUCTION

SUBJECT = "수집"
_INCIDENTS = {"stream_down": "STREAM", "clock_skew": "CLOCK", "token": "TOKEN"}
"""Rules that are an incident of the updater (`IncidentKind`, minute_candles/monitoring/incidents.py), by its code."""


class Operations:
    """The rules, and which of them stand; `last_fired` (rule → when) is kept over restarts by the owner of this."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._standing: set[str] = set()
        self.last_fired: dict[str, datetime] = {}

    def check(self, health: Health) -> list[Note]:
        """Return what is to be reported now."""
        notes = []
        for rule in self._rules:
            text = _CONDITIONS.get(rule.kind, _incident)(rule, health)
            if text is None and rule.name in self._standing:
                self._standing.discard(rule.name)
                notes.append(Note(rule.severity, rule.name, SUBJECT, "끝났습니다. 다시 정상입니다."))
            elif text is not None and self._is_due(rule, health.now):
                self._standing.add(rule.name)
                self.last_fired[rule.name] = health.now
                notes.append(Note(rule.severity, rule.name, SUBJECT, text))
        return notes

    def _is_due(self, rule: Rule, now: datetime) -> bool:
        last = self.last_fired.get(rule.name)
        return last is None or now < last or now - last >= max(rule.cooldown, timedelta(minutes=1))


def _minutes(rule: Rule) -> timedelta:
    return timedelta(minutes=rule.parameters["minutes"])


def _no_candle(rule: Rule, health: Health) -> str | None:
    session = health.session
    if session is None or not session.open <= health.now < session.close - CLOSING_AUCTION:
        return None
    since = max([health.began, session.open, *([health.newest] if health.newest else [])])
    if health.now - since < _minutes(rule):
        return None
    return f"장중 {_minutes(rule).seconds // 60}분 넘게 새 캔들이 없습니다({since:%H:%M}부터)."


def _settle_open(rule: Rule, health: Health) -> str | None:
    closed = health.unsettled
    if closed is None or health.now - max(closed.end, health.began) < _minutes(rule):
        return None
    return f"{closed.day} 마감이 아직 확정되지 않았습니다."


def _disk(rule: Rule, health: Health) -> str | None:
    least = rule.parameters["free_mb"]
    if health.free_mb >= least:
        return None
    return f"디스크에 {number(health.free_mb)}MB 남았습니다({number(least)}MB 미만)."


def _incident(rule: Rule, health: Health) -> str | None:
    since, text = health.incidents.get(_INCIDENTS[rule.kind], (health.now, ""))
    return f"{text} ({since:%H:%M}부터)" if text and health.now - since >= _minutes(rule) else None


_CONDITIONS: Mapping[str, Callable[[Rule, Health], str | None]] = {
    "no_candle": _no_candle,
    "settle_open": _settle_open,
    "disk": _disk,
}
