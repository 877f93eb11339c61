"""A run of the backfill: the plan through a pool of workers, logged symbol by symbol, then once more what failed."""

import logging
from collections import Counter
from datetime import date

from minute_candles.backfill.report import RESULT_FILE, RunResult
from minute_candles.console import console
from minute_candles.console.logs import FILE_ONLY
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Outage, SourceError, Stopped
from minute_candles.core.korean import number
from minute_candles.core.worker_pool import Outcome, work_through
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import Counts, Store
from minute_candles.verification.day_collector import Collector
from minute_candles.verification.plan import SymbolDay, unproven

TRIES = 2
"""So often a symbol-day is tried before it has failed."""
MOST_LOGGED = 20
"""Failed symbol-days that are logged one by one."""
_log = logging.getLogger(__name__)


class Backfill:
    """Works through the plan with a pool, symbol by symbol for the eye, and once more through what failed."""

    def __init__(
        self, client: KisClient, store: Store, calendar: TradingCalendar, clock: Clock, result: RunResult, quiet: bool
    ) -> None:
        self._store, self._calendar, self._clock = store, calendar, clock
        self._result, self._quiet, self._logged_failures = result, quiet, 0
        self._stored: dict[tuple[str, date], Counts] = {}
        self._pass = 1
        span = result.first, result.last
        self._collector = Collector(client, store, calendar, clock, span, asks_today=True)

    def run(self, tasks: list[SymbolDay], workers: int) -> None:
        """Raise what ends the run: `Stopped`, a refused key, an outage, a lost database."""
        for self._pass in range(1, TRIES + 1):
            if self._pass > 1:
                _log.info("🔁 실패한 %s종목일을 한 번 더 받습니다.", number(len(tasks)))
            self._collect(tasks, workers)
            tasks = [task for task in tasks if task.day in self._result.symbols[task.symbol].failed]
            if not tasks:
                return

    def _collect(self, tasks: list[SymbolDay], workers: int) -> None:
        left = Counter(task.symbol for task in tasks)
        with console.Progress(len(left), "📊 종목별 분봉 데이터 수집", self._clock, quiet=self._quiet) as bar:
            for outcome in work_through(tasks, self._collector.collect, workers, self._clock):
                if isinstance(outcome.error, Stopped):
                    continue  # what is in hand still comes in
                self._note(outcome)
                symbol = outcome.task.symbol
                left[symbol] -= 1
                if not left[symbol]:
                    self._log_stored(symbol)
                    bar.advance()
            self._clock.check()

    def _note(self, outcome: Outcome) -> None:
        result = self._result.symbols[outcome.task.symbol]
        day = outcome.task.day
        if outcome.error is None:
            result.failed.pop(day, None)
            before = self._stored.get((outcome.task.symbol, day), (0, 0, 0))
            result.days += [] if day in result.days else [day]
            result.rows = [had + new - old for had, new, old in zip(result.rows, outcome.answer, before, strict=True)]
            self._stored[outcome.task.symbol, day] = outcome.answer
        elif isinstance(outcome.error, SourceError) and not isinstance(outcome.error, Outage):
            result.failed[day] = str(outcome.error)
            self._log_failure(outcome.task, outcome.error)
        else:
            raise outcome.error

    def _log_failure(self, task: SymbolDay, error: SourceError) -> None:
        """Log a failure that was tried twice; where all days fail alike, a screen of them is enough."""
        final = self._pass == TRIES
        level = logging.WARNING if final and self._logged_failures < MOST_LOGGED else logging.DEBUG
        _log.log(level, "⚠️ %s %s 실패: %s", task.symbol, task.day, error)
        self._logged_failures += final
        if final and self._logged_failures == MOST_LOGGED + 1:
            _log.warning("⚠️ 그 밖의 실패는 결과 파일 %s에 있습니다.", RESULT_FILE)

    def _log_stored(self, symbol: str) -> None:
        """Log what KIS sent against what the table holds now, once a symbol."""
        result = self._result.symbols[symbol]
        if not result.days:
            return
        days = sorted(result.days)
        result.unproven = {task.day: task.why for task in unproven(self._store, [symbol], days)}
        held = self._store.counts([symbol], [self._calendar.session(day) for day in days])
        sent, kept = result.rows[0], sum(counts[0] for counts in held.values())
        name = f" · {result.name}" if result.name else ""
        _log.info("✅ %s 1분봉 데이터 %s건 저장 완료%s", symbol, number(sent), name)
        compared = f"{symbol} 1min - 예상 {number(sent)}건, 실제 {number(kept)}건"
        if kept >= sent:
            _log.info("✅ 데이터 검증 성공: %s", compared, extra=FILE_ONLY)
            return
        _log.error("❌ 데이터 검증 실패: %s", compared)
        for day in result.days:
            result.failed.setdefault(day, "저장한 뒤 테이블에서 사라진 행이 있음")
