"""SQLite, the embedded default of the demos: a file, WAL, one writer at a time."""

import sqlite3
from contextlib import suppress
from datetime import date, datetime
from decimal import Decimal

from minute_candles.config.settings import Database
from minute_candles.core.errors import ConfigError, MinuteDataError
from minute_candles.storage.driver import LOCK_SECONDS, Dialect, Row, Trouble, Value, one_line


class SQLite:
    """The embedded default: a file, WAL, one writer at a time."""

    errors: type[Exception] = sqlite3.Error
    dialect: Dialect = "sqlite"

    def __init__(self, database: Database, read_only: bool = False) -> None:
        assert database.path is not None
        self._read_only = read_only
        self._path = database.path
        self._connection: sqlite3.Connection | None = None

    def connect(self, unhurried: bool) -> None:
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

    def connected(self, unhurried: bool) -> bool:
        return self._connection is not None

    def begin(self, guarded: bool) -> None:
        """Nobody else writes from here on, but where we only read."""
        self.run("BEGIN" if self._read_only else "BEGIN IMMEDIATE")

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
            return Trouble("locked", f"다른 프로세스가 잠그고 있는 파일입니다: {path} {mark}.")
        if code == sqlite3.SQLITE_READONLY:
            return Trouble("fatal", f"{path}에 쓸 수 없습니다 {mark}. 파일과 폴더의 권한을 확인하세요.")
        if code == sqlite3.SQLITE_FULL:
            return Trouble("fatal", f"디스크가 가득 찼습니다: {path} {mark}. 공간을 비우세요.")
        return Trouble("fatal", f"SQLite 파일 {path}에 문제가 있습니다 {mark}: {one_line(error)}")

    def refusal(self, error: sqlite3.Error) -> MinuteDataError:
        return ConfigError(f"{self.judge(error).line} DB_URL을 확인하세요.")


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
