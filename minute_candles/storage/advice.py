"""What would make a server faster, for `--doctor`: the order of the table, and the memory for its pages."""

from typing import NamedTuple

from minute_candles.storage.ddl import PRICES, cluster_by_key
from minute_candles.storage.driver import Dialect, Run
from minute_candles.storage.layout import read_indexes


class Advice(NamedTuple):
    """The one-off ALTER that clusters an older table by its key; bytes of the table and of the buffer pool."""

    cluster_sql: str | None = None
    table_bytes: int = 0
    pool_bytes: int = 0


def read_advice(run: Run, dialect: Dialect) -> Advice:
    """Return the figures of a server; nothing for SQLite, or where the table does not exist."""
    if dialect == "sqlite":
        return Advice()
    sizes = run(
        "SELECT DATA_LENGTH + INDEX_LENGTH, @@innodb_buffer_pool_size FROM information_schema.TABLES"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s",
        PRICES,
    )
    if not sizes:
        return Advice()
    indexes = read_indexes(run, dialect)
    unique = {name: index.columns for name, index in indexes.items() if index.unique}
    others = {name: index.columns for name, index in indexes.items() if not index.unique}
    return Advice(cluster_by_key(unique, others), int(sizes[0][0] or 0), int(sizes[0][1]))
