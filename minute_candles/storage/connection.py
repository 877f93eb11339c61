"""One connection to the user's database that survives restarts, failovers, quiet nights, locks and crowds.

    connection = Connection(database, clock)
    connection.open()                                   # ConfigError, quick: the settings are wrong
    rows = connection.transaction(lambda run: run("SELECT 1 FROM t WHERE a = %s", 7))

A transaction is a function of `run`. It is repeated as a whole after a lost connection, a deadlock or a lock timeout.
So it must not change anything but the database.
"""

import logging
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreError, StoreLost
from minute_candles.storage.ddl import PLAIN_COLUMNS
from minute_candles.storage.driver import (
    AWAY,
    CONNECT_SECONDS,
    REFUSED,
    WAITING,
    Dialect,
    Driver,
    Failure,
    Problem,
    Row,
    Run,
    Value,
)
from minute_candles.storage.messages import running_line, start_error
from minute_candles.storage.mysql import MySQL
from minute_candles.storage.sqlite import SQLite

log = logging.getLogger(__name__)

T = TypeVar("T")

_AT_FIRST = {Problem.CROWDED, Problem.LOCKED, Problem.READ_ONLY}
"""What is waited out for a few seconds when a run begins: READ_ONLY is met with several hosts only."""
_WRITES = ("INSERT", "UPDATE", "DELETE")
_PROBES = tuple(f"UPDATE {table} SET {column} = {column} WHERE FALSE" for table, column in PLAIN_COLUMNS.items())
"""Touch no row; a server that is read-only, or an account that may not write, refuses them."""


class DisturbedError(Exception):
    """Raised by a transaction that found the table changed under its hands."""


class Connection:
    """One connection, one transaction at a time, shared by all threads.

    `patience`: seconds that a lost server is waited for, counted from the moment it was lost, for all threads together.
    `read_only`: no writer of a SQLite file waits for it ("Readers hold nobody up").
    A server that refuses writes which it took before (after a failover, or without our rights) counts as lost, too.
    Then the addresses are tried again, and only a server that takes writes counts as found.
    """

    def __init__(self, database: Database, clock: Clock, *, patience: float = 120.0, read_only: bool = False) -> None:
        kind = SQLite if database.kind == "sqlite" else MySQL
        self._driver: Driver = kind(database, read_only=read_only)
        self._database = database
        self._clock = clock
        self._patience = patience
        self._lock = Lock()
        self._lost_since: float | None = None
        self._has_written = self._was_refused = False
        self._closed = False

    @property
    def errors(self) -> type[Exception]:
        """The driver's exceptions."""
        return self._driver.errors

    @property
    def dialect(self) -> Dialect:
        """How statements are written for this server."""
        return self._driver.dialect

    def open(self) -> None:
        """Connect for the first time; `ConfigError` in one line where the settings cannot be right."""
        with self._lock:
            deadline = self._clock.time() + CONNECT_SECONDS
            while True:
                try:
                    return self._driver.connect(unhurried=False)
                except self._driver.errors as error:
                    failure = self._driver.judge(error)
                    if failure.problem not in _AT_FIRST or self._clock.time() > deadline:
                        raise start_error(failure, self._database) from None
                self._clock.sleep(0.5)

    def judge(self, error: Exception) -> Failure:
        """Return what an error of this connection (`errors`) means."""
        return self._driver.judge(error)

    def transaction(self, work: Callable[[Run], T], *, unhurried: bool = False, optional: bool = False) -> T:
        """Run `work` in one transaction and commit; whatever it raises rolls back.

        `unhurried`: its statements may take minutes (DDL on a large table). `optional`: a missing right is not waited
        for, the run can do without. Raises `StoreLost` when patience is used
        up, `StoreError` where repeating is of no use, `Stopped` for a stop during the wait.
        """
        with self._lock:
            began, pause, guarded = self._clock.time(), 0.05, False
            while True:
                try:
                    return self._attempt(work, unhurried=unhurried, guarded=guarded, optional=optional)
                except _AttemptError as failed:
                    failure, is_final = failed.failure, failed.is_final
                self._give_up_or_wait(failure, began, pause, is_final=is_final)
                pause, guarded = pause * 2, guarded or failure.problem is Problem.DISTURBED

    def _attempt(self, work: Callable[[Run], T], *, unhurried: bool, guarded: bool, optional: bool) -> T:
        if self._closed:
            raise StoreError("데이터베이스 연결이 이미 닫혔습니다.")
        driver, writes = self._driver, False

        def run(sql: str, *params: Value) -> list[Row]:
            nonlocal writes
            writes = writes or sql.startswith(_WRITES)
            return driver.run(sql, *params)

        try:
            self._connect(unhurried=unhurried)
            driver.begin(guarded=guarded)
            for probe in _PROBES if self._was_refused else ():
                driver.run(probe)
            result = work(run)
            driver.commit()
        except DisturbedError as error:
            self._roll_back()
            raise _AttemptError(Failure(Problem.DISTURBED, detail=str(error)), is_final=guarded) from None
        except driver.errors as error:
            failure = driver.judge(error)
            if optional and failure.problem in REFUSED:
                self._roll_back()
                raise _AttemptError(failure, is_final=True) from None
            raise _AttemptError(failure, is_final=self._note_failure(failure)) from None
        except BaseException:
            self._roll_back()
            raise
        self._has_written = self._has_written or writes
        self._note_success()
        return result

    def _connect(self, *, unhurried: bool) -> None:
        if self._lost_since is not None:
            self._clock.check()
        if not self._driver.connected(unhurried=unhurried):
            self._driver.connect(unhurried=unhurried)

    def _note_success(self) -> None:
        if self._lost_since is not None:
            log.info("✅ 데이터베이스 재연결 성공")
        self._lost_since, self._was_refused = None, False

    def _note_failure(self, failure: Failure) -> bool:
        """Roll back, or drop a connection that is of no use; return whether repeating cannot help."""
        if not self._may_heal(failure.problem):
            self._roll_back()
            return True
        self._was_refused = self._was_refused or failure.problem in REFUSED
        if failure.problem in WAITING:
            self._roll_back()
            return False
        self._driver.drop()
        if self._lost_since is None:
            self._lost_since = self._clock.time()
            log.warning("⚠️ %s 다시 연결합니다.", running_line(failure, self._database))
        return False

    def _may_heal(self, problem: Problem) -> bool:
        if problem in REFUSED:
            could = self._has_written or (problem is Problem.READ_ONLY and self._driver.has_alternatives)
            return could and self.dialect != "sqlite"
        return problem in AWAY or problem in WAITING

    def _give_up_or_wait(self, failure: Failure, began: float, pause: float, *, is_final: bool) -> None:
        line = running_line(failure, self._database)
        if is_final or self._closed:
            raise StoreError(line)
        is_away = failure.problem in AWAY | REFUSED
        since = self._lost_since if is_away and self._lost_since is not None else began
        waited = self._clock.time() - since
        if waited >= self._patience:
            kind = StoreLost if is_away else StoreError
            raise kind(f"{line} {waited:.0f}초 동안 되풀이했습니다. 서버를 확인하세요.")
        longest = 5.0 if is_away else 0.5 if failure.problem in WAITING else 0.0
        self._clock.sleep(min(pause, longest, self._patience - waited))

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


class _AttemptError(Exception):
    def __init__(self, failure: Failure, *, is_final: bool) -> None:
        self.failure, self.is_final = failure, is_final
