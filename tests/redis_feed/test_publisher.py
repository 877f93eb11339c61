"""The feed at a real Redis and a real table, and its reader: what it publishes, never costs, and how it comes back."""

import json
import logging
import sys
import threading
import time
from contextlib import closing, contextmanager
from datetime import datetime
from decimal import Decimal

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
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import connection, keys, publisher
from minute_candles.redis_feed.backlog import MOST, most_for
from minute_candles.redis_feed.publisher import Feed
from minute_candles.redis_feed.recent import recent
from minute_candles.redis_feed.refill_pause import RefillPause
from minute_candles.redis_feed.subscriber import Listener
from minute_candles.redis_feed.writer import Writer, stream_length_for
from minute_candles.storage.store import open_reader

SYMBOLS = ("005930", "000660")
ONES = minutes(CALENDAR.session(MONDAY))
CLOCK = Clock(at=datetime(2026, 11, 23, 15, 50, tzinfo=KST))


@pytest.fixture
def table(tmp_path):
    with closing(ready(Database("sqlite", path=tmp_path / "minutes.db"))) as store:
        yield store


@contextmanager
def feeding(server, table, symbols=SYMBOLS, *named):
    """A feed of what is written; no write waits for it, nor does the end."""
    feed, waits = Feed(server.url, CLOCK, symbols, lambda: open_reader(table._database, CLOCK), *named), [0.0]

    def on_write(stored):
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


def shown(symbol, interval, candle, status):
    """Written independently of minute_candles/redis_feed/serialization.py."""
    return {
        "stock_symbol": symbol, "timestamp": f"{candle.timestamp:%Y-%m-%dT%H:%M:%S}", "minute_interval": interval,
        "open_price": candle[1], "high_price": candle[2], "low_price": candle[3], "close_price": candle[4],
        "volume": candle[5], "vwap": None if candle.vwap is None else float(str(candle.vwap)), "status": status,
    }  # fmt: skip


def whole(server, table, *symbols):
    """The sets equal the newest 400 candles of the table."""
    known, are_equal = table.coverage(symbols or SYMBOLS, FRIDAY, MONDAY), True
    for symbol in symbols or SYMBOLS:
        for interval, name in STORED_INTERVALS.items():
            kept = table.candles(symbol, interval, datetime.min, datetime.max)[-400:]
            wanted = [shown(symbol, name, one, known[symbol, one.timestamp.date()].status) for one in kept]
            found = server.recent(symbol, name)
            for one in found:
                assert one.pop("score") == datetime.fromisoformat(f"{one['timestamp']}+09:00").timestamp()
            are_equal &= found == wanted
    return are_equal


def test_the_page_shows_the_keys_and_a_candle_as_they_are() -> None:
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    text = page.split("```json\n")[1].split("\n```")[0]
    found = json.loads(text)
    one = candle_json.candle_of(found)._replace(vwap=Decimal(str(found["vwap"])))
    assert candle_json.table_text(found["stock_symbol"], 1, one, found["status"]) == text
    recent = keys.recent_key("{종목}", 1).replace(STORED_INTERVALS[1], "{간격}")
    named = {recent, keys.running_key("{종목}"), keys.STREAM}
    assert all(f"`{name}`" in page for name in named | {keys.CANDLES, keys.RUNNING})
    assert keys.recent_key("005930", 1) in page and keys.running_key("005930") in page


@pytest.fixture
def lines(caplog, monkeypatch):
    """What is logged of Redis; it is tried again soon."""
    monkeypatch.setattr(publisher, "LONGEST_PAUSE", 1.0)
    monkeypatch.setattr(publisher, "CHECK_SECONDS", 0.3)
    monkeypatch.setattr(connection, "SECONDS", 0.3)
    caplog.set_level(logging.INFO, "minute_candles")
    return lambda: [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]


def test_the_sets_are_filled_at_the_start_and_a_backfilled_day_is_published_to_nobody(redis_server, table, lines):
    """A day that is settled shows its status, and what was taken away."""
    put(table, "005930", ONES, "UNPROVEN")
    put(table, "000660", minutes(CALENDAR.session(FRIDAY), 8), "COMPLETE")
    with feeding(redis_server, table), redis_server.client() as other:
        wait_until(lambda: whole(redis_server, table))
        put(table, "005930", minutes(CALENDAR.session(FRIDAY), 3), "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
        assert len(redis_server.recent("005930")) == 400 and redis_server.streamed() == []
        put(table, "005930", [*ONES[:10], *ONES[11:]], "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
        other.flushall()
        wait_until(lambda: whole(redis_server, table))
    assert lines() == []  # no command failed
    assert {one["status"] for one in redis_server.recent("005930")} == {"COMPLETE"}


def test_a_large_market_keeps_the_sets_that_are_named_or_requested(redis_server, table, lines):
    named, requested, other = some = ("005930", "000660", "373220")
    symbols = [*some, *(f"1{number:05}" for number in range(300))]
    put(table, requested, minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
    with redis_server.client() as client:
        client.zadd(keys.recent_key(other, 1), {"left over": 1})
        with feeding(redis_server, table, symbols, (named,)):
            client.sadd(keys.REQUESTED, requested, "999999")
            wait_until(lambda: whole(redis_server, table, requested))
            for symbol in some:
                put(table, symbol, ONES[:3])
            wait_until(lambda: whole(redis_server, table, named, requested))
            assert {one["stock_symbol"] for one in redis_server.streamed()} == {*some}
            assert not client.exists(keys.recent_key(other, 1)), "what stands there is current"
    assert (stream_length_for(2_700), most_for(2_700)) == (1_350_000, 270_000)


def test_each_candle_is_published_once_after_its_commit_and_set_stream_and_channel_agree(redis_server, table):
    with feeding(redis_server, table), redis_server.client() as reader, reader.pubsub() as channel:
        channel.subscribe(keys.CANDLES)
        channel.get_message(timeout=1)
        put(table, "005930", ONES)
        wanted = [
            shown("005930", name, one, "PROVISIONAL")
            for n, name in STORED_INTERVALS.items()
            for one in table.candles("005930", n, datetime.min, datetime.max)
        ]
        wait_until(lambda: len(redis_server.streamed()) == len(wanted))
        assert redis_server.streamed() == wanted
        assert [json.loads(channel.get_message(timeout=2)["data"]) for _ in wanted] == wanted
        assert whole(redis_server, table)
        put(table, "005930", ONES)  # the same again
        changed = ONES[-1]._replace(volume=ONES[-1].volume + 1)
        put(table, "005930", [*ONES[:-1], changed])
        wait_until(lambda: len(redis_server.streamed()) == len(wanted) + 3)
        assert [one["volume"] for one in redis_server.streamed()[-3:]] == [changed.volume] * 3
        assert whole(redis_server, table)


def test_a_running_minute_is_published_once_a_second_at_most_and_expires(redis_server, table):
    running, at, began = keys.running_key("005930"), datetime(2026, 11, 23, 10, 31), time.monotonic()
    with feeding(redis_server, table) as feed, redis_server.client() as reader, reader.pubsub() as channel:
        channel.subscribe(keys.RUNNING)
        channel.get_message(timeout=1)
        for volume in range(150):
            feed.on_running(RunningMinute("005930", last := candle(at, volume=volume, vwap="70010.25"), is_whole=True))
            time.sleep(0.01)
        wait_until(lambda: json.loads(reader.get(running))["volume"] == 149)
        kept = reader.get(running)
        assert json.loads(kept) == shown("005930", "ONE_MINUTE", last, "RUNNING") and 110 <= reader.ttl(running) <= 120
        received = list(iter(lambda: channel.get_message(timeout=0.2), None))
        assert received[-1]["data"] == kept and 2 <= len(received) <= time.monotonic() - began + 1
        assert redis_server.streamed() == [] and redis_server.recent("005930") == []


@pytest.mark.parametrize(("kind", "most"), [
    ("ConnectionError", MOST), ("TimeoutError", MOST), ("OutOfMemoryError", MOST), ("ReadOnlyError", 100),
])  # fmt: skip
def test_what_waits_for_a_redis_that_takes_nothing_comes_later_and_the_oldest_is_dropped(
    kind, most, redis_server, table, lines
):
    with feeding(redis_server, table) as feed, redis_server.client() as other:
        feed._backlog._most = most
        wait_until(lambda: whole(redis_server, table))
        begin, end = {
            "ConnectionError": (redis_server.kill, redis_server.start),
            "TimeoutError": (redis_server.hang, redis_server.wake),
            "OutOfMemoryError": [lambda most=most: other.config_set("maxmemory", most) for most in "10"],
            "ReadOnlyError": (lambda: other.replicaof("127.0.0.1", "1"), lambda: other.replicaof("NO", "ONE")),
        }[kind]
        begin()
        put(table, "005930", ONES[:60])
        wait_until(lambda: any(f"[{kind}]" in line for line in lines()))
        for n in range(2, 7):
            put(table, "005930", ONES[: 60 * n])
        assert feed._backlog._held <= most
        end()
        wait_until(lambda: any("Redis 복구" in line for line in lines()))
        wait_until(lambda: whole(redis_server, table))
        ones = [one for one in redis_server.streamed() if one["minute_interval"] == "ONE_MINUTE"]
        assert len(ones) == 360 if most == MOST else len(ones) < 100, "what was stored meanwhile comes later"
        assert sum("오래된 것부터" in line for line in lines()) == (most != MOST) == len(lines()) - 2
        begin()
        put(table, "005930", ONES[:60])  # and the end does not wait for it
    end()


def test_a_key_of_another_type(redis_server, table, lines):
    with feeding(redis_server, table), redis_server.client() as other:
        put(table, "005930", ONES[:3])
        wait_until(lambda: whole(redis_server, table))
        for number, key in enumerate(("recent:005930:FIVE_MINUTES", "stream"), 1):
            other.set(f"minute_candles:{key}", "foreign")
            put(table, "005930", ONES[: 20 * number])
            wait_until(lambda key=key: other.type(f"minute_candles:{key}") in ("zset", "stream"))
            wait_until(lambda: whole(redis_server, table))
            wait_until(lambda number=number: len(lines()) == number)
            assert f"minute_candles:{key}" in lines()[-1]
        wait_until(lambda: bool(redis_server.streamed()))


def test_one_that_evicts_is_reported_once_and_left_alone(lines):
    """Sets that do not fit were read from the table again and again, 33 times a second."""
    now, fills = [0.0], []
    pause = RefillPause(lambda: now[0])
    for now[0] in range(0, 2_000, 10):
        fills += [] if pause.holds else [now[0]]
        pause.note(lost=True)
    assert fills == [0, 10, 70, 190, 430, 910, 1510] and len(lines()) == 1 and "allkeys-lru" in lines()[0]


def test_two_processes_fill_the_same_sets_and_no_candle_is_lost(redis_server, table):
    """A backfill reads the table while the updater publishes a newer candle: the newer one stays."""
    put(table, "005930", ONES[:-1])
    updater, backfill = (Writer(connection.connect(redis_server.url)) for _ in range(2))
    news = iter([ONES])
    with closing(open_reader(table._database, CLOCK)) as view:

        def read():
            found = recent(view, "005930", CLOCK.now())
            if (later := next(news, None)) is not None:  # between the reading and the writing
                put(table, "005930", later)
                updater.publish([Stored("005930", MONDAY, {1: later[-1:]}, 0, "PROVISIONAL")])
            return found

        backfill.refill("005930", read)
    assert whole(redis_server, table, "005930")


def test_an_address_that_redis_or_its_client_refuses(redis_server, monkeypatch, tmp_path):
    def refused(url, match="REDIS_URL"):
        with pytest.raises(ConfigError, match=match) as caught:
            connection.check(url)
        assert "secret" not in str(caught.value)

    for part, wrong in (("//", "//:secret@"), ("/0", "/999"), ("/0", "/0?foo=1"), ("/0", "/abc"), ("/0", "/0/1")):
        refused(redis_server.url.replace(part, wrong))
    with pytest.raises(ConfigError, match="REDIS_URL"):
        Listener(redis_server.url.replace("/0", "/abc"), lambda *_: None, Clock())
    (tmp_path / "sentinel.conf").write_text("", encoding="utf-8")
    with RedisServer(conf=tmp_path / "sentinel.conf") as sentinel:
        refused(sentinel.url, "Sentinel")
    redis_server.kill()
    connection.check(redis_server.url)  # it may come
    monkeypatch.setitem(sys.modules, "redis", None)
    refused("redis://127.0.0.1:1/0", "requirements-extra.txt")


CANDLE = {
    "stock_symbol": "005930", "timestamp": "2026-11-20T10:31:00", "minute_interval": "ONE_MINUTE", "open_price": 1,
    "high_price": 4, "low_price": 1, "close_price": 3, "volume": 9, "vwap": None, "status": "RUNNING",
}  # fmt: skip
WHOLE = json.dumps(CANDLE)
NONSENSE = [
    "x", "{}", "[]", json.dumps(CANDLE | {"minute_interval": "FIVE_MINUTES"}), WHOLE.replace("9,", "Infinity,"),
    WHOLE.replace("9,", f"{'9' * 9_999},"), "[" * 100_000,
]  # fmt: skip


def test_candles_come_in_their_order_a_restart_is_survived_and_nonsense_is_passed_over(redis_server) -> None:
    def publish(*messages):
        """Publish once the listener has subscribed."""
        with redis_server.client() as client:
            wait_until(lambda: client.pubsub_numsub(keys.CANDLES)[0][1] == 1)
            for message in messages:
                client.publish(*message)

    received, clock = [], Clock()
    listener = Listener(redis_server.url, lambda *candle: received.append(candle), clock)
    thread = threading.Thread(target=listener.run, daemon=True)
    thread.start()
    publish((keys.RUNNING, WHOLE))
    wait_until(lambda: len(received) == 1)
    channel, symbol, candle = received[0]
    assert (channel, symbol, candle.timestamp) == (keys.RUNNING, "005930", datetime(2026, 11, 20, 10, 31))
    assert candle[1:] == (1, 4, 1, 3, 9, None, None)
    redis_server.kill()
    redis_server.start()
    publish(*((keys.CANDLES, text) for text in NONSENSE), (keys.CANDLES, WHOLE))
    wait_until(lambda: len(received) == 2)
    assert received[1] == (keys.CANDLES, symbol, candle)
    clock.stop.set()
    thread.join(5)
    assert not thread.is_alive()
