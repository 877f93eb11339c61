"""Fixtures: real database servers, each started once a session, and a fresh database for every test.

`server` is MariaDB, and real MySQL where it is to be had; `database` and `store` live on it. `any_database` and
`any_store` are SQLite, too. What runs on MySQL is slow, and so is what an `operator` meets (test_faults.py).
"""

import os
import shutil
import signal
import tempfile
from contextlib import closing, suppress
from datetime import timedelta
from pathlib import Path

import fast_clock
import hypothesis
import pytest
import servers
from backfill_tools import as_it_was, simulator
from redis_testing import RedisServer
from store_testing import ready

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock

hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")  # how long an example takes on a busy machine says nothing about it

MEMORY = Path("/dev/shm")
if "TMPDIR" not in os.environ:  # thousands of small files are written, each synced to its disk
    with suppress(OSError, AttributeError):  # Windows has no statvfs
        if shutil.disk_usage(MEMORY).free > 6 * 10**9 and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
            os.environ["TMPDIR"], tempfile.tempdir = str(MEMORY), None

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A test run in the background of a script is deaf to Ctrl-C, and so would be the commands that tests interrupt.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        kinds = item.callspec.params.values() if hasattr(item, "callspec") else ()
        if {"mysql", "operator"} & {*filter(lambda kind: isinstance(kind, str), kinds), *item.fixturenames}:
            item.add_marker(pytest.mark.slow)
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(600))


def pytest_terminal_summary(terminalreporter):
    """What tests counted (`record_property("figures", …)`), whichever worker they ran in."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name == "figures":
                terminalreporter.write_line(f"📏 {report.nodeid.split('::')[-1]}: {value}")


@pytest.fixture(scope="module")
def sim():
    """KIS on a Friday evening."""
    with simulator() as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_outlives_its_test():
    """Neither a process nor the logger's level, which a script that ran in this process has set."""
    started = len(fast_clock.STARTED)
    with as_it_was():
        yield
    fast_clock.end_all(started)
    fast_clock.OUTPUTS.clear()


@pytest.fixture
def short_week(monkeypatch):
    """The updater's settles look back a day, not a week: a third of their work, where a test is about today."""
    monkeypatch.setattr("minute_candles.live.end_of_day.LOOK_BACK", timedelta(days=1))


@pytest.fixture(scope="session")
def mariadb():
    """MariaDB, always: a machine without it fails and says what to install."""
    yield from (servers.mariadb() or pytest.fail(servers.MISSING, pytrace=False)).lent()


@pytest.fixture(scope="session")
def mysql():
    yield from (servers.mysql_server() or pytest.skip("real MySQL is not to be had here (root)")).lent()


@pytest.fixture(scope="session", params=["mariadb", "mysql"])
def server(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def own_server(server):
    """A server whose process may be stopped; it runs again when the test is over."""
    yield server
    if not server.running:
        server.start()


@pytest.fixture
def redis_server():
    """A Redis that runs; the test may stop it."""
    with RedisServer() as server:
        yield server


@pytest.fixture
def database(server):
    yield from _fresh(server)


@pytest.fixture(params=["mariadb", "mysql", "sqlite"])
def any_database(request, tmp_path):
    sqlite = Database(kind="sqlite", path=tmp_path / "data" / "minutes.db")
    yield from [sqlite] if request.param == "sqlite" else _fresh(request.getfixturevalue(request.param))


def _fresh(server):
    database = server.fresh()
    yield database
    server.drop(database)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def store(database, clock):
    with closing(ready(database, clock=clock)) as store:
        yield store


@pytest.fixture
def any_store(any_database, clock):
    with closing(ready(any_database, clock=clock)) as store:
        yield store
