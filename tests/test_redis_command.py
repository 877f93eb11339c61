"""Both scripts with `REDIS_URL`, as a user runs them: told after the commit, unhurt by a dead Redis, no secret said."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, ended, stored_rows
from fault_tools import texts_in, written_ways
from redis_testing import RedisServer
from updater_tools import FRIDAY, Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

PASSWORD = "rEd1s'p@ss:w/%rd#"
SYMBOLS = ("005930", "000660", "373220")
WITH = ("--symbols", ",".join(SYMBOLS))


@pytest.fixture
def guarded() -> Iterator[RedisServer]:
    """A Redis with a password that would be recognised."""
    with RedisServer(password=PASSWORD) as server:
        yield server


@pytest.fixture
def owner(tmp_path: Path, guarded: RedisServer) -> Iterator[Owner]:
    """Somebody whose updater starts at 10:30:50 of a trading day; in the end no password stands anywhere."""
    shift = at(10, 30, 50) - datetime.now(KST)
    with Simulator(now=lambda: datetime.now(KST) + shift, rate=1000, ws=True) as kis:
        owner = Owner(tmp_path, kis, f"sqlite:///{tmp_path}/minutes.db", shift)
        owner.settings |= {"REDIS_URL": guarded.url, "KIS_RATE_LIMIT": "200"}
        owner.said = []  # type: ignore[attr-defined]
        owner.kis_of = kis  # type: ignore[attr-defined]
        yield owner
    secrets = {PASSWORD: "", **dict.fromkeys(kis.tokens.known, "kis_rest_token.json")}
    for name, text in [*texts_in(tmp_path).items(), *(("output", said) for said in owner.said)]:
        for secret, allowed in secrets.items():
            assert Path(name).name == allowed or not [way for way in written_ways(secret) if way in text], name


def finished(owner: Owner, process: Any) -> Any:
    ran = ended(process, 20)
    owner.said.append(ran.all)  # type: ignore[attr-defined]
    return ran


def table_of(owner: Owner, symbol: str, interval: str) -> list[tuple[str, int, int, int, int, int]]:
    """(start, open, high, low, close, volume) of the newest 400."""
    rows = [row for row in stored_rows(owner.database, symbol) if row[1] == interval]
    return [(row[2].isoformat(), *map(int, row[3:8])) for row in rows][-400:]


def set_of(server: RedisServer, symbol: str, interval: str) -> list[tuple[str, int, int, int, int, int]]:
    names = ("timestamp", "open_price", "high_price", "low_price", "close_price", "volume")
    return [tuple(one[name] for name in names) for one in server.recent(symbol, interval)]  # type: ignore[misc]


def is_whole(owner: Owner, server: RedisServer) -> Callable[[], bool]:
    def whole() -> bool:
        return all(
            (kept := table_of(owner, symbol, name)) and kept == set_of(server, symbol, name)
            for symbol in SYMBOLS
            for name in ("ONE_MINUTE", "FIVE_MINUTES", "FIFTEEN_MINUTES")
        )

    return whole


def test_one_round_tells_all_it_stored_before_it_ends(owner: Owner, guarded: RedisServer) -> None:
    ran = finished(owner, owner.start(*WITH, "--once", "--verbose"))
    assert ran.code == 0, ran.all
    assert is_whole(owner, guarded)()
    stored = sum(len(table_of(owner, symbol, "ONE_MINUTE")) for symbol in SYMBOLS)
    told = [one for one in guarded.streamed() if one["minute_interval"] == "ONE_MINUTE"]
    assert len(told) == stored > 200 and {one["status"] for one in told} == {"PROVISIONAL"}


def test_the_streams_running_minute_goes_to_redis_as_it_trades(owner: Owner, guarded: RedisServer) -> None:
    kis = owner.kis_of  # type: ignore[attr-defined]
    kis.stream.form.split = 20
    process = owner.start(*WITH, "--verbose", KIS_WS_URL=kis.ws_url)
    with guarded.client() as client:
        wait_until(lambda: bool(client.get("minute_candles:running:005930")), 90)
        told = json.loads(client.get("minute_candles:running:005930") or "")
        traded = kis.truth("005930", FRIDAY, 1)
    process.terminate()
    assert finished(owner, process).code == 0
    true = next(one for one in traded if one.timestamp.replace(tzinfo=None).isoformat() == told["timestamp"])
    assert told["status"] == "RUNNING" and told["minute_interval"] == "ONE_MINUTE"
    assert true.low <= told["low_price"] <= told["close_price"] <= told["high_price"] <= true.high
    assert 0 < told["volume"] <= true.volume


def test_a_wrong_password_is_a_setting_to_mend(owner: Owner, guarded: RedisServer) -> None:
    with RedisServer(password="another") as other:
        url = guarded.url.replace(str(guarded.port), str(other.port))
        ran = finished(owner, owner.start(*WITH, "--once", "--verbose", REDIS_URL=url))
    assert ran.code == 2 and "REDIS_URL" in ran.err and "Traceback" not in ran.all
    assert not (owner.folder / "minutes.db").exists()


def test_a_key_that_is_shared_through_redis(owner: Owner, guarded: RedisServer) -> None:
    """Once with it and once without, the second by the file."""
    shared = {"KIS_SHARED": "redis", "KIS_RATE_LIMIT": "60"}
    ran = finished(owner, owner.start(*WITH, "--once", "--verbose", **shared))
    assert ran.code == 0, ran.all
    with guarded.client() as client:
        assert len(client.keys("kis:real:*")) == 3
    guarded.kill()
    ran = finished(owner, owner.start(*WITH, "--once", "--verbose", **shared))
    assert ran.code == 0 and ran.all.count("한도를 나누는 Redis 문제 시작") == 1
    assert owner.kis_of.tokens.issued == 1  # type: ignore[attr-defined]


def test_a_redis_that_is_not_there_costs_a_line(owner: Owner, guarded: RedisServer) -> None:
    guarded.kill()
    ran = finished(owner, owner.start(*WITH, "--once", "--verbose"))
    assert ran.code == 0 and ran.all.count("Redis 문제 시작") == 1
    assert table_of(owner, "005930", "ONE_MINUTE")


def test_a_backfill_fills_the_sets_and_tells_nobody(tmp_path: Path, owner: Owner, guarded: RedisServer) -> None:
    user = User(tmp_path / "user", owner.kis_of.url, owner.database, {"REDIS_URL": guarded.url})  # type: ignore[attr-defined]
    ran = user.run(*WITH, "--from", "2026-11-17", "--to", "2026-11-18", "--verbose")
    owner.said.append(ran.all)  # type: ignore[attr-defined]
    assert ran.code == 0, ran.all
    assert is_whole(owner, guarded)()
    assert guarded.streamed() == [] and {one["status"] for one in guarded.recent("005930")} == {"COMPLETE"}
