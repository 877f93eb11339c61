"""How the two tables get there: created, keyed, freed of duplicates; or one clear line why not.

`prepare` decides before the first call to KIS and is serialised between processes: two first runs at once both succeed.
"""

import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import mysql.connector

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.storage.connection import Connection
from minute_candles.storage.driver import Dialect, Row, Run
from minute_candles.storage.layout import (
    CODED_COLUMNS,
    COVERAGE,
    COVERAGE_COLUMNS,
    KEY,
    PRICES,
    TableLayout,
    check_coverage,
    check_prices,
    find_key,
    inspect,
    read_columns,
    symbol_collation,
)
from minute_candles.storage.note_migration import translate_notes

log = logging.getLogger(__name__)

KEY_NAME = "uk_symbol_interval_time"
_ADD_KEY = f"ALTER TABLE {PRICES} ADD UNIQUE KEY {KEY_NAME} ({', '.join(KEY)})"
_BATCH = 1000
_SCAN = 100_000
_MOST_NAMED = 20
_DENIED = {1044, 1142, 1143, 1227}

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
_CODED_TYPES = {
    "reasons": "VARCHAR(500) CHARACTER SET ascii NULL",
    "evidence": "VARCHAR(64) CHARACTER SET ascii NULL",
    "adjustment": "DECIMAL(18,12) NULL",
}
_CODED = ",\n    ".join(f"{name} {kind}" for name, kind in _CODED_TYPES.items())
_COVERAGE_DDL = f"""
CREATE TABLE stock_minute_coverage (
    stock_symbol VARCHAR(20) NOT NULL,
    trade_date DATE NOT NULL,
    count_1min INT NOT NULL,
    count_5min INT NOT NULL,
    count_15min INT NOT NULL,
    status VARCHAR(20) NOT NULL,
    {_CODED},
    note VARCHAR(500) NULL,
    verified_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4
"""


_SQLITE_KEY = f"CREATE UNIQUE INDEX {KEY_NAME} ON {PRICES} ({', '.join(KEY)})"
_OLDER_TWINS = f"""
SELECT id FROM (
    SELECT id, ROW_NUMBER() OVER (PARTITION BY {", ".join(KEY)} ORDER BY id DESC) AS age FROM {PRICES}
) AS ranked WHERE age > 1 LIMIT {_SCAN}
"""


def _sqlite_ddl(ddl: str) -> list[str]:
    """The same table for SQLite, which knows neither ENUM nor ON UPDATE nor indexes inside CREATE TABLE."""
    ddl = ddl.replace("id BIGINT AUTO_INCREMENT PRIMARY KEY", "id INTEGER PRIMARY KEY AUTOINCREMENT")
    ddl = re.sub(r"ENUM(\([^)]*\)) NOT NULL", r"VARCHAR(15) NOT NULL CHECK (minute_interval IN \1)", ddl)
    ddl = (
        re.sub(r" CHARACTER SET \w+( COLLATE \w+)?", "", ddl)
        .replace(" ON UPDATE CURRENT_TIMESTAMP", "")
        .replace(f"UNIQUE KEY {KEY_NAME}", "UNIQUE")
    )
    indexes = re.findall(r",\n    INDEX (\w+) (\([^)]*\))", ddl)
    table = re.sub(r"\) ENGINE=.*", ")", re.sub(r",\n    INDEX [^\n]*?\)(?=,?\n)", "", ddl))
    return [table, *(f"CREATE INDEX {name} ON {PRICES} {columns}" for name, columns in indexes)]


def coverage_ddl(collation: str | None) -> str:
    """Return the table's DDL; its symbols compare with those of the prices in a JOIN, whatever the database's default."""
    if not collation:
        return _COVERAGE_DDL
    charset = collation.partition("_")[0]
    symbol = f"stock_symbol VARCHAR(20) CHARACTER SET {charset} COLLATE {collation} NOT NULL"
    options = f"CHARSET=utf8mb4 COLLATE={collation}" if charset == "utf8mb4" else "CHARSET=utf8mb4"
    return _COVERAGE_DDL.replace("stock_symbol VARCHAR(20) NOT NULL", symbol).replace("CHARSET=utf8mb4", options)


def other_collation(run: Run, dialect: Dialect) -> list[str]:
    """Return the line that names an older table whose collation makes a JOIN with the prices fail (1267)."""
    wanted, found = (symbol_collation(run, dialect, table) for table in (PRICES, COVERAGE))
    if wanted == found or not wanted:
        return []
    charset = wanted.partition("_")[0]
    return [
        f"⚠️ {COVERAGE} 의 문자 정렬({found})이 {PRICES}({wanted})와 달라 두 테이블의 JOIN이 실패할 수 있습니다. "
        f"다음 SQL로 맞추세요: ALTER TABLE {COVERAGE} MODIFY stock_symbol VARCHAR(20)"
        f" CHARACTER SET {charset} COLLATE {wanted} NOT NULL;"
    ]


def missing_codes(run: Run, dialect: Dialect) -> list[str]:
    """Return the columns for codes that an older coverage table lacks."""
    names = {column.name for column in read_columns(run, dialect, COVERAGE)}
    return [name for name in CODED_COLUMNS if name not in names]


def add_codes_sql(missing: Sequence[str], dialect: Dialect) -> list[str]:
    """Return the statements that add them; on a server it is one."""
    if dialect == "sqlite":
        kinds = {name: kind.replace(" CHARACTER SET ascii", "") for name, kind in _CODED_TYPES.items()}
        return [f"ALTER TABLE {COVERAGE} ADD COLUMN {name} {kinds[name]}" for name in missing]
    return [f"ALTER TABLE {COVERAGE} {', '.join(f'ADD COLUMN {name} {_CODED_TYPES[name]}' for name in missing)}"]


def prepare(
    connection: Connection, database: Database, clock: Clock, *, dedupe: bool, read_only: bool
) -> tuple[TableLayout, list[str]]:
    """Check both tables and, unless `read_only`, make them ready; the layout and lines to log. Raises `ConfigError`."""
    job = _Preflight(connection, database, clock)

    def work(run: Run) -> tuple[TableLayout, list[str]]:
        lines = job.report(run, dedupe=dedupe) if read_only else job.make_ready(run, dedupe=dedupe)
        return inspect(run, connection.dialect), lines

    return connection.transaction(work, unhurried=not read_only)


class _Preflight:
    def __init__(self, connection: Connection, database: Database, clock: Clock) -> None:
        self._connection = connection
        self._database = database
        self._clock = clock

    @property
    def _dialect(self) -> Dialect:
        return self._connection.dialect

    def report(self, run: Run, *, dedupe: bool) -> list[str]:
        """What stands there, and what `dedupe` would remove; nothing is changed."""
        if not read_columns(run, self._dialect, PRICES):
            return [f"⚠️ {PRICES} 테이블이 없습니다. 수집을 실행하면 만들어집니다."]
        check_prices(run, self._dialect)
        keyed = find_key(run, self._dialect)
        lines = [f"✅ {PRICES} 테이블이 존재합니다.", *([] if keyed else [_without_key(run, dedupe=dedupe)])]
        if not read_columns(run, self._dialect, COVERAGE):
            return lines
        if missing := missing_codes(run, self._dialect):
            lines.append(f"⚠️ {COVERAGE} 테이블에 {', '.join(missing)} 열이 없습니다. 수집하면 추가됩니다.")
        return lines + other_collation(run, self._dialect)

    def make_ready(self, run: Run, *, dedupe: bool) -> list[str]:
        with self._alone(run):
            lines = self._make_prices(run, dedupe=dedupe)
            lines += self._make_coverage(run)
            self._check_rights(run)
        return lines

    def _make_coverage(self, run: Run) -> list[str]:
        """Create the table with the collation of the prices, or give an older one its codes and translate its notes."""
        if not read_columns(run, self._dialect, COVERAGE):
            self._create(run, coverage_ddl(symbol_collation(run, self._dialect, PRICES)))
            return [f"✅ {COVERAGE} 테이블을 만들었습니다."]
        check_coverage(run, self._dialect)
        added = self._add_codes(run)
        translated = translate_notes(run)
        lines = [f"✅ {COVERAGE} 테이블에 {', '.join(added)} 열을 추가했습니다."] if added else []
        lines += [f"✅ {COVERAGE} 의 메모 {translated:,}건을 까닭 코드(reasons)로 옮겼습니다."] if translated else []
        return lines + other_collation(run, self._dialect)

    def _add_codes(self, run: Run) -> list[str]:
        missing = missing_codes(run, self._dialect)
        for statement in add_codes_sql(missing, self._dialect) if missing else ():
            with self._naming_the_sql(statement):
                run(statement)
        return missing

    def _make_prices(self, run: Run, *, dedupe: bool) -> list[str]:
        if not read_columns(run, self._dialect, PRICES):
            self._create(run, _PRICES_DDL)
            return [f"✅ {PRICES} 테이블을 만들었습니다."]
        check_prices(run, self._dialect)
        lines = [f"✅ {PRICES} 테이블이 존재합니다."]
        if find_key(run, self._dialect) is None:
            lines += self._add_key(run, dedupe=dedupe)
        elif dedupe:
            lines.append("✅ 고유 키가 있어 중복된 행이 없습니다.")
        return lines

    def _create(self, run: Run, ddl: str) -> None:
        with self._naming_the_sql(ddl):
            for statement in _sqlite_ddl(ddl) if self._dialect == "sqlite" else [ddl]:
                run(statement)

    def _add_key(self, run: Run, *, dedupe: bool) -> list[str]:
        removed = self._remove_duplicates(run) if dedupe else 0
        if extra := _duplicates(run):
            raise ConfigError(
                f"{PRICES}에 중복된 행이 {extra:,}건 있어 고유 키를 추가할 수 없습니다. "
                "--dedupe 옵션으로 다시 실행하면 종목·간격·시각마다 가장 새로운 행만 남깁니다."
            )
        with self._naming_the_sql(_ADD_KEY):
            run(_SQLITE_KEY if self._dialect == "sqlite" else _ADD_KEY)
        lines = [f"✅ 고유 키를 추가했습니다: {KEY_NAME} ({', '.join(KEY)})"]
        return [f"✅ 중복된 행 {removed:,}건을 지웠습니다.", *lines] if dedupe else lines

    def _remove_duplicates(self, run: Run) -> int:
        """Keep the newest row (highest id) of each key; batches are committed: it may be interrupted and repeated."""
        if "id" not in {column.name for column in read_columns(run, self._dialect, PRICES)}:
            raise ConfigError(f"{PRICES}에 id 열이 없어 어느 행이 새로운지 알 수 없습니다. 중복을 직접 지우세요.")
        removed = 0
        while ids := [row[0] for row in run(_OLDER_TWINS)]:
            for start in range(0, len(ids), _BATCH):
                self._clock.check()
                part = ids[start : start + _BATCH]
                with self._naming_the_sql(f"GRANT DELETE ON `{self._database.name}`.* TO '{self._database.user}'"):
                    run(f"DELETE FROM {PRICES} WHERE id IN ({', '.join(['%s'] * len(part))})", *part)
                if self._dialect != "sqlite":
                    run("COMMIT")
            removed += len(ids)
            log.info("🧹 중복된 행 %s건을 지웠습니다.", f"{removed:,}")
        return removed

    def _check_rights(self, run: Run) -> None:
        """A server that is read-only or an account that may not write is noticed now: no statement touches a row."""
        grant = f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{self._database.name}`.* TO '{self._database.user}'"
        with self._naming_the_sql(grant):
            for table, columns in ((PRICES, inspect(run, self._dialect).written), (COVERAGE, COVERAGE_COLUMNS)):
                names = ", ".join(columns)
                run(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} WHERE FALSE")
                run(f"UPDATE {table} SET stock_symbol = stock_symbol WHERE FALSE")
                run(f"DELETE FROM {table} WHERE FALSE")

    @contextmanager
    def _naming_the_sql(self, sql: str) -> Iterator[None]:
        """A missing right becomes a `ConfigError` with the statement that somebody with rights has to run."""
        try:
            yield
        except mysql.connector.Error as error:
            if error.errno not in _DENIED:
                raise
            raise ConfigError(
                f"{self._database.user} 계정에 필요한 권한이 없습니다 [{type(error).__name__} {error.errno}]. "
                f"권한이 있는 계정으로 다음 SQL을 실행하세요: {' '.join(sql.split())};"
            ) from None

    @contextmanager
    def _alone(self, run: Run) -> Iterator[None]:
        """One process at a time; SQLite's transaction is alone anyway."""
        if self._dialect == "sqlite":
            yield
            return
        name = f"minute_data:{self._database.name.lower()}"[:64]
        while run("SELECT GET_LOCK(%s, 1)", name)[0][0] != 1:
            self._clock.check()
        try:
            yield
        finally:
            run("SELECT RELEASE_LOCK(%s)", name)


def _without_key(run: Run, *, dedupe: bool) -> str:
    """What collecting would do about it."""
    if dedupe and (rows := _duplicates_by_symbol(run)):
        named = ", ".join(f"{symbol} {int(count):,}건" for symbol, count in rows[:_MOST_NAMED])
        more = f" 외 {len(rows) - _MOST_NAMED}종목" if len(rows) > _MOST_NAMED else ""
        total = sum(int(count) for _, count in rows)
        return f"⚠️ --dedupe 가 지울 행 {total:,}건 (종목·간격·시각마다 가장 새로운 행만 남김): {named}{more}"
    if extra := _duplicates(run):
        return (
            f"⚠️ {PRICES}에 고유 키가 없고 중복된 행이 {extra:,}건 있어 수집은 시작되지 않습니다. "
            "--dedupe 로 실행하면 가장 새로운 행만 남기고 키를 추가합니다."
        )
    return f"⚠️ {PRICES}에 고유 키가 없습니다. 수집하면 추가됩니다."


def _duplicates_by_symbol(run: Run) -> list[Row]:
    """Symbol and its rows too many, the most first."""
    groups = f"SELECT stock_symbol, COUNT(*) - 1 AS extra FROM {PRICES} GROUP BY {', '.join(KEY)} HAVING COUNT(*) > 1"
    totals = "SELECT stock_symbol, SUM(extra) AS total"
    return run(f"{totals} FROM ({groups}) AS twins GROUP BY stock_symbol ORDER BY total DESC, stock_symbol")


def _duplicates(run: Run) -> int:
    """Rows too many."""
    groups = f"SELECT COUNT(*) - 1 AS extra FROM {PRICES} GROUP BY {', '.join(KEY)} HAVING COUNT(*) > 1"
    return int(run(f"SELECT COALESCE(SUM(extra), 0) FROM ({groups}) AS twins")[0][0])
