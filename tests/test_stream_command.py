"""The stream as its owner meets it: a real process, its `--status`, its signal, and nothing of its keys anywhere."""

import signal
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import ended
from fault_tools import texts_in, written_ways
from servers import Server
from session_tools import Installation
from updater_tools import Owner, at, wait_until

from kis_simulator.faults.faults import STREAM, STREAM_CODES
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


@pytest.mark.slow
def test_it_streams_says_so_in_its_status_and_a_signal_closes_the_socket_cleanly(owner: Owner) -> None:
    stream = owner.sim.stream  # type: ignore[attr-defined]
    stream.behaviour.uuid_told, stream.behaviour.linger = True, 600
    owner.sim.add_fault("opsp0011", times=1)  # type: ignore[attr-defined]
    process = owner.start("--symbols", ",".join(SYMBOLS), "--verbose")
    wait_until(lambda: [m["code"] for m in stream.messages].count("OPSP0000") == 3, 90)
    wait_until(lambda: ((owner.status().get("stream") or {}).get("registered")) == 3, 90)
    status = ended(owner.start("--status"))
    assert "스트림: 3/3종목 등록" in status.out and status.code == 0
    process.send_signal(signal.SIGTERM)
    ran = ended(process)
    assert ran.code == 0 and not stream.listeners
    assert stream.subscriptions.approvals_issued == 2 and not stream.subscriptions._taken_until, "left cleanly"
    texts = {"output": ran.all + status.all, **texts_in(owner.folder)}
    secrets = [*stream.subscriptions._approvals, owner.environment()["KIS_APP_SECRET"]]
    ways = [way for secret in secrets for way in written_ways(secret)]
    assert len(secrets) == 3 and not [name for name, text in texts.items() if any(way in text for way in ways)]


STREAM_FAULTS: dict[str, dict[str, Any]] = {
    **dict.fromkeys(STREAM, {"rate": 0.05}),
    **{code: {"times": 1, "after": 3 + 4 * number} for number, code in enumerate(STREAM_CODES)},
    "ws_cut": {"seconds": 15}, "ws_stall": {"rate": 0.02, "seconds": 5}, "ws_forbidden": {"times": 2, "after": 1},
}  # fmt: skip
ALERTS = '[[rule]]\nkind = "price_change"\npercent = 0.3\ncooldown = 3\n'


@pytest.mark.load
@pytest.mark.timeout(900)
def test_ten_minutes_of_every_stream_fault_with_redis_and_the_updater_killed(tmp_path: Path, mariadb: Server) -> None:
    """Ten market minutes at four times their speed: table, sets, stream and alerts are those of a quiet day."""
    symbols = [f"{number:06}" for number in range(1, 9)]
    with Installation(tmp_path, mariadb.fresh(), at(9, 57), symbols, speed=4, rules=ALERTS, profile="brisk") as site:
        site.kis.stream.form.split, site.kis.stream.behaviour.linger = 5, 0.2
        faults = [site.kis.add_fault(kind, **options) for kind, options in STREAM_FAULTS.items()]
        updater = site.update()
        wait_until(lambda: "오류 0" in site.texts() and site.kis.stream.publisher.records > 0, 120)
        began = site.now()
        site.wait(began + timedelta(minutes=3))
        site.redis.kill()
        site.wait(began + timedelta(minutes=4, seconds=30))
        site.redis.start()
        site.wait(began + timedelta(minutes=6))
        updater.kill()
        site.wait(began + timedelta(minutes=6, seconds=40))
        again, updater = site.now(), site.update()
        site.wait(began + timedelta(minutes=10))
        site.kis.clear_faults()
        site.wait((site.now() + timedelta(minutes=2)).replace(second=40))
        until = site.now() - timedelta(minutes=1)
        site.count_true(until)
        wait_until(lambda: len(site.alerts()) == site.delivered(), 60)
        alerts, judged = site.alerts(), site.judged()
        assert not {one for one in {*alerts} ^ {*judged} if one[2] < f"{until:%Y-%m-%d %H:%M}"}
        assert len(set(alerts)) == len(alerts) > 20
        updater.terminate()
        assert updater.wait(30) == 0 and "Traceback" not in site.texts()
        table, stream = site.table(), site.stream()
        assert table == site.sets() and not [key for key in stream if table.get(key) != stream[key]]
        assert {key for key in table if key[2] >= f"{again:%Y-%m-%dT%H:%M}"} <= set(stream)
        assert not [fault.kind for fault in faults if not fault.fired]
