"""Alert rules over closed candles: once a rule, symbol and window, in their order, cooldown by the candles' time.

    engine = Engine(rules, names, load)              # `load` hands the stored candles of a symbol and interval
    alerts = engine.hear("005930", 1, closed, "PROVISIONAL")

Time is the candles' own: what fires live fires again from the stored day, and after a restart. A candle that changes
later (the settle) corrects what is remembered and fires nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from minute_candles.alerts.conditions import Usual, Verdict, judge
from minute_candles.alerts.history import History
from minute_candles.alerts.rules import Rule, Severity
from minute_candles.alerts.warmup import MOST, indicators_of, shares
from minute_candles.market.candles import Candle

Load = Callable[[str, int, Sequence[datetime], int], Sequence[Candle]]
"""The stored candles of a symbol and interval beside those of these starts, ascending, so many at most."""
LoadUsual = Callable[[str, int, int, datetime], Usual]
"""The mean volume by minute of the day: symbol, interval, sessions, before which midnight."""
_STATES = {"COMPLETE": "확정", "UNPROVEN": "증명 안 됨"}


class Alert(NamedTuple):
    """What a rule says of a window: `timestamp` its start (naive KST), `value` in the rule's own unit."""

    rule: str
    symbol: str
    name: str
    interval: int
    timestamp: datetime
    severity: Severity
    text: str
    value: float


class Engine:
    """The rules, and what they have seen of each symbol. For one thread."""

    def __init__(self, rules: Sequence[Rule], names: Mapping[str, str], load: Load, load_usual: LoadUsual) -> None:
        self._rules, self._names, self._load, self._load_usual = rules, names, load, load_usual
        self.intervals = frozenset(rule.interval for rule in rules)
        self._lines = {
            interval: sorted(indicators_of(rule for rule in rules if rule.interval == interval))
            for interval in self.intervals
        }
        self._histories: dict[tuple[str, int], History] = {}
        self._judged: dict[tuple[str, int], datetime] = {}
        self._usual: dict[tuple[str, int, int], tuple[datetime, Usual]] = {}
        self.last_fired: dict[tuple[str, str], datetime] = {}
        """Rule and symbol → the end of the window that fired last; kept over restarts by who owns this."""

    def hear(self, symbol: str, interval: int, candles: Sequence[Candle], status: str | None) -> list[Alert]:
        """Take new or changed closed candles; the alerts of the windows that were not judged before, by time."""
        rules = [rule for rule in self.rules_of(symbol) if rule.interval == interval]
        if not rules or not candles:
            return []
        key, ordered = (symbol, interval), sorted(map(_as_stored, candles))
        history = self._histories.get(key)
        if history is None:
            most = shares(self.rules_of(symbol))[interval]
            history = self._open(key, [candle.timestamp for candle in ordered], most)
        judged, alerts = self._judged.get(key, datetime.min), []
        for candle in ordered:
            history.take(candle)
            if candle.timestamp > judged:
                alerts += self._judge(rules, symbol, history, candle, status)
                self._judged[key] = candle.timestamp
        return alerts

    def catch_up(
        self, symbol: str, unjudged: Mapping[int, Sequence[Candle]], now: datetime, status: str | None
    ) -> list[Alert]:
        """Begin anew with what was stored and not judged, by interval; what stands before is read as much less."""
        alerts: list[Alert] = []
        given = shares(self.rules_of(symbol), MOST - sum(map(len, unjudged.values())))
        for interval, candles in unjudged.items():
            self._open((symbol, interval), [candle.timestamp for candle in candles] or [now], given[interval])
            alerts += self.hear(symbol, interval, candles, status)
        return alerts

    def rules_of(self, symbol: str) -> list[Rule]:
        return [rule for rule in self._rules if rule.is_about(symbol)]

    def correct(self, symbol: str, interval: int, candles: Sequence[Candle]) -> None:
        """What is remembered becomes what is stored now; nothing is judged."""
        history = self._histories.get((symbol, interval))
        for candle in map(_as_stored, candles if history else ()):
            if history and history.candles and candle.timestamp >= history.candles[0].timestamp:
                history.take(candle)

    def forget(self, symbol: str) -> None:
        """Rows of it went away: what is remembered is read anew."""
        for interval in self.intervals:
            self._histories.pop((symbol, interval), None)

    def seen(self, symbol: str, interval: int, until: datetime) -> None:
        """The windows up to `until` were judged in an earlier life."""
        self._judged[symbol, interval] = until

    @property
    def judged(self) -> Mapping[tuple[str, int], datetime]:
        """How far each symbol and interval was judged."""
        return self._judged

    def _open(self, key: tuple[str, int], heard: Sequence[datetime], most: int) -> History:
        """On what stands beside the candles that are heard."""
        new, stored = frozenset(heard), self._load(*key, heard, most) if most > 0 else ()
        known = [_as_stored(candle) for candle in stored if candle.timestamp not in new]
        self._histories[key] = history = History(known, self._lines[key[1]])
        return history

    def _judge(
        self, rules: Sequence[Rule], symbol: str, history: History, candle: Candle, status: str | None
    ) -> list[Alert]:
        index = history.index(candle.timestamp)
        verdicts = [
            (rule, verdict)
            for rule in rules
            if self._may_fire(rule, symbol, candle.timestamp)
            and (verdict := judge(rule, history, index, self._usual_of(rule, symbol, candle.timestamp)))
        ]
        for rule, _ in verdicts:
            self.last_fired[rule.name, symbol] = candle.timestamp
        return [self._alert(rule, symbol, history, index, verdict, status) for rule, verdict in verdicts]

    def _may_fire(self, rule: Rule, symbol: str, when: datetime) -> bool:
        last = self.last_fired.get((rule.name, symbol))
        cool = last is None or last > when or when - last >= rule.cooldown
        return cool and last != when and (rule.hours is None or rule.hours[0] <= when.time() <= rule.hours[1])

    def _usual_of(self, rule: Rule, symbol: str, when: datetime) -> Usual:
        """Asked for once a day."""
        if rule.kind != "volume_surge":
            return {}
        key, day = (symbol, rule.interval, rule.parameters["sessions"]), when.replace(hour=0, minute=0)
        if key not in self._usual or self._usual[key][0] != day:
            self._usual[key] = day, self._load_usual(*key, day)
        return self._usual[key][1]

    def _alert(
        self, rule: Rule, symbol: str, history: History, index: int, verdict: Verdict, status: str | None
    ) -> Alert:
        candle, first = history.candles[index], history.first_of_day(index)
        percent = 100 * (candle.close / history.candles[first - 1].close - 1) if first else None
        parts = [
            verdict.text,
            f"{candle.close:,}원" + ("" if percent is None else f" (전일 대비 {percent:+.2f}%)"),
            f"{candle.volume:,}주",
            f"{candle.timestamp:%H:%M} {rule.interval}분봉, {_STATES.get(status or '', '임시')}",
        ]
        name = self._names.get(symbol) or symbol
        text = " · ".join(parts)
        return Alert(rule.name, symbol, name, rule.interval, candle.timestamp, rule.severity, text, verdict.value)


def _as_stored(candle: Candle) -> Candle:
    """As the table tells it: by its VWAP. What fires live fires again from the table."""
    return candle._replace(turnover=None)
