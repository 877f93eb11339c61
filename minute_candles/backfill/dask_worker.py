"""What a Dask worker does of a backfill: one symbol, planned anew when its turn comes, with the worker's own `.env`.

A worker has its own key, token file and database settings. Nothing of the client's settings travels.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from distributed import Worker, WorkerPlugin, get_worker

from minute_candles.backfill.report import RunResult, SymbolResult
from minute_candles.backfill.runner import Backfill
from minute_candles.config import settings as user_settings
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.core.clock import Clock
from minute_candles.frames.calendar import calendar_of
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import Store, open_store
from minute_candles.verification.plan import plan

CONTEXT = "minute_candles"


class SymbolTask(NamedTuple):
    """One symbol and the closed sessions wanted of it."""

    symbol: str
    name: str
    days: tuple[date, ...]
    force: bool
    recheck: bool


class SymbolReport(NamedTuple):
    """What became of a task, as plain data."""

    result: SymbolResult
    calls: int


@dataclass
class Context:
    """What all tasks of a worker share: connections and the call budget are per key."""

    settings: user_settings.Settings
    clock: Clock
    calendar: TradingCalendar
    store: Store
    client: KisClient


class BackfillPlugin(WorkerPlugin):
    """Opens key and database when a worker joins, and closes them when it leaves.

    Raises `ConfigError` on the worker.
    """

    name = CONTEXT

    def setup(self, worker: Worker) -> None:
        """Open what the tasks of this worker share."""
        clock = Clock()
        settings = user_settings.load(os.environ, PROJECT_FOLDER)
        clock.start_at(settings.clock_at)
        calendar = calendar_of(settings, clock)
        store = open_store(settings.database, clock)
        store.preflight()
        client = KisClient.of(settings, TokenCache(settings, clock), clock, connections=worker.state.nthreads)
        setattr(worker, CONTEXT, Context(settings, clock, calendar, store, client))

    def teardown(self, worker: Worker) -> None:
        """Close the database after the transaction in hand."""
        context: Context | None = getattr(worker, CONTEXT, None)
        if context:
            context.clock.stop.set()
            context.store.close()


def collect_symbol(task: SymbolTask) -> SymbolReport:
    """Collect what is missing of a symbol. Raises `MinuteDataError` for what ends the run on this worker."""
    context: Context = getattr(get_worker(), CONTEXT)
    return collect(context, task)


def collect(context: Context, task: SymbolTask) -> SymbolReport:
    """Plan the symbol anew, collect it with one thread, report what was stored and what failed."""
    before = context.client.calls
    missing = plan(
        context.store, context.calendar, [task.symbol], list(task.days), force=task.force, recheck=task.recheck
    )
    result = _empty_result(context, task)
    if missing:
        Backfill(context.client, context.store, context.calendar, context.clock, result, quiet=True).run(missing, 1)
    return SymbolReport(result.symbols[task.symbol], context.client.calls - before)


def _empty_result(context: Context, task: SymbolTask) -> RunResult:
    days: Sequence[date] = task.days
    return RunResult.of({task.symbol: task.name}, min(days), max(days), context.clock.now())
