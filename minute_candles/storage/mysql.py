"""MySQL 8+ and MariaDB 10.11+ through mysql-connector-python; what their errors mean is told in mysql_errors.py."""

import logging
import re
from contextlib import suppress
from typing import Any

import mysql.connector

from minute_candles.config.settings import Database
from minute_candles.core.errors import ConfigError, MinuteDataError, StoreError
from minute_candles.storage.driver import (
    CONNECT_SECONDS,
    LOCK_SECONDS,
    READ_SECONDS,
    Dialect,
    Row,
    Trouble,
    Value,
    one_line,
)
from minute_candles.storage.mysql_errors import BROKEN, CROWDED, MEANINGS, NOT_PRIMARY, READ_ONLY, UNREACHABLE

_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_log = logging.getLogger(__name__)


class MySQL:
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
        for numbers, kind, line in MEANINGS:
            says_so = numbers is READ_ONLY and NOT_PRIMARY.search(error.msg or "")
            if error.errno in numbers or says_so:
                return Trouble(kind, line.format(mark=mark, user=self._database.user))
        return Trouble("fatal", f"데이터베이스가 문장을 거부했습니다 {mark}: {one_line(error.msg)}")

    def refusal(self, error: mysql.connector.Error) -> MinuteDataError:
        """Why the first connection failed, with the settings to look at."""
        number, mark, where = error.errno, _mark(error), self._database
        if number in CROWDED:
            return StoreError(f"{self.judge(error).line} 잠시 뒤 다시 실행하세요.")
        if number == 2005:
            line = f"데이터베이스 호스트를 찾을 수 없습니다: {where.host} {mark}. DB_HOST(또는 DB_URL)를 확인하세요."
        elif number in UNREACHABLE | BROKEN:
            line = f"데이터베이스 서버 {where.host}:{where.port}에 연결할 수 없습니다 {mark}. "
            line += "서버가 켜져 있는지, DB_HOST와 DB_PORT(또는 DB_URL)가 맞는지 확인하세요."
        elif number in {1045, 1698}:
            line = f"데이터베이스가 {where.user} 계정의 로그인을 거부했습니다 {mark}. "
            line += "DB_USER와 DB_PASSWORD(또는 DB_URL)를 확인하세요."
        elif number in {1044, 1049}:
            line = f"{where.name} 데이터베이스가 없거나 {where.user} 계정에 권한이 없습니다 {mark}. "
            line += (
                "DB_NAME(또는 DB_URL)을 확인하거나, 관리자 계정으로 만드세요: "
                f"CREATE DATABASE IF NOT EXISTS `{where.name}` CHARACTER SET utf8mb4; "
                f"CREATE USER IF NOT EXISTS '{where.user}'@'%' IDENTIFIED BY '비밀번호'; "
                f"GRANT ALL ON `{where.name}`.* TO '{where.user}'@'%';"
            )
        else:
            line = f"데이터베이스에 연결할 수 없습니다 {mark}: {one_line(error.msg)} "
            line += "DB_HOST, DB_PORT, DB_USER, DB_PASSWORD(또는 DB_URL)를 확인하세요."
        return ConfigError(line)


def _mark(error: mysql.connector.Error) -> str:
    return f"[{type(error).__name__} {error.errno}]"


def _mysql_dialect(version: str) -> Dialect:
    """MySQL warns of VALUES() since 8.0.20, when the row alias came; MariaDB has no row alias."""
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return "alias" if "mariadb" not in version.lower() and numbers >= [8, 0, 20] else "values"


def warn_without_extension() -> None:
    """Say why mysql-connector runs its slow pure-Python protocol, where it does."""
    if mysql.connector.HAVE_CEXT:
        return
    try:
        import _mysql_connector  # type: ignore[import-not-found]  # noqa: F401

        reason = "알 수 없는 이유"
    except ImportError as error:
        reason = one_line(error)
    _log.warning("⚠️ mysql-connector의 C 확장을 쓸 수 없어 저장이 느려집니다: %s", reason)
