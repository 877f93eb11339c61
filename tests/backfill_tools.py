"""What the tests of the backfill share: a user who types commands, and an oracle that compares whole tables.

A command runs in this process (`run`) or in one of its own (`start`), in a copy of the project: no `.env` beside the
scripts has a say, its settings are those of its environment alone, as a container's are.
"""

import importlib
import io
import logging
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import quote, unquote, urlsplit

import mysql.connector
from fast_clock import EVENING, LAUNCH, OUTPUTS, STARTED, Moment, Paced, Ran, ended
from places import PACKAGES, ROOT

from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database

LAST = EVENING.date()
CSAT = date(2026, 11, 19)
NAMES = {1: "ONE_MINUTE", 5: "FIVE_MINUTES", 15: "FIFTEEN_MINUTES"}
MINUTES = {name: minutes for minutes, name in NAMES.items()}
_COPYING = threading.Lock()
Row = tuple[Any, ...]


_SHARED_MOMENT = Moment()
now = _SHARED_MOMENT.now


def simulator(**options: Any) -> Simulator:
    """A KIS that stands at `EVENING` and is in no hurry about its limit."""
    return Simulator(**{"now": now, "rate": 100_000, **options})


@dataclass
class User:
    """Somebody with a checkout, a key and a database; settings reach the command through its environment only."""

    script = "fetch_minute_data"

    folder: Path
    kis: str
    database: str
    settings: dict[str, str] = field(default_factory=dict)
    on_the_day: bool = True
    """Whether the command's clock is that of `moment`; else it is the host's."""
    moment: Moment = field(default=_SHARED_MOMENT)

    def __post_init__(self) -> None:
        self._home, self.logs = self.folder / "house" / "stock" / "minute", self.folder / "logs"

    @property
    def project(self) -> Path:
        """The checkout; it is copied when somebody first looks at it."""
        with _COPYING:
            if not self._home.exists():
                copy_project(self._home)
        return self._home

    def environment(self, **extra: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "SYSTEMROOT", "TZ") if name in os.environ}
        moment = {"TEST_MOMENT": str(self.moment)} if self.on_the_day else {}
        own = {
            "HOME": str(self.folder), "KIS_APP_KEY": "PSEDtestAppKey0123456789abcdefghijkl",
            "KIS_APP_SECRET": "test+Secret/" * 15, "KIS_BASE_URL": self.kis, "KIS_RATE_LIMIT": "5000",
            "KIS_TOKEN_FILE": str(self.folder / "kis_rest_token.json"), "DB_URL": self.database,
            "LOG_DIR": str(self.logs),
        }  # fmt: skip
        merged = {**kept, **moment, **own, **self.settings, **extra}
        return {name: value for name, value in merged.items() if value != "-"}  # "-": not set at all

    def command(self, script: str, *flags: str) -> list[str]:
        return [sys.executable, *(["-c", LAUNCH, script] if self.on_the_day else [f"{script}.py"]), *flags]

    def start(self, *flags: str, script: str = "", **environ: str) -> "subprocess.Popen[str]":
        """`python fetch_minute_data.py …` in the background."""
        return self.spawn(self.command(script or self.script, *flags), **environ)

    def spawn(self, command: Sequence[str], output: Any = subprocess.PIPE, **environ: str) -> "subprocess.Popen[str]":
        """Start a process that ends with the test at the latest."""
        process = subprocess.Popen(
            command, cwd=self.project, env=self.environment(**environ), text=True, encoding="utf-8", errors="replace",
            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
        STARTED.append(process)
        return process

    def run(self, *flags: str, timeout: float = 90, **environ: str) -> Ran:
        """`python fetch_minute_data.py …` to its end: in this process, which saves a start, where it has its clock."""
        if self.on_the_day and threading.current_thread() is threading.main_thread():
            return self.run_here("fetch_minute_data", *flags, **environ)
        return ended(self.start(*flags, **environ), timeout)

    def run_here(self, script: str, *flags: str, **environ: str) -> Ran:
        """Run a script to its end in this process, by this user's clock and environment."""
        out, err, begun, module = io.StringIO(), io.StringIO(), time.monotonic(), importlib.import_module(script)
        own, clock = patch.dict(os.environ, self.environment(**environ), clear=True), Paced(self.moment)
        with own, patch.object(module, "HERE", self._home), redirect_stdout(out), redirect_stderr(err), as_it_was():
            try:
                code = module.main(flags, clock)
            except SystemExit as ending:
                code = int(ending.code or 0)
        clock.stop.set()  # as a process's end would: a worker that still repeats its call spoke in the next command
        OUTPUTS.extend((out.getvalue(), err.getvalue()))
        return Ran(code, out.getvalue(), err.getvalue(), time.monotonic() - begun)

    def log(self, name: str = "realtime_updater.log") -> str:
        path = self.logs / name
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def written(self) -> list[str]:
        """The files of this user outside the checkout."""
        files = (path for path in self.folder.rglob("*") if path.is_file() and self._home not in path.parents)
        return sorted(str(path.relative_to(self.folder)) for path in files)


@contextmanager
def as_it_was() -> Iterator[None]:
    """Restore the package's logger and the signals' handlers: a script in this process sets them for itself."""
    log, signals = logging.getLogger("minute_candles"), [signal.SIGINT, signal.SIGTERM]
    handlers, before = log.handlers[:], (log.level, log.handlers[:], log.filters[:], log.propagate)
    reactions = [signal.getsignal(number) for number in signals]
    try:
        yield
    finally:
        for handler in [one for one in log.handlers if one not in handlers]:
            handler.close()
        level, log.handlers[:], log.filters[:], log.propagate = before
        log.setLevel(level)
        for number, reaction in zip(signals, reactions, strict=True):
            signal.signal(number, reaction)


def copy_project(to: Path) -> None:
    """The scripts with their compiled bytes, and nothing of a user's."""
    to.mkdir(parents=True)
    for path in [*ROOT.glob("*.py"), ROOT / "symbols.csv", ROOT / ".env.example"]:
        if path.exists():
            shutil.copy2(path, to)
    for name in ("__pycache__", *PACKAGES):
        if (ROOT / name).exists():
            shutil.copytree(ROOT / name, to / name, ignore=shutil.ignore_patterns("node_modules"))


def interrupt(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Ran:
    process.send_signal(number)
    return ended(process, 30)


def until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something to come true, in real time; a minute at least, for a busy machine."""
    deadline = time.monotonic() + max(seconds, 60)
    while not condition():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.02)


class FarSimulator:
    """`python -m kis_simulator`, for load: it must not share a core's interpreter with the test."""

    def __init__(self, *flags: str) -> None:
        at = f"{EVENING:%Y-%m-%dT%H:%M:%S}"
        command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--at", at, *flags]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert self._process.stdout
        self.url = next(word for word in self._process.stdout.readline().split() if word.startswith("http"))

    def stop(self) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


def url_of(database: Database) -> str:
    """The `DB_URL` of a database."""
    if database.path is not None:
        return f"sqlite:///{database.path}"
    account = f"{quote(database.user, safe='')}:{quote(database.password, safe='')}"
    return f"mysql://{account}@{database.host}:{database.port}/{database.name}"


def execute(database: str, sql: str, *params: Any) -> list[Row]:
    """One statement at a database by its URL, committed; `%s` for parameters."""
    if database.startswith("sqlite"):
        texts = [str(value) if isinstance(value, date) else value for value in params]
        with closing(sqlite3.connect(database.removeprefix("sqlite:///"), timeout=20)) as file, file:
            return file.execute(sql.replace("%s", "?"), texts).fetchall()
    parts = urlsplit(database)
    account = {"user": unquote(parts.username or ""), "password": unquote(parts.password or "")}
    place = {"host": parts.hostname, "port": parts.port or 3306, "database": parts.path[1:] or None}
    with closing(mysql.connector.connect(**account, **place, autocommit=True)) as connection:
        cursor: Any = connection.cursor()
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.with_rows else []


def insert(database: str, symbol: str, moment: object, price: int = 1, volume: int = 1, vwap: object = "NULL") -> None:
    """Write a one-minute row as another program would."""
    columns = "stock_symbol, timestamp, minute_interval, open_price, high_price, low_price, close_price, volume, vwap"
    values = f"'{symbol}', '{moment}', 'ONE_MINUTE', {price}, {price}, {price}, {price}, {volume}, {vwap}"
    execute(database, f"INSERT INTO stock_minute_prices ({columns}) VALUES ({values})")


def true_rows(sim: Simulator, symbol: str, days: Iterable[date], *, opening: bool = False) -> list[Row]:
    """Every row the table must hold for a symbol: all columns, in the order of the key.

    The VWAP of the day's first minute stands in it with `opening` only, for days of today's TR: fillers may prove it.
    """
    rows: list[Row] = []
    for day, interval in product(days, NAMES):
        for one in sim.truth(symbol, day, interval, opening=opening):
            when, opened, high, low, close, volume, turnover = one
            vwap = None if turnover is None else _hundredths(turnover, volume)
            changes = close - opened, _hundredths(100 * (close - opened), opened)
            rows.append((symbol, NAMES[interval], when, opened, high, low, close, volume, *changes, vwap))
    return sorted(rows, key=lambda row: row[:3])


def _hundredths(number: int, of: int) -> Decimal:
    return (Decimal(number) / of).quantize(Decimal("0.01"), ROUND_HALF_UP)


def stored_rows(database: str, symbol: str, since: date = date(2000, 1, 1)) -> list[Row]:
    """Every row the table holds for a symbol (from a day on), in the order of the key."""
    sql = """SELECT stock_symbol, minute_interval, timestamp, open_price, high_price, low_price, close_price, volume,
        price_change, price_change_percent, vwap FROM stock_minute_prices WHERE stock_symbol = %s AND timestamp >= %s"""
    found = execute(database, sql, symbol, since)
    if database.startswith("sqlite"):
        found = [(*row[:2], datetime.fromisoformat(row[2]), *map(_decimal, row[3:])) for row in found]
    return sorted(found, key=lambda row: row[:3])


@lru_cache(maxsize=1 << 16)
def _decimal(value: float | None) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def assert_true(database: str, sim: Simulator, symbols: Sequence[str], days: Sequence[date]) -> int:
    """The table equals what traded: no row missing, none too many, every column right. Answers the rows compared."""
    total = sum(assert_stored(database, sim, symbol, days) for symbol in symbols)
    assert execute(database, "SELECT COUNT(*) FROM stock_minute_prices")[0][0] == total, "rows of other symbols"
    return total


def assert_stored(database: str, sim: Simulator, symbol: str, days: Iterable[date]) -> int:
    """Every row of a symbol equals what traded on these days; how many there are."""
    true, found = true_rows(sim, symbol, days), stored_rows(database, symbol)
    lacking, extra = ([row for row in one if row not in other] for one, other in ((true, {*found}), (found, {*true})))
    assert true == found, f"{symbol}: lacks {len(lacking)}: {lacking[:2]}, has {len(extra)} others: {extra[:2]}"
    return len(true)


def wrong_so_far(
    database: str, sim: Simulator, symbol: str, until: datetime, intervals: Iterable[str] = NAMES.values()
) -> list[tuple[Row | None, Row | None]]:
    """What traded and what is stored instead, of every window that was over at `until` or is stored.

    A VWAP that is not proven yet may be absent.
    """
    day, wrong = until.date(), []
    true = {row[:3]: row for row in true_rows(sim, symbol, [day], opening=True) if row[1] in intervals}
    stored = (row for row in stored_rows(database, symbol, day) if row[2].date() == day and row[1] in intervals)
    found = {row[:3]: row for row in stored}
    over = {key for key in true if key[2] + timedelta(minutes=MINUTES[key[1]]) <= until.replace(tzinfo=None)}
    for key in sorted(over | found.keys()):
        row, had = true.get(key), found.get(key)
        if not row or not had or had[:10] != row[:10] or had[10] not in (None, row[10]):
            wrong.append((row, had))
    return wrong


def coverage(database: str) -> Mapping[tuple[str, str], str]:
    """Status by symbol and date."""
    rows = execute(database, "SELECT stock_symbol, trade_date, status FROM stock_minute_coverage")
    return {(symbol, str(day)): status for symbol, day, status in rows}


def sessions(sim: Simulator, first: date, last: date) -> list[date]:
    """The simulated exchange's trading days, both ends included; its own calendar, not ours."""
    return [day for day in sim.market.calendar.days if first <= day <= last]
