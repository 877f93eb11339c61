"""Both scripts with `REDIS_URL`, as a user runs them: published after the commit, unhurt by a dead Redis, no secret."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import Ran, User, stored_rows
from fault_tools import texts_in, written_ways
from redis_testing import RedisServer
from updater_tools import Owner, at

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

PASSWORD = "rEd1s'p@ss:w/%rd#"
SYMBOLS = ("005930", "000660", "373220")
WITH = ("--symbols", ",".join(SYMBOLS), "--verbose")
NAMES = ("timestamp", "open_price", "high_price", "low_price", "close_price", "volume")


@pytest.fixture
def guarded() -> Iterator[RedisServer]:
    """A Redis with a password that would be recognised."""
    with RedisServer(password=PASSWORD) as server:
        yield server


@pytest.fixture
def owner(tmp_path: Path, guarded: RedisServer) -> Iterator[Any]:
    """Somebody whose updater starts at 10:30:50 of a trading day; in the end no password stands anywhere."""
    shift = at(10, 30, 50) - datetime.now(KST)
    with Simulator(now=lambda: datetime.now(KST) + shift, rate=1000) as kis:
        owner: Any = Owner(tmp_path, kis, f"sqlite:///{tmp_path}/minutes.db", shift)
        owner.settings |= {"REDIS_URL": guarded.url, "KIS_RATE_LIMIT": "200"}
        owner.said, owner.kis_of = [], kis
        yield owner
    secrets = {PASSWORD: "", **dict.fromkeys(kis.tokens.known, "kis_rest_token.json")}
    for name, text in [*texts_in(tmp_path).items(), *(("output", said) for said in owner.said)]:
        for secret, allowed in secrets.items():
            assert Path(name).name == allowed or not [way for way in written_ways(secret) if way in text], name


def run_once(owner: Any, **environ: str) -> Ran:
    ran = owner.run_here("realtime_updater", *WITH, "--once", **environ)
    owner.said.append(ran.all)
    return ran


def whole(owner: Owner, server: RedisServer) -> int:
    """The sets equal the newest 400 of the table; how many minutes that are."""
    minutes = 0
    for symbol in SYMBOLS:
        for interval in ("ONE_MINUTE", "FIVE_MINUTES", "FIFTEEN_MINUTES"):
            rows = [row for row in stored_rows(owner.database, symbol) if row[1] == interval]
            kept = [(row[2].isoformat(), *map(int, row[3:8])) for row in rows][-400:]
            assert kept and kept == [tuple(one[name] for name in NAMES) for one in server.recent(symbol, interval)]
            minutes += len(kept) if interval == "ONE_MINUTE" else 0
    return minutes


def test_one_round_publishes_all_it_stored_shares_the_key_and_a_redis_that_is_gone_costs_a_line(owner, guarded):
    shared = {"KIS_SHARED": "redis", "KIS_RATE_LIMIT": "60"}
    with RedisServer(password="another") as other:
        url = guarded.url.replace(str(guarded.port), str(other.port))
        ran = run_once(owner, REDIS_URL=url)
    assert ran.code == 2 and "REDIS_URL" in ran.err and "Traceback" not in ran.all
    assert not (owner.folder / "minutes.db").exists()
    ran = run_once(owner, **shared)
    assert ran.code == 0, ran.all
    published = [one for one in guarded.streamed() if one["minute_interval"] == "ONE_MINUTE"]
    assert len(published) == whole(owner, guarded) > 200 and {one["status"] for one in published} == {"PROVISIONAL"}
    with guarded.client() as client:
        assert len(client.keys("kis:real:*")) == 3
    guarded.kill()
    ran = run_once(owner, **shared)
    assert ran.code == 0 and ran.all.count("한도를 나누는 Redis 문제 시작") == 1
    assert ran.all.count("Redis 문제 시작") == 2 and owner.kis_of.tokens.issued == 1


def test_a_backfill_fills_the_sets_and_publishes_to_nobody(tmp_path, owner, guarded):
    user = User(tmp_path / "user", owner.kis_of.url, owner.database, {"REDIS_URL": guarded.url})
    ran = user.run(*WITH, "--from", "2026-11-17", "--to", "2026-11-18")
    owner.said.append(ran.all)
    assert ran.code == 0, ran.all
    assert whole(owner, guarded) and guarded.streamed() == []
    assert {one["status"] for one in guarded.recent("005930")} == {"COMPLETE"}
