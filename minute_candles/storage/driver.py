"""What a database driver offers to the connection: statements with %s, one transaction, and what its errors mean."""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, NamedTuple, Protocol

Value = str | int | Decimal | datetime | date | None
Row = tuple[Any, ...]
Dialect = Literal["alias", "values", "sqlite"]
"""How an upsert is written: MySQL from 8.0.20, MariaDB and older MySQL, SQLite."""
CONNECT_SECONDS = 5
READ_SECONDS = 20
"""libmysqlclient tries three times: a server that fell silent is noticed within a minute."""
LOCK_SECONDS = 5


class Problem(StrEnum):
    """What an error of a database means; `messages.py` renders it in Korean."""

    LOST = "LOST"
    """The connection broke, or the node left its cluster."""
    UNREACHABLE = "UNREACHABLE"
    UNKNOWN_HOST = "UNKNOWN_HOST"
    TLS_FAILED = "TLS_FAILED"
    """The handshake broke off, or the certificate is not the one of `DB_SSL_CA`."""
    NEEDS_TLS = "NEEDS_TLS"
    """The account's password may travel encrypted only (caching_sha2_password)."""
    LOGIN_REFUSED = "LOGIN_REFUSED"
    NO_DATABASE = "NO_DATABASE"
    READ_ONLY = "READ_ONLY"
    """A replica or secondary: another server may take writes."""
    DENIED = "DENIED"
    """The account lacks a right."""
    CROWDED = "CROWDED"
    LOCKED = "LOCKED"
    """Another transaction was first: the same again may succeed."""
    DISTURBED = "DISTURBED"
    """The rows changed while the transaction ran: it is repeated guarded."""
    FULL = "FULL"
    NO_PARTITION = "NO_PARTITION"
    ALREADY_MADE = "ALREADY_MADE"
    """The table, column or key exists."""
    INVALID = "INVALID"
    """No such table or column, or no value for one: the right to run the statement was there."""
    NOT_A_DATABASE = "NOT_A_DATABASE"
    """A file that SQLite cannot open or read."""
    REJECTED = "REJECTED"
    """Anything else."""


AWAY = {Problem.LOST, Problem.UNREACHABLE, Problem.UNKNOWN_HOST, Problem.TLS_FAILED}
"""Dial again."""
REFUSED = {Problem.READ_ONLY, Problem.DENIED, Problem.LOGIN_REFUSED, Problem.NO_DATABASE}
"""Dial again where it took our writes before: a failover may have left this server behind."""
WAITING = {Problem.LOCKED, Problem.CROWDED}
"""Wait, on the same connection."""


class Failure(NamedTuple):
    """An error and its facts: `mark` has class and number, `detail` the server's own line, `account` user@host."""

    problem: Problem
    mark: str = ""
    detail: str = ""
    account: str = ""


class Run(Protocol):
    """Run one statement; the rows of its answer, [] where it has none. Parameters are written %s."""

    def __call__(self, sql: str, *params: Value) -> list[Row]:
        """Run it."""


class Driver(Protocol):
    """One connection. Its methods raise `errors`, which `judge` tells apart."""

    dialect: Dialect
    errors: type[Exception]
    has_alternatives: bool

    def connect(self, *, unhurried: bool) -> None:
        """Connect anew; `unhurried`: an answer may take minutes."""

    def connected(self, *, unhurried: bool) -> bool:
        """Return whether there is such a connection."""

    def begin(self, *, guarded: bool) -> None:
        """Begin a transaction; `guarded`: nobody inserts where it reads to write."""

    def run(self, sql: str, *params: Value) -> list[Row]:
        """Run a statement; its rows."""

    def commit(self) -> None:
        """Commit the transaction."""

    def rollback(self) -> None:
        """Undo the transaction."""

    def drop(self) -> None:
        """Close the connection, whatever its state."""

    def judge(self, error: Exception) -> Failure:
        """Return what an error means."""


def one_line(text: object) -> str:
    """Return a text without line breaks, at most 300 characters."""
    return " ".join(str(text or "").split())[:300]
