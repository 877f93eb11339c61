"""One connection to the user's database that survives restarts, quiet nights, locks and crowds.

    link = Link(database, clock)
    link.open()                                   # ConfigError, quick: the settings are wrong
    rows = link.transaction(lambda run: run("SELECT 1 FROM t WHERE a = %s", 7))

A transaction is a function of `run`; it is repeated as a whole after a lost connection, a deadlock or a lock that was
waited for too long, so it must not change anything but the database. `db.py` and `db_schema.py` hold the SQL.
"""

import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal
from threading import Lock
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import mysql.connector

from clock import Clock
from errors import ConfigError, MinuteDataError, StoreError, StoreLost
from settings import Database

log = logging.getLogger("minute_data")

Value = str | int | Decimal | datetime | date | None
Row = tuple[Any, ...]
Dialect = Literal["alias", "values", "sqlite"]
"""How an upsert is written: MySQL from 8.0.20, MariaDB and older MySQL, SQLite."""
T = TypeVar("T")

CONNECT_SECONDS = 5
READ_SECONDS = 20
"""libmysqlclient tries three times: a server that fell silent is noticed within a minute."""
LOCK_SECONDS = 5
_LONGEST_PAUSE = {"lost": 5.0, "locked": 0.5, "disturbed": 0.0}
_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"

Kind = Literal["lost", "locked", "disturbed", "fatal"]
_UNREACHABLE = {2002, 2003, 2004, 2005}
_HALF_OPEN = {1043, 2012, 2026}
_KILLED = {1053, 1077, 1079, 1080, 1317, 1927, 3024, 4031}
_BROKEN = {-1, 1152, 1158, 1159, 1160, 1161, 2006, 2013, 2014, 2027, 2055, *_KILLED}
_CROWDED = {1040, 1203, 1226}
_LOCKED = {1020, 1205, 1213, 3572}
_FORBIDDEN = {1044, 1045, 1130, 1142, 1143, 1227, 1370, 1698}
_MEANINGS: tuple[tuple[set[int], Kind, str], ...] = (
    (_UNREACHABLE | _HALF_OPEN | _BROKEN, "lost", "데이터베이스 연결이 끊어졌습니다 {mark}."),
    (_CROWDED, "locked", "데이터베이스의 연결 수가 한도에 이르렀습니다 {mark}."),
    (_LOCKED, "locked", "다른 연결이 같은 행이나 테이블을 잠그고 있습니다 {mark}."),
    (
        {1290, 1792, 1836, 3100},
        "fatal",
        "데이터베이스가 읽기 전용입니다 {mark}. 쓸 수 있는 서버(DB_HOST)인지 확인하세요.",
    ),
    (
        {3, 28, 1021, 1026, 1030, 1114},
        "fatal",
        "데이터베이스 서버의 디스크나 테이블 공간이 가득 찼습니다 {mark}. 공간을 비운 뒤 다시 실행하세요.",
    ),
    (
        _FORBIDDEN,
        "fatal",
        "{user} 계정에 이 작업의 권한이 없습니다 {mark}. 관리자에게 권한(GRANT)을 요청하세요.",
    ),
)
"""What a server's or the client library's error number means."""


class Run(Protocol):
    """Run one statement; the rows of its answer, [] where it has none. Parameters are written %s."""

    def __call__(self, sql: str, *params: Value) -> list[Row]: ...


class TryAgain(Exception):
    """Raised by a transaction that found the table changed under its hands."""


class Trouble(NamedTuple):
    """What an error means: all but `fatal` are worth a repetition; one that was `disturbed` is repeated guarded."""

    kind: Kind
    line: str


class Link:
    """One connection, one transaction at a time, shared by all threads.

    `patience`: seconds that a lost server is waited for, counted from the moment it was lost, for all threads together.
    """

    def __init__(self, database: Database, clock: Clock, *, patience: float = 120.0) -> None:
        self._driver: _Driver = _SQLite(database) if database.kind == "sqlite" else _MySQL(database)
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._lost_since: float | None = None
        self._closed = False

    @property
    def dialect(self) -> Dialect:
        return self._driver.dialect

    def open(self) -> None:
        """Connect for the first time; `ConfigError` in one line where the settings cannot be right."""
        with self._lock:
            deadline = self._clock.time() + CONNECT_SECONDS
            while True:
                try:
                    return self._driver.connect(unhurried=False)
                except self._driver.errors as error:
                    trouble = self._driver.judge(error)
                    if trouble.kind != "locked" or self._clock.time() > deadline:
                        raise self._driver.refusal(error) from None
                self._clock.sleep(0.5)

    def transaction(self, work: Callable[[Run], T], *, unhurried: bool = False) -> T:
        """Run `work` in one transaction and commit; whatever it raises rolls back.

        `unhurried`: its statements may take minutes (DDL on a large table). Raises `StoreLost` when patience is used
        up, `StoreError` where repeating is of no use, `Stopped` when a stop is asked for during the wait.
        """
        with self._lock:
            began, pause, guarded = self._clock.time(), 0.05, False
            while True:
                try:
                    return self._attempt(work, unhurried, guarded)
                except _Failed as failed:
                    trouble = failed.trouble
                self._give_up_or_wait(trouble, began, min(pause, _LONGEST_PAUSE.get(trouble.kind, 0.0)))
                pause, guarded = pause * 2, guarded or trouble.kind == "disturbed"

    def _attempt(self, work: Callable[[Run], T], unhurried: bool, guarded: bool) -> T:
        if self._closed:
            raise StoreError("데이터베이스 연결이 이미 닫혔습니다.")
        driver = self._driver
        try:
            self._connect(unhurried)
            driver.begin(guarded)
            result = work(driver.run)
            driver.commit()
        except TryAgain as error:
            self._roll_back()
            raise _Failed(Trouble("fatal" if guarded else "disturbed", str(error))) from None
        except driver.errors as error:
            raise _Failed(self._after(driver.judge(error))) from None
        except BaseException:
            self._roll_back()
            raise
        self._found()
        return result

    def _connect(self, unhurried: bool) -> None:
        if self._lost_since is not None:
            self._clock.check()
        if not self._driver.connected(unhurried):
            self._driver.connect(unhurried)

    def _found(self) -> None:
        if self._lost_since is not None:
            log.info("✅ 데이터베이스 재연결 성공")
        self._lost_since = None

    def _after(self, trouble: Trouble) -> Trouble:
        if trouble.kind == "lost":
            self._driver.drop()
            if self._lost_since is None:
                self._lost_since = self._clock.time()
                log.warning("⚠️ %s 다시 연결합니다.", trouble.line)
        else:
            self._roll_back()
        return trouble

    def _give_up_or_wait(self, trouble: Trouble, began: float, pause: float) -> None:
        if trouble.kind == "fatal" or self._closed:
            raise StoreError(trouble.line)
        since = self._lost_since if trouble.kind == "lost" and self._lost_since is not None else began
        waited = self._clock.time() - since
        if waited >= self._patience:
            kind = StoreLost if trouble.kind == "lost" else StoreError
            raise kind(f"{trouble.line} {waited:.0f}초 동안 되풀이했습니다. 서버를 확인한 뒤 다시 실행하세요.")
        self._clock.sleep(min(pause, self._patience - waited))

    def _roll_back(self) -> None:
        try:
            self._driver.rollback()
        except self._driver.errors:
            self._driver.drop()

    def close(self) -> bool:
        """Close after the transaction in hand; who waits for a turn gives up. False when it was closed before."""
        was_open, self._closed = not self._closed, True
        with self._lock:
            self._driver.drop()
        return was_open


class _Failed(Exception):
    def __init__(self, trouble: Trouble) -> None:
        self.trouble = trouble


class _Driver(Protocol):
    dialect: Dialect
    errors: type[Exception]

    def connect(self, unhurried: bool) -> None: ...
    def connected(self, unhurried: bool) -> bool: ...
    def begin(self, guarded: bool) -> None: ...
    def run(self, sql: str, *params: Value) -> list[Row]: ...
    def commit(self) -> None: ...
    def rollback(self) -> None: ...
    def drop(self) -> None: ...
    def judge(self, error: Any) -> Trouble: ...
    def refusal(self, error: Any) -> MinuteDataError: ...


class _MySQL:
    """MySQL 8+ and MariaDB 10.11+ through mysql-connector-python."""

    errors: type[Exception] = mysql.connector.Error

    def __init__(self, database: Database) -> None:
        self.dialect: Dialect = "values"
        self._database = database
        self._connection: Any = None
        self._cursor: Any = None
        self._unhurried = False

    def connect(self, unhurried: bool) -> None:
        self.drop()
        self._connection = mysql.connector.connect(**self._arguments(unhurried))
        self._unhurried = unhurried
        self._cursor = self._connection.cursor()
        self.run("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED")
        self.run(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, SESSION lock_wait_timeout = {LOCK_SECONDS}")
        self.dialect = _mysql_dialect(str(self.run("SELECT VERSION()")[0][0]))

    def _arguments(self, unhurried: bool) -> dict[str, Any]:
        """MariaDB has no utf8mb4_0900_ai_ci, the connector's default."""
        database = self._database
        return {
            "host": database.host, "port": database.port, "user": database.user, "password": database.password,
            "database": database.name, "charset": "utf8mb4", "collation": "utf8mb4_general_ci", "autocommit": False,
            "time_zone": "+09:00", "sql_mode": _SQL_MODE, "connection_timeout": CONNECT_SECONDS,
            "read_timeout": None if unhurried else READ_SECONDS, "write_timeout": READ_SECONDS,
        }  # fmt: skip

    def connected(self, unhurried: bool) -> bool:
        return self._connection is not None and self._unhurried == unhurried

    def begin(self, guarded: bool) -> None:
        """The first statement begins the transaction; `guarded`: no other writer can insert where it has read to write.

        Not from the start: on an empty table two writers would guard the same gap against each other.
        """
        if guarded:
            self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def run(self, sql: str, *params: Value) -> list[Row]:
        """One cursor for all statements: the connector pings the server for every new one.

        A whole day's INSERT goes past it: a cursor searches all of its text for a change of the delimiter.
        """
        if sql.startswith("INSERT") and not params:
            self._connection.cmd_query(sql)
            return []
        self._cursor.execute(sql, params)
        rows: list[Row] = self._cursor.fetchall() if self._cursor.with_rows else []
        return rows

    def commit(self) -> None:
        """As a statement: the connector's own commit() raises what is no `mysql.connector.Error` on a lost server."""
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection is not None:
            self.run("ROLLBACK")

    def drop(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with suppress(mysql.connector.Error, OSError):
                connection.close()

    def judge(self, error: mysql.connector.Error) -> Trouble:
        mark = _mark(error)
        for numbers, kind, line in _MEANINGS:
            if error.errno in numbers:
                return Trouble(kind, line.format(mark=mark, user=self._database.user))
        return Trouble("fatal", f"데이터베이스가 문장을 거부했습니다 {mark}: {_one_line(error.msg)}")

    def refusal(self, error: mysql.connector.Error) -> MinuteDataError:
        """Why the first connection failed, with the settings to look at."""
        number, mark, where = error.errno, _mark(error), self._database
        if number in _CROWDED:
            return StoreError(f"{self.judge(error).line} 잠시 뒤 다시 실행하세요.")
        if number == 2005:
            line = f"데이터베이스 호스트 {where.host}을(를) 찾을 수 없습니다 {mark}. DB_HOST(또는 DB_URL)를 확인하세요."
        elif number in _UNREACHABLE | _BROKEN:
            line = f"데이터베이스 서버 {where.host}:{where.port}에 연결할 수 없습니다 {mark}. "
            line += "서버가 켜져 있는지, DB_HOST와 DB_PORT(또는 DB_URL)가 맞는지 확인하세요."
        elif number in {1045, 1698}:
            line = f"데이터베이스가 {where.user} 계정의 로그인을 거부했습니다 {mark}. "
            line += "DB_USER와 DB_PASSWORD(또는 DB_URL)를 확인하세요."
        elif number in {1044, 1049}:
            line = f"데이터베이스 {where.name}이(가) 없거나 {where.user} 계정에 권한이 없습니다 {mark}. "
            line += f"DB_NAME(또는 DB_URL)을 확인하거나 만드세요: CREATE DATABASE `{where.name}` CHARACTER SET utf8mb4;"
        else:
            line = f"데이터베이스에 연결할 수 없습니다 {mark}: {_one_line(error.msg)} "
            line += "DB_HOST, DB_PORT, DB_USER, DB_PASSWORD(또는 DB_URL)를 확인하세요."
        return ConfigError(line)


class _SQLite:
    """The embedded default: a file, WAL, one writer at a time."""

    errors: type[Exception] = sqlite3.Error
    dialect: Dialect = "sqlite"

    def __init__(self, database: Database) -> None:
        assert database.path is not None
        self._path = database.path
        self._connection: sqlite3.Connection | None = None

    def connect(self, unhurried: bool) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"폴더 {self._path.parent}을(를) 만들 수 없습니다 [{type(error).__name__}]. DB_URL을 확인하세요."
            ) from None
        connection = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    def connected(self, unhurried: bool) -> bool:
        return self._connection is not None

    def begin(self, guarded: bool) -> None:
        """Nobody else writes from here on."""
        self.run("BEGIN IMMEDIATE")

    def run(self, sql: str, *params: Value) -> list[Row]:
        assert self._connection is not None
        return self._connection.execute(sql.replace("%s", "?"), [_as_text(value) for value in params]).fetchall()

    def commit(self) -> None:
        self.run("COMMIT")

    def rollback(self) -> None:
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def judge(self, error: sqlite3.Error) -> Trouble:
        code, path = _sqlite_code(error), self._path
        mark = f"[{type(error).__name__} {code}]"
        if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
            return Trouble("locked", f"다른 프로세스가 {path}을(를) 잠그고 있습니다 {mark}.")
        if code == sqlite3.SQLITE_READONLY:
            return Trouble("fatal", f"{path}에 쓸 수 없습니다 {mark}. 파일과 폴더의 권한을 확인하세요.")
        if code == sqlite3.SQLITE_FULL:
            return Trouble("fatal", f"{path}이(가) 있는 디스크가 가득 찼습니다 {mark}. 공간을 비우고 다시 실행하세요.")
        return Trouble("fatal", f"SQLite 파일 {path}에 문제가 있습니다 {mark}: {_one_line(error)}")

    def refusal(self, error: sqlite3.Error) -> MinuteDataError:
        return ConfigError(f"{self.judge(error).line} DB_URL을 확인하세요.")


def _mark(error: mysql.connector.Error) -> str:
    return f"[{type(error).__name__} {error.errno}]"


def _mysql_dialect(version: str) -> Dialect:
    """MySQL warns of VALUES() since 8.0.20, when the row alias came; MariaDB has no row alias."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return "alias" if "mariadb" not in version.lower() and numbers >= [8, 0, 20] else "values"


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())[:300]


def _sqlite_code(error: sqlite3.Error) -> int:
    """The primary result code; the extended ones carry it in their low byte."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _as_text(value: Value) -> str | int | None:
    """SQLite has neither dates nor decimals: ISO text; DECIMAL columns turn '70123.45' back into a number."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def warn_without_extension() -> None:
    """Say why mysql-connector runs its slow pure-Python protocol, where it does."""
    if mysql.connector.HAVE_CEXT:
        return
    try:
        import _mysql_connector  # type: ignore[import-not-found]  # noqa: F401

        reason = "알 수 없는 이유"
    except ImportError as error:
        reason = _one_line(error)
    log.warning("⚠️ mysql-connector의 C 확장을 쓸 수 없어 저장이 느려집니다: %s", reason)
