"""`--standby` with two real processes on one table and one Redis: a death, a sleep, a clean end."""

import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from backfill_tools import interrupt, wrong_so_far
from redis_testing import RedisServer
from servers import Server
from updater_tools import Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

SYMBOLS = ["005930", "000660", "373220"]
START = at(10, 30, 40)


class Hosts:
    """Two hosts with folders of their own, one KIS, one database, one Redis."""

    def __init__(self, folder: Path, database: str, redis: RedisServer) -> None:
        self.shift = START - datetime.now(KST)
        self.kis = Simulator(now=lambda: datetime.now(KST) + self.shift, rate=1000)
        self.redis, self.database = redis, database
        self.kis.start()
        self.owners = [Owner(folder / name, self.kis, database, self.shift) for name in ("a", "b")]
        token = str(folder / "a" / "kis_rest_token.json")  # KIS issues one a minute
        for owner in self.owners:
            owner.settings |= {"REDIS_URL": redis.url, "KIS_TOKEN_FILE": token}

    def state(self, owner: Owner) -> str:
        path = owner.logs / "realtime_updater_status.json"
        return str(owner.status()["state"]) if path.exists() else ""

    def both(self) -> tuple[Owner, subprocess.Popen[str], Owner, subprocess.Popen[str]]:
        """A holder that has stored, and a standby that waits."""
        first, second = self.owners
        flags = ("--symbols", ",".join(SYMBOLS), "--standby")
        holder = first.start(*flags)
        wait_until(lambda: "오류 0" in first.log(), 30)
        standby = second.start(*flags)
        wait_until(lambda: self.state(second) == "standby", 30)
        assert "오류 0" not in second.log() and f"pid {holder.pid}" in second.status()["holder"]
        return first, holder, second, standby

    def assert_true(self) -> None:
        """No minute wrong or missing that was over a minute ago."""
        until = datetime.now(KST) + self.shift - timedelta(seconds=70)
        for symbol in SYMBOLS:
            assert wrong_so_far(self.database, self.kis, symbol, until, ["ONE_MINUTE"]) == []


@pytest.fixture
def hosts(tmp_path: Path, mariadb: Server) -> Iterator[Hosts]:
    database = mariadb.fresh()
    with RedisServer() as redis:
        made = Hosts(tmp_path, f"mysql://root:@127.0.0.1:{mariadb.port}/{database.name}", redis)
        yield made
        made.kis.stop()
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
    assert interrupt(standby, signal.SIGTERM).code == 0


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
    assert interrupt(standby, signal.SIGTERM).code == 0
    stopped = time.monotonic()
    wait_until(lambda: "갱신을 이어받습니다" in first.log().split("대기합니다")[-1], 10)
    assert time.monotonic() - stopped < 10, "a clean end hands over at once"
    assert interrupt(holder, signal.SIGTERM).code == 0
