"""live_chart.py as somebody starts it: the demo in one command, and what it refuses before it serves."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import date

import pytest
import requests
from chart_testing import is_open
from places import ROOT
from servers import free_port
from store_testing import windows
from updater_tools import wait_until
from websockets.sync.client import ClientConnection, connect

import live_chart
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database
from minute_candles.config.universe import Universe
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store

TODAY = TradingCalendar().last_closed(Clock().now()).isoformat()


def started(*flags: str, **more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "live_chart.py", *flags]
    return subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **more}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


@pytest.fixture
def port() -> Iterator[int]:
    """Of a demo that runs, of one symbol; it ends with 0."""
    found = free_port()
    demo = started("--demo", f"--port={found}", "--symbols=005930")
    try:
        yield found
    finally:
        demo.send_signal(signal.SIGTERM)
        said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 0, said
    assert "📈 차트" in said and "Traceback" not in said
    assert "저장 중인 것" not in said, "the page stores nothing"


def candles(port: int, interval: object, limit: int) -> list[dict]:
    try:
        asked = {"symbol": "005930", "interval": str(interval), "limit": str(limit)}
        return requests.get(f"http://127.0.0.1:{port}/api/candles", params=asked, timeout=5).json()["candles"]
    except requests.ConnectionError:
        return []


def numbers(candle: dict) -> list[object]:
    return [candle[name] for name in ("time", "open", "high", "low", "close", "volume")]


def running(socket: ClientConnection, minute: str = "") -> dict:
    """The next message of a running minute."""
    while True:
        told = json.loads(socket.recv(timeout=90))
        if told["status"] == "RUNNING" and told["time"].startswith(minute):
            return told


def test_the_demo_is_one_command_true_in_every_interval_and_moves_each_second(port):
    assert_every_interval_is_true(port)
    assert_running_minutes_come_through_the_stream(port)


def assert_every_interval_is_true(port):
    deadline, found = time.monotonic() + 60, []
    while len({candle["time"][:10] for candle in found} - {TODAY}) < 2 or found[-1]["time"] < TODAY:
        assert time.monotonic() < deadline, found[-1:]
        time.sleep(0.2)
        found = candles(port, 1, 2000)
    whole = [candle["time"][:10] for candle in found if candle["status"] == "COMPLETE"][-1]
    with Simulator() as simulator:
        ones = simulator.truth("005930", date.fromisoformat(whole))
    for interval in (1, 3, 5, 10, 15, 30, 60):
        told = [one for one in candles(port, interval, 2000) if one["time"].startswith(whole)]
        assert [numbers(one) for one in told] == [
            [f"{one.timestamp.isoformat()}+09:00", *one[1:6]] for one in windows(ones, interval)
        ]
    day = next(one for one in candles(port, "day", 9) if one["time"].startswith(whole))
    assert numbers(day)[1:] == [
        ones[0].open, max(one.high for one in ones), min(one.low for one in ones), ones[-1].close,
        sum(one.volume for one in ones),
    ]  # fmt: skip


def assert_running_minutes_come_through_the_stream(port):
    """Trades on the simulator's WebSocket, the updater's stream, the page's socket: a candle that moves each second."""
    with connect(f"ws://127.0.0.1:{port}/ws") as socket:
        socket.send('{"subscribe": [["005930", 1]]}')
        told = [running(socket)]
        began = time.monotonic()
        told += [running(socket) for _ in range(4)]
        assert time.monotonic() - began < 20
    stream = json.loads((ROOT / "demo-chart" / "realtime_updater_status.json").read_text())["stream"]
    assert (stream["symbols"], stream["registered"]) == (1, 1)
    today = date.fromisoformat(TODAY)
    with Simulator(oddities={("005930", today): "lively"}) as simulator:
        true = {f"{one.timestamp.isoformat()}+09:00": one for one in simulator.truth("005930", today)}
    for one in told:
        assert one["open"] == true[one["time"]].open and one["volume"] <= true[one["time"]].volume
    assert len({(one["time"], one["volume"]) for one in told}) >= 4


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("display", "opens"), [(":0", True), ("", False)])
def test_on_a_terminal_with_a_screen_the_page_opens_by_itself(tmp_path, display, opens):
    """What opens it is the user's own `BROWSER`."""
    import pty

    said, path, port = tmp_path / "said", tmp_path / "minutes.db", free_port()
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" > {said}\n')
    browser.chmod(0o700)
    with closing(open_store(Database("sqlite", path=path), Clock())) as store:
        store.preflight()
    master, terminal = pty.openpty()
    environ = os.environ | {
        "BROWSER": f"{browser} %s",
        "DISPLAY": display,
        "WAYLAND_DISPLAY": "",
        "DB_URL": f"sqlite:///{path}",
    }
    chart = subprocess.Popen(
        [sys.executable, "live_chart.py", f"--port={port}"], cwd=ROOT, env=environ, stdout=terminal
    )
    try:
        wait_until(lambda: is_open(port), 30)
        if opens:
            wait_until(lambda: said.exists() and said.read_text() == f"http://127.0.0.1:{port}/\n", 10)
        assert said.exists() == opens
    finally:
        chart.terminate()
        chart.wait(10)
        os.close(master), os.close(terminal)


def test_a_symbol_that_symbols_csv_does_not_name_is_named_by_the_exchanges_list(tmp_path):
    names = {"005930": "삼성전자", "069500": "", "123456": ""}
    with Simulator() as simulator:
        live_chart.fill_names(names, Universe(tmp_path / "universe.json", simulator.url, Clock()))
    assert names == {"005930": "삼성전자", "069500": "KODEX 200", "123456": ""}
    live_chart.fill_names(names, Universe(tmp_path / "none.json", "http://127.0.0.1:1", Clock()))


def test_a_second_demo_leaves_the_first_ones_files(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(live_chart, "HERE", tmp_path)
    kept = tmp_path / "demo-chart" / "minute_data.sqlite3"
    kept.parent.mkdir()
    kept.write_text("x")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert live_chart.main(["--demo", f"--port={taken.getsockname()[1]}"]) == 2
    assert kept.exists() and "--port" in capsys.readouterr().err


@pytest.mark.parametrize("flags", [("--host=0.0.0.0",), ("--host=x y",), ("--port=99999",), ("--port=x",)])
def test_what_it_cannot_serve_is_refused_in_a_line(flags):
    refused = started(*flags, CHART_PASSWORD="", DB_PASSWORD="x")
    said, _ = refused.communicate(timeout=20)
    assert refused.returncode == 2 and len(said.strip().splitlines()) == 1, said
