"""The feed to Redis: how soon a subscriber hears of a candle, what a write waits for it, what filling the sets is."""

import json
import statistics
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import filled
from harness import CALENDAR, KST, SESSIONS, THE_97, Line, keep, load, running, spread
from redis_testing import RedisServer

from minute_candles.core.clock import Clock
from minute_candles.market.candles import Candle
from minute_candles.redis_feed.publisher import Feed
from minute_candles.storage.store import Store, open_reader

DAY = datetime(2026, 11, 20, 10, 30, 5, tzinfo=KST)
MINUTES = 5


def collect_moments(url: str, moments: dict[tuple[str, str], float], stop: threading.Event) -> None:
    """When each 1-minute candle came over the channel."""
    import redis

    with (
        redis.Redis.from_url(url, decode_responses=True) as client,
        client.pubsub(ignore_subscribe_messages=True) as channel,
    ):
        channel.subscribe("minute_candles")
        while not stop.is_set():
            if message := channel.get_message(timeout=0.2):
                told: dict[str, Any] = json.loads(message["data"])
                moments[told["stock_symbol"], told["timestamp"]] = time.perf_counter()


def lags(store: Store, feed: Feed, url: str, clock: Clock) -> tuple[list[float], list[float]]:
    """Minutes of 97 symbols: seconds from the commit to the subscriber, and what each write waited for the feed."""
    moments: dict[tuple[str, str], float] = {}
    stop, committed, waited = threading.Event(), {}, []
    ear = threading.Thread(target=collect_moments, args=(url, moments, stop))
    ear.start()
    time.sleep(0.5)
    session = CALENDAR.session(DAY.date())

    def on_stored(stored: Any) -> None:
        began = time.perf_counter()
        feed.on_write(stored)
        waited.append(time.perf_counter() - began)
        for candle in stored.candles[1]:
            committed[stored.symbol, candle.timestamp.isoformat()] = began

    store.listeners.append(on_stored)
    for minute in range(MINUTES):
        at = session.open_label + timedelta(minutes=60 + minute)
        for symbol in THE_97:
            candle = Candle(at, 70_000, 70_100, 69_900, 70_050, 1000 + minute, None, None)
            store.rewrite(symbol, session, lambda old, candle=candle: {**old, 1: [*old[1], candle]}, now=clock.now())  # type: ignore[misc]
            time.sleep(0.01)
    time.sleep(1)
    stop.set()
    ear.join()
    return [moments[key] - when for key, when in committed.items()], waited


def main() -> None:
    began, clock = load(), Clock(at=DAY)
    with running("mariadb") as server, RedisServer() as redis:
        database = server.fresh()
        with closing(filled.ready(database)) as store:
            days = [day for day in SESSIONS if day < DAY.date()][-20:]
            filled.fill(server, database, THE_97, days)
            feed = Feed(redis.url, clock, THE_97, lambda: open_reader(database, clock))
            worked, started = time.process_time(), time.perf_counter()
            feed.start()
            with redis.client() as client:
                while client.dbsize() < 3 * len(THE_97):
                    time.sleep(0.01)
            filling, cost = time.perf_counter() - started, time.process_time() - worked
            late, waited = lags(store, feed, redis.url, clock)
            feed.close()
    late.sort()
    p95 = late[int(0.95 * len(late))]
    keep(
        "feed",
        "Redis 알림",
        [
            Line("커밋에서 구독자까지, 중앙값 / 95% (ms)", f"{1000 * statistics.median(late):.3g} / {1000 * p95:.3g}",
                 "≤ 50 / ≤ 200", statistics.median(late) <= 0.05 and p95 <= 0.2),
            Line("저장이 알림을 기다린 시간 (µs)", str(spread([1e6 * each for each in waited]))),
            Line("97종목의 set 291개를 테이블에서 채우기: 걸린 시간 / CPU (초)", f"{filling:.3g} / {cost:.3g}"),
        ],
        began_at_load=began,
        note=f"{len(late)}캔들, MariaDB, 다른 프로세스의 Redis.",
    )  # fmt: skip


if __name__ == "__main__":
    main()
