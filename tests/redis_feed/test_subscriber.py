"""Hearing through a real Redis: candles wake, running minutes come, a restart is survived, nonsense is passed over."""

import json
import shutil
import socket
import subprocess
import threading
import time
from datetime import datetime

import pytest

from minute_candles.core.clock import Clock
from minute_candles.redis_feed.keys import CANDLES, RUNNING
from minute_candles.redis_feed.subscriber import Listener

TOLD = {
    "stock_symbol": "005930", "timestamp": "2026-11-20T10:31:00", "minute_interval": "ONE_MINUTE", "open_price": 1,
    "high_price": 4, "low_price": 1, "close_price": 3, "volume": 9, "vwap": None, "status": "RUNNING",
}  # fmt: skip


@pytest.fixture
def port() -> int:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def started(port: int) -> subprocess.Popen[bytes]:
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--loglevel", "warning"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
        time.sleep(0.05)
    raise AssertionError("redis-server does not start")


def published(port: int, heard: list[tuple], channel: str, text: str) -> None:
    """Told until it is heard: a subscription may just begin."""
    import redis

    before = len(heard)
    with redis.Redis(port=port) as client:
        for _ in range(150):
            client.publish(channel, text)
            time.sleep(0.1)
            if len(heard) > before:
                return
    raise AssertionError("nothing was heard")


def test_it_hears_and_survives_a_restart(port):
    heard: list[tuple] = []
    clock, server = Clock(), started(port)
    listener = Listener(f"redis://127.0.0.1:{port}", lambda *told: heard.append(told), clock)
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    try:
        published(port, heard, RUNNING, json.dumps(TOLD))
        channel, symbol, candle = heard[0]
        assert (channel, symbol, candle.timestamp) == (RUNNING, "005930", datetime(2026, 11, 20, 10, 31))
        assert candle[1:] == (1, 4, 1, 3, 9, None, None)
        server.terminate()
        server.wait(5)
        time.sleep(0.5)
        server = started(port)
        published(port, heard, CANDLES, json.dumps(TOLD))
        import redis

        with redis.Redis(port=port) as client:
            whole = json.dumps(TOLD)
            infinite, huge = whole.replace("9,", "Infinity,"), whole.replace("9,", f"{'9' * 9_999},")
            five = json.dumps(TOLD | {"minute_interval": "FIVE_MINUTES"})
            for nonsense in ("x", "{}", "[]", five, infinite, huge, "[" * 100_000):
                client.publish(CANDLES, nonsense)
        published(port, heard, CANDLES, json.dumps(TOLD))
        assert {told[0] for told in heard} == {RUNNING, CANDLES}
    finally:
        clock.stop.set()
        thread.join(5)
        server.terminate()
        server.wait(5)
    assert not thread.is_alive()
