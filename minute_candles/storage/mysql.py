"""MySQL 8+ and MariaDB 10.11+ through mysql-connector-python; what their errors mean is in mysql_errors.py."""

import logging
import re
from contextlib import suppress
from typing import Any

import mysql.connector

from minute_candles.config.settings import Database
from minute_candles.storage.driver import (
    AWAY,
    CONNECT_SECONDS,
    LOCK_SECONDS,
    READ_SECONDS,
    Dialect,
    Failure,
    Row,
    Value,
    one_line,
)
from minute_candles.storage.mysql_errors import problem_of

_SQL_MODE = "STRICT_ALL_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
_READ_ONLY = 1290
_log = logging.getLogger(__name__)


class MySQL:
    """One connection to the first of `DB_HOST` that answers; of several only a writable one is kept.

    `read_only`: the connection only reads, any server will do.
    """

    errors: type[Exception] = mysql.connector.Error

    def __init__(self, database: Database, *, read_only: bool = False) -> None:
        self.dialect: Dialect = "values"
        self._database, self._places = database, database.addresses()
        self.has_alternatives = len(self._places) > 1
        self._must_write = self.has_alternatives and not read_only
        self._connection: Any = None
        self._cursor: Any = None
        self._unhurried = False

    def connect(self, *, unhurried: bool) -> None:
        """Try the servers in turn, the one that served last first; raises the error that says most."""
        self.drop()
        failed: list[mysql.connector.Error] = []
        for place in list(self._places):
            try:
                self._open(place, unhurried=unhurried)
            except mysql.connector.Error as error:
                self.drop()
                failed.append(error)
            else:
                self._places.remove(place)
                self._places.insert(0, place)
                return
        raise next((error for error in failed if self.judge(error).problem not in AWAY), failed[0])

    def _open(self, place: tuple[str, int], *, unhurried: bool) -> None:
        self._connection = mysql.connector.connect(**self._arguments(place, unhurried=unhurried))
        self._unhurried = unhurried
        self._cursor = self._connection.cursor()
        isolation = "REPEATABLE READ" if self._logs_statements() else "READ COMMITTED"
        self.run(f"SET SESSION TRANSACTION ISOLATION LEVEL {isolation}")
        self.run(f"SET SESSION innodb_lock_wait_timeout = {LOCK_SECONDS}, SESSION lock_wait_timeout = {LOCK_SECONDS}")
        self.dialect = _mysql_dialect(str(self.run("SELECT VERSION()")[0][0]))
        if self._must_write and int(self.run("SELECT @@GLOBAL.read_only")[0][0]):
            raise mysql.connector.Error(msg="read-only", errno=_READ_ONLY)

    def _arguments(self, place: tuple[str, int], *, unhurried: bool) -> dict[str, Any]:
        """Return the connector's arguments, with a collation that both servers have.

        MariaDB has no utf8mb4_0900_ai_ci, the connector's default.
        """
        database = self._database
        secure = {"ssl_ca": str(database.ssl_ca), "ssl_verify_cert": True} if database.ssl_ca else {}
        return {
            "host": place[0], "port": place[1], "user": database.user, "password": database.password,
            "database": database.name, "charset": "utf8mb4", "collation": "utf8mb4_general_ci", "autocommit": False,
            "time_zone": "+09:00", "sql_mode": _SQL_MODE, "connection_timeout": CONNECT_SECONDS,
            "read_timeout": None if unhurried else READ_SECONDS, "write_timeout": READ_SECONDS, **secure,
        }  # fmt: skip

    def _logs_statements(self) -> bool:
        """Return whether the server logs statements, not rows: it refuses READ COMMITTED then (1665)."""
        try:
            [(logs, how)] = self.run("SELECT @@log_bin, @@binlog_format")
        except mysql.connector.Error:  # a version without the variable logs rows
            return False
        return bool(logs) and how == "STATEMENT"

    def connected(self, *, unhurried: bool) -> bool:
        """Return whether there is a connection of this kind."""
        return self._connection is not None and self._unhurried == unhurried

    def begin(self, *, guarded: bool) -> None:
        """Begin by the first statement; `guarded`: no other writer can insert where it has read to write.

        Not from the start: on an empty table two writers would guard the same gap against each other.
        """
        if guarded:
            self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")

    def run(self, sql: str, *params: Value) -> list[Row]:
        """Run a statement on the one cursor: the connector pings the server for every new one.

        A whole day's INSERT goes past it: a cursor searches all of its text for a change of the delimiter.
        """
        if sql.startswith("INSERT") and not params:
            self._connection.cmd_query(sql)
            return []
        self._cursor.execute(sql, params)
        rows: list[Row] = self._cursor.fetchall() if self._cursor.with_rows else []
        return rows

    def commit(self) -> None:
        """End the transaction by a statement.

        The connector's own method raises no `mysql.connector.Error` on a lost server.
        """
        self.run("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction."""
        if self._connection is not None:
            self.run("ROLLBACK")

    def drop(self) -> None:
        """Close without a word to the server where it is gone."""
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with suppress(mysql.connector.Error, OSError):
                connection.close()

    def judge(self, error: Exception) -> Failure:
        """Return what an error means; `account` is how the server names who was refused."""
        number, message = int(getattr(error, "errno", -1)), str(getattr(error, "msg", None) or "")
        named = re.search(r"'[^']*'@'[^']*'", message)
        mark = f"[{type(error).__name__} {number}]"
        return Failure(problem_of(number, message), mark, one_line(message), named[0] if named else "")


_NO_ALIAS = re.compile(r"mariadb|tidb|vitess|planetscale|singlestore", re.IGNORECASE)


def _mysql_dialect(version: str) -> Dialect:
    """Return the dialect of the server's upsert.

    MySQL warns of VALUES() since 8.0.20, when the row alias came; the others of its protocol know VALUES() alone.
    """
    numbers = [int(number) for number in re.findall(r"\d+", version)[:3]]
    return "alias" if numbers >= [8, 0, 20] and not _NO_ALIAS.search(version) else "values"


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
