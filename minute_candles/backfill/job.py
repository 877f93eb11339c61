"""A backfill from its plan to its result file: by threads of this process, or by the workers of a Dask scheduler."""

import logging
from collections.abc import Callable

from minute_candles.backfill.error_text import explained
from minute_candles.backfill.report import RESULT_FILE, RunResult
from minute_candles.backfill.request import Wanted
from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.core.extras import extra
from minute_candles.core.korean import number
from minute_candles.core.worker_pool import threads_for
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import Store
from minute_candles.verification.plan import SymbolDay

Collect = Callable[[RunResult], None]
"""Collects what is missing into the result. Raises what ends a run."""
_log = logging.getLogger(__name__)


def backfill(settings: Settings, clock: Clock, want: Wanted, missing: list[SymbolDay], collect: Collect) -> int:
    """Collect what is missing, report it as it comes, leave a result file; return the exit code."""
    result = RunResult.of(want.names, want.first, want.last, clock.now())
    if not missing:
        nothing = "✅ 모두 있습니다. 받을 것이 없어 KIS를 호출하지 않았습니다."
        console.say(nothing if want.days else want.nothing_traded)
        return _finish(settings, clock, result, 0)
    _log.info("📊 %s개 종목 분봉 데이터 수집 시작!", number(len({task.symbol for task in missing})))
    try:
        collect(result)
        code = 1 if result.failures else 0
    except MinuteDataError as error:
        code = error.exit_code
        _log.error("⏹️ %s" if isinstance(error, Stopped) else "❌ %s", explained(error))
    return _finish(settings, clock, result, code)


def by_threads(
    settings: Settings, clock: Clock, calendar: TradingCalendar, store: Store, want: Wanted, missing: list[SymbolDay],
    *, quiet: bool,
) -> Collect:  # fmt: skip
    """Return what collects with threads of this process; the store is closed afterwards."""
    from minute_candles.backfill.runner import Backfill
    from minute_candles.kis.client import KisClient
    from minute_candles.kis.token import TokenCache
    from minute_candles.redis_feed.setup import caught_up, shared_by

    def collect(result: RunResult) -> None:
        threads, shared = threads_for(want.workers, settings.rate_limit), shared_by(settings)
        client = KisClient.of(settings, TokenCache(settings, clock, shared), clock, connections=threads, shared=shared)
        try:
            with caught_up(settings, clock, store):
                Backfill(client, store, calendar, clock, result, quiet).run(missing, threads)
        finally:
            if trouble := client.clock_trouble():
                _log.warning("⚠️ %s", trouble)
            store.close()
            result.calls = client.calls

    return collect


def by_dask(
    address: str, clock: Clock, missing: list[SymbolDay], *, force: bool, recheck: bool, quiet: bool
) -> Collect:
    """Return what collects with the workers of a Dask scheduler. Raises `ConfigError` without the package."""
    extra("distributed", "여러 컴퓨터로 채우기(--dask)")
    from minute_candles.backfill.dask_run import DaskBackfill

    return lambda result: DaskBackfill(address, clock, result, quiet=quiet).run(missing, force=force, recheck=recheck)


def _finish(settings: Settings, clock: Clock, result: RunResult, code: int) -> int:
    """Print the summary, write the result file next to the log; a full disk costs a warning, not the run."""
    if result.days or result.failures:
        console.say(result.summary((clock.now() - result.started_at).total_seconds()))
    try:
        result.write(settings.log_dir / RESULT_FILE, clock.now(), code)
    except OSError as error:
        _log.warning("⚠️ 결과 파일을 쓰지 못했습니다 (%s): %s", error.strerror, settings.log_dir / RESULT_FILE)
    if code == 0 and result.days:
        console.say(f"✅ 완료: {result.first} ~ {result.last}")
    return code
