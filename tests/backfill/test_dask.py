"""The backfill by Dask: real scheduler and workers, two for each of two keys; deaths cost a rerun, never a row."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from backfill_tools import LAST, User, assert_true, coverage, sessions, simulator, until, url_of
from fast_clock import ended
from servers import Server

from kis_simulator.simulator import Simulator
from minute_candles.config.symbols_file import choose

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SYMBOLS = list(choose(None, None))[:20]
FIRST = date(2026, 11, 9)  # ten sessions before `LAST`
KEYS, RATE = ("key0", "key1"), 12


class Cluster:
    """A scheduler and workers as a person starts them; token file, and so pace, are one for both workers of a key."""

    def __init__(self, user: User) -> None:
        self.user, folder = user, ["--local-directory", str(user.folder)]
        here = ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"]
        self.scheduler = self._spawn("scheduler", 0, "-m", "distributed.cli.dask_scheduler", *here)
        self.address = _line(self.scheduler, "Scheduler at:").split()[-1]
        flags = ["-m", "distributed.cli.dask_worker", self.address, "--nthreads", "2", "--no-nanny", "--no-dashboard"]
        self.workers = [self._spawn(f"worker{number}", number % 2, *flags, *folder) for number in range(4)]
        for worker in self.workers:
            _line(worker, "Registered to:")

    def _spawn(self, name: str, key: int, *words: str) -> "subprocess.Popen[str]":
        folder = self.user.folder
        own = {"KIS_APP_KEY": KEYS[key], "KIS_TOKEN_FILE": str(folder / f"{key}.json"), "LOG_DIR": str(folder / name)}
        return self.user.spawn([sys.executable, *words], **own)

    def fetch(self, *flags: str) -> "subprocess.Popen[str]":
        command = ["fetch_minute_data.py", "--symbols", ",".join(SYMBOLS), "--from", f"{FIRST}", *flags]
        return self._spawn("client", 0, *command)


def _line(process: "subprocess.Popen[str]", words: str) -> str:
    assert process.stderr
    return next(line for line in process.stderr if words in line)


@pytest.fixture
def kis() -> Iterator[Simulator]:
    with simulator(rate=18) as sim:
        yield sim


@pytest.fixture
def cluster(tmp_path: Path, mariadb: Server, kis: Simulator) -> Cluster:
    settings = {"KIS_RATE_LIMIT": str(RATE), "CLOCK_AT": "2026-11-20T21:00", "STREAM_SYMBOLS": "0"}
    return Cluster(User(tmp_path, kis.url, url_of(mariadb.fresh()), settings, on_the_day=False))


def test_a_killed_worker_costs_nothing_and_a_killed_scheduler_a_rerun(cluster: Cluster, kis: Simulator) -> None:
    days, database = sessions(kis, FIRST, LAST), cluster.user.database
    assert len(SYMBOLS) * len(days) == 200
    assert ended(cluster.fetch("--symbols", "005930", "--from", f"{LAST}")).code == 0  # the tables are there
    running = cluster.fetch("--dask", cluster.address)
    for process, count in ((cluster.workers[0], 40), (cluster.scheduler, 90)):
        until(lambda count=count: len(coverage(database)) >= count, 300)  # type: ignore[misc]
        process.send_signal(signal.SIGKILL)
    ran = ended(running, 300)
    assert ran.code == 1 and "Traceback" not in ran.err and "연결이 끊겼습니다" in ran.err, ran.err
    assert len(coverage(database)) < 200, "the next run has something to do"
    for flags in ((), ("--check",)):
        ran = ended(cluster.fetch(*flags), 300)
        assert ran.code == 0, ran.err
    assert assert_true(database, kis, SYMBOLS, days) and len(coverage(database)) == 200
    assert {request.key for request in kis.requests if request.key} == set(KEYS)
    assert "EGW00201" not in {request.code for request in kis.requests}
    assert all(RATE / 2 < kis.busiest_second(key) <= 18 for key in KEYS)


def test_without_scheduler_or_workers_it_is_one_line(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.terminate()  # it says goodbye
        worker.wait(20)
    for address, says in (("tcp://127.0.0.1:9", ""), (cluster.address, "작업자가 없습니다")):
        ran = ended(cluster.fetch("--dask", address), 300)
        assert ran.code == 2 and "Traceback" not in ran.err and says in ran.err, ran.err
