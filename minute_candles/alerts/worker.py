"""The alert rules beside the updater: in a thread of their own, behind a bounded queue, on candles as they are stored.

    alerts = Alerts(rules, table, delivery, clock, names, settings)
    store.listeners.append(alerts.hear)
    alerts.start()
    alerts.watch(service)                      # for the operations rules
    alerts.end()

Nothing here holds a write up (law 15). What fires is written into `stock_minute_alerts` first: what stands there has
been told, so a restart tells nothing twice. Hits that come close together are one message.
"""

import logging
import shutil
import threading
import time as steady
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlencode

from minute_candles.alerts import state as alert_state
from minute_candles.alerts.delivery import Delivery, Unsent
from minute_candles.alerts.digest import Note, digest
from minute_candles.alerts.engine import Alert, Engine
from minute_candles.alerts.operations import Health, Operations
from minute_candles.alerts.rules import Rules
from minute_candles.alerts.state import State
from minute_candles.alerts.warmup import MOST
from minute_candles.alerts.warmup import late as late_ones
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped, StoreError
from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.write_event import Stored
from minute_candles.storage.store import AlertTable, KeptAlert

STATE_FILE = "realtime_updater_alerts.json"
MOST_WAITING = 20_000
"""Writes that may wait to be judged; of more the table is asked later."""
QUIET, LONGEST = 3.0, 20.0
"""Seconds without another candle after which what fired is told; so long at most it is gathered (a round takes ten)."""
LOOK_EVERY, WAKE_EVERY = 10.0, 1.0
_log = logging.getLogger(__name__)


class Incidents(Protocol):
    """The incidents of one part of the service, by key."""

    @property
    def current(self) -> Mapping[str, tuple[datetime, str]]: ...


class Poller(Protocol):
    """What the operations rules read of the updater's rounds."""

    @property
    def calendar(self) -> TradingCalendar: ...
    @property
    def troubles(self) -> Incidents: ...
    def now(self) -> datetime: ...


class Stream(Protocol):
    """What the operations rules read of the stream."""

    @property
    def troubles(self) -> Incidents: ...


class Watched(Protocol):
    """The updater's service, as far as the operations rules read it."""

    @property
    def updater(self) -> Poller: ...
    @property
    def stream(self) -> Stream: ...
    @property
    def settled(self) -> date | None: ...


class Alerts(threading.Thread):
    """The thread: `hear` may be called by any other."""

    def __init__(
        self, rules: Rules, table: AlertTable, delivery: Delivery, clock: Clock, names: Mapping[str, str],
        settings: Settings,
    ) -> None:  # fmt: skip
        super().__init__(name="alerts", daemon=True)
        self._table, self._delivery, self._clock, self._names = table, delivery, clock, names
        self._folder, self._chart_url = settings.log_dir, settings.wings.chart_url
        self._engine = Engine(rules.market, names, table.beside, table.usual_volume)
        self._operations = Operations(rules.operations)
        self._queue: deque[Stored] = deque()
        self._changed = threading.Condition()
        self._ended = self._behind = self._dirty = False
        self._pending: list[Alert] = []
        self._unkept: list[Alert] = []
        self._newest: datetime | None = None
        self._began, self._since = clock.now(), 0.0
        self._watched: Watched | None = None
        self._trouble = ""
        self._unsent: Unsent = {}

    def hear(self, stored: Stored) -> None:
        """A write after its commit: noted, nothing else."""
        with self._changed:
            if len(self._queue) < MOST_WAITING:
                self._queue.append(stored)
            else:
                self._behind = True
            self._changed.notify()

    def watch(self, service: Watched) -> None:
        self._watched = service

    def end(self, seconds: float = 5.0) -> None:
        """Judge and hand over what waits."""
        with self._changed:
            self._ended = True
            self._changed.notify()
        self.join(seconds)

    def keep_unsent(self) -> None:
        """For the next life, once the deliveries have ended, too."""
        if not self.is_alive() and self._delivery.unsent() != self._unsent:
            self._save()

    def run(self) -> None:
        self._guarded(self._remember)
        looked = heard = steady.monotonic()
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._queue) or self._ended, WAKE_EVERY)
                waiting, ended = list(self._queue), self._ended
                self._queue.clear()
            now = steady.monotonic()
            heard = now if waiting else heard
            for stored in waiting:
                self._guarded(lambda stored=stored: self._judge(stored))  # type: ignore[misc]
            if ended or now - heard >= QUIET or (self._pending and now - self._since >= LONGEST):
                self._guarded(self._flush)
            if ended:
                return
            if now - looked >= LOOK_EVERY:
                looked = now
                self._guarded(self._look)

    def _guarded(self, work: Callable[[], object]) -> None:
        """A thread's boundary: an alert must not end the alerts. What the table did not answer is asked again."""
        try:
            work()
        except StoreError as error:
            self._behind = True
            self._tell_of_trouble(str(error))
        except Stopped:
            self._behind = True
        except Exception as error:  # whatever it was, the next candle is another try
            self._tell_of_trouble(f"예상하지 못한 오류 {type(error).__name__}", error)

    def _tell_of_trouble(self, text: str, error: Exception | None = None) -> None:
        """Once, until it is over."""
        if not self._trouble:
            _log.warning("⚠️ 알림 문제 시작: %s", text, exc_info=error)
        self._trouble = text

    def _end_trouble(self) -> None:
        if self._trouble and not (self._unkept or self._behind):
            _log.info("✅ 알림 복구")
            self._trouble = ""

    # --- judging ---

    def _judge(self, stored: Stored) -> None:
        """A provisional write of today may fire; any other, the settle above all, corrects what is remembered."""
        today = self._now().date()
        fires = stored.day == today and stored.status in (None, "PROVISIONAL")
        if fires and stored.candles.get(1):
            self._newest = self._clock.now()
        if self._behind:
            return  # the table will tell, in order
        if stored.erased:
            self._engine.forget(stored.symbol)
        for interval, candles in stored.candles.items():
            if fires:
                self._add(self._engine.hear(stored.symbol, interval, candles, stored.status))
                self._dirty = True
            else:
                self._engine.correct(stored.symbol, interval, candles)

    def _add(self, alerts: Sequence[Alert]) -> None:
        if alerts and not self._pending:
            self._since = steady.monotonic()
        self._pending += alerts

    def _remember(self) -> None:
        """Go on where the last life ended; what it stored and did not judge is judged now."""
        _tell_who_waits(self._engine, self._names)
        state = alert_state.read(self._folder / STATE_FILE)
        for (symbol, interval), until in (state.judged if state else {}).items():
            self._engine.seen(symbol, interval, until)
        self._engine.last_fired.update(state.fired if state else {})
        self._operations.last_fired.update(state.told if state else {})
        if state and state.day == self._now().date():
            self._delivery.take_up(state.unsent)
            self._unsent = state.unsent
        if state:
            self._catch_up()
        else:
            self._save()  # from now on a later life judges what this one leaves

    def _catch_up(self) -> None:
        """Judge from the table what of today was not judged. Raises `StoreError`."""
        now = self._now().replace(tzinfo=None)
        midnight = datetime.combine(now.date(), time())
        for symbol in self._names:
            unjudged = {}
            for interval in sorted({rule.interval for rule in self._engine.rules_of(symbol)}):
                judged = self._engine.judged.get((symbol, interval), midnight)
                first = max(midnight, judged + timedelta(minutes=1))
                unjudged[interval] = self._table.candles(symbol, interval, first, midnight + timedelta(days=1), MOST)
            self._add(self._engine.catch_up(symbol, unjudged, now, "PROVISIONAL"))
        self._behind, self._dirty = False, True

    # --- telling ---

    def _flush(self) -> None:
        alerts, self._pending = self._pending, []
        if alerts or self._unkept:
            self._tell([_note(alert, self._chart_url) for alert in self._kept(alerts)])
        if self._dirty:
            self._dirty = False
            self._save()

    def _kept(self, alerts: Sequence[Alert]) -> Sequence[Alert]:
        """Those that the table did not know: all of them where it cannot be asked, and then it is told later."""
        waiting, self._unkept = self._unkept, []
        try:
            new = {row[:4] for row in self._table.keep([_row(alert) for alert in (*waiting, *alerts)], self._now())}
        except StoreError as error:
            self._unkept = [*waiting, *alerts][-MOST_WAITING:]
            self._tell_of_trouble(str(error))
            return alerts
        self._end_trouble()
        return [alert for alert in alerts if _row(alert)[:4] in new]

    def _tell(self, notes: Sequence[Note]) -> None:
        if not notes:
            return
        for note in notes[:5]:
            _log.info("🔔 %s: %s · %s", note.rule, note.subject, note.text)
        if len(notes) > 5:
            _log.info(digest(notes).title)
        self._delivery.send(notes)

    def _save(self) -> None:
        """A full disk costs the memory of a restart, not the alerts."""
        self._unsent = self._delivery.unsent()
        done = self._engine.judged, self._engine.last_fired, self._operations.last_fired
        try:
            alert_state.write(self._folder / STATE_FILE, State(*done, self._now().date(), self._unsent))
        except OSError as error:
            self._tell_of_trouble(f"상태 파일을 쓰지 못했습니다 ({error.strerror})")

    def _look(self) -> None:
        """The operations rules; and what could not be done before."""
        watched = self._watched
        notes = self._operations.look(_health(watched, self._began, self._newest, self._folder)) if watched else ()
        if notes:
            self._tell(notes)
            minute = self._now().replace(second=0, microsecond=0, tzinfo=None)
            self._kept([Alert(note.rule, "", "", 1, minute, note.severity, note.text, 0.0) for note in notes])
            self._save()
        elif self._delivery.unsent() != self._unsent:
            self._save()
        if self._behind:
            self._catch_up()
        self._end_trouble()

    def _now(self) -> datetime:
        return self._clock.now().astimezone(KST)


def _tell_who_waits(engine: Engine, symbols: Iterable[str]) -> None:
    """Once a rule, however many symbols it is about."""
    waiting = {late.rule.name: late for symbol in symbols for late in late_ones(engine.rules_of(symbol))}
    for name, (rule, candles) in waiting.items():
        told = "ℹ️ 알림 규칙 %s: 앞의 캔들이 모자라, 시작한 뒤 %d분봉 %d개가 더 닫히면 울리기 시작합니다."
        _log.info(told, name, rule.interval, candles)


def _health(service: Watched, began: datetime, newest: datetime | None, folder: Path) -> Health:
    now, calendar, free = service.updater.now(), service.updater.calendar, 2**60
    runs, closed = calendar.next_session(now), calendar.last_closed(now)
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
    session = runs if now >= runs.open else None
    unsettled = None if session or service.settled == closed else calendar.session(closed)
    troubles = {**service.updater.troubles.current, **service.stream.troubles.current}
    return Health(now, began, session, newest, unsettled, troubles, free // 2**20)


def _note(alert: Alert, chart_url: str) -> Note:
    subject = f"{alert.name} {alert.symbol}" if alert.name != alert.symbol else alert.symbol
    where = urlencode({"symbol": alert.symbol, "interval": alert.interval})
    return Note(alert.severity, alert.rule, subject, alert.text, f"{chart_url}/?{where}" if chart_url else "")


def _row(alert: Alert) -> KeptAlert:
    return KeptAlert(alert.rule, alert.symbol, alert.interval, alert.timestamp, alert.severity, alert.text, alert.value)
