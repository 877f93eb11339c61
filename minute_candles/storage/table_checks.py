"""Whether the tables can hold the truth: a misfit is a `ConfigError` that names the column and the SQL to run."""

import re
from collections.abc import Callable, Mapping, Sequence

from minute_candles.core.errors import ConfigError
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.storage.ddl import COVERAGE, ID_KEY_NAME, KEY, PRICES
from minute_candles.storage.driver import Dialect, Run
from minute_candles.storage.layout import (
    CODED_COLUMNS,
    COVERAGE_COLUMNS,
    DERIVED,
    OHLC,
    STAMPS,
    Column,
    Index,
    digits,
    find_key,
    read_columns,
    read_indexes,
)


def check_prices(run: Run, dialect: Dialect) -> None:
    """Raise `ConfigError` where the table of prices cannot hold true candles."""
    columns, indexes = read_columns(run, dialect, PRICES), read_indexes(run, dialect)
    _check_names(columns, indexes)
    if dialect != "sqlite":
        check_engine(run, PRICES)
        for column in columns:
            _check_key_column(column)
            _check_type(column)
    for name, index in indexes.items():
        if index.unique and set(index.columns) < set(KEY):
            raise ConfigError(
                f"{PRICES}의 고유 키 {name} ({', '.join(index.columns)}) 때문에 여러 간격의 행을 함께 저장할 수 "
                f"없습니다. 지운 뒤 다시 실행하세요: ALTER TABLE {PRICES} DROP INDEX `{name}`;"
            )
    _check_usable(find_key(indexes), indexes, dialect)


def check_coverage(run: Run, dialect: Dialect) -> None:
    """Raise `ConfigError` where the table is somebody else's; columns that an older one lacks are added later."""
    missing = set(COVERAGE_COLUMNS) - set(CODED_COLUMNS) - {c.name for c in read_columns(run, dialect, COVERAGE)}
    if missing:
        raise ConfigError(
            f"{COVERAGE} 테이블에 {', '.join(sorted(missing))} 열이 없습니다. "
            f"지우면 다시 만들어집니다: DROP TABLE {COVERAGE};"
        )
    if dialect != "sqlite":
        check_engine(run, COVERAGE)


def check_engine(run: Run, table: str) -> None:
    """Refuse MyISAM and views: a symbol-day is one transaction."""
    kind, engine, transactions = run(
        "SELECT t.TABLE_TYPE, t.ENGINE, e.TRANSACTIONS FROM information_schema.TABLES AS t"
        " LEFT JOIN information_schema.ENGINES AS e ON e.ENGINE = t.ENGINE"
        " WHERE t.TABLE_SCHEMA = DATABASE() AND t.TABLE_NAME = %s",
        table,
    )[0]
    if "VIEW" in str(kind):
        raise ConfigError(f"{table} 자리에 테이블이 아니라 뷰(VIEW)가 있어 저장할 수 없습니다. DB_NAME을 확인하세요.")
    if transactions != "YES":
        raise ConfigError(
            f"{table}의 엔진({engine})이 트랜잭션을 지원하지 않습니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {table} ENGINE=InnoDB;"
        )


def _check_names(columns: Sequence[Column], indexes: Mapping[str, Index]) -> None:
    names = {column.name for column in columns}
    if missing := [name for name in (*KEY, *OHLC, "volume") if name not in names]:
        raise ConfigError(f"{PRICES} 테이블에 {', '.join(missing)} 열이 없습니다. DB_NAME이 맞는지 확인하세요.")
    known = {*KEY, *OHLC, "volume", *DERIVED, *STAMPS}
    for column in columns:
        if column.name not in known and not column.nullable and not column.fills_itself:
            raise ConfigError(
                f"{PRICES}의 {column.name} 열은 NOT NULL이고 기본값이 없어 행을 저장할 수 없습니다. "
                f"다음 SQL로 바꾸세요: ALTER TABLE {PRICES} {_optional(column, indexes)};"
            )


def _optional(column: Column, indexes: Mapping[str, Index]) -> str:
    """Return the change that lets rows be inserted without the column; one of the primary key cannot be NULL (1171)."""
    if column.name == "id" and re.match(r"(tiny|small|medium|big)?int", column.type):
        is_key = any(index.columns[:1] == ("id",) for index in indexes.values())
        return (
            f"MODIFY id {column.type} NOT NULL AUTO_INCREMENT{'' if is_key else f', ADD UNIQUE KEY {ID_KEY_NAME} (id)'}"
        )
    in_primary = "PRIMARY" in indexes and column.name in indexes["PRIMARY"].columns
    return f"{'DROP PRIMARY KEY, ' if in_primary else ''}MODIFY `{column.name}` {column.type} NULL"


def _check_key_column(column: Column) -> None:
    """Refuse a key that the server fills or changes: MySQL's old default for TIMESTAMP is ON UPDATE."""
    if column.name in KEY and column.changes_itself:
        proper = _FITS[column.name][1]
        if (
            column.type.startswith("timestamp") and not column.generated
        ):  # as it is: a DATETIME depends on the session's time zone
            proper = f"{column.type} NOT NULL DEFAULT '2000-01-01 00:00:00'"
        raise ConfigError(
            f"{PRICES}의 {column.name} 열은 서버가 스스로 채우거나 바꿉니다(ON UPDATE, DEFAULT CURRENT_TIMESTAMP 등). "
            "고유 키의 열이 바뀌면 캔들이 다른 시각으로 옮겨집니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {PRICES} MODIFY `{column.name}` {proper};"
        )


def _check_usable(key: str | None, indexes: Mapping[str, Index], dialect: Dialect) -> None:
    if key is not None and not indexes[key].usable:
        word = "VISIBLE" if dialect == "alias" else "NOT IGNORED"
        raise ConfigError(
            f"{PRICES}의 고유 키({key})가 꺼져 있어(IGNORED/INVISIBLE) 서버가 쓰지 않습니다. "
            f"다음 SQL로 켜세요: ALTER TABLE {PRICES} ALTER INDEX `{key}` {word};"
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
    if column.name in DERIVED and not column.nullable:
        raise ConfigError(
            f"{PRICES}의 {column.name} 열은 증명되지 않은 값을 위해 NULL을 허용해야 합니다. "
            f"다음 SQL로 바꾸세요: ALTER TABLE {PRICES} MODIFY `{column.name}` {column.type} NULL;"
        )


def _holds(whole: int, cents: int = 0, *, integers: str = "") -> Callable[[str], bool]:
    """Accept an exact number: enough digits before and after the point, or one of the integer types; never a float."""

    def fits(kind: str) -> bool:
        before, after = digits(kind)
        is_integer = re.split(r"[( ]", kind)[0] in integers.split()
        return (before >= whole and after >= cents) or is_integer

    return fits


def _holds_text(length: int) -> Callable[[str], bool]:
    def fits(kind: str) -> bool:
        found = re.match(r"(?:var)?char\((\d+)\)", kind)
        return int(found[1]) >= length if found else "text" in kind

    return fits


def _holds_names(kind: str) -> bool:
    """Accept an ENUM with our three values in any order and this case, or text: what is written must come back."""
    if kind.lower().startswith("enum("):
        return set(STORED_INTERVALS.values()) <= set(re.findall(r"'([^']*)'", kind))
    return _holds_text(15)(kind)


def _holds_moments(kind: str) -> bool:
    return kind.startswith(("datetime", "timestamp"))


_NAMES_TYPE = f"ENUM({', '.join(repr(name) for name in STORED_INTERVALS.values())}) NOT NULL"
_FITS: dict[str, tuple[Callable[[str], bool], str]] = {
    "stock_symbol": (_holds_text(6), "VARCHAR(20) NOT NULL"),
    "minute_interval": (_holds_names, _NAMES_TYPE),
    "timestamp": (_holds_moments, "DATETIME NOT NULL"),
    **{name: (_holds(8, integers="int bigint"), "DECIMAL(15,2) NOT NULL") for name in OHLC},
    "volume": (_holds(10, integers="int bigint"), "BIGINT NOT NULL"),
    "price_change": (_holds(8, integers="int bigint"), "DECIMAL(15,2) NULL"),
    "price_change_percent": (_holds(3, 2), "DECIMAL(5,2) NULL"),
    "vwap": (_holds(8, 2), "DECIMAL(15,2) NULL"),
    **dict.fromkeys(STAMPS, (_holds_moments, "DATETIME NULL")),
}
"""What a column's type must be able to hold, and the type to change it to."""
