"""What a database driver is to the connection: statements with %s, one transaction, and what each of its errors means."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from minute_candles.core.errors import MinuteDataError

Value = str | int | Decimal | datetime | date | None
Row = tuple[Any, ...]
Dialect = Literal["alias", "values", "sqlite"]
"""How an upsert is written: MySQL from 8.0.20, MariaDB and older MySQL, SQLite."""
CONNECT_SECONDS = 5
READ_SECONDS = 20
"""libmysqlclient tries three times: a server that fell silent is noticed within a minute."""
LOCK_SECONDS = 5

Kind = Literal["lost", "refused", "locked", "disturbed", "fatal"]


class Run(Protocol):
    """Run one statement; the rows of its answer, [] where it has none. Parameters are written %s."""

    def __call__(self, sql: str, *params: Value) -> list[Row]: ...


class Trouble(NamedTuple):
    """What an error means: all but `fatal` are worth a repetition; one that was `disturbed` is repeated guarded.

    `refused`: this server takes no writes (any more); the address may lead a new connection to one that does.
    """

    kind: Kind
    line: str


class Driver(Protocol):
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


def one_line(text: object) -> str:
    return " ".join(str(text or "").split())[:300]
