"""The two tables: what stands in the user's database, whether it can hold true candles, and how it gets there.

`stock_minute_prices` is shared with the backend and comes in two shapes, the README's and Hibernate's (kis_api.md §12);
`stock_minute_coverage` is ours. `prepare` decides before the first call to KIS, serialised between processes.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import mysql.connector

from clock import Clock
from db_connection import Link, Row, Run, Server
from errors import ConfigError, StoreError
from settings import Database

NAMES = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}
"""The intervals in the order in which their rows are written."""
KEY = ("stock_symbol", "minute_interval", "timestamp")
KEY_NAME = "uk_symbol_interval_time"
COVERAGE_COLUMNS = (
    "stock_symbol", "trade_date", "count_1min", "count_5min", "count_15min", "status", "note", "verified_at",
)  # fmt: skip
_PRICES = ("open_price", "high_price", "low_price", "close_price")
_REQUIRED = (*KEY, *_PRICES, "volume")
_DERIVED = ("price_change", "price_change_percent", "vwap")
_STAMPS = ("created_at", "updated_at")
_ADD_KEY = f"ALTER TABLE stock_minute_prices ADD UNIQUE KEY {KEY_NAME} ({', '.join(KEY)})"
_BATCH = 1000
_SCAN = 100_000

_PRICES_DDL = f"""
CREATE TABLE stock_minute_prices (
    id BIGINT AUTO_INCREMENT PRIMARY KEY,
    stock_symbol VARCHAR(20) NOT NULL,
    timestamp DATETIME NOT NULL,
    minute_interval ENUM('ONE_MINUTE', 'FIVE_MINUTES', 'FIFTEEN_MINUTES') NOT NULL,
    open_price DECIMAL(15,2) NOT NULL,
    high_price DECIMAL(15,2) NOT NULL,
    low_price DECIMAL(15,2) NOT NULL,
    close_price DECIMAL(15,2) NOT NULL,
    volume BIGINT NOT NULL,
    price_change DECIMAL(15,2),
    price_change_percent DECIMAL(5,2),
    vwap DECIMAL(15,2),
    tick_count INT,
    created_at DATETIME DEFAULT CURRENT_TIMESTAMP,
    updated_at DATETIME DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    UNIQUE KEY {KEY_NAME} ({", ".join(KEY)}),
    INDEX idx_stock_interval (stock_symbol, minute_interval),
    INDEX idx_timestamp (timestamp)
) ENGINE=InnoDB
"""
_COVERAGE_DDL = """
CREATE TABLE stock_minute_coverage (
    stock_symbol VARCHAR(20) NOT NULL,
    trade_date DATE NOT NULL,
    count_1min INT NOT NULL,
    count_5min INT NOT NULL,
    count_15min INT NOT NULL,
    status VARCHAR(20) NOT NULL,
    note VARCHAR(500) NULL,
    verified_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""


def _sqlite_ddl(ddl: str) -> str:
    """The same tables for SQLite, which knows neither ENUM nor ON UPDATE nor indexes inside CREATE TABLE."""
    ddl = ddl.replace("id BIGINT AUTO_INCREMENT PRIMARY KEY", "id INTEGER PRIMARY KEY AUTOINCREMENT")
    ddl = re.sub(r"ENUM(\([^)]*\)) NOT NULL", r"VARCHAR(15) NOT NULL CHECK (minute_interval IN \1)", ddl)
    ddl = ddl.replace(" ON UPDATE CURRENT_TIMESTAMP", "").replace(f"UNIQUE KEY {KEY_NAME}", "UNIQUE")
    return re.sub(r"\) ENGINE=.*", ")", re.sub(r",\n    INDEX [^\n]*?\)(?=,?\n)", "", ddl))


class Column(NamedTuple):
    """A column as the server describes it; `type` in lower case with its arguments, e.g. decimal(15,2)."""

    name: str
    type: str
    nullable: bool
    fills_itself: bool
    generated: bool


@dataclass(frozen=True)
class Shape:
    """What the tables that were found can hold."""

    prices: bool = False
    coverage: bool = False
    derived: tuple[str, ...] = ()
    stamp_columns: tuple[str, ...] = ()
    percent_limit: int = 1000
    reading: dict[str, str] = field(default_factory=dict)
    """Columns that are not read by their plain name."""

    @property
    def stamps(self) -> int:
        return len(self.stamp_columns)


def value_columns(shape: Shape) -> tuple[str, ...]:
    """The columns that make two rows equal or different."""
    return (*_PRICES, "volume", *shape.derived)


def written_columns(shape: Shape) -> tuple[str, ...]:
    return ("stock_symbol", "minute_interval", "timestamp", *value_columns(shape), *shape.stamp_columns)


def upsert(server: Server, columns: Sequence[str], rows: str) -> str:
    """One statement for many rows; a row that stands already keeps its `id` and `created_at`."""
    changing = [column for column in columns if column not in (*KEY, "created_at")]
    return _upsert(server, "stock_minute_prices", columns, rows, KEY, changing)


def upsert_coverage(server: Server, row: str) -> str:
    key = COVERAGE_COLUMNS[:2]
    return _upsert(server, "stock_minute_coverage", COVERAGE_COLUMNS, row, key, COVERAGE_COLUMNS[2:])


def _upsert(
    server: Server, table: str, columns: Sequence[str], rows: str, key: Sequence[str], changing: Sequence[str]
) -> str:
    """VALUES() is deprecated on MySQL since 8.0.20; MariaDB does not know the row alias."""
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows}"
    if server == "mysql":
        return f"{insert} AS new ON DUPLICATE KEY UPDATE {', '.join(f'{c} = new.{c}' for c in changing)}"
    if server == "mariadb":
        return f"{insert} ON DUPLICATE KEY UPDATE {', '.join(f'{c} = VALUES({c})' for c in changing)}"
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in changing)}"


def look(run: Run, server: Server) -> Shape:
    """What stands there, without judging it."""
    columns = {column.name: column for column in _columns(run, server, "stock_minute_prices")}
    derived = tuple(name for name in _DERIVED if name in columns and not columns[name].generated)
    stamps = tuple(name for name in _STAMPS if name in columns and not columns[name].generated)
    percent = columns.get("price_change_percent")
    as_text = {name: f"CAST({name} AS TEXT)" for name in ("price_change_percent", "vwap")} if server == "sqlite" else {}
    return Shape(
        prices=bool(columns),
        coverage=bool(_columns(run, server, "stock_minute_coverage")),
        derived=derived,
        stamp_columns=stamps,
        percent_limit=10 ** _whole_digits(percent.type) if percent else 0,
        reading=as_text,
    )


def prepare(
    link: Link, database: Database, clock: Clock, *, dedupe: bool, read_only: bool
) -> tuple[Shape, list[str]]:
    """Check both tables and, unless `read_only`, make them ready; the shape and lines to log. Raises `ConfigError`."""
    lines: list[str] = []

    def work(run: Run) -> Shape:
        lines.clear()
        if read_only:
            lines.extend(_report(run, link.server))
        else:
            with _alone(run, link.server, database, clock):
                lines.extend(_make_ready(run, link.server, database, clock, dedupe=dedupe))
        return look(run, link.server)

    return link.transaction(work, unhurried=not read_only), lines


def _report(run: Run, server: Server) -> list[str]:
    if not (columns := _columns(run, server, "stock_minute_prices")):
        return ["⚠️ stock_minute_prices 테이블이 없습니다. 수집을 실행하면 만들어집니다."]
    _check_prices(run, server, columns)
    lines = ["✅ stock_minute_prices 테이블이 존재합니다."]
    if not _has_key(run, server):
        lines.append("⚠️ stock_minute_prices에 고유 키가 없습니다. 수집을 실행하면 추가됩니다.")
    return lines


def _make_ready(run: Run, server: Server, database: Database, clock: Clock, *, dedupe: bool) -> list[str]:
    lines = []
    if columns := _columns(run, server, "stock_minute_prices"):
        _check_prices(run, server, columns)
        lines.append("✅ stock_minute_prices 테이블이 존재합니다.")
        if not _has_key(run, server):
            lines += _add_key(run, server, database, clock, dedupe=dedupe)
    else:
        _create(run, server, database, "stock_minute_prices", _PRICES_DDL)
        lines.append("✅ stock_minute_prices 테이블을 만들었습니다.")
    if not _columns(run, server, "stock_minute_coverage"):
        _create(run, server, database, "stock_minute_coverage", _COVERAGE_DDL)
        lines.append("✅ stock_minute_coverage 테이블을 만들었습니다.")
    return lines


def _create(run: Run, server: Server, database: Database, table: str, ddl: str) -> None:
    with _naming_the_sql(database, ddl, "CREATE"):
        run(_sqlite_ddl(ddl) if server == "sqlite" else ddl)
    if server == "sqlite" and table == "stock_minute_prices":
        run("CREATE INDEX idx_timestamp ON stock_minute_prices (timestamp)")


def _add_key(run: Run, server: Server, database: Database, clock: Clock, *, dedupe: bool) -> list[str]:
    lines = []
    if extra := _duplicates(run):
        if not dedupe:
            raise ConfigError(
                f"stock_minute_prices에 중복된 행이 {extra:,}건 있어 고유 키를 추가할 수 없습니다. "
                "--dedupe 옵션으로 다시 실행하면 종목·간격·시각마다 가장 새로운 행만 남깁니다."
            )
        lines.append(f"✅ 중복된 행 {_remove_duplicates(run, server, clock):,}건을 지웠습니다.")
    with _naming_the_sql(database, _ADD_KEY, "ALTER, INDEX"):
        run(f"CREATE UNIQUE INDEX {KEY_NAME} ON stock_minute_prices ({', '.join(KEY)})" if server == "sqlite" else _ADD_KEY)
    return [*lines, f"✅ 고유 키를 추가했습니다: {KEY_NAME} ({', '.join(KEY)})"]


def _duplicates(run: Run) -> int:
    """Rows too many."""
    groups = f"SELECT COUNT(*) - 1 AS extra FROM stock_minute_prices GROUP BY {', '.join(KEY)} HAVING COUNT(*) > 1"
    return int(run(f"SELECT COALESCE(SUM(extra), 0) FROM ({groups}) AS twins")[0][0])


def _remove_duplicates(run: Run, server: Server, clock: Clock) -> int:
    """Keep the newest row (highest id) of each key; every batch is committed, so it may be interrupted and repeated."""
    older = (
        f"SELECT id FROM (SELECT id, ROW_NUMBER() OVER (PARTITION BY {', '.join(KEY)} ORDER BY id DESC) AS age"
        f" FROM stock_minute_prices) AS ranked WHERE age > 1 LIMIT {_SCAN}"
    )
    removed = 0
    while ids := [row[0] for row in run(older)]:
        for start in range(0, len(ids), _BATCH):
            clock.check()
            part = ids[start : start + _BATCH]
            run(f"DELETE FROM stock_minute_prices WHERE id IN ({', '.join(['%s'] * len(part))})", *part)
            if server != "sqlite":
                run("COMMIT")
        removed += len(ids)
    return removed


@contextmanager
def _naming_the_sql(database: Database, sql: str, right: str) -> Iterator[None]:
    """A missing right becomes a `ConfigError` with the statement that somebody with rights has to run."""
    try:
        yield
    except mysql.connector.Error as error:
        if error.errno not in {1044, 1142, 1227}:
            raise
        raise ConfigError(
            f"{database.user} 계정에 {right} 권한이 없습니다 [{type(error).__name__} {error.errno}]. "
            f"권한이 있는 계정으로 다음 SQL을 실행하세요: {' '.join(sql.split())};"
        ) from None


@contextmanager
def _alone(run: Run, server: Server, database: Database, clock: Clock) -> Iterator[None]:
    """One process at a time; SQLite's transaction is alone anyway."""
    if server == "sqlite":
        yield
        return
    name = f"minute_data:{database.name.lower()}"[:64]
    while run("SELECT GET_LOCK(%s, 1)", name)[0][0] != 1:
        clock.check()
    try:
        yield
    finally:
        run("SELECT RELEASE_LOCK(%s)", name)


def _columns(run: Run, server: Server, table: str) -> list[Column]:
    """The columns of a table, [] where it does not stand."""
    if server == "sqlite":
        return [_sqlite_column(row) for row in run(f"PRAGMA table_xinfo({table})")]
    rows = run(
        "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        table,
    )
    return [_server_column(row) for row in rows]


def _server_column(row: Row) -> Column:
    name, kind, nullable, default, extra = row[0], _text(row[1]).lower(), row[2] == "YES", row[3], _text(row[4]).lower()
    generated = "generated" in extra and "default_generated" not in extra
    return Column(name.lower(), kind, nullable, default is not None or "auto_increment" in extra or generated, generated)


def _sqlite_column(row: Row) -> Column:
    _, name, kind, not_null, default, primary, hidden = row
    return Column(name, kind.lower(), not not_null, default is not None or bool(primary), hidden in (2, 3))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def _whole_digits(kind: str) -> int:
    """Digits before the point: decimal(15,2) has 13."""
    found = re.match(r"(?:decimal|numeric)\((\d+)(?:,\s*(\d+))?\)", kind)
    return int(found[1]) - int(found[2] or 0) if found else 3


def _has_key(run: Run, server: Server) -> bool:
    return any(set(columns) == set(KEY) for columns in _unique_keys(run, server).values())


def _unique_keys(run: Run, server: Server) -> dict[str, list[str]]:
    if server == "sqlite":
        names = [row[1] for row in run("PRAGMA index_list(stock_minute_prices)") if row[2]]
        return {name: [row[2] for row in run(f"PRAGMA index_info({name})")] for name in names}
    keys: dict[str, list[str]] = {}
    for name, column in run(
        "SELECT INDEX_NAME, COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_NAME = 'stock_minute_prices' AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX"
    ):
        keys.setdefault(name, []).append((column or "").lower())
    return keys


def _check_prices(run: Run, server: Server, columns: Sequence[Column]) -> None:
    """TODO types"""
    known = {*_REQUIRED, *_DERIVED, *_STAMPS}
    for column in columns:
        if column.name not in known and not column.nullable and not column.fills_itself:
            raise ConfigError(
                f"stock_minute_prices의 {column.name} 열은 NOT NULL이고 기본값이 없어 행을 저장할 수 없습니다. "
                f"기본값을 주거나 NULL을 허용하세요: ALTER TABLE stock_minute_prices MODIFY {column.name} {column.type} NULL;"
            )
