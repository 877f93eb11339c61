"""SQLite, the embedded default of the demos: a file, WAL, one writer at a time."""

import sqlite3
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

from minute_candles.config.settings import Database
from minute_candles.core.errors import ConfigError
from minute_candles.storage.driver import LOCK_SECONDS, Dialect, Failure, Problem, Row, Value, one_line

_PROBLEMS = {
    sqlite3.SQLITE_BUSY: Problem.LOCKED,
    sqlite3.SQLITE_LOCKED: Problem.LOCKED,
    sqlite3.SQLITE_READONLY: Problem.READ_ONLY,
    sqlite3.SQLITE_FULL: Problem.FULL,
}


class SQLite:
    """A connection to the file. `read_only`: no writer waits for it, and the file stays as it is."""

    errors: type[Exception] = sqlite3.Error
    dialect: Dialect = "sqlite"
    has_alternatives = False

    def __init__(self, database: Database, *, read_only: bool = False) -> None:
        assert database.path is not None
        self._read_only = read_only
        self._path = database.path
        self._connection: sqlite3.Connection | None = None

    def connect(self, *, unhurried: bool) -> None:
        """Open the file; its folder is made where it is missing. Raises `ConfigError`."""
        del unhurried  # a file is never hurried
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"만들 수 없는 폴더입니다: {self._path.parent} [{type(error).__name__}]. DB_URL을 확인하세요."
            ) from None
        connection = sqlite3.connect(self._path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False)
        try:
            if self._read_only:
                connection.execute("PRAGMA query_only=ON")
            else:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=NORMAL")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    def connected(self, *, unhurried: bool) -> bool:
        """Return whether the file is open."""
        del unhurried
        return self._connection is not None

    def begin(self, *, guarded: bool) -> None:
        """Keep other writers out from here on, but where we only read."""
        del guarded  # it always is
        self.run("BEGIN" if self._read_only else "BEGIN IMMEDIATE")

    def run(self, sql: str, *params: Value) -> list[Row]:
        """Run a statement; its rows."""
        assert self._connection is not None
        return self._connection.execute(sql.replace("%s", "?"), [_as_text(value) for value in params]).fetchall()

    def commit(self) -> None:
        """Commit the transaction."""
        self.run("COMMIT")

    def rollback(self) -> None:
        """Undo the transaction, if there is one."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def drop(self) -> None:
        """Close the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def judge(self, error: Exception) -> Failure:
        """Return what an error means."""
        code = _sqlite_code(error)
        return Failure(_PROBLEMS.get(code, Problem.NOT_A_DATABASE), f"[{type(error).__name__} {code}]", one_line(error))


def _sqlite_code(error: Exception) -> int:
    """Return the primary result code; the extended ones carry it in their low byte."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _as_text(value: Value) -> str | int | None:
    """SQLite has neither dates nor decimals: ISO text; DECIMAL columns turn '70123.45' back into a number."""
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value
