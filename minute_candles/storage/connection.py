"""One connection to the user's database that survives restarts, failovers, quiet nights, locks and crowds.

    connection = Connection(database, clock)
    connection.open()                                   # ConfigError, quick: the settings are wrong
    rows = connection.transaction(lambda run: run("SELECT 1 FROM t WHERE a = %s", 7))

A transaction is a function of `run`; it is repeated as a whole after a lost connection, a deadlock or a lock that was
waited for too long, so it must not change anything but the database. `db.py` and `schema.py` hold the SQL.
"""

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreError, StoreLost
from minute_candles.storage.ddl import COVERAGE, PRICES
from minute_candles.storage.driver import CONNECT_SECONDS, Dialect, Driver, Row, Run, Trouble, Value
from minute_candles.storage.mysql import MySQL
from minute_candles.storage.sqlite import SQLite

log = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST_PAUSE = {"lost": 5.0, "refused": 5.0, "locked": 0.5, "disturbed": 0.0}
_AWAY = ("lost", "refused")
_WRITES = ("INSERT", "UPDATE", "DELETE")
_PROBES = tuple(f"UPDATE {table} SET stock_symbol = stock_symbol WHERE FALSE" for table in (PRICES, COVERAGE))
"""Touch no row; a server that is read-only, or an account that may not write, refuses them."""


class TryAgain(Exception):
    """Raised by a transaction that found the table changed under its hands."""


class Connection:
    """One connection, one transaction at a time, shared by all threads.

    `patience`: seconds that a lost server is waited for, counted from the moment it was lost, for all threads together.
    `read_only`: holds no writer of a SQLite file up (law 15).
    One that took our writes and refuses them now (a failover left it behind, or it lost our rights) is lost, too: the
    address is dialled again, and only a server that takes writes counts as found.
    """

    def __init__(self, database: Database, clock: Clock, *, patience: float = 120.0, read_only: bool = False) -> None:
        self._driver: Driver = SQLite(database, read_only) if database.kind == "sqlite" else MySQL(database)
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._lost_since: float | None = None
        self._has_written = self._refused = False
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
        driver, writes = self._driver, False

        def run(sql: str, *params: Value) -> list[Row]:
            nonlocal writes
            writes = writes or sql.startswith(_WRITES)
            return driver.run(sql, *params)

        try:
            self._connect(unhurried)
            driver.begin(guarded)
            for probe in _PROBES if self._refused else ():
                driver.run(probe)
            result = work(run)
            driver.commit()
        except TryAgain as error:
            self._roll_back()
            raise _Failed(Trouble("fatal" if guarded else "disturbed", str(error))) from None
        except driver.errors as error:
            raise _Failed(self._after(driver.judge(error))) from None
        except BaseException:
            self._roll_back()
            raise
        self._has_written = self._has_written or writes
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
        self._lost_since, self._refused = None, False

    def _after(self, trouble: Trouble) -> Trouble:
        if trouble.kind == "refused" and not self._has_written:
            trouble = Trouble("fatal", trouble.line)
        self._refused = self._refused or trouble.kind == "refused"
        if trouble.kind in _AWAY:
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
        since = self._lost_since if trouble.kind in _AWAY and self._lost_since is not None else began
        waited = self._clock.time() - since
        if waited >= self._patience:
            kind = StoreLost if trouble.kind in _AWAY else StoreError
            raise kind(f"{trouble.line} {waited:.0f}초 동안 되풀이했습니다. 서버를 확인하세요.")
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
