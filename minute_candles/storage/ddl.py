"""The statements that make and change our tables: texts only, for servers and, translated, for SQLite.

`stock_minute_prices` is clustered by its key: the candles of a symbol lie side by side, whatever the order in which
they were written. An older table, clustered by `id`, keeps working.
"""

import re
from collections.abc import Mapping, Sequence

from minute_candles.storage.driver import Dialect

PRICES, COVERAGE, ALERTS, FACTORS, DAILY = (
    "stock_minute_prices", "stock_minute_coverage", "stock_minute_alerts", "stock_adjustment_factors",
    "stock_daily_candles",
)  # fmt: skip
KEY = ("stock_symbol", "minute_interval", "timestamp")
PLAIN_COLUMNS = {PRICES: "volume", COVERAGE: "count_1min"}
"""Of each table one that probes of the right to write may name: a sharded database refuses the key's columns."""
KEY_NAME, ID_KEY_NAME = "uk_symbol_interval_time", "uk_id"
_KEY = ", ".join(KEY)
_SYMBOL = "stock_symbol VARCHAR(20) NOT NULL"
_OPTIONS = "ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"

PRICES_DDL = f"""
CREATE TABLE {PRICES} (
    id BIGINT NOT NULL AUTO_INCREMENT,
    {_SYMBOL},
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
    PRIMARY KEY ({_KEY}),
    UNIQUE KEY {ID_KEY_NAME} (id),
    INDEX idx_timestamp (timestamp)
) ENGINE=InnoDB
"""
CODED_TYPES = {
    "reasons": "VARCHAR(500) CHARACTER SET ascii NULL",
    "evidence": "VARCHAR(64) CHARACTER SET ascii NULL",
    "adjustment": "DECIMAL(18,12) NULL",
}
"""Columns of the coverage table that one of version 0.1 lacks."""
_CODED = ",\n    ".join(f"{name} {kind}" for name, kind in CODED_TYPES.items())
COVERAGE_DDL = f"""
CREATE TABLE {COVERAGE} (
    {_SYMBOL},
    trade_date DATE NOT NULL,
    count_1min INT NOT NULL,
    count_5min INT NOT NULL,
    count_15min INT NOT NULL,
    status VARCHAR(20) NOT NULL,
    {_CODED},
    note VARCHAR(500) NULL,
    verified_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date)
) {_OPTIONS}
"""
RULE_NAME = "rule_name VARCHAR(60) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL"
"""Compared byte by byte: names that differ in an emoji, an accent or a capital letter are other rules."""
ALERTS_DDL = f"""
CREATE TABLE {ALERTS} (
    {RULE_NAME},
    {_SYMBOL},
    minute_interval VARCHAR(20) NOT NULL,
    timestamp DATETIME NOT NULL,
    severity VARCHAR(10) NOT NULL,
    message VARCHAR(500) NOT NULL,
    value DOUBLE NOT NULL,
    created_at DATETIME NOT NULL,
    PRIMARY KEY (timestamp, stock_symbol, minute_interval, rule_name)
) {_OPTIONS}
"""
DAILY_DDL = f"""
CREATE TABLE {DAILY} (
    {_SYMBOL},
    trade_date DATE NOT NULL,
    close_price BIGINT NOT NULL,
    volume BIGINT NOT NULL,
    turnover BIGINT NOT NULL,
    seen_at DATETIME NOT NULL,
    PRIMARY KEY (stock_symbol, trade_date)
) {_OPTIONS}
"""
FACTORS_DDL = f"""
CREATE TABLE {FACTORS} (
    {_SYMBOL},
    first_date DATE NOT NULL,
    last_date DATE NOT NULL,
    numerator BIGINT NOT NULL,
    denominator BIGINT NOT NULL,
    asked_at DATETIME NOT NULL,
    total_numerator BIGINT NULL,
    total_denominator BIGINT NULL,
    PRIMARY KEY (stock_symbol, first_date)
) {_OPTIONS}
"""


def statements(ddl: str, dialect: Dialect, collation: str | None = None) -> list[str]:
    """Return what makes the table; its symbols compare as those of `collation` do, the price table's."""
    return _for_sqlite(ddl) if dialect == "sqlite" else [with_collation(ddl, collation)]


def with_collation(ddl: str, collation: str | None) -> str:
    """Return the DDL of a table that can be joined with the prices, whatever the database's default is (error 1267)."""
    if not collation:
        return ddl
    options = f"{_OPTIONS} COLLATE={collation}" if charset_of(collation) == "utf8mb4" else _OPTIONS
    return ddl.replace(_SYMBOL, symbol_column(collation)).replace(_OPTIONS, options)


def symbol_column(collation: str) -> str:
    """Return the definition of a symbol's column in this collation."""
    return f"stock_symbol VARCHAR(20) CHARACTER SET {charset_of(collation)} COLLATE {collation} NOT NULL"


def charset_of(collation: str) -> str:
    """Return the character set that a collation belongs to: its name begins with it."""
    return collation.partition("_")[0]


def add_key(dialect: Dialect) -> str:
    """Return what gives a table of prices its unique key."""
    if dialect == "sqlite":
        return f"CREATE UNIQUE INDEX {KEY_NAME} ON {PRICES} ({_KEY})"
    return f"ALTER TABLE {PRICES} ADD UNIQUE KEY {KEY_NAME} ({_KEY})"


def add_codes(missing: Sequence[str], dialect: Dialect) -> list[str]:
    """Return what gives an older coverage table these columns: one statement on a server."""
    if dialect == "sqlite":
        return [f"ALTER TABLE {COVERAGE} ADD COLUMN {name} {_plain(CODED_TYPES[name])}" for name in missing]
    return [f"ALTER TABLE {COVERAGE} {', '.join(f'ADD COLUMN {name} {CODED_TYPES[name]}' for name in missing)}"]


def cluster_by_key(keys: Mapping[str, Sequence[str]], others: Mapping[str, Sequence[str]]) -> str | None:
    """Return the one-off ALTER that clusters an older table by its key; None where it is, or has no `id` to keep.

    `keys` are its unique keys by name, `others` its other indexes; those that the new primary key replaces are dropped.
    """
    if [column.lower() for column in keys.get("PRIMARY", ())] != ["id"]:
        return None
    same = [name for name, columns in keys.items() if set(columns) == set(KEY)]
    prefixes = [name for name, columns in others.items() if tuple(columns) == KEY[: len(columns)]]
    drops = "".join(f", DROP INDEX `{name}`" for name in (*same, *prefixes))
    return f"ALTER TABLE {PRICES} DROP PRIMARY KEY, ADD PRIMARY KEY ({_KEY}), ADD UNIQUE KEY {ID_KEY_NAME} (id){drops};"


def _for_sqlite(ddl: str) -> list[str]:
    """Return the same for SQLite, which knows no ENUM, no ON UPDATE, no charset and no index inside a table."""
    ddl = _plain(ddl).replace("id BIGINT NOT NULL AUTO_INCREMENT", "id INTEGER PRIMARY KEY AUTOINCREMENT")
    if "AUTOINCREMENT" in ddl:
        ddl = ddl.replace("PRIMARY KEY (", "UNIQUE (").replace(f"    UNIQUE KEY {ID_KEY_NAME} (id),\n", "")
    ddl = re.sub(r"ENUM(\([^)]*\)) NOT NULL", r"VARCHAR(15) NOT NULL CHECK (minute_interval IN \1)", ddl)
    table = re.sub(r"\) ENGINE=.*", ")", ddl.replace(" ON UPDATE CURRENT_TIMESTAMP", ""))
    indexes = re.findall(r",\n    INDEX (\w+) (\([^)]*\))", table)
    table = re.sub(r",\n    INDEX [^\n]*", "", table)
    return [table, *(f"CREATE INDEX {name} ON {PRICES} {columns}" for name, columns in indexes)]


def _plain(text: str) -> str:
    return re.sub(r" CHARACTER SET \w+( COLLATE \w+)?", "", text)
