"""`--standby` with two real processes on one table and one Redis: a death, a sleep, a clean end."""

import signal
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from backfill_tools import interrupt, url_of, wrong_so_far
from redis_testing import RedisServer
from servers import Server
from updater_tools import Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

SYMBOLS = ["005930", "000660", "373220"]
START = at(10, 30, 40)


@pytest.fixture
def hosts(tmp_path: Path, mariadb: Server) -> Iterator[Any]:
    """A holder that has stored and a standby that waits: one KIS, one database, one Redis, a folder each."""
    database, shift = mariadb.fresh(), START - datetime.now(KST)
    with RedisServer() as redis, Simulator(now=lambda: datetime.now(KST) + shift, rate=1000) as kis:
        url, token = url_of(database), str(tmp_path / "kis_rest_token.json")  # KIS issues one a minute
        first, second = (Owner(tmp_path / name, kis, url, shift) for name in "ab")
        for owner in (first, second):
            owner.settings |= {"REDIS_URL": redis.url, "KIS_TOKEN_FILE": token}
        holder = first.start("--symbols", ",".join(SYMBOLS), "--standby")
        wait_until(lambda: "오류 0" in first.log(), 30)
        standby = second.start("--symbols", ",".join(SYMBOLS), "--standby")
        wait_until(lambda: waits(second), 30)
        assert "오류 0" not in second.log() and f"pid {holder.pid}" in second.status()["holder"]
        yield SimpleNamespace(first=first, holder=holder, second=second, standby=standby, redis=redis)
        until = datetime.now(KST) + shift - timedelta(seconds=70)
        assert not [one for symbol in SYMBOLS for one in wrong_so_far(url, kis, symbol, until, ["ONE_MINUTE"])]
    mariadb.drop(database)


def waits(owner: Owner) -> bool:
    return (owner.logs / "realtime_updater_status.json").exists() and owner.status()["state"] == "standby"


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_standby_takes_over_within_20_seconds_of_a_death_though_redis_restarts(hosts: Any) -> None:
    second = hosts.second
    hosts.holder.kill()
    died = time.monotonic()
    hosts.redis.kill()
    hosts.redis.start()
    wait_until(lambda: "오류 0" in second.log(), 20)
    assert time.monotonic() - died < 20
    wait_until(lambda: len([line for line in second.log().splitlines() if "1분봉" in line]) >= 2, 70)
    assert interrupt(hosts.standby, signal.SIGTERM).code == 0


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_holder_that_slept_gives_up_and_waits_in_its_turn(hosts: Any) -> None:
    first, holder, second = hosts.first, hosts.holder, hosts.second
    holder.send_signal(signal.SIGSTOP)
    slept = time.monotonic()
    wait_until(lambda: "오류 0" in second.log(), 30)
    wait_until(lambda: time.monotonic() - slept >= 30, 60)
    holder.send_signal(signal.SIGCONT)
    wait_until(lambda: waits(first), 20)
    assert f"pid {hosts.standby.pid}" in first.status()["holder"] and "이 프로세스" in second.status()["holder"]
    assert "Traceback" not in first.log()
    assert interrupt(hosts.standby, signal.SIGTERM).code == 0
    stopped = time.monotonic()
    wait_until(lambda: "갱신을 이어받습니다" in first.log().split("대기합니다")[-1], 10)
    assert time.monotonic() - stopped < 10, "a clean end hands over at once"
    assert interrupt(holder, signal.SIGTERM).code == 0
