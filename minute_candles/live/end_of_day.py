"""After the close: the authority's candles instead of the session's own, and another question about what is UNPROVEN.

"Settled" means: at least what was proven before, or the next morning's second answer (law 6). An authority that is late
leaves the day PROVISIONAL; it is asked again some minutes later, in the evening, the next morning.
"""

import logging
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import NotOffered, Stopped, StoreError
from minute_candles.core.worker_pool import Outcome, gather, work_through
from minute_candles.kis.client import KisClient
from minute_candles.live.server_clock import KisTime
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring.incidents import Troubles
from minute_candles.monitoring.unknown_symbols import Strangers
from minute_candles.storage.store import Store
from minute_candles.verification.day_collector import Collector, Memory, NothingAtAll
from minute_candles.verification.day_verdict import BadDay
from minute_candles.verification.plan import SymbolDay, plan, unproven
from minute_candles.verification.source_lag import Late

LOOK_BACK = timedelta(days=7)
MOST_NAMED = 3
_log = logging.getLogger(__name__)


class Settle:
    """Makes the closed days of the last week equal to the authority; what it has been told it remembers."""

    def __init__(
        self, client: KisClient, store: Store, clock: Clock, symbols: Sequence[str], workers: int,
        troubles: Troubles, time: KisTime, strangers: Strangers,
    ) -> None:  # fmt: skip
        self._client, self._store, self._clock, self._time = client, store, clock, time
        self._symbols, self._workers, self._troubles, self._strangers = symbols, workers, troubles, strangers
        self._memory = Memory()
        self._told_missing = self._told_late = 0
        self._doubted: set[str] = set()

    def settle(self, calendar: TradingCalendar, last: date, until: datetime | None = None) -> bool:
        """Make the closed days of the week up to `last` equal to the authority; whether nothing is left to do.

        Newest first, not beyond `until`. Raises `NotOffered` on VTS.
        """
        days = calendar.trading_days(last - LOOK_BACK, last)
        try:
            with self._troubles.asking_the_store():
                missing = self._plan(calendar, days)
        except StoreError:
            return False
        self._end_old_troubles(missing, days[0])
        if not missing or not self._time.is_over(last, calendar, self._symbols[0]):
            self._told_missing = 0
            return not missing
        if len(missing) != self._told_missing:
            _log.info("🌙 마감 확정: %d종목일을 과거 분봉으로 받습니다.", len(missing))
            self._told_missing = len(missing)
        newest_first = sorted(missing, key=lambda task: task.day, reverse=True)
        left = self._collect_all(self._collector(calendar, days), newest_first, until)
        self._told_missing = left
        if not left:
            _log.info("✅ 마감 확정 완료: %s까지 모두 COMPLETE", last)
            self._tell_unproven(days)
        return not left

    def _plan(self, calendar: TradingCalendar, days: Sequence[date]) -> list[SymbolDay]:
        """What is missing of the symbols that KIS knows."""
        symbols = [symbol for symbol in self._symbols if not self._strangers.know(symbol)]
        return plan(self._store, calendar, symbols, days)

    def _collector(self, calendar: TradingCalendar, days: Sequence[date]) -> Collector:
        span = days[0], days[-1]
        return Collector(self._client, self._store, calendar, self._clock, span, self._memory, asks_today=True)

    def _collect_all(self, collector: Collector, tasks: Sequence[SymbolDay], until: datetime | None) -> int:
        """Collect the tasks as far as that goes now; how many are left. Raises `NotOffered`."""
        settled: list[SymbolDay] = []

        def collect(task: SymbolDay) -> object:
            return collector.collect(task) if until is None or self._clock.now() < until else None

        def count(outcome: Outcome) -> None:
            settled.append(outcome.task)
            self._troubles.end_of(_name(outcome.task))
            self._doubted.discard(_name(outcome.task))

        with closing(work_through(tasks, collect, self._workers, self._clock, until=until)) as outcomes:
            failed = gather(outcomes, count, _name)
        unknown = {name.split()[0] for name, error in failed.items() if isinstance(error, NothingAtAll)}
        strange = {symbol for symbol in unknown if self._strangers.is_one(symbol)}
        failed = {name: error for name, error in failed.items() if name.split()[0] not in strange}
        self._troubles.note(self._without_the_late(failed), any_success=bool(settled))
        done = frozenset(settled)
        return sum(task not in done and task.symbol not in strange for task in tasks)

    def _without_the_late(self, failed: dict[str, Exception]) -> dict[str, Exception]:
        """The faults. An authority that is late is none, nor is a contradiction before it is asked about once more."""
        late = [name for name, error in failed.items() if isinstance(error, Late)]
        if len(late) != self._told_late and late:
            more = " …" if len(late) > MOST_NAMED else ""
            _log.info("⏳ 과거 분봉이 아직 늦는 %d종목일을 나중에 다시 받습니다: %s%s", len(late),
                      ", ".join(late[:MOST_NAMED]), more)  # fmt: skip
        self._told_late = len(late)
        new = {name for name, error in failed.items() if isinstance(error, BadDay)} - self._doubted
        self._doubted |= new
        return {name: error for name, error in failed.items() if name not in new and not isinstance(error, Late)}

    def _tell_unproven(self, days: Sequence[date]) -> None:
        marked = unproven(self._store, self._symbols, days)
        for task in marked[:MOST_NAMED]:
            _log.info("❓ %s %s UNPROVEN: %s", task.symbol, task.day, task.why)
        if len(marked) > MOST_NAMED:
            _log.info("❓ 그 밖의 UNPROVEN %d종목일: python fetch_minute_data.py --check", len(marked) - MOST_NAMED)

    def recheck(self, calendar: TradingCalendar, last: date) -> None:
        """Ask again about the week's UNPROVEN days, and tell which turned COMPLETE; a fault leaves them as they are."""
        days = calendar.trading_days(last - LOOK_BACK, last)
        try:
            marked = unproven(self._store, self._symbols, days)
            if not marked:
                return
            collector = self._collector(calendar, days)
            outcomes = work_through(marked, collector.collect, self._workers, self._clock)
            failed = gather(outcomes, lambda outcome: None, _name)
            left = {task[:2] for task in unproven(self._store, self._symbols, days)}
        except StoreError as error:
            _log.debug("UNPROVEN 재확인: %s", error)
            return
        if stop := next((error for error in failed.values() if isinstance(error, Stopped | NotOffered)), None):
            raise stop
        proven = [task for task in marked if task[:2] not in left]
        for task in proven:
            _log.info("✅ %s: UNPROVEN이던 날이 이제 COMPLETE입니다.", _name(task))
        if still := len(marked) - len(proven):
            _log.info("❓ UNPROVEN %d종목일을 다시 물었지만 그대로입니다 (보기: --check).", still)

    def _end_old_troubles(self, missing: Iterable[SymbolDay], first: date) -> None:
        """Symbols that are whole by now, and days that nobody looks back to any more."""
        names, symbols = {_name(task) for task in missing}, {task.symbol for task in missing}
        for key in self._troubles.current:
            symbol, _, day = key.partition(" ")
            if day and day < first.isoformat():
                self._troubles.give_up(key, f"python fetch_minute_data.py --from {day} --to {day} --symbols {symbol}")
            elif symbol in self._symbols and symbol not in symbols and key not in names:
                self._troubles.end(key)


def _name(task: SymbolDay) -> str:
    return f"{task.symbol} {task.day}"
