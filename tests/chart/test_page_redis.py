"""The running minute on its way: the updater's feed, a real Redis, the chart's listener, a page in a browser."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime

import pytest
from chart_browser import errors, wait
from chart_testing import MONDAY, put, serving
from redis_testing import RedisServer
from selenium.webdriver.common.by import By
from store_testing import CALENDAR, minutes

from live_chart import listen
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.redis_feed.publisher import Feed
from minute_candles.storage.store import Store, open_reader, open_store

ONES = minutes(CALENDAR.session(MONDAY))
AT = datetime(2026, 11, 23, 10, 0, 5, tzinfo=KST)
RUNNING = ONES[60]._replace(volume=100, turnover=None, vwap=None)
PRICE = "document.getElementById('price').textContent"


@pytest.fixture
def store(database: Database) -> Iterator[Store]:
    with closing(open_store(database, Clock())) as store:
        store.preflight()
        put(store, "005930", ONES[:60])
        yield store


def moved(feed: Feed, number: int) -> str:
    """The running minute after another trade; its price as it is shown."""
    close = RUNNING.low + number
    feed.publish_running("005930", RUNNING._replace(close=close, volume=100 + number))
    return f"{close:,}"


def test_the_running_candle_moves_each_second_and_again_after_redis_was_gone(
    chromium, database, store, redis_server: RedisServer
):
    clock = Clock(at=AT)
    feed = Feed(redis_server.url, clock, ["005930"], lambda: open_reader(database, clock))
    store.listeners.append(feed.on_write)
    feed.start()
    page = chromium
    with serving(database, at=AT) as server:
        listen(redis_server.url, server.broadcaster, server.clock)
        page.get(f"{server.url}?symbol=005930&interval=5")
        wait(page, f"{PRICE} === '{ONES[59].close:,}'")
        took = []
        for number in range(1, 6):
            began = time.monotonic()
            shown = moved(feed, number)
            wait(page, f"{PRICE} === '{shown}'", 10)
            took.append(time.monotonic() - began)
        assert sorted(took)[2] < 2, took
        assert "진행 중" in page.find_element(By.ID, "numbers").text
        wait(page, "document.getElementById('state').textContent.includes('방금 받음')", 3)
        redis_server.kill()
        put(store, "005930", ONES[:61])
        wait(page, f"{PRICE} === '{ONES[60].close:,}'", 10)  # the table is the truth
        redis_server.start()
        again = RUNNING._replace(timestamp=ONES[61].timestamp, close=RUNNING.high - 1)
        deadline = time.monotonic() + 20
        while page.execute_script(f"return {PRICE}") != f"{again.close:,}":
            assert time.monotonic() < deadline
            feed.publish_running("005930", again)
            time.sleep(0.5)
        assert errors(page) == []
    feed.close()
