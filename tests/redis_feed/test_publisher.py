"""The feed at a real Redis and a real table: what it publishes, what it never costs, and how it comes back."""

import json
import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from chart_testing import CALENDAR, FRIDAY, MONDAY, put
from places import ROOT
from redis_testing import RedisServer
from store_testing import candle, minutes, ready
from updater_tools import wait_until

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST
from minute_candles.market import candle_json
from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.market.windows import NAMES
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import connection, keys, publisher
from minute_candles.redis_feed.backlog import Backlog, most_for
from minute_candles.redis_feed.publisher import Feed
from minute_candles.redis_feed.recent import recent
from minute_candles.redis_feed.subscriber import Listener
from minute_candles.redis_feed.writer import Writer, stream_length_for
from minute_candles.storage.store import Store, open_reader

SYMBOLS = ("005930", "000660")
ONES = minutes(CALENDAR.session(MONDAY))
CLOCK = Clock(at=datetime(2026, 11, 23, 15, 50, tzinfo=KST))


@pytest.fixture
def table(tmp_path: Path) -> Iterator[Store]:
    with closing(ready(Database("sqlite", path=tmp_path / "minutes.db"))) as store:
        yield store


def read_table(table: Store) -> Any:
    return open_reader(table._database, CLOCK)


@contextmanager
def feeding(server: RedisServer, table: Store, feed: Feed | None = None) -> Iterator[Feed]:
    """A feed of what is written; no write waits for it, nor does the end."""
    feed, waits = feed or Feed(server.url, CLOCK, SYMBOLS, lambda: read_table(table)), [0.0]

    def on_write(stored: Stored) -> None:
        began = time.perf_counter()
        feed.on_write(stored)
        waits.append(time.perf_counter() - began)

    table.listeners.append(on_write)
    feed.start()
    try:
        yield feed
    finally:
        began = time.monotonic()
        feed.close()
        table.listeners.remove(on_write)
    assert max(waits) < 0.2 and time.monotonic() - began < 4


def shown(symbol: str, interval: str, candle: Candle, status: str) -> dict[str, Any]:
    """Written independently of minute_candles/redis_feed/serialization.py."""
    return {
        "stock_symbol": symbol, "timestamp": f"{candle.timestamp:%Y-%m-%dT%H:%M:%S}", "minute_interval": interval,
        "open_price": candle[1], "high_price": candle[2], "low_price": candle[3], "close_price": candle[4],
        "volume": candle[5], "vwap": None if candle.vwap is None else float(str(candle.vwap)), "status": status,
    }  # fmt: skip


def whole(server: RedisServer, table: Store, *symbols: str) -> bool:
    """The sets equal the newest 400 candles of the table."""
    known = table.coverage(symbols or SYMBOLS, FRIDAY, MONDAY)
    for symbol in symbols or SYMBOLS:
        for interval, name in NAMES.items():
            kept = table.candles(symbol, interval, datetime.min, datetime.max)[-400:]
            wanted = [shown(symbol, name, one, known[symbol, one.timestamp.date()].status) for one in kept]
            found = server.recent(symbol, name)
            for one in found:
                assert one.pop("score") == datetime.fromisoformat(f"{one['timestamp']}+09:00").timestamp()
            if found != wanted:
                return False
    return True


def test_the_page_shows_the_keys_and_a_candle_as_they_are() -> None:
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    text = page.split("```json\n")[1].split("\n```")[0]
    found = json.loads(text)
    one = candle_json.candle_of(found)._replace(vwap=Decimal(str(found["vwap"])))
    assert candle_json.table_text(found["stock_symbol"], 1, one, found["status"]) == text
    named = {keys.recent_key("{종목}", 1).replace(NAMES[1], "{간격}"), keys.running_key("{종목}"), keys.STREAM}
    assert all(f"`{name}`" in page for name in named | {keys.CANDLES, keys.RUNNING})
    assert keys.recent_key("005930", 1) in page and keys.running_key("005930") in page and candle_json.NAMES == NAMES


def test_the_sets_are_filled_from_the_table_when_it_starts_and_a_backfilled_day_is_published_to_nobody(
    redis_server, table
):
    """A day that is settled shows its status, and what was taken away."""
    put(table, "005930", ONES, "UNPROVEN")
    put(table, "000660", minutes(CALENDAR.session(FRIDAY), 8), "COMPLETE")
    with feeding(redis_server, table):
        wait_until(lambda: whole(redis_server, table))
        put(table, "005930", minutes(CALENDAR.session(FRIDAY), 3), "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
        assert len(redis_server.recent("005930")) == 400 and redis_server.streamed() == []
        put(table, "005930", [*ONES[:10], *ONES[11:]], "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
    assert {one["status"] for one in redis_server.recent("005930")} == {"COMPLETE"}


def test_a_large_market_keeps_the_sets_that_are_named_or_requested(redis_server, table, monkeypatch):
    monkeypatch.setattr(publisher, "CHECK_SECONDS", 0.3)
    named, requested, other = some = ("005930", "000660", "373220")
    for symbol in some:
        put(table, symbol, minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
    symbols = [*some, *(f"1{number:05}" for number in range(300))]
    feed = Feed(redis_server.url, CLOCK, symbols, lambda: read_table(table), (named,))
    with redis_server.client() as client:
        client.zadd(keys.recent_key(other, 1), {"left over": 1})
        with feeding(redis_server, table, feed):
            wait_until(lambda: whole(redis_server, table, named))
            assert not redis_server.recent(requested)
            client.sadd(keys.REQUESTED, requested, "999999")
            wait_until(lambda: whole(redis_server, table, requested))
            for symbol in some:
                put(table, symbol, ONES[:3])
            wait_until(lambda: whole(redis_server, table, named, requested))
            assert {one["stock_symbol"] for one in redis_server.streamed()} == {*some}
            assert not client.exists(keys.recent_key(other, 1)), "what stands there is current"
    assert (stream_length_for(2_700), most_for(2_700)) == (1_350_000, 270_000)


def test_each_candle_is_published_once_after_its_commit_and_set_stream_and_channel_agree(redis_server, table):
    with redis_server.client() as reader, feeding(redis_server, table):
        channel = reader.pubsub(ignore_subscribe_messages=True)
        channel.subscribe("minute_candles")
        channel.get_message(timeout=1)
        put(table, "005930", ONES)
        wanted = [
            shown("005930", name, one, "PROVISIONAL")
            for n, name in NAMES.items()
            for one in table.candles("005930", n, datetime.min, datetime.max)
        ]
        wait_until(lambda: len(redis_server.streamed()) == len(wanted))
        assert redis_server.streamed() == wanted
        assert [json.loads(one["data"]) for _ in wanted if (one := channel.get_message(timeout=2))] == wanted
        assert whole(redis_server, table)
        put(table, "005930", ONES)  # the same again
        changed = ONES[-1]._replace(volume=ONES[-1].volume + 1)
        put(table, "005930", [*ONES[:-1], changed])
        wait_until(lambda: len(redis_server.streamed()) == len(wanted) + 3)
        assert [one["volume"] for one in redis_server.streamed()[-3:]] == [changed.volume] * 3
        assert whole(redis_server, table)


def test_a_running_minute_is_published_once_a_second_at_most_and_expires(redis_server, table):
    with redis_server.client() as reader, feeding(redis_server, table) as feed:
        channel = reader.pubsub(ignore_subscribe_messages=True)
        channel.subscribe("minute_candles:running")
        channel.get_message(timeout=1)
        began, at = time.monotonic(), datetime(2026, 11, 23, 10, 31)
        for volume in range(150):
            feed.on_running(RunningMinute("005930", last := candle(at, volume=volume, vwap="70010.25"), is_whole=True))
            time.sleep(0.01)
        wait_until(lambda: json.loads(reader.get("minute_candles:running:005930"))["volume"] == 149)
        kept = reader.get("minute_candles:running:005930")
        assert json.loads(kept) == shown("005930", "ONE_MINUTE", last, "RUNNING")
        assert 110 <= reader.ttl("minute_candles:running:005930") <= 120
        received = []
        while message := channel.get_message(timeout=0.2):
            received.append(message["data"])
        assert received[-1] == kept and 2 <= len(received) <= time.monotonic() - began + 1
        assert redis_server.streamed() == [] and redis_server.recent("005930") == []


@pytest.fixture
def lines(caplog, monkeypatch) -> Callable[[], list[str]]:
    """What is said of Redis; it is tried again soon."""
    monkeypatch.setattr(publisher, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(publisher, "CHECK_SECONDS", 0.5)
    caplog.set_level(logging.INFO, "minute_candles")
    return lambda: [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]


def store_a_day(table: Store, count: int = 12) -> None:
    """Half-hour by half-hour."""
    for n in range(1, count + 1):
        put(table, "005930", ONES[: 30 * n])


def recovers(server: RedisServer, table: Store, lines: Any, begin: str) -> None:
    """A warning and a line, and all is whole again."""
    wait_until(lambda: any("Redis 복구" in line for line in lines()))
    wait_until(lambda: whole(server, table))
    said = [line for line in lines() if "기다리던" not in line]
    assert len(said) == 2 and begin in said[0], said


def test_a_redis_that_is_killed_and_started_again(redis_server, table, lines):
    put(table, "000660", minutes(CALENDAR.session(MONDAY), 5))
    with feeding(redis_server, table):
        put(table, "005930", ONES[:3])
        wait_until(lambda: whole(redis_server, table))
        redis_server.kill()
        wait_until(lambda: any("연결할 수 없습니다 [ConnectionError]" in line for line in lines()))
        store_a_day(table)
        redis_server.start()
        recovers(redis_server, table, lines, "문제 시작")
    stored = table.candles("005930", 1, datetime.min, datetime.max)
    later = {one["timestamp"] for one in redis_server.streamed() if one["minute_interval"] == "ONE_MINUTE"}
    assert {one.timestamp.isoformat() for one in stored[3:]} <= later, "what was stored meanwhile comes later"


def test_one_that_is_emptied_between_two_writes(redis_server, table, lines):
    """No command failed; restarted, the connection is another one, and so may be what it leads to."""
    put(table, "005930", ONES)
    with feeding(redis_server, table), redis_server.client() as other:
        wait_until(lambda: whole(redis_server, table))
        other.flushall()
        wait_until(lambda: whole(redis_server, table))
        assert lines() == []
        redis_server.kill()
        redis_server.start()
        wait_until(lambda: whole(redis_server, table))


def test_a_key_of_another_type(redis_server, table, lines):
    """Somebody's own program wrote there: ours again, and named; the feed goes on."""
    with feeding(redis_server, table), redis_server.client() as other:
        put(table, "005930", ONES[:3])
        wait_until(lambda: whole(redis_server, table))
        for number, key in enumerate(("recent:005930:FIVE_MINUTES", "stream"), 1):
            other.set(f"minute_candles:{key}", "foreign")
            put(table, "005930", ONES[: 20 * number])
            wait_until(lambda key=key: other.type(f"minute_candles:{key}") in ("zset", "stream"))
            wait_until(lambda: whole(redis_server, table))
            assert len(lines()) == number and f"minute_candles:{key}" in lines()[-1]
        wait_until(lambda: bool(redis_server.streamed()))


def test_one_that_evicts_is_reported_once_and_left_alone(lines):
    """Sets that do not fit were read from the table again and again, 33 times a second."""
    reads: list[str] = []
    many = SimpleNamespace(
        candles=lambda symbol, *_: reads.append(symbol) or ONES, coverage=lambda *_: {}, close=lambda: None
    )
    with RedisServer("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru") as server:
        feed = Feed(server.url, CLOCK, [f"{number:06}" for number in range(60)], lambda: many)
        feed.start()
        wait_until(lambda: len(lines()) == 1, 20)
        before = len(reads)
        time.sleep(1.5)
        feed.close()
    assert len(reads) == before and len(lines()) == 1 and "allkeys-lru" in lines()[0]


@pytest.mark.parametrize("kind", ["TimeoutError", "OutOfMemoryError", "ReadOnlyError", "AuthenticationError"])
def test_one_that_takes_nothing_for_a_while(kind, redis_server, table, lines):
    """It hangs, is full, became a replica, or has another password than before."""
    with feeding(redis_server, table), redis_server.client() as other:
        wait_until(lambda: whole(redis_server, table))
        change = other.config_set
        begin, end = {
            "TimeoutError": (redis_server.hang, redis_server.wake),
            "OutOfMemoryError": (partial(change, "maxmemory", "1"), partial(change, "maxmemory", "0")),
            "ReadOnlyError": (partial(other.replicaof, "127.0.0.1", "1"), partial(other.replicaof, "NO", "ONE")),
            "AuthenticationError": (partial(change, "requirepass", "x"), partial(change, "requirepass", "")),
        }[kind]
        begin()
        if kind == "AuthenticationError":
            other.client_kill_filter(_type="normal", skipme=True)
        store_a_day(table)
        wait_until(lambda: any(f"[{kind}]" in line for line in lines()))
        end()
        recovers(redis_server, table, lines, f"[{kind}]")
        begin()
        store_a_day(table, 2)  # and the end does not wait for it
    redis_server.wake()


def test_what_waits_is_bounded_and_what_is_dropped_is_said_once(redis_server, table, lines):
    feed = Feed(redis_server.url, CLOCK, SYMBOLS, lambda: read_table(table))
    feed._backlog = Backlog(most=100)
    redis_server.kill()
    with feeding(redis_server, table, feed):
        store_a_day(table)
        assert feed._backlog._held <= 100
        redis_server.start()
        recovers(redis_server, table, lines, "문제 시작")
    assert len([line for line in lines() if "오래된 것부터" in line]) == 1


def test_two_processes_fill_the_same_sets_and_no_candle_is_lost(redis_server, table):
    """A backfill reads the table while the updater publishes a newer candle: the newer one stays."""
    put(table, "005930", ONES[:-1])
    updater, backfill = (Writer(connection.connect(redis_server.url)) for _ in range(2))
    news = iter([ONES])
    with closing(read_table(table)) as view:

        def read() -> Any:
            found = recent(view, "005930", CLOCK.now())
            if (later := next(news, None)) is not None:  # between the reading and the writing
                put(table, "005930", later)
                updater.publish([Stored("005930", MONDAY, {1: later[-1:]}, 0, "PROVISIONAL")])
            return found

        backfill.refill("005930", read)
    assert whole(redis_server, table, "005930")


def refused(url: str, match: str = "REDIS_URL") -> str:
    with pytest.raises(ConfigError, match=match) as caught:
        connection.check(url)
    return str(caught.value)


def test_an_address_that_redis_or_its_client_refuses(redis_server, monkeypatch):
    for part, wrong in (
        ("//", "//:secret@"), ("/0", "/999"), ("/0", "/0?foo=1"), ("/0", "/abc"), ("/0", "/0?db=x"), ("/0", "/0/1"),
    ):  # fmt: skip
        assert "secret" not in refused(redis_server.url.replace(part, wrong))
    with pytest.raises(ConfigError, match="REDIS_URL"):
        Listener(redis_server.url.replace("/0", "/abc"), lambda *_: None, Clock())
    with redis_server.client() as other:
        other.config_set("requirepass", "x")
    refused(redis_server.url)
    redis_server.kill()
    connection.check(redis_server.url)  # it may come
    monkeypatch.setitem(sys.modules, "redis", None)
    refused("redis://127.0.0.1:1/0", "requirements-extra.txt")


def test_a_sentinel(tmp_path):
    (tmp_path / "sentinel.conf").write_text("", encoding="utf-8")
    with RedisServer(conf=tmp_path / "sentinel.conf") as server:
        refused(server.url, "Sentinel")
