"""A subscription at a real Redis: candles come, a restart is survived, nonsense is passed over."""

import json
import threading
from datetime import datetime

from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.redis_feed.keys import CANDLES, RUNNING
from minute_candles.redis_feed.subscriber import Listener

CANDLE = {
    "stock_symbol": "005930", "timestamp": "2026-11-20T10:31:00", "minute_interval": "ONE_MINUTE", "open_price": 1,
    "high_price": 4, "low_price": 1, "close_price": 3, "volume": 9, "vwap": None, "status": "RUNNING",
}  # fmt: skip
WHOLE = json.dumps(CANDLE)
NONSENSE = [
    "x", "{}", "[]", json.dumps(CANDLE | {"minute_interval": "FIVE_MINUTES"}), WHOLE.replace("9,", "Infinity,"),
    WHOLE.replace("9,", f"{'9' * 9_999},"), "[" * 100_000,
]  # fmt: skip


def publish(server, *messages):
    """Publish once the listener has subscribed."""
    with server.client() as client:
        wait_until(lambda: client.pubsub_numsub(CANDLES)[0][1] == 1)
        for message in messages:
            client.publish(*message)


def test_candles_come_in_their_order_a_restart_is_survived_and_nonsense_is_passed_over(redis_server) -> None:
    received, clock = [], Clock()
    listener = Listener(redis_server.url, lambda *candle: received.append(candle), clock)
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    publish(redis_server, (RUNNING, WHOLE))
    wait_until(lambda: len(received) == 1)
    channel, symbol, candle = received[0]
    assert (channel, symbol, candle.timestamp) == (RUNNING, "005930", datetime(2026, 11, 20, 10, 31))
    assert candle[1:] == (1, 4, 1, 3, 9, None, None)
    redis_server.kill()
    redis_server.start()
    publish(redis_server, *((CANDLES, text) for text in NONSENSE), (CANDLES, WHOLE))
    wait_until(lambda: len(received) == 2)
    assert received[1] == (CANDLES, symbol, candle)
    clock.stop.set()
    thread.join(5)
    assert not thread.is_alive()
