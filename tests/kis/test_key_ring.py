"""Several keys as one client: the least loaded first, a refused one leaves and comes back, no key is printed."""

import logging
from collections import Counter
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from threading import Thread
from unittest.mock import Mock

import pytest
from kis_testing import Listening, client_of, in_threads, settings_for
from updater_tools import wait_until

from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, NotOffered, SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.key_ring import FIRST_REST
from minute_candles.kis.ring_socket import RingSocket, open_socket
from minute_candles.kis.ws_session import Callbacks, Pace

LAST = datetime(2026, 11, 18, 15, 39, 59, tzinfo=KST)
NAMES = ("first", "second", "third")
KEYS = {f"{name}-app-key-0123456789": f"{name}-app-secret-0123456789" for name in NAMES}
REFUSED = next(iter(KEYS))
ALL_IN_USE = dict.fromkeys(NAMES, "IN_USE")


def ring_of(url: str, folder: Path, **changes: object) -> Settings:
    """Settings of three keys at one address."""
    base = settings_for(url, folder, **changes)
    members = tuple(
        replace(base, app_key=key, app_secret=secret, key_name=name, token_file=folder / f"token-{name}.json")
        for name, (key, secret) in zip(NAMES, KEYS.items(), strict=True)
    )
    return replace(members[0], rate_limit=3 * base.rate_limit, members=members)


@pytest.fixture
def sim(clock):
    with Listening(clock, keys=dict(KEYS)) as running:
        yield running


@pytest.fixture
def client(sim, clock, tmp_path):
    return client_of(ring_of(sim.url, tmp_path), clock)


def past(client, symbol="005930"):
    return client.past_minutes(symbol, LAST)


def states(client) -> dict[str, str]:
    return {member.name: client.caller.state(member) for member in client.caller.members}


def test_calls_are_shared_evenly_each_key_with_its_own_token_and_pace(tmp_path):
    clock = Clock()
    with Listening(clock, keys=dict(KEYS), rate=20, latency=0.02) as sim:
        client = client_of(ring_of(sim.url, tmp_path, rate_limit=15.0), clock)
        in_threads(12, lambda: [past(client) for _ in range(3)])
        calls = Counter(call.headers["appkey"] for call in sim.received if call.method == "GET")
        assert client.calls == 36 and max(calls.values()) <= 2 * min(calls.values()) and sim.tokens.issued == 3
    for ending in ("", ".pace", ".pace.lock", ".lock"):
        assert len(list(tmp_path.glob(f"token-*.json{ending}"))) == 3, ending


def test_a_refused_key_leaves_with_a_line_and_comes_back(client, sim, clock, caplog):
    secret = sim.keys.pop(REFUSED)
    with caplog.at_level(logging.INFO, "minute_candles"):
        assert all(past(client) for _ in range(6))
        assert states(client) == ALL_IN_USE | {"first": "RESTING"}
        first = client.key_status()[0]
        assert (first["name"], first["state"], bool(first["problem"])) == ("first", "RESTING", True)
        assert REFUSED not in str(first)
        clock.move(seconds=FIRST_REST + 1)
        assert all(past(client) for _ in range(3)) and states(client)["first"] == "RESTING"
        clock.move(seconds=FIRST_REST + 1)
        assert all(past(client) for _ in range(3)) and states(client)["first"] == "RESTING"
        assert sum("다른 키로 계속합니다" in line for line in caplog.messages) == 2, "the second rest is longer"
        sim.keys[REFUSED] = secret
        clock.move(seconds=2 * FIRST_REST)
        assert all(past(client) for _ in range(3))
    assert states(client) == ALL_IN_USE and any("다시 씁니다" in line for line in caplog.messages)


def test_a_bad_symbol_takes_no_key_out_of_the_ring_and_where_every_key_is_refused_the_run_ends(client, sim, clock):
    past(client, "000660")
    sim.add_fault("egw00316", symbol="005930")
    with pytest.raises(SourceError):
        past(client)
    assert states(client) == ALL_IN_USE and past(client, "000660")
    sim.keys.clear()
    clock.move(hours=25)
    for call in (client.token, lambda: past(client)):
        with pytest.raises(AuthError):
            call()


def test_a_tr_that_one_key_lacks_is_left_to_the_others(client, monkeypatch):
    monkeypatch.setattr(client.caller.members[0].caller, "send", lacking := Mock(side_effect=NotOffered("VTS")))
    assert all(past(client) for _ in range(6)) and lacking.call_count == 1


def test_each_key_streams_its_share_of_the_symbols(tmp_path):
    symbols, now = [f"{number:06}" for number in range(1, 10)], datetime(2026, 11, 20, 10)
    pace = Pace(gap=0, first=0.05, most=0.4, in_use=0.4, lived=0.3, retry=0.2, look=0.02)
    with Simulator(now=lambda: now, ws=True, keys=dict(KEYS), profiles=dict.fromkeys(symbols, "liquid")) as sim:
        base = ring_of(sim.url, tmp_path)
        members = tuple(replace(key, integrations=replace(key.integrations, ws_url=sim.ws_url)) for key in base.members)
        socket = open_socket(replace(base, members=members), Clock(), Callbacks(lambda _: None), pace)
        running = Thread(target=socket.run, args=(symbols,), daemon=True)
        running.start()
        wait_until(lambda: socket.registered == 9)
        held = sim.stream.subscriptions._slots
        assert [{symbol for _, symbol in held[key].registered} for key in KEYS] == [
            set(symbols[n::3]) for n in range(3)
        ]
        socket.stop()
        running.join(10)
        assert not running.is_alive()


def test_a_problem_of_the_stream_ends_when_no_key_has_one(tmp_path):
    problems: list[str] = []
    callbacks = Callbacks(lambda _: None, problems.append)
    socket = RingSocket(ring_of("http://127.0.0.1:9", tmp_path).members, Clock(), callbacks)
    for name, problem in (("first", "x"), ("second", "y"), ("first", ""), ("second", "")):
        socket._report(name, problem)
    assert [bool(problem) for problem in problems] == [True, True, True, False]
