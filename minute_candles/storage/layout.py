"""The tables as they are found, and how they are written to: names, columns, keys, and whether they can hold the truth.

`stock_minute_prices` is shared with the backend and comes in two shapes, the README's and Hibernate's (kis_http.md §12);
`stock_minute_coverage` is ours. Nothing here changes a table; `schema.py` does.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.storage.driver import Dialect, Row, Run

PRICES, COVERAGE = "stock_minute_prices", "stock_minute_coverage"
NAMES = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}
"""The intervals in the order in which their rows are written."""
KEY = ("stock_symbol", "minute_interval", "timestamp")
CODED_COLUMNS = ("reasons", "evidence", "adjustment")
"""Columns of the coverage table that an older one lacks."""
_COVERAGE_VALUES = ("count_1min", "count_5min", "count_15min", "status", *CODED_COLUMNS, "note", "verified_at")
COVERAGE_COLUMNS = ("stock_symbol", "trade_date", *_COVERAGE_VALUES)
_OHLC = ("open_price", "high_price", "low_price", "close_price")
_DERIVED = ("price_change", "price_change_percent", "vwap")
_STAMPS = ("created_at", "updated_at")


class Column(NamedTuple):
    """A column as the server describes it; `type` in lower case with its arguments, e.g. decimal(15,2)."""

    name: str
    type: str
    nullable: bool
    fills_itself: bool
    generated: bool


@dataclass(frozen=True)
class TableLayout:
    """What stands there: `coverage` its table's columns, `derived` and `stamps` the optional ones of the prices."""

    prices: bool = False
    coverage: tuple[str, ...] = ()
    key: str | None = None
    derived: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    percent_limit: int = 1000
    reading: dict[str, str] = field(default_factory=dict)
    hint: str = ""

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that make two rows of one key equal or different."""
        return (*_OHLC, "volume", *self.derived)

    @property
    def written(self) -> tuple[str, ...]:
        return (*KEY, *self.values, *self.stamps)

    @property
    def selected(self) -> str:
        """`values` for a SELECT."""
        return ", ".join(self.reading.get(column, column) for column in self.values)


def inspect(run: Run, dialect: Dialect) -> TableLayout:
    """What stands there, without judging it."""
    columns = {column.name: column for column in read_columns(run, dialect, PRICES)}
    ours = {name for name, column in columns.items() if not column.generated}
    percent = columns.get("price_change_percent")
    key = find_key(run, dialect)
    return TableLayout(
        prices=bool(columns),
        coverage=tuple(column.name for column in read_columns(run, dialect, COVERAGE)),
        key=key,
        derived=tuple(name for name in _DERIVED if name in ours),
        stamps=tuple(name for name in _STAMPS if name in ours),
        percent_limit=10 ** _digits(percent.type)[0] if percent else 0,
        reading={name: f"CAST({name} AS TEXT)" for name in _DERIVED} if dialect == "sqlite" else {},
        hint=f" FORCE INDEX (`{key}`)" if key and dialect != "sqlite" else "",
    )


def upsert_prices(dialect: Dialect, layout: TableLayout, rows: str) -> str:
    """Many rows in one statement; a row that stands already keeps its `id` and `created_at`."""
    changing = (*layout.values, *(name for name in layout.stamps if name != "created_at"))
    return _upsert(dialect, PRICES, layout.written, KEY, changing, rows)


def upsert_coverage(dialect: Dialect, rows: str) -> str:
    return _upsert(dialect, COVERAGE, COVERAGE_COLUMNS, COVERAGE_COLUMNS[:2], _COVERAGE_VALUES, rows)


def _upsert(
    dialect: Dialect, table: str, columns: Sequence[str], key: Sequence[str], changing: Sequence[str], rows: str
) -> str:
    insert = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {rows}"
    if dialect == "alias":
        return f"{insert} AS new ON DUPLICATE KEY UPDATE {', '.join(f'{c} = new.{c}' for c in changing)}"
    if dialect == "values":
        return f"{insert} ON DUPLICATE KEY UPDATE {', '.join(f'{c} = VALUES({c})' for c in changing)}"
    return f"{insert} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {', '.join(f'{c} = excluded.{c}' for c in changing)}"


def read_columns(run: Run, dialect: Dialect, table: str) -> list[Column]:
    """The columns of a table, [] where it does not stand."""
    if dialect == "sqlite":
        return [_sqlite_column(row) for row in run(f"PRAGMA table_xinfo({table})")]
    rows = run(
        "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        table,
    )
    return [_server_column(row) for row in rows]


def symbol_collation(run: Run, dialect: Dialect, table: str) -> str | None:
    """Return how a server compares the table's symbols; None for SQLite."""
    if dialect == "sqlite":
        return None
    rows = run(
        "SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
        " AND COLUMN_NAME = 'stock_symbol'",
        table,
    )
    return _text(rows[0][0]) if rows and rows[0][0] else None


def _server_column(row: Row) -> Column:
    name, kind, extra = (_text(value).lower() for value in (row[0], row[1], row[4]))
    generated = " generated" in f" {extra}".replace("default_generated", "")
    fills_itself = row[3] is not None or "auto_increment" in extra or generated
    return Column(name, kind, row[2] == "YES", fills_itself, generated)


def _sqlite_column(row: Row) -> Column:
    _, name, kind, not_null, default, primary, hidden = row
    return Column(name.lower(), kind.lower(), not not_null, default is not None or bool(primary), hidden in (2, 3))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def find_key(run: Run, dialect: Dialect) -> str | None:
    """The name of a unique key over symbol, interval and time, in any order."""
    keys = _unique_keys(run, dialect)
    return next((name for name, columns in keys.items() if set(columns) == set(KEY)), None)


def _unique_keys(run: Run, dialect: Dialect) -> dict[str, list[str]]:
    """Columns by name of the key; a key over a column's first characters is none."""
    if dialect == "sqlite":
        names = [row[1] for row in run(f"PRAGMA index_list({PRICES})") if row[2]]
        return {name: [row[2] for row in run(f"PRAGMA index_info({name})")] for name in names}
    keys: dict[str, list[str]] = {}
    for name, column, part in run(
        "SELECT INDEX_NAME, COLUMN_NAME, SUB_PART FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_NAME = %s AND NON_UNIQUE = 0 ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        PRICES,
    ):
        keys.setdefault(name, []).append(f"{column}({part})" if part else str(column).lower())
    return keys


def check_prices(run: Run, dialect: Dialect) -> None:
    """Raise `ConfigError` where the table cannot hold true candles, naming the column and the SQL that mends it."""
    columns = read_columns(run, dialect, PRICES)
    _check_names(columns)
    if dialect != "sqlite":
        check_engine(run, PRICES)
        for column in columns:
            _check_type(column)
    for name, key in _unique_keys(run, dialect).items():
        if set(key) < set(KEY):
            raise ConfigError(
                f"{PRICES}의 고유 키 {name} ({', '.join(key)}) 때문에 여러 간격의 행을 함께 저장할 수 없습니다. "
                f"지운 뒤 다시 실행하세요: ALTER TABLE {PRICES} DROP INDEX `{name}`;"
            )


def check_coverage(run: Run, dialect: Dialect) -> None:
    missing = (
        set(COVERAGE_COLUMNS) - set(CODED_COLUMNS) - {column.name for column in read_columns(run, dialect, COVERAGE)}
    )
    if missing:
        raise ConfigError(
            f"{COVERAGE} 테이블에 {', '.join(sorted(missing))} 열이 없습니다. "
            f"지우면 다시 만들어집니다: DROP TABLE {COVERAGE};"
        )
    if dialect != "sqlite":
        check_engine(run, COVERAGE)


def check_engine(run: Run, table: str) -> None:
    """Law 2 needs transactions: no MyISAM, no view."""
    kind, engine, transactions = run(
        "SELECT t.TABLE_TYPE, t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES AS t"
        " LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE"
        " WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = %s",
        table,
    )[0]
    if "VIEW" in _text(kind):
        raise ConfigError(f"{table} 자리에 테이블이 아니라 뷰(VIEW)가 있어 저장할 수 없습니다. DB_NAME을 확인하세요.")
    if transactions != "YES":
        raise ConfigError(
            f"{table}의 엔진({engine})이 트랜잭션을 지원하지 않습니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {table} ENGINE=InnoDB;"
        )


def _check_names(columns: Sequence[Column]) -> None:
    names = {column.name for column in columns}
    if missing := [name for name in (*KEY, *_OHLC, "volume") if name not in names]:
        raise ConfigError(f"{PRICES} 테이블에 {', '.join(missing)} 열이 없습니다. DB_NAME이 맞는지 확인하세요.")
    known = {*KEY, *_OHLC, "volume", *_DERIVED, *_STAMPS}
    for column in columns:
        if column.name not in known and not column.nullable and not column.fills_itself:
            raise ConfigError(
                f"{PRICES}의 {column.name} 열은 NOT NULL이고 기본값이 없어 행을 저장할 수 없습니다. "
                f"NULL을 허용하세요: ALTER TABLE {PRICES} MODIFY `{column.name}` {column.type} NULL;"
            )


def _check_type(column: Column) -> None:
    if column.name not in _FITS or column.generated:
        return
    fits, proper = _FITS[column.name]
    if not fits(column.type):
        raise ConfigError(
            f"{PRICES}의 {column.name} 열({column.type})은 우리 값을 담을 수 없습니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {PRICES} MODIFY `{column.name}` {proper};"
        )
    if column.name in _DERIVED and not column.nullable:
        raise ConfigError(
            f"{PRICES}의 {column.name} 열은 증명되지 않은 값을 위해 NULL을 허용해야 합니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {PRICES} MODIFY `{column.name}` {column.type} NULL;"
        )


def _digits(kind: str) -> tuple[int, int]:
    """Digits before and after the point: decimal(15,2) has 13 and 2; another type (-1, 0)."""
    found = re.match(r"(?:decimal|numeric)\((\d+)(?:,\s*(\d+))?\)", kind)
    scale = int(found[2] or 0) if found else 0
    return (int(found[1]) - scale if found else -1), scale


def _holds(whole: int, cents: int = 0, *, integers: str = "") -> Callable[[str], bool]:
    """An exact number: enough digits before and after the point, or one of the integer types; never a float."""

    def fits(kind: str) -> bool:
        before, after = _digits(kind)
        is_integer = re.split(r"[( ]", kind)[0] in integers.split()
        return (before >= whole and after >= cents) or is_integer

    return fits


def _holds_text(length: int) -> Callable[[str], bool]:
    def fits(kind: str) -> bool:
        found = re.match(r"(?:var)?char\((\d+)\)", kind)
        return int(found[1]) >= length if found else "text" in kind

    return fits


def _holds_names(kind: str) -> bool:
    """An ENUM with our three values in any order, or text."""
    if kind.startswith("enum("):
        return {name.lower() for name in NAMES.values()} <= set(re.findall(r"'([^']*)'", kind))
    return _holds_text(15)(kind)


def _holds_moments(kind: str) -> bool:
    return kind.startswith(("datetime", "timestamp"))


_NAMES_TYPE = f"ENUM({', '.join(repr(name) for name in NAMES.values())}) NOT NULL"
_FITS: dict[str, tuple[Callable[[str], bool], str]] = {
    "stock_symbol": (_holds_text(6), "VARCHAR(20) NOT NULL"),
    "minute_interval": (_holds_names, _NAMES_TYPE),
    "timestamp": (_holds_moments, "DATETIME NOT NULL"),
    **{name: (_holds(8, integers="int bigint"), "DECIMAL(15,2) NOT NULL") for name in _OHLC},
    "volume": (_holds(10, integers="int bigint"), "BIGINT NOT NULL"),
    "price_change": (_holds(8, integers="int bigint"), "DECIMAL(15,2) NULL"),
    "price_change_percent": (_holds(3, 2), "DECIMAL(5,2) NULL"),
    "vwap": (_holds(8, 2), "DECIMAL(15,2) NULL"),
    **dict.fromkeys(_STAMPS, (_holds_moments, "DATETIME NULL")),
}
"""What a column's type must be able to hold, and the type to change it to."""
