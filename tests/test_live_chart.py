"""live_chart.py as somebody starts it: the demo in one command, and what it refuses before it serves."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
import requests
from places import ROOT
from servers import free_port
from store_testing import windows
from updater_tools import wait_until
from websockets.sync.client import connect

import live_chart
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import demo_settings
from minute_candles.config.universe import Universe
from minute_candles.core.clock import Clock
from minute_candles.demo.demo import with_alerts
from minute_candles.market.calendar import TradingCalendar

TODAY = TradingCalendar().last_closed(Clock().now()).isoformat()
SYMBOL = "005930"


def candles(port: int, interval: int) -> list[dict]:
    with suppress(requests.ConnectionError):
        query = {"symbol": SYMBOL, "interval": str(interval), "limit": "2000"}
        return requests.get(f"http://127.0.0.1:{port}/api/candles", params=query, timeout=5).json()["candles"]
    return []


def memory(process: int) -> int:
    """In KB, of a process and all below it."""
    used = int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text())[1])
    found = [int(one) for path in Path(f"/proc/{process}/task").glob("*/children") for one in path.read_text().split()]
    return used + sum(map(memory, found))


@pytest.mark.slow
def test_the_demo_is_one_command_true_in_every_interval_moves_each_second_and_takes_little_memory():
    port = free_port()
    command = [sys.executable, "live_chart.py", "--demo", f"--port={port}"]
    demo = subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: TODAY in (days := {one["time"][:10] for one in candles(port, 1)}) and len(days) > 2, 120)
        day = [candle["time"][:10] for candle in candles(port, 1) if candle["status"] == "COMPLETE"][-1]
        with Simulator() as simulator:
            ones = simulator.truth(SYMBOL, date.fromisoformat(day))
        for interval in (1, 3, 60):
            found = [one for one in candles(port, interval) if one["time"].startswith(day)]
            numbers = [[one[name] for name in ("time", "open", "high", "low", "close", "volume")] for one in found]
            wanted = windows(ones, interval)
            assert numbers == [[f"{one.timestamp.isoformat()}+09:00", *one[1:6]] for one in wanted]
        assert_running_minutes_come_through_the_stream(port)
        assert not Path("/proc").exists() or memory(demo.pid) < 400_000, "it held 670 MB"
    finally:
        demo.send_signal(signal.SIGTERM)
        said, _ = demo.communicate(timeout=20)
    assert demo.returncode == 0 and "📈 차트" in said and "Traceback" not in said, said
    assert "저장 중인 것" not in said, "the page stores nothing"


def assert_running_minutes_come_through_the_stream(port: int) -> None:
    """Trades on the simulator's WebSocket, the updater's stream, the page's socket: a candle that moves each second."""
    found, times = [], []
    with connect(f"ws://127.0.0.1:{port}/ws") as line:
        line.send(json.dumps({"subscribe": [[SYMBOL, 1]]}))
        while len(found) < 5:
            if (message := json.loads(line.recv(timeout=90)))["status"] == "RUNNING":
                found.append(message)
                times.append(time.monotonic())
    assert times[-1] - times[0] < 20
    assert len({(one["time"], one["volume"]) for one in found}) >= 4


def test_a_symbol_that_symbols_csv_does_not_name_is_named_by_the_exchanges_list(tmp_path):
    names = {SYMBOL: "삼성전자", "069500": "", "123456": ""}
    with Simulator() as simulator:
        live_chart.fill_names(names, Universe(tmp_path / "universe.json", simulator.url, Clock()))
    assert names == {SYMBOL: "삼성전자", "069500": "KODEX 200", "123456": ""}
    live_chart.fill_names(names, Universe(tmp_path / "none.json", "http://127.0.0.1:1", Clock()))


def test_the_charts_demo_has_the_rules_of_the_example_and_a_second_one_leaves_its_files(monkeypatch, tmp_path, capsys):
    rules = with_alerts(demo_settings("http://127.0.0.1:1", tmp_path)).integrations.alerts_file
    assert rules and rules.is_file()
    monkeypatch.setattr(live_chart, "HERE", tmp_path)
    kept = tmp_path / "demo-chart" / "minute_data.sqlite3"
    kept.parent.mkdir()
    kept.write_text("x")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert live_chart.main(["--demo", f"--port={taken.getsockname()[1]}"]) == 2
    assert kept.exists() and "--port" in capsys.readouterr().err


def test_what_it_cannot_serve_is_refused_in_a_line(monkeypatch, capsys):
    for name, value in (("CHART_PASSWORD", ""), ("DB_PASSWORD", "x")):
        monkeypatch.setenv(name, value)
    for flag in ("--host=0.0.0.0", "--host=x y", "--port=99999"):
        assert live_chart.main([flag]) == 2
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
