"""`--standby` with two real processes on one table and one Redis: a death, a sleep, a clean end."""

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from backfill_tools import ended, stored_rows, true_rows
from redis_testing import RedisServer
from servers import Server
from updater_tools import FRIDAY, Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

SYMBOLS = ["005930", "000660", "373220"]
START = at(10, 30, 40)
Process = subprocess.Popen[str]


class Hosts:
    """Two hosts with folders of their own, one KIS, one database, one Redis."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.shift = START - datetime.now(KST)
        self.kis = Simulator(now=lambda: datetime.now(KST) + self.shift, rate=1000)
        self.kis.start()
        self.redis, self.database = redis, database
        self.owners = [Owner(folder / name, self.kis, database, self.shift) for name in ("a", "b")]
        self.processes: list[Process] = []

    def start(self, number: int, *flags: str) -> tuple[Owner, Process]:
        owner = self.owners[number]
        token = str(self.owners[0].folder / "kis_rest_token.json")  # KIS issues one a minute
        shared = {"REDIS_URL": self.redis.url, "KIS_TOKEN_FILE": token}
        self.processes.append(owner.start("--symbols", ",".join(SYMBOLS), *flags, **shared))
        return owner, self.processes[-1]

    def state(self, owner: Owner) -> str:
        path = owner.logs / "realtime_updater_status.json"
        return str(owner.status()["state"]) if path.exists() else ""

    def both(self) -> tuple[Owner, Process, Owner, Process]:
        """A holder that has stored, and a standby that waits."""
        first, holder = self.start(0, "--standby")
        wait_until(lambda: "오류 0" in first.log(), 30)
        second, standby = self.start(1, "--standby")
        wait_until(lambda: self.state(second) == "standby", 30)
        assert "오류 0" not in second.log() and f"pid {holder.pid}" in second.status()["holder"]
        return first, holder, second, standby

    def assert_true(self) -> None:
        """No wrong row, and no minute missing that was over a minute ago."""
        limit = (datetime.now(KST) + self.shift - timedelta(seconds=70)).replace(tzinfo=None, second=0, microsecond=0)
        for symbol in SYMBOLS:
            true = {row[:3]: row[:8] for row in true_rows(self.kis, symbol, [FRIDAY]) if row[1] == "ONE_MINUTE"}
            held = {row[:3]: row[:8] for row in stored_rows(self.database, symbol) if row[1] == "ONE_MINUTE"}
            assert all(true[key] == row for key, row in held.items())
            assert {key for key in true if key[2] < limit} <= held.keys()

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            if process.stdout and not process.stdout.closed:
                process.communicate()
        self.kis.stop()


@pytest.fixture
def hosts(tmp_path: Path, mariadb: Server) -> Iterator[Hosts]:
    database = mariadb.fresh()
    with RedisServer() as redis:
        made = Hosts(tmp_path, f"mysql://root:@127.0.0.1:{mariadb.port}/{database.name}", redis)
        yield made
        made.close()
    mariadb.drop(database)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_standby_takes_over_within_20_seconds_of_a_death_though_redis_restarts(hosts: Hosts) -> None:
    _, holder, second, standby = hosts.both()
    holder.kill()
    died = time.monotonic()
    hosts.redis.kill()
    hosts.redis.start()
    wait_until(lambda: "오류 0" in second.log(), 20)
    assert time.monotonic() - died < 20
    wait_until(lambda: len([line for line in second.log().splitlines() if "1분봉" in line]) >= 2, 70)
    hosts.assert_true()
    standby.send_signal(signal.SIGTERM)
    assert ended(standby, 10).code == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_holder_that_slept_gives_up_and_waits_in_its_turn(hosts: Hosts) -> None:
    first, holder, second, standby = hosts.both()
    holder.send_signal(signal.SIGSTOP)
    slept = time.monotonic()
    wait_until(lambda: "오류 0" in second.log(), 30)
    wait_until(lambda: time.monotonic() - slept >= 30, 60)
    holder.send_signal(signal.SIGCONT)
    wait_until(lambda: hosts.state(first) == "standby", 20)
    assert f"pid {standby.pid}" in first.status()["holder"] and "이 프로세스" in second.status()["holder"]
    assert "Traceback" not in first.log()
    hosts.assert_true()
    standby.send_signal(signal.SIGTERM)
    stopped = time.monotonic()
    assert ended(standby, 10).code == 0
    wait_until(lambda: "갱신을 이어받습니다" in first.log().split("대기합니다")[-1], 10)
    assert time.monotonic() - stopped < 10, "a clean end hands over at once"
    holder.send_signal(signal.SIGTERM)
    assert ended(holder, 10).code == 0


@pytest.mark.slow
def test_a_standby_of_the_same_folder_waits_for_the_lock(hosts: Hosts) -> None:
    first, holder = hosts.start(0)
    wait_until(lambda: "오류 0" in first.log(), 30)
    _, standby = hosts.start(0, "--standby")
    wait_until(lambda: "끝나면 이어받습니다" in first.log(), 20)
    holder.kill()
    ended(holder)
    wait_until(lambda: first.log().count("갱신을 시작합니다") == 2, 20)
    standby.send_signal(signal.SIGTERM)
    assert ended(standby, 10).code == 0
