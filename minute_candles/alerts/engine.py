"""Alert rules over closed candles: once a rule, symbol and window, in their order, cooldown by the candles' time.

    engine = Engine(rules, names, load, load_usual, calendar)      # `load` returns stored candles
    alerts = engine.judge("005930", {1: minutes, 5: windows}, "PROVISIONAL")

Time is the candles' own: what fires live fires again from the stored day, and after a restart. A 5- or 15-minute window
is judged once its last minute, or a later one, is known: until then KIS has not shown all of it. A candle that changes
after it was judged (the settle) corrects what is remembered and fires nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from minute_candles.alerts.conditions import Trigger, Usual, judge
from minute_candles.alerts.history import History
from minute_candles.alerts.rules import Rule, Severity
from minute_candles.alerts.volume_forecast import VolumeForecast
from minute_candles.alerts.warmup import MOST, indicators_of, shares
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.frames.calendar import calendar_of
from minute_candles.market.calendar import CLOSING_AUCTION, TradingCalendar
from minute_candles.market.candles import Candle
from minute_candles.storage.store import AlertTable

Load = Callable[[str, int, Sequence[datetime], int], Sequence[Candle]]
"""The stored candles of a symbol and interval without those of these starts, ascending, so many at most."""
LoadUsual = Callable[[str, int, int, datetime], Usual]
"""The mean volume by minute of the day: symbol, interval, sessions, before which midnight."""
LoadForecast = Callable[[str, int, datetime], float | None]
"""The most a window was forecast to trade: symbol, interval, its start."""
_STATES = {"COMPLETE": "확정", "UNPROVEN": "증명 안 됨"}
_MINUTE = timedelta(minutes=1)


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


class Fired(NamedTuple):
    """When (the start of the window, naive KST) and in which direction a rule fired last for a symbol."""

    timestamp: datetime
    direction: str


class Engine:
    """The rules, and what they know of each symbol. For one thread."""

    def __init__(
        self, rules: Sequence[Rule], names: Mapping[str, str], load: Load, load_usual: LoadUsual,
        calendar: TradingCalendar, load_forecast: LoadForecast = lambda *_: None,
    ) -> None:  # fmt: skip
        self._load_forecast = load_forecast
        self._rules, self._names, self._load, self._load_usual = rules, names, load, load_usual
        self._close_of = lru_cache(8)(lambda day: calendar.session(day).close_label)
        self.intervals = frozenset(rule.interval for rule in rules)
        self._lines = {
            interval: sorted(indicators_of(rule for rule in rules if rule.interval == interval))
            for interval in self.intervals
        }
        self._rules_of: dict[str, list[Rule]] = {}
        self._histories: dict[tuple[str, int], History] = {}
        self._judged: dict[tuple[str, int], datetime] = {}
        self._waiting: dict[tuple[str, int], set[datetime]] = {}
        self._newest: dict[str, datetime] = {}
        self._usual: dict[tuple[str, int, int], tuple[datetime, Usual]] = {}
        self.last_fired: dict[tuple[str, str], Fired] = {}
        """By rule and symbol; kept over restarts by the owner of the engine."""

    @classmethod
    def on_table(
        cls, rules: Sequence[Rule], names: Mapping[str, str], table: AlertTable, settings: Settings, clock: Clock
    ) -> "Engine":
        """Return an engine on the stored candles, with the calendar in force and the settings' model file."""
        calendar = calendar_of(settings, clock)
        forecast = VolumeForecast(table, calendar, settings.log_dir)
        return cls(rules, names, table.candles_before, table.usual_volume, calendar, forecast)

    def judge(self, symbol: str, candles: Mapping[int, Sequence[Candle]], status: str | None) -> list[Alert]:
        """Take new or changed closed candles of a symbol by interval; return the alerts of windows not judged yet."""
        self.show(symbol, [minute.timestamp for minute in candles.get(1, ())])
        alerts = []
        for interval in sorted({rule.interval for rule in self.rules_of(symbol)}):
            alerts += self._judge_interval(symbol, interval, sorted(map(_as_stored, candles.get(interval, ()))), status)
        return alerts

    def show(self, symbol: str, minutes: Sequence[datetime]) -> None:
        """Note that these minutes are known: windows up to the newest one are whole."""
        self._newest[symbol] = max([self._newest.get(symbol, datetime.min), *minutes])

    def catch_up(
        self, symbol: str, unjudged: Mapping[int, Sequence[Candle]], now: datetime, status: str | None
    ) -> list[Alert]:
        """Begin anew with what was stored and not judged, by interval; so much less is read of what stands before."""
        given = shares(self.rules_of(symbol), MOST - sum(map(len, unjudged.values())))
        for interval, candles in unjudged.items():
            if interval in given:
                self._open((symbol, interval), [candle.timestamp for candle in candles] or [now], given[interval])
        return self.judge(symbol, unjudged, status)

    def rules_of(self, symbol: str) -> list[Rule]:
        """Return the rules that are about a symbol."""
        if symbol not in self._rules_of:
            self._rules_of[symbol] = [rule for rule in self._rules if rule.is_about(symbol)]
        return self._rules_of[symbol]

    def correct(self, symbol: str, interval: int, candles: Sequence[Candle]) -> None:
        """Remember what is stored now; judge nothing."""
        history = self._histories.get((symbol, interval))
        for candle in map(_as_stored, candles if history else ()):
            if history and history.candles and candle.timestamp >= history.candles[0].timestamp:
                history.take(candle)

    def forget(self, symbol: str) -> None:
        """Read anew what is remembered: rows of the symbol went away."""
        for interval in self.intervals:
            self._histories.pop((symbol, interval), None)
            self._waiting.pop((symbol, interval), None)

    def resume(self, symbol: str, interval: int, until: datetime) -> None:
        """Take the windows up to `until` for judged, by an earlier process."""
        self._judged[symbol, interval] = until

    @property
    def judged(self) -> Mapping[tuple[str, int], datetime]:
        """How far each symbol and interval was judged."""
        return self._judged

    def _judge_interval(self, symbol: str, interval: int, candles: Sequence[Candle], status: str | None) -> list[Alert]:
        key = symbol, interval
        history, alerts = self._histories.get(key), []
        if history is None:
            if not candles:
                return []
            most = shares(self.rules_of(symbol))[interval]
            history = self._open(key, [candle.timestamp for candle in candles], most)
        waiting = self._waiting.setdefault(key, set())
        for candle in candles:
            history.take(candle)
            if candle.timestamp > self._judged.get(key, datetime.min):
                waiting.add(candle.timestamp)
            alerts += self._judge_whole(key, history, candle.timestamp, status)
        return alerts + self._judge_whole(key, history, datetime.max, status)

    def _judge_whole(self, key: tuple[str, int], history: History, until: datetime, status: str | None) -> list[Alert]:
        """Judge what waits up to `until` and is whole, in order."""
        waiting, alerts = self._waiting[key], []
        for start in sorted(start for start in waiting if start <= until):
            if self._last_minute(start, key[1]) > self._newest[key[0]]:
                break
            waiting.discard(start)
            alerts += self._judge_window(key, history, history.index(start), status)
            self._judged[key] = start
        return alerts

    def _last_minute(self, start: datetime, interval: int) -> datetime:
        """Return the last minute of a window that can trade: the closing auction's is one minute of its own."""
        close, last = self._close_of(start.date()), start + (interval - 1) * _MINUTE
        if start >= close:
            return start
        return min(last, close - CLOSING_AUCTION - _MINUTE) if start < close - CLOSING_AUCTION else last

    def _open(self, key: tuple[str, int], starts: Sequence[datetime], most: int) -> History:
        """Open a history on what is stored without the candles of these starts."""
        new, stored = frozenset(starts), self._load(*key, starts, most) if most > 0 else ()
        known = [_as_stored(candle) for candle in stored if candle.timestamp not in new]
        self._histories[key] = history = History(known, self._lines[key[1]])
        return history

    def _judge_window(self, key: tuple[str, int], history: History, index: int, status: str | None) -> list[Alert]:
        (symbol, interval), candle, alerts = key, history.candles[index], []
        for rule in self.rules_of(symbol):
            if rule.interval != interval or not rule.is_open_at(candle.timestamp.time()):
                continue
            trigger = judge(rule, history, index, self._usual_of(rule, symbol, candle.timestamp))
            if trigger and self._may_fire(rule, symbol, candle.timestamp, trigger.direction):
                self.last_fired[rule.name, symbol] = Fired(candle.timestamp, trigger.direction)
                alerts.append(self._alert(rule, symbol, history, index, trigger, status))
        return alerts

    def _may_fire(self, rule: Rule, symbol: str, when: datetime, direction: str) -> bool:
        """Return whether the cooldown is over; a change of direction does not wait for it."""
        last = self.last_fired.get((rule.name, symbol))
        if last is None or last.timestamp > when:
            return True
        cool = when - last.timestamp >= rule.cooldown or direction != last.direction
        return cool and last.timestamp != when

    def _usual_of(self, rule: Rule, symbol: str, when: datetime) -> Usual:
        """Return the volume to compare with: the usual one, read once a day, or what was forecast of this window."""
        if rule.kind != "volume_surge":
            return {}
        if rule.parameters["against"] == "forecast":
            most = self._load_forecast(symbol, rule.interval, when)
            return {when.time(): most} if most else {}
        key, day = (symbol, rule.interval, rule.parameters["sessions"]), when.replace(hour=0, minute=0)
        if key not in self._usual or self._usual[key][0] != day:
            self._usual[key] = day, self._load_usual(*key, day)
        return self._usual[key][1]

    def _alert(
        self, rule: Rule, symbol: str, history: History, index: int, trigger: Trigger, status: str | None
    ) -> Alert:
        candle, first = history.candles[index], history.first_of_day(index)
        percent = 100 * (candle.close / history.candles[first - 1].close - 1) if first else None
        parts = [
            trigger.text,
            f"{candle.close:,}원" + ("" if percent is None else f" (전일 대비 {percent:+.2f}%)"),
            f"{candle.volume:,}주",
            f"{candle.timestamp:%H:%M} {rule.interval}분봉, {_STATES.get(status or '', '임시')}",
        ]
        name = self._names.get(symbol) or symbol
        text = " · ".join(parts)
        return Alert(rule.name, symbol, name, rule.interval, candle.timestamp, rule.severity, text, trigger.value)


def _as_stored(candle: Candle) -> Candle:
    """Return the candle as the table has it, by its VWAP: what fires live fires again from the table."""
    return candle._replace(turnover=None)
