"""The tables as they are found, and how they are written to: names, columns and keys.

`stock_minute_prices` is shared with the backend and comes in two layouts, the README's and Hibernate's
(`docs/dev/kis_http.md §12`); `stock_minute_coverage` is ours. Nothing here changes or judges a table:
`migrate.py` and `table_checks.py` do.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from minute_candles.storage.ddl import CODED_TYPES, COVERAGE, KEY, PRICES, statements
from minute_candles.storage.driver import Dialect, Row, Run

CODED_COLUMNS = tuple(CODED_TYPES)
_COVERAGE_VALUES = ("count_1min", "count_5min", "count_15min", "status", *CODED_COLUMNS, "note", "verified_at")
COVERAGE_COLUMNS = ("stock_symbol", "trade_date", *_COVERAGE_VALUES)
OHLC = ("open_price", "high_price", "low_price", "close_price")
DERIVED = ("price_change", "price_change_percent", "vwap")
STAMPS = ("created_at", "updated_at")


class Column(NamedTuple):
    """A column as the server describes it; `type` with its arguments, e.g. decimal(15,2), the values of an ENUM as is.

    `fills_itself`: a row may be inserted without it. `changes_itself`: the server writes it though a statement does
    not, or would where one leaves it out.
    """

    name: str
    type: str
    nullable: bool
    fills_itself: bool
    generated: bool
    changes_itself: bool = False


class Index(NamedTuple):
    """An index: its columns in order, and whether queries may use it (neither IGNORED nor INVISIBLE)."""

    columns: tuple[str, ...]
    unique: bool
    usable: bool = True


@dataclass(frozen=True)
class TableLayout:
    """What was found: `coverage` its table's columns, `derived` and `stamps` the optional ones of the prices."""

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
        return (*OHLC, "volume", *self.derived)

    @property
    def written(self) -> tuple[str, ...]:
        """The columns of a row that is inserted."""
        return (*KEY, *self.values, *self.stamps)

    @property
    def selected(self) -> str:
        """`values` for a SELECT."""
        return ", ".join(self.reading.get(column, column) for column in self.values)


def inspect(run: Run, dialect: Dialect) -> TableLayout:
    """Return what was found, without judging it."""
    columns = {column.name: column for column in read_columns(run, dialect, PRICES)}
    ours = {name for name, column in columns.items() if not column.generated}
    percent = columns.get("price_change_percent")
    key = find_key(read_indexes(run, dialect))
    return TableLayout(
        prices=bool(columns),
        coverage=tuple(column.name for column in read_columns(run, dialect, COVERAGE)),
        key=key,
        derived=tuple(name for name in DERIVED if name in ours),
        stamps=tuple(name for name in STAMPS if name in ours),
        percent_limit=10 ** digits(percent.type)[0] if percent else 0,
        reading={name: f"CAST({name} AS TEXT)" for name in DERIVED} if dialect == "sqlite" else {},
        hint=f" FORCE INDEX (`{key}`)" if key and dialect != "sqlite" else "",
    )


def upsert_prices(dialect: Dialect, layout: TableLayout, rows: str) -> str:
    """Return one statement for many rows; a row that is stored already keeps its `id` and `created_at`."""
    changing = (*layout.values, *(name for name in layout.stamps if name != "created_at"))
    return _upsert(dialect, PRICES, layout.written, KEY, changing, rows)


def upsert_coverage(dialect: Dialect, rows: str) -> str:
    """Return the statement that writes rows of all columns."""
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
    """Return the columns of a table, [] where it does not exist."""
    if dialect == "sqlite":
        return [_sqlite_column(row) for row in run(f"PRAGMA table_xinfo({table})")]
    rows = run(
        "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA FROM information_schema.COLUMNS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY ORDINAL_POSITION",
        table,
    )
    return [_server_column(row) for row in rows]


def _server_column(row: Row) -> Column:
    """Keep the case of an ENUM's values: the server returns them as they are declared."""
    name, kind, default, extra = _text(row[0]).lower(), _text(row[1]), _text(row[3]).lower(), _text(row[4]).lower()
    generated = " generated" in f" {extra}".replace("default_generated", "")
    counts = "auto_increment" in extra
    changes = generated or counts or "on update" in extra or default.startswith(("current_timestamp", "now("))
    kind = kind if kind.lower().startswith("enum(") else kind.lower()
    return Column(name, kind, row[2] == "YES", row[3] is not None or counts or generated, generated, changes)


def _sqlite_column(row: Row) -> Column:
    _, name, kind, not_null, default, primary, hidden = row
    return Column(name.lower(), kind.lower(), not not_null, default is not None or bool(primary), hidden in (2, 3))


def collation(run: Run, dialect: Dialect, table: str, column: str = "stock_symbol") -> str | None:
    """Return how a server compares the column; None for SQLite, and where there is no such column."""
    if dialect == "sqlite":
        return None
    rows = run(
        "SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s"
        " AND COLUMN_NAME = %s",
        table, column,
    )  # fmt: skip
    return _text(rows[0][0]) if rows and rows[0][0] else None


def make_table(run: Run, dialect: Dialect, table: str, ddl: str) -> None:
    """Make a table of ours where it is missing; its symbols compare as those of the prices do."""
    if not read_columns(run, dialect, table):
        for statement in statements(ddl, dialect, collation(run, dialect, PRICES)):
            run(statement)


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes | bytearray) else str(value)


def read_indexes(run: Run, dialect: Dialect) -> dict[str, Index]:
    """Return the indexes of the prices by name; one over a column's first characters names it `column(n)`."""
    if dialect == "sqlite":
        found = run(f"PRAGMA index_list({PRICES})")
        return {
            row[1]: Index(tuple(part[2] for part in run(f"PRAGMA index_info({row[1]})")), bool(row[2])) for row in found
        }
    usable = _usable_column(run)
    columns: dict[str, list[str]] = {}
    kinds: dict[str, tuple[bool, bool]] = {}
    for name, column, part, repeats, flag in run(
        f"SELECT INDEX_NAME, COLUMN_NAME, SUB_PART, NON_UNIQUE, {usable} FROM information_schema.STATISTICS"
        " WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = %s ORDER BY INDEX_NAME, SEQ_IN_INDEX",
        PRICES,
    ):
        columns.setdefault(name, []).append(f"{column}({part})" if part else str(column).lower())
        kinds[name] = (not int(repeats), _text(flag) == "YES")
    return {name: Index(tuple(columns[name]), *kinds[name]) for name in columns}


def _usable_column(run: Run) -> str:
    """Return the column that says whether an index is used.

    MariaDB has IGNORED since 10.6, MySQL IS_VISIBLE since 8.0; an older server has neither.
    """
    known = {
        _text(row[0]).upper()
        for row in run(
            "SELECT COLUMN_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'information_schema'"
            " AND TABLE_NAME = 'STATISTICS' AND COLUMN_NAME IN ('IGNORED', 'IS_VISIBLE')"
        )
    }
    if "IGNORED" in known:
        return "IF(IGNORED = 'YES', 'NO', 'YES')"
    return "IS_VISIBLE" if "IS_VISIBLE" in known else "'YES'"


def find_key(indexes: dict[str, Index]) -> str | None:
    """Return the name of a unique key over symbol, interval and time, in any order; one that is usable comes first."""
    same = [name for name, index in indexes.items() if index.unique and set(index.columns) == set(KEY)]
    return min(same, key=lambda name: (not indexes[name].usable, name != "PRIMARY"), default=None)


def digits(kind: str) -> tuple[int, int]:
    """Return the digits before and after the point: decimal(15,2) has 13 and 2; another type (-1, 0)."""
    found = re.match(r"(?:decimal|numeric)\((\d+)(?:,\s*(\d+))?\)", kind)
    scale = int(found[2] or 0) if found else 0
    return (int(found[1]) - scale if found else -1), scale
