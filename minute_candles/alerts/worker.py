"""The alert rules at work: a thread of their own behind a bounded queue, on candles as the updater stores them.

    alerts = Alerts(rules, table, delivery, clock, names, settings)
    store.listeners.append(alerts.on_write)
    alerts.start()
    alerts.watch(service)                      # for the operations rules
    alerts.end()

No write waits for this ("Readers hold nobody up"). What fires is kept in a small file, then written into
`stock_minute_alerts`, then handed to the delivery: a process that is killed loses no alert, and a restart repeats none.
Alerts that come close together are one message.
"""

import logging
import threading
import time as steady
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from minute_candles.alerts import state as alert_state
from minute_candles.alerts.delivery import Delivery, Unsent
from minute_candles.alerts.engine import Alert, Engine
from minute_candles.alerts.health import Watched, health_of
from minute_candles.alerts.operations import Operations
from minute_candles.alerts.outbox import AlertIncident, Outbox
from minute_candles.alerts.rules import Rules
from minute_candles.alerts.state import State
from minute_candles.alerts.warmup import MOST, late
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped, StoreError
from minute_candles.core.kst import KST
from minute_candles.market.calendar import midnight
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.write_event import Stored
from minute_candles.storage.store import AlertTable

STATE_FILE = "realtime_updater_alerts.json"
MOST_WAITING = 20_000
"""Writes that may wait to be judged; what is beyond is read from the table later."""
QUIET, LONGEST = 3.0, 20.0
"""Seconds without another candle after which alerts are sent; at most so long they are gathered (a round takes ten)."""
CHECK_EVERY, WAKE_EVERY = 10.0, 1.0
_log = logging.getLogger(__name__)


class Alerts(threading.Thread):
    """The thread; any other may call `on_write`."""

    def __init__(
        self, rules: Rules, table: AlertTable, delivery: Delivery, clock: Clock, names: Mapping[str, str],
        settings: Settings,
    ) -> None:  # fmt: skip
        super().__init__(name="alerts", daemon=True)
        self._table, self._delivery, self._clock, self._names = table, delivery, clock, names
        self._folder, self._incident = settings.log_dir, AlertIncident()
        self._outbox = Outbox(table, delivery, clock, self._incident, settings.integrations.chart_url)
        self._engine = Engine.on_table(rules.market, names, table, settings, clock)
        self._operations = Operations(rules.operations)
        self._queue: deque[Stored] = deque()
        self._changed = threading.Condition()
        self._ended = self._behind = self._dirty = False
        self._pending: list[Alert] = []
        self._newest: datetime | None = None
        self._began, self._pending_since = clock.now(), 0.0
        self._watched: Watched | None = None
        self._saved_unsent: Unsent = {}
        delivery.on_change = self._wake

    def on_write(self, stored: Stored) -> None:
        """Queue a write after its commit."""
        with self._changed:
            if len(self._queue) < MOST_WAITING:
                self._queue.append(stored)
            else:
                self._behind = True
            self._changed.notify()

    def watch(self, service: Watched) -> None:
        """Check the operations rules on this service from now on."""
        self._watched = service

    def end(self, seconds: float = 5.0) -> None:
        """Judge what waits and hand it over."""
        self._ended = True
        self._wake()
        self.join(seconds)

    def save_unsent(self) -> bool:
        """Keep what was not delivered for the next process, after the deliveries have ended; whether that worked."""
        return not self.is_alive() and self._save()

    def run(self) -> None:
        """Judge, report, check, until the end."""
        self._guarded(self._resume)
        checked = wrote = steady.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue) or self._ended or self._is_stale(), WAKE_EVERY)
                waiting, ended = list(self._queue), self._ended
                self._queue.clear()
            now = steady.monotonic()
            wrote = now if waiting else wrote
            for stored in waiting:
                self._guarded(lambda stored=stored: self._judge(stored))  # type: ignore[misc]
            if ended or now - wrote >= QUIET or (self._pending and now - self._pending_since >= LONGEST):
                self._guarded(self._flush)
            if ended:
                return
            if now - checked >= CHECK_EVERY:
                checked = now
                self._guarded(self._check)
            if self._is_stale():
                self._save()

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _is_stale(self) -> bool:
        """Return whether the file lists other waiting messages than the queue holds."""
        return self._delivery.unsent() != self._saved_unsent

    def _guarded(self, work: Callable[[], object]) -> None:
        """Run a piece of work at the thread's boundary; the next candle is another try."""
        try:
            work()
        except StoreError as error:
            self._behind = True
            self._incident.begin(str(error))
        except Stopped:
            self._behind = True
        except Exception as error:  # noqa: BLE001 - the loop's boundary: an alert must not end the alerts
            self._incident.begin(f"예상하지 못한 오류 {type(error).__name__}", error)

    def _end_incident(self) -> None:
        if not (self._outbox.unwritten or self._behind):
            self._incident.end()

    # --- judging ---

    def _judge(self, stored: Stored) -> None:
        """Judge a provisional write of today; let any other, the settle above all, correct what is remembered."""
        today = self._now().date()
        fires = stored.day == today and stored.status in (None, PROVISIONAL)
        if fires and stored.candles.get(1):
            self._newest = self._clock.now()
        if self._behind:
            return  # it is read from the table, in order
        if stored.erased:
            self._engine.forget(stored.symbol)
        if fires:
            self._add(self._engine.judge(stored.symbol, stored.candles, stored.status))
            self._dirty = True
            return
        for interval, candles in stored.candles.items():
            self._engine.correct(stored.symbol, interval, candles)

    def _add(self, alerts: Sequence[Alert]) -> None:
        if alerts and not self._pending:
            self._pending_since = steady.monotonic()
        self._pending += alerts

    def _resume(self) -> None:
        """Go on where the last process ended; judge now what it stored and did not judge."""
        _log_late_rules(self._engine, self._names)
        state = alert_state.read(self._folder / STATE_FILE)
        if state is None:
            self._save()  # from now on a later process judges what this one leaves
            return
        for (symbol, interval), until in state.judged.items():
            self._engine.resume(symbol, interval, until)
        self._engine.last_fired.update(state.fired)
        self._operations.last_fired.update(state.operations)
        if state.day == self._now().date():
            self._delivery.resume(state.unsent)
            self._outbox.resume(state.unwritten)
        self._catch_up()

    def _catch_up(self) -> None:
        """Judge from the table what of today was not judged. Raises `StoreError`."""
        now = self._now().replace(tzinfo=None)
        today = midnight(now.date())
        for symbol in self._names:
            unjudged, tomorrow = {}, today + timedelta(days=1)
            intervals = sorted({rule.interval for rule in self._engine.rules_of(symbol)})
            for interval in intervals:
                judged = self._engine.judged.get((symbol, interval), today)
                first = max(today, judged + timedelta(minutes=1))
                unjudged[interval] = self._table.candles(symbol, interval, first, tomorrow, MOST)
            if intervals and intervals != [1]:
                newest = self._table.candles(symbol, 1, today, tomorrow, 1)
                self._engine.show(symbol, [minute.timestamp for minute in newest])
            self._add(self._engine.catch_up(symbol, unjudged, now, PROVISIONAL))
        self._behind, self._dirty = False, True

    # --- reporting ---

    def _flush(self) -> None:
        alerts, self._pending = self._pending, []
        if alerts:
            self._save(alerts)
        if alerts or self._outbox.unwritten:
            self._outbox.report(alerts)
            self._end_incident()
        if self._dirty or alerts:
            self._dirty = False
            self._save()

    def _save(self, unwritten: Sequence[Alert] = ()) -> bool:
        """Write the file; a full disk costs the memory of a restart, not the alerts."""
        self._saved_unsent, engine = self._delivery.unsent(), self._engine
        today, operations = self._now().date(), self._operations.last_fired
        state = State(engine.judged, engine.last_fired, operations, today, self._saved_unsent, unwritten)
        try:
            alert_state.write(self._folder / STATE_FILE, state)
        except OSError as error:
            self._incident.begin(f"상태 파일을 쓰지 못했습니다 ({error.strerror})")
            return False
        return True

    def _check(self) -> None:
        """Check the operations rules; do what could not be done before."""
        if watched := self._watched:
            health = health_of(watched, began=self._began, newest=self._newest, folder=self._folder)
            if notes := self._operations.check(health):
                self._outbox.report_operations(notes)
                self._save()
        if self._behind:
            self._catch_up()
        self._end_incident()

    def _now(self) -> datetime:
        return self._clock.now().astimezone(KST)


def _log_late_rules(engine: Engine, symbols: Iterable[str]) -> None:
    """Log once a rule, however many symbols it is about."""
    waiting = {one.rule.name: one for symbol in symbols for one in late(engine.rules_of(symbol))}
    text = "ℹ️ 알림 규칙 %s: 앞의 캔들이 모자라, 시작한 뒤 %d분봉 %d개가 더 닫히면 울리기 시작합니다."
    for name, (rule, candles) in waiting.items():
        _log.info(text, name, rule.interval, candles)
