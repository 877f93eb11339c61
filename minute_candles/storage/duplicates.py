"""Rows that a missing unique key let in: counted by symbol, and removed for `--dedupe`, the newest of each key kept."""

import logging

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.storage.ddl import KEY, PRICES
from minute_candles.storage.driver import Dialect, Row, Run
from minute_candles.storage.layout import STAMPS, read_columns

log = logging.getLogger(__name__)

_BATCH = 1000
_SCAN = 100_000
_GROUPS = f"FROM {PRICES} GROUP BY {', '.join(KEY)} HAVING COUNT(*) > 1"


def count_duplicates(run: Run) -> int:
    """Return how many rows are too many."""
    return int(run(f"SELECT COALESCE(SUM(extra), 0) FROM (SELECT COUNT(*) - 1 AS extra {_GROUPS}) AS twins")[0][0])


def duplicates_by_symbol(run: Run) -> list[Row]:
    """Return each symbol and its rows too many, the most first."""
    groups = f"SELECT stock_symbol, COUNT(*) - 1 AS extra {_GROUPS}"
    totals = "SELECT stock_symbol, SUM(extra) AS total"
    return run(f"{totals} FROM ({groups}) AS twins GROUP BY stock_symbol ORDER BY total DESC, stock_symbol")


def remove_duplicates(run: Run, dialect: Dialect, clock: Clock) -> int:
    """Keep the newest row of each key and return how many went.

    Batches are committed: it may be stopped and repeated.
    """
    columns = {column.name for column in read_columns(run, dialect, PRICES)}
    if "id" not in columns:
        raise ConfigError(f"{PRICES}에 id 열이 없어 어느 행이 새로운지 알 수 없습니다. 중복을 직접 지우세요.")
    removed, older = 0, _older_twins(columns)
    while ids := [row[0] for row in run(older)]:
        for start in range(0, len(ids), _BATCH):
            clock.check()
            part = ids[start : start + _BATCH]
            run(f"DELETE FROM {PRICES} WHERE id IN ({', '.join(['%s'] * len(part))})", *part)
            if dialect != "sqlite":
                run("COMMIT")
        removed += len(ids)
        log.info("🧹 중복된 행 %s건을 지웠습니다.", f"{removed:,}")
    return removed


def _older_twins(columns: set[str]) -> str:
    """Return SQL for the rows of a key that are older than its row written last.

    `id` decides between equal times only, because a cluster's nodes hand ids out interleaved.
    """
    stamps = [name for name in reversed(STAMPS) if name in columns]
    written = [f"COALESCE({', '.join([*stamps, 'NULL'])}) DESC"] if stamps else []
    return (
        "SELECT id FROM (SELECT id, ROW_NUMBER() OVER"
        f" (PARTITION BY {', '.join(KEY)} ORDER BY {', '.join([*written, 'id DESC'])}) AS age FROM {PRICES}"
        f") AS ranked WHERE age > 1 LIMIT {_SCAN}"
    )
