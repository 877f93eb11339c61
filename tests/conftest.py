"""Fixtures: real database servers, each started once a session, and a fresh database for every test.

`server` is MariaDB, and real MySQL where it is to be had; `database` and `store` live on it. `any_database` and
`any_store` are SQLite, too. `TEST_DB_URL` replaces the servers. What runs on MySQL is slow, and so is what an
`operator` meets (test_faults.py: whole runs of real processes against each fault): it is `make test-all`'s.
"""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import fast_clock
import hypothesis
import pytest
import servers
from servers import Server

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock

if TYPE_CHECKING:
    from redis_testing import RedisServer

_SERVERS = ["given"] if servers.given() else ["mariadb", "mysql"]

hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")  # how long an example takes on a busy machine says nothing about it

MEMORY = Path("/dev/shm")


def _roomy(folder: Path) -> bool:
    with suppress(OSError, AttributeError):  # Windows has no statvfs
        return shutil.disk_usage(folder).free > 6 * 10**9 and not os.statvfs(folder).f_flag & os.ST_NOEXEC
    return False


if "TMPDIR" not in os.environ and _roomy(MEMORY):  # thousands of small files are written, each synced to its disk
    os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A test run in the background of a script is deaf to Ctrl-C, and so would be the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        kinds = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if "mysql" in kinds or "operator" in item.fixturenames or "keeper" in item.fixturenames:  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What tests counted (`record_property("figures", …)`), whichever worker they ran in."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"📏 {report.nodeid.split('::')[-1]}: {value}")


@pytest.fixture(autouse=True)
def _no_process_outlives_its_test() -> Iterator[None]:
    started = len(fast_clock.STARTED)
    yield
    fast_clock.end_all(started)


@pytest.fixture
def short_week(monkeypatch: pytest.MonkeyPatch) -> None:
    """The updater's settles look back a day, not a week: a third of their work, where a test is about today."""
    monkeypatch.setattr("minute_candles.live.end_of_day.LOOK_BACK", timedelta(days=1))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    """MariaDB, always: a machine without it fails and says what to install."""
    server = servers.mariadb()
    if server is None:
        pytest.fail(servers.MISSING, pytrace=False)
    yield from _running(server)


@pytest.fixture(scope="session")
def mysql() -> Iterator[Server]:
    server = servers.mysql_server()
    if server is None:
        pytest.skip("real MySQL is not to be had here (../shared/tools/real-mysql, root)")
    yield from _running(server)


@pytest.fixture(scope="session")
def given() -> Iterator[Server]:
    server = servers.given()
    assert server is not None
    yield server


def _running(server: Server) -> Iterator[Server]:
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture(scope="session", params=_SERVERS)
def server(request: pytest.FixtureRequest) -> Server:
    found: Server = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def own_server(server: Server) -> Iterator[Server]:
    """A server whose process may be stopped; it runs again when the test is over."""
    if not server.command:
        pytest.skip("needs a server of our own, not TEST_DB_URL")
    yield server
    if not server.running:
        server.start()


@pytest.fixture
def redis_server() -> "Iterator[RedisServer]":
    """A Redis that runs; the test may stop it."""
    from redis_testing import RedisServer

    with RedisServer() as server:
        yield server


@pytest.fixture
def database(server: Server) -> Iterator[Database]:
    database = server.fresh()
    yield database
    server.drop(database)


@pytest.fixture(params=[*_SERVERS, "sqlite"])
def any_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        yield Database(kind="sqlite", path=tmp_path / "data" / "minutes.db")
        return
    server: Server = request.getfixturevalue(request.param)
    database = server.fresh()
    yield database
    server.drop(database)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database: Database, clock: Clock) -> Iterator[db.Store]:
    yield from _ready(database, clock)


@pytest.fixture
def any_store(any_database: Database, clock: Clock) -> Iterator[db.Store]:
    yield from _ready(any_database, clock)


def _ready(database: Database, clock: Clock) -> Iterator[db.Store]:
    store = db.open_store(database, clock, patience=60)
    store.preflight()
    yield store
    store.close()
