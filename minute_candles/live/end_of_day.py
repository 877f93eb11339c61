"""After the close: the final source's candles replace the session's own, and UNPROVEN days are requested again.

A settled day holds at least what was proven before, or the next morning's second answer. That is the rule "The final
source has the last word". A final source that is late leaves the day PROVISIONAL; it is requested again minutes later,
in the evening, and the next morning.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import NotOffered, Stopped, StoreError
from minute_candles.core.worker_pool import Outcome, gather, work_through
from minute_candles.kis.client import KisClient
from minute_candles.live.server_clock import ServerClock
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring.incidents import Incident, IncidentKind, Incidents, symbol_incident
from minute_candles.monitoring.unknown_symbols import UnknownSymbols
from minute_candles.storage.store import Store
from minute_candles.verification.answer_history import AnswerHistory
from minute_candles.verification.day_collector import Collector, NothingAtAll
from minute_candles.verification.day_verdict import BadDay
from minute_candles.verification.plan import SymbolDay, plan, unproven
from minute_candles.verification.source_lag import Late

LOOK_BACK = timedelta(days=7)
MOST_NAMED = 3
REPORT_EVERY = timedelta(seconds=15)
_log = logging.getLogger(__name__)

OnProgress = Callable[[int, int], None]
"""(symbol-days settled, symbol-days in all)"""


class EndOfDay:
    """Makes the closed days of the last week equal to the final source; remembers its answers between the tries."""

    def __init__(
        self, client: KisClient, store: Store, clock: Clock, symbols: Sequence[str], workers: int,
        incidents: Incidents, server_clock: ServerClock, unknown: UnknownSymbols,
    ) -> None:  # fmt: skip
        self._client, self._store, self._clock, self._server_clock = client, store, clock, server_clock
        self._symbols, self._workers, self._incidents, self._unknown = symbols, workers, incidents, unknown
        self._history = AnswerHistory()
        self._last_missing = self._last_late = 0
        self._contradicted: set[Incident] = set()
        self.on_progress: OnProgress | None = None

    def settle(self, calendar: TradingCalendar, last: date, until: datetime | None = None) -> bool:
        """Settle the closed days of the week up to `last`, newest first, not beyond `until`.

        Returns whether nothing is left to do. Raises `NotOffered` on VTS.
        """
        days = calendar.trading_days(last - LOOK_BACK, last)
        try:
            with self._incidents.watching_reads():
                missing = self._plan(calendar, days)
        except StoreError:
            return False
        self._end_old_incidents(missing, days[0])
        if not missing or not self._server_clock.is_over(last, calendar, self._symbols[0]):
            self._last_missing = 0
            return not missing
        if len(missing) != self._last_missing:
            _log.info("🌙 마감 확정: %s종목일을 과거 분봉으로 받습니다.", f"{len(missing):,}")
        newest_first = sorted(missing, key=lambda task: task.day, reverse=True)
        self._last_missing = left = self._collect_all(self._collector(calendar, days), newest_first, until)
        if not left:
            self._log_settled(last, days)
        return not left

    def _plan(self, calendar: TradingCalendar, days: Sequence[date]) -> list[SymbolDay]:
        """Return what is missing of the symbols that KIS knows."""
        symbols = [symbol for symbol in self._symbols if symbol not in self._unknown]
        return plan(self._store, calendar, symbols, days)

    def _collector(self, calendar: TradingCalendar, days: Sequence[date]) -> Collector:
        span = days[0], days[-1]
        return Collector(
            self._client, self._store, calendar, self._clock, span, self._history, asks_today=True, may_wait=True
        )

    def _collect_all(self, collector: Collector, tasks: Sequence[SymbolDay], until: datetime | None) -> int:
        """Collect the tasks; return how many are left. Raises `NotOffered`."""
        settled: list[SymbolDay] = []
        report = _Progress(self._clock, len(tasks), self.on_progress)

        def collect(task: SymbolDay) -> object:
            return collector.collect(task) if until is None or self._clock.now() < until else None

        def count(outcome: Outcome) -> None:
            settled.append(outcome.task)
            self._incidents.succeed(_incident(outcome.task))
            self._contradicted.discard(_incident(outcome.task))
            report.advance(len(settled))

        with closing(work_through(tasks, collect, self._workers, self._clock, until=until)) as outcomes:
            failed = gather(outcomes, count, _incident)
        nothing = {incident.symbol for incident, error in failed.items() if isinstance(error, NothingAtAll)}
        unknown = {symbol for symbol in nothing if self._unknown.check(symbol)}
        failed = {incident: error for incident, error in failed.items() if incident.symbol not in unknown}
        self._incidents.judge(self._without_late(failed), any_success=bool(settled))
        done = frozenset(settled)
        return sum(task not in done and task.symbol not in unknown for task in tasks)

    def _without_late(self, failed: Mapping[Incident, Exception]) -> dict[Incident, Exception]:
        """Return the faults: neither a late source, nor a contradiction before it was requested once more."""
        late = [incident.label for incident, error in failed.items() if isinstance(error, Late)]
        if len(late) != self._last_late and late:
            more = " …" if len(late) > MOST_NAMED else ""
            named = ", ".join(late[:MOST_NAMED]) + more
            _log.info("⏳ 과거 분봉이 아직 늦는 %s종목일을 나중에 다시 받습니다: %s", f"{len(late):,}", named)
        self._last_late = len(late)
        new = {incident for incident, error in failed.items() if isinstance(error, BadDay)} - self._contradicted
        self._contradicted |= new
        return {key: error for key, error in failed.items() if key not in new and not isinstance(error, Late)}

    def _log_settled(self, last: date, days: Sequence[date]) -> None:
        marked = unproven(self._store, self._symbols, days)
        state = f"확정, 그 가운데 UNPROVEN {len(marked):,}종목일" if marked else "COMPLETE"
        _log.info("✅ 마감 확정 완료: %s까지 모두 %s", last, state)
        for task in marked[:MOST_NAMED]:
            _log.info("❓ %s %s UNPROVEN: %s", task.symbol, task.day, task.why)
        if len(marked) > MOST_NAMED:
            more = f"{len(marked) - MOST_NAMED:,}"
            _log.info("❓ 그 밖의 UNPROVEN %s종목일: python fetch_minute_data.py --check", more)

    def recheck(self, calendar: TradingCalendar, last: date) -> None:
        """Request the week's UNPROVEN days again, and log which are COMPLETE now; a fault leaves them as they are."""
        days = calendar.trading_days(last - LOOK_BACK, last)
        try:
            marked = unproven(self._store, self._symbols, days)
            if not marked:
                return
            collector = self._collector(calendar, days)
            outcomes = work_through(marked, collector.collect, self._workers, self._clock)
            failed = gather(outcomes, lambda _: None, _incident)
            left = {task[:2] for task in unproven(self._store, self._symbols, days)}
        except StoreError as error:
            _log.debug("UNPROVEN days not rechecked: %s", error)
            return
        if stop := next((error for error in failed.values() if isinstance(error, Stopped | NotOffered)), None):
            raise stop
        proven = [task for task in marked if task[:2] not in left]
        for task in proven:
            _log.info("✅ %s: UNPROVEN이던 날이 이제 COMPLETE입니다.", _incident(task).label)
        if still := len(marked) - len(proven):
            _log.info("❓ UNPROVEN %s종목일을 다시 물었지만 그대로입니다 (보기: --check).", f"{still:,}")

    def _end_old_incidents(self, missing: Iterable[SymbolDay], first: date) -> None:
        """End the incidents of symbols that are whole by now, and give up days before the week."""
        open_days = {_incident(task) for task in missing}
        symbols = {incident.symbol for incident in open_days}
        for incident in self._incidents.current:
            if incident.kind is not IncidentKind.SYMBOL:
                continue
            if incident.day and incident.day < first:
                which = f"--from {incident.day} --to {incident.day} --symbols {incident.symbol}"
                self._incidents.give_up(incident, f"python fetch_minute_data.py {which}")
            elif incident.symbol not in symbols and incident not in open_days:
                self._incidents.end(incident)


class _Progress:
    """Reports how far a long settle has come, every 15 seconds."""

    def __init__(self, clock: Clock, total: int, on_progress: OnProgress | None) -> None:
        self._clock, self._total, self._on_progress = clock, total, on_progress
        self._reported_at = clock.now()

    def advance(self, done: int) -> None:
        """Log `done` of all where the last line is old enough."""
        if self._clock.now() - self._reported_at < REPORT_EVERY:
            return
        self._reported_at = self._clock.now()
        _log.info("🌙 마감 확정 %s/%s", f"{done:,}", f"{self._total:,}")
        if self._on_progress:
            self._on_progress(done, self._total)


def _incident(task: SymbolDay) -> Incident:
    return symbol_incident(task.symbol, task.day)
