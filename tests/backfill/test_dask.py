"""The backfill by Dask: real scheduler and workers, two for each of two keys; deaths cost a rerun, never a row."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
from backfill_tools import LAST, assert_true, coverage, sessions, simulator, until, url_of
from places import ROOT
from servers import Server

from kis_simulator.simulator import Simulator
from minute_candles.config.symbols_file import choose

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
SYMBOLS = list(choose(None, None))[:20]
FIRST = date(2026, 11, 9)
"""Ten sessions before `LAST`."""
KEYS = ("key0", "key1")
RATE = 12
AT = "2026-11-20T21:00"


class Cluster:
    """A scheduler and workers as a person starts them, each worker in a folder with settings of its own."""

    def __init__(self, folder: Path, database: str, kis: str) -> None:
        self.folder, self.database, self.kis = folder, database, kis
        self.environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "DB_"))}
        here = ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"]
        self.scheduler = self._spawn(["-m", "distributed.cli.dask_scheduler", *here], {})
        self.address = self._line(self.scheduler, "Scheduler at:").split()[-1]
        self.workers = [self._worker(number) for number in range(2 * len(KEYS))]
        for worker in self.workers:
            self._line(worker, "Registered to:")

    def _worker(self, number: int) -> "subprocess.Popen[str]":
        place = self.folder / f"worker{number}"
        place.mkdir()
        flags = [self.address, "--nthreads", "2", "--no-nanny", "--no-dashboard", "--local-directory", str(place)]
        return self._spawn(["-m", "distributed.cli.dask_worker", *flags], self.settings(KEYS[number % 2], place))

    def settings(self, key: str, place: Path) -> dict[str, str]:
        """The token file, and so the pace, is one for both workers of a key."""
        return {
            "KIS_APP_KEY": key, "KIS_APP_SECRET": "secret", "KIS_BASE_URL": self.kis, "KIS_RATE_LIMIT": str(RATE),
            "KIS_TOKEN_FILE": str(self.folder / f"{key}.json"), "DB_URL": self.database, "LOG_DIR": str(place),
            "CLOCK_AT": AT, "STREAM_SYMBOLS": "0",
        }  # fmt: skip

    def _spawn(self, command: list[str], settings: dict[str, str]) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, *command], text=True, encoding="utf-8", cwd=ROOT, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, env=self.environ | settings | {"PYTHONPATH": str(ROOT)},
        )  # fmt: skip

    @staticmethod
    def _line(process: "subprocess.Popen[str]", words: str) -> str:
        assert process.stderr
        return next(line for line in process.stderr if words in line)

    def fetch(self, *flags: str) -> "subprocess.Popen[str]":
        place = self.folder / "client"
        place.mkdir(exist_ok=True)
        command = ["fetch_minute_data.py", "--symbols", ",".join(SYMBOLS), "--from", f"{FIRST}", *flags]
        return self._spawn(command, self.settings(KEYS[0], place))

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.kill()
            process.wait(20)
            if process.stderr:
                process.stderr.close()


@pytest.fixture
def kis() -> Iterator[Simulator]:
    with simulator(rate=18) as sim:
        yield sim


@pytest.fixture
def cluster(tmp_path: Path, mariadb: Server, kis: Simulator) -> Iterator[Cluster]:
    database = mariadb.fresh()
    made = Cluster(tmp_path, url_of(database), kis.url)
    yield made
    made.stop()
    mariadb.drop(database)


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, err = process.communicate(timeout=300)
    return process.returncode, err


def test_a_killed_worker_costs_nothing_and_a_killed_scheduler_a_rerun(cluster: Cluster, kis: Simulator) -> None:
    """2 keys × 2 workers × 200 symbol-days."""
    days = sessions(kis, FIRST, LAST)
    assert len(SYMBOLS) * len(days) == 200
    assert ended(cluster.fetch("--symbols", "005930", "--from", f"{LAST}"))[0] == 0  # the tables are there
    running = cluster.fetch("--dask", cluster.address)
    until(lambda: len(coverage(cluster.database)) >= 40, 300)
    cluster.workers[0].send_signal(signal.SIGKILL)
    until(lambda: len(coverage(cluster.database)) >= 90, 300)
    cluster.scheduler.send_signal(signal.SIGKILL)
    code, err = ended(running)
    assert code == 1 and "Traceback" not in err and "연결이 끊겼습니다" in err, err
    assert len(coverage(cluster.database)) < 200, "the next run has something to do"
    code, err = ended(cluster.fetch())
    assert code == 0, err
    assert ended(cluster.fetch("--check"))[0] == 0
    assert assert_true(cluster.database, kis, SYMBOLS, days) and len(coverage(cluster.database)) == 200
    assert {request.key for request in kis.requests if request.key} == set(KEYS)
    assert "EGW00201" not in {request.code for request in kis.requests}
    assert all(RATE / 2 < kis.busiest_second(key) <= 18 for key in KEYS)


def test_without_scheduler_or_workers_it_is_one_line(cluster: Cluster) -> None:
    for worker in cluster.workers:
        worker.terminate()  # it says goodbye
        worker.wait(20)
    for address, says in (("tcp://127.0.0.1:9", ""), (cluster.address, "작업자가 없습니다")):
        code, err = ended(cluster.fetch("--dask", address))
        assert code == 2 and "Traceback" not in err and says in err, err
