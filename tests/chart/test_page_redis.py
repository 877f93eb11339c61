"""The running minute on its way: the updater's feed, a real Redis, the chart's listener, a page in a browser."""

import time

from chart_testing import AT, TODAY, put
from updater_tools import wait_until

from live_chart import listen
from minute_candles.core.clock import Clock
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.redis_feed.keys import RUNNING
from minute_candles.redis_feed.publisher import Feed
from minute_candles.storage.store import open_reader

PRICE = "document.getElementById('price').textContent"


def test_the_running_candle_moves_each_second_and_again_after_redis_was_gone(page, database, store, redis_server):
    clock = Clock(at=AT)
    feed = Feed(redis_server.url, clock, ["005930"], lambda: open_reader(database, clock))
    store.listeners.append(feed.on_write)
    feed.start()

    def traded(number: int, minute: int = 92) -> str:
        """The running minute after another trade; its price as it is shown."""
        one = TODAY[minute]
        close = one.low + number
        running = one._replace(close=close, volume=number, turnover=None, vwap=None)
        feed.on_running(RunningMinute("005930", running, is_whole=True))
        return f"{close:,}"

    listen(redis_server.url, page.server.broadcaster, page.server.clock)
    with redis_server.client() as client:
        wait_until(lambda: client.pubsub_numsub(RUNNING)[0][1] == 1)
    took = []
    for number in range(1, 6):
        began = time.monotonic()
        page.wait(f"{PRICE} === '{traded(number)}'", 10)
        took.append(time.monotonic() - began)
    assert sorted(took)[2] < 2, took
    assert "진행 중" in page.text("#numbers")
    page.wait("document.getElementById('state').textContent.includes('방금 받음')", 3)
    redis_server.kill()
    put(store, "005930", TODAY[:93])
    page.wait(f"{PRICE} === '{TODAY[92].close:,}'", 10)  # the table is the truth
    redis_server.start()
    wait_until(lambda: (shown := traded(299, 93)) and time.sleep(0.5) is None and page.js(PRICE) == shown, 20)
    feed.close()
