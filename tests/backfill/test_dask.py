"""The backfill by Dask: real scheduler and workers, each worker with its own key; deaths cost a rerun, never a row."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from backfill_tools import FarSimulator, execute, url_of

from minute_candles.config.settings import Database

pytest.importorskip("distributed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
SYMBOLS = "005930,000660,035420,051910,006400,105560,012330,066570,034730,003550"
AT = "2026-11-20T21:00"


class Cluster:
    """A scheduler and workers as a person starts them, each worker in a folder with settings of its own."""

    def __init__(self, folder: Path, database: str, kis: str) -> None:
        self.folder, self.database, self.kis = folder, database, kis
        self.scheduler = self._spawn(
            "dask_scheduler", ["--port", "0", "--dashboard-address", "127.0.0.1:0", "--host", "127.0.0.1"], {}
        )
        self.address = self._line(self.scheduler, "Scheduler at:").split()[-1]
        self.workers = [self._worker(number) for number in range(2)]
        time.sleep(3)

    def _worker(self, number: int) -> "subprocess.Popen[str]":
        place = self.folder / f"worker{number}"
        place.mkdir(exist_ok=True)
        flags = [self.address, "--nthreads", "2", "--no-nanny", "--no-dashboard", "--local-directory", str(place)]
        return self._spawn("dask_worker", flags, self.settings(f"key{number}", place))

    def settings(self, key: str, place: Path) -> dict[str, str]:
        return {
            "KIS_APP_KEY": key, "KIS_APP_SECRET": "secret", "KIS_BASE_URL": self.kis, "KIS_RATE_LIMIT": "18",
            "KIS_TOKEN_FILE": str(place / f"{key}.json"), "DB_URL": self.database, "LOG_DIR": str(place),
            "CLOCK_AT": AT, "STREAM_SYMBOLS": "0",
        }  # fmt: skip

    def _spawn(self, command: str, flags: list[str], settings: dict[str, str]) -> "subprocess.Popen[str]":
        root = str(Path(__file__).resolve().parents[2])
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "DB_"))}
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.{command}", *flags],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=root,
            env=environ | settings | {"PYTHONPATH": root},
        )  # fmt: skip

    @staticmethod
    def _line(process: "subprocess.Popen[str]", words: str) -> str:
        assert process.stderr
        return next(line for line in process.stderr if words in line)

    def fetch(self, *flags: str) -> "subprocess.Popen[str]":
        root = Path(__file__).resolve().parents[2]
        place = self.folder / "client"
        place.mkdir(exist_ok=True)
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "DB_"))}
        command = [sys.executable, "fetch_minute_data.py", "--symbols", SYMBOLS, "--days", "8", *flags]
        return subprocess.Popen(
            command, cwd=root, env=environ | self.settings("key0", place), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        )  # fmt: skip

    def stop(self) -> None:
        for process in (*self.workers, self.scheduler):
            if process.poll() is None:
                process.kill()
            process.wait(20)
            if process.stderr:
                process.stderr.close()


@pytest.fixture
def cluster(tmp_path: Path, database: Database) -> Iterator[Cluster]:
    kis = FarSimulator("--rate", "18")
    made = Cluster(tmp_path, url_of(database), kis.url)
    yield made
    made.stop()
    kis.stop()


def counted(cluster: Cluster) -> tuple[int, int]:
    """Verified symbol-days, and keys that stand twice."""
    [(days,)] = execute(cluster.database, "SELECT COUNT(*) FROM stock_minute_coverage")
    [(rows, keys)] = execute(
        cluster.database,
        "SELECT COUNT(*), COUNT(DISTINCT stock_symbol, minute_interval, timestamp) FROM stock_minute_prices",
    )
    return days, rows - keys


def ended(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = process.communicate(timeout=180)
    return process.returncode, out, err


def until_some(cluster: Cluster, days: int) -> None:
    deadline = time.monotonic() + 90
    while counted(cluster)[0] < days:
        assert time.monotonic() < deadline
        time.sleep(0.3)


def test_a_killed_worker_costs_nothing_and_a_killed_scheduler_a_rerun(cluster: Cluster) -> None:
    assert ended(cluster.fetch("--symbols", "005930", "--days", "1"))[0] == 0  # the tables are there
    running = cluster.fetch("--dask", cluster.address)
    until_some(cluster, 10)
    cluster.workers[0].send_signal(signal.SIGKILL)
    until_some(cluster, 25)
    cluster.scheduler.send_signal(signal.SIGKILL)
    code, _, err = ended(running)
    assert code == 1 and "Traceback" not in err and "연결이 끊겼습니다" in err, err
    code, out, err = ended(cluster.fetch())
    assert code == 0, err
    assert ended(cluster.fetch("--check"))[0] == 0
    days, doubled = counted(cluster)
    assert days >= 50 and doubled == 0


def test_without_scheduler_or_workers_it_is_one_line(cluster: Cluster) -> None:
    code, _, err = ended(cluster.fetch("--dask", "tcp://127.0.0.1:9"))
    assert code == 2 and "Traceback" not in err, err
    for worker in cluster.workers:
        worker.kill()
        worker.wait(20)
    time.sleep(2)
    code, _, err = ended(cluster.fetch("--dask", cluster.address))
    assert code == 2 and "작업자가 없습니다" in err, err
