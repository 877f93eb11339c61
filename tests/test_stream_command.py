"""The stream as its owner meets it: a real process, its `--status`, its signal, and nothing of its keys anywhere."""

import json
import signal
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import ended
from fault_tools import texts_in, written_ways
from redis_testing import RedisServer
from updater_tools import Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

SYMBOLS = ("005930", "000660", "035420")


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[Owner]:
    shift = at(10, 0, 50) - datetime.now(KST)
    profiles = dict.fromkeys(SYMBOLS, "brisk")
    with Simulator(now=lambda: datetime.now(KST) + shift, rate=1000, ws=True, profiles=profiles) as sim:
        made = Owner(tmp_path, sim, f"sqlite:///{tmp_path}/minutes.db", shift)
        made.settings["KIS_WS_URL"] = sim.ws_url
        made.sim = sim  # type: ignore[attr-defined]
        yield made


def test_it_streams_says_so_in_its_status_and_a_signal_closes_the_socket_cleanly(owner: Owner) -> None:
    stream = owner.sim.stream  # type: ignore[attr-defined]
    stream.behaviour.uuid_told, stream.behaviour.linger = True, 600
    owner.sim.add_fault("opsp0011", times=1)  # type: ignore[attr-defined]
    process = owner.start("--symbols", ",".join(SYMBOLS), "--verbose")
    wait_until(lambda: [m["code"] for m in stream.messages].count("OPSP0000") == 3, 40)
    wait_until(lambda: ((owner.status().get("stream") or {}).get("registered")) == 3, 30)
    status = ended(owner.start("--status"))
    assert "스트림: 3/3종목 등록" in status.out and status.code == 0
    process.send_signal(signal.SIGTERM)
    ran = ended(process)
    assert ran.code == 0 and not stream.listeners
    assert stream.subscriptions.approvals_issued == 2 and not stream.subscriptions._taken_until, "left cleanly"
    assert_no_secret(owner, ran.all + status.all, stream.subscriptions._approvals)


def assert_no_secret(owner: Owner, said: str, approvals: dict[str, object]) -> None:
    """No approval key, whole or in another writing, in any output or file; the app key in none either."""
    assert len(approvals) == 2
    texts = {"output": said, **texts_in(owner.folder)}
    secrets = [*approvals, owner.environment()["KIS_APP_SECRET"]]
    told = [name for name, text in texts.items() for s in secrets for way in written_ways(s) if way in text]
    assert told == []


@pytest.mark.slow
def test_running_minutes_reach_redis_and_come_back_after_it_was_killed(owner: Owner, redis_server: RedisServer) -> None:
    owner.settings["REDIS_URL"] = redis_server.url
    process = owner.start("--symbols", ",".join(SYMBOLS))

    def running() -> dict[str, Any]:
        with redis_server.client() as client:
            return json.loads(client.get("minute_candles:running:005930") or "{}")

    wait_until(lambda: bool(running()), 90)
    told = running()
    minute = datetime.fromisoformat(told["timestamp"])
    true = {candle.timestamp: candle for candle in owner.sim.truth("005930", minute.date())}  # type: ignore[attr-defined]
    assert told["status"] == "RUNNING" and told["open_price"] == true[minute].open
    assert told["volume"] <= true[minute].volume
    redis_server.kill()
    redis_server.start()
    wait_until(lambda: bool(running()), 90)
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 0 and "스트림 문제" not in owner.log()


def test_without_a_websocket_of_its_own_another_host_is_never_mixed_with_kis(owner: Owner) -> None:
    """Who asks a simulator for quotes and names no KIS_WS_URL must not store the real market's trades."""
    owner.settings["KIS_WS_URL"] = "-"
    process = owner.start("--symbols", SYMBOLS[0])
    wait_until(lambda: "오류 0" in owner.log(), 40)
    process.send_signal(signal.SIGTERM)
    assert ended(process).code == 0
    assert owner.status()["stream"] is None and "스트림" not in owner.log()
