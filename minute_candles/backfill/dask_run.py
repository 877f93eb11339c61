"""The backfill on several hosts by Dask: a task is a symbol; the client plans, shows progress, collects the report.

    fetch_minute_data.py --dask tcp://scheduler:8786

When a worker dies, Dask runs its symbols on another one; a task plans anew when it starts. A scheduler that dies ends
the run with one line; the next run fetches what is missing.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from distributed import Client, Future

from minute_candles.backfill.dask_worker import BackfillPlugin, SymbolReport, SymbolTask, collect_symbol
from minute_candles.backfill.report import RunResult
from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError, Outage
from minute_candles.core.korean import particle
from minute_candles.verification.plan import SymbolDay

CONNECT_SECONDS = "10s"
STEP = 0.2
LOST_SECONDS = 20.0
"""Seconds without a connection after which the scheduler is gone."""
RETRIES = 3
"""Workers that may die over one symbol before it fails."""
_log = logging.getLogger(__name__)


class DaskBackfill:
    """A run on the workers of a scheduler."""

    def __init__(self, address: str, clock: Clock, result: RunResult, *, quiet: bool) -> None:
        self._address, self._clock, self._result, self._quiet = address, clock, result, quiet

    def run(self, missing: list[SymbolDay], *, force: bool = False, recheck: bool = False) -> None:
        """Collect. Raises `ConfigError` without scheduler or workers, `Outage` for a lost one, `Stopped`."""
        days: dict[str, list[SymbolDay]] = {}
        for task in missing:
            days.setdefault(task.symbol, []).append(task)
        names = self._result.symbols
        tasks = [
            SymbolTask(symbol, names[symbol].name, tuple(one.day for one in ones), force, recheck)
            for symbol, ones in days.items()
        ]
        client = self._connect()
        try:
            self._collect(client, tasks)
        finally:
            client.close(timeout=2)

    def _connect(self) -> Client:
        logging.getLogger("distributed").setLevel(logging.CRITICAL)  # one line of ours instead of its tracebacks
        try:
            client = Client(self._address, timeout=CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError, TypeError) as error:
            raise ConfigError(
                f"Dask 스케줄러 {self._address} 에 연결할 수 없습니다 ({type(error).__name__})."
                " 주소를 확인하세요. 예: tcp://호스트:8786"
            ) from None
        try:
            self._prepare(client)
        except BaseException:
            client.close(timeout=2)
            raise
        return client

    def _prepare(self, client: Client) -> None:
        """Open key and database on each worker. Raises `ConfigError` where there is none, or as the worker does."""
        workers: Mapping[str, Any] = client.scheduler_info(n_workers=-1)["workers"]
        if not workers:
            raise ConfigError(
                f"Dask 스케줄러 {self._address} 에 작업자가 없습니다. 시작하세요: dask worker {self._address}"
            )
        client.register_plugin(BackfillPlugin())
        _log.info("🔗 Dask 작업자 %d곳에서 받습니다: %s", len(workers), self._address)

    def _collect(self, client: Client, tasks: list[SymbolTask]) -> None:
        key = f"{{}}-{id(self)}"
        wanted = {
            client.submit(collect_symbol, task, key=key.format(task.symbol), retries=RETRIES): task for task in tasks
        }
        futures = list(wanted)
        try:
            with console.Progress(len(tasks), "📊 종목별 분봉 데이터 수집", self._clock, quiet=self._quiet) as bar:
                for future in self._finished(client, futures):
                    self._take(future, wanted[future])
                    bar.advance()
        except BaseException:
            if client.status == "running":
                client.cancel(futures, force=True)
            raise

    def _finished(self, client: Client, futures: list[Future[Any]]) -> Iterable[Future[Any]]:
        """Yield each future as it ends. Raises `Stopped`, and `Outage` where the scheduler stays away."""
        waiting, lost = set(futures), 0.0
        while waiting:
            ended = {future for future in waiting if future.status in ("finished", "error")}
            yield from ended
            waiting -= ended
            gone = client.status != "running" or any(future.status in ("cancelled", "lost") for future in waiting)
            lost = lost + STEP if gone else 0.0
            if lost > LOST_SECONDS:
                raise Outage(
                    f"Dask 스케줄러 {particle(self._address, '과/와')} 연결이 끊겼습니다. "
                    "다시 실행하면 빠진 것만 받습니다."
                )
            if waiting and not ended:
                self._clock.sleep(STEP)

    def _take(self, future: Future[Any], task: SymbolTask) -> None:
        """Take over a symbol's report; what ends the run on a worker ends it here."""
        error = future.exception(timeout=5)
        if isinstance(error, MinuteDataError):
            raise error
        if error is not None:
            _log.warning("⚠️ %s: 작업자가 이 종목을 마치지 못했습니다 (%s).", task.symbol, type(error).__name__)
            self._result.symbols[task.symbol].failed = dict.fromkeys(task.days, "Dask 작업자가 마치지 못했습니다")
            return
        report: SymbolReport = future.result(timeout=5)
        self._result.symbols[report.result.symbol] = report.result
        self._result.calls += report.calls
