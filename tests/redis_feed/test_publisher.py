"""The feed at a real Redis and a real table: what it tells, what it never costs, and how it comes back."""

import json
import logging
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from chart_testing import CALENDAR, FRIDAY, MONDAY, put
from places import ROOT
from redis_testing import RedisServer
from store_testing import candle, minutes
from updater_tools import wait_until

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST
from minute_candles.market import candle_json
from minute_candles.market.candles import Candle
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import connection, keys
from minute_candles.redis_feed.backlog import Backlog, most_for
from minute_candles.redis_feed.publisher import Feed
from minute_candles.redis_feed.subscriber import Listener
from minute_candles.redis_feed.writer import Writer, stream_length_for
from minute_candles.storage.ddl import NAMES
from minute_candles.storage.store import Store, open_reader, open_store

SYMBOLS = ("005930", "000660")
SESSION = CALENDAR.session(MONDAY)
INTERVALS = tuple(NAMES.values())


@pytest.fixture
def day_clock() -> Clock:
    return Clock(at=datetime(2026, 11, 23, 15, 50, tzinfo=KST))


@pytest.fixture
def table(tmp_path: Path, day_clock: Clock) -> Iterator[Store]:
    store = open_store(Database("sqlite", path=tmp_path / "minutes.db"), day_clock)
    store.preflight()
    yield store
    store.close()


@contextmanager
def feeding(server: RedisServer, table: Store, clock: Clock) -> Iterator[Feed]:
    feed = Feed(server.url, clock, SYMBOLS, lambda: open_reader(table._database, clock))
    table.listeners.append(feed.on_write)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()
        table.listeners.remove(feed.on_write)


def shown(symbol: str, interval: str, candle: Candle, status: str) -> dict[str, Any]:
    """Written independently of minute_candles/redis_feed/serialization.py."""
    return {
        "stock_symbol": symbol, "timestamp": f"{candle.timestamp:%Y-%m-%dT%H:%M:%S}", "minute_interval": interval,
        "open_price": candle[1], "high_price": candle[2], "low_price": candle[3], "close_price": candle[4],
        "volume": candle[5], "vwap": None if candle.vwap is None else float(str(candle.vwap)), "status": status,
    }  # fmt: skip


def whole(server: RedisServer, table: Store, symbols: tuple[str, ...] = SYMBOLS) -> bool:
    """The sets equal the newest 400 candles of the table."""
    for symbol in symbols:
        for interval, name in NAMES.items():
            kept = table.candles(symbol, interval, datetime.min, datetime.max)[-400:]
            known = table.coverage([symbol], FRIDAY, MONDAY)
            wanted = [shown(symbol, name, one, known[symbol, one.timestamp.date()].status) for one in kept]
            found = server.recent(symbol, name)
            assert all(one.pop("score") == _epoch(one["timestamp"]) for one in found)
            if found != wanted:
                return False
    return True


def _epoch(text: str) -> int:
    return int(datetime.fromisoformat(f"{text}+09:00").timestamp())


def test_its_names_are_the_tables() -> None:
    assert candle_json.NAMES == NAMES


def test_the_page_shows_the_keys_and_a_candle_as_they_are() -> None:
    page = (ROOT / "docs" / "redis.md").read_text(encoding="utf-8")
    text = page.split("```json\n")[1].split("\n```")[0]
    told = json.loads(text)
    one = candle_json.candle_of(told)._replace(vwap=Decimal(str(told["vwap"])))
    assert candle_json.table_text(told["stock_symbol"], 1, one, told["status"]) == text
    named = {keys.recent_key("{종목}", 1).replace(NAMES[1], "{간격}"), keys.running_key("{종목}"), keys.STREAM}
    assert all(f"`{name}`" in page for name in named | {keys.CANDLES, keys.RUNNING})
    assert keys.recent_key("005930", 1) in page and keys.running_key("005930") in page


def test_a_missing_package_is_told_with_the_command_that_installs_it(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigError, match="requirements-extra.txt"):
        connection.check("redis://127.0.0.1:1/0")


def test_the_sets_are_filled_from_the_table_when_it_starts(redis_server, table, day_clock):
    for seed, symbol in enumerate(SYMBOLS):
        put(table, symbol, minutes(CALENDAR.session(FRIDAY), seed), "COMPLETE")
        put(table, symbol, minutes(SESSION, seed + 7), "UNPROVEN")
    with feeding(redis_server, table, day_clock):
        wait_until(lambda: whole(redis_server, table))
    assert len(redis_server.recent("005930")) == 400
    assert redis_server.streamed() == []


def test_a_large_market_keeps_the_sets_that_are_named_or_requested(redis_server, table, day_clock, monkeypatch):
    monkeypatch.setattr("minute_candles.redis_feed.publisher.CHECK_SECONDS", 0.3)
    named, requested, other = "005930", "000660", "373220"
    for symbol in (named, requested, other):
        put(table, symbol, minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
    symbols = [named, requested, other, *(f"1{number:05}" for number in range(300))]
    feed = Feed(redis_server.url, day_clock, symbols, lambda: open_reader(table._database, day_clock), (named,))
    table.listeners.append(feed.on_write)
    with redis_server.client() as client:
        client.zadd(keys.recent_key(other, 1), {"left over": 1})
        feed.start()
        wait_until(lambda: whole(redis_server, table, (named,)))
        assert not redis_server.recent(requested)
        client.sadd(keys.REQUESTED, requested, "999999")
        wait_until(lambda: whole(redis_server, table, (requested,)))
        for symbol in (named, requested, other):
            put(table, symbol, minutes(SESSION)[:3])
        wait_until(lambda: whole(redis_server, table, (named, requested)))
        assert {one["stock_symbol"] for one in redis_server.streamed()} == {named, requested, other}
        assert not client.exists(keys.recent_key(other, 1)), "what stands there is current"
    feed.close()


@pytest.mark.parametrize(("symbols", "stream", "backlog"), [(97, 100_000, 50_000), (2_700, 1_350_000, 270_000)])
def test_stream_and_backlog_are_sized_by_the_symbols(symbols, stream, backlog) -> None:
    assert (stream_length_for(symbols), most_for(symbols)) == (stream, backlog)


def test_each_candle_is_told_once_after_its_commit_and_set_stream_and_channel_agree(redis_server, table, day_clock):
    ones = minutes(SESSION)
    with redis_server.client() as reader, feeding(redis_server, table, day_clock):
        channel = reader.pubsub(ignore_subscribe_messages=True)
        channel.subscribe("minute_candles")
        channel.get_message(timeout=1)
        put(table, "005930", ones)
        whole_day = [
            (name, one) for n, name in NAMES.items() for one in table.candles("005930", n, datetime.min, datetime.max)
        ]
        wait_until(lambda: len(redis_server.streamed()) == len(whole_day))
        wanted = [shown("005930", name, one, "PROVISIONAL") for name, one in whole_day]
        assert redis_server.streamed() == wanted
        heard = [json.loads(message["data"]) for _ in wanted if (message := channel.get_message(timeout=2))]
        assert heard == wanted
        assert whole(redis_server, table)
        put(table, "005930", ones)  # the same again
        changed = ones[-1]._replace(volume=ones[-1].volume + 1)
        put(table, "005930", [*ones[:-1], changed])
        wait_until(lambda: len(redis_server.streamed()) == len(wanted) + 3)
        assert [one["volume"] for one in redis_server.streamed()[-3:]] == [changed.volume] * 3
        assert whole(redis_server, table)


def test_a_consumer_group_that_lags_behind_the_trim_goes_on_with_what_is_kept(
    redis_server, table, day_clock, monkeypatch
):
    monkeypatch.setattr("minute_candles.redis_feed.publisher.stream_length_for", lambda _: 100)
    with redis_server.client() as reader, feeding(redis_server, table, day_clock):
        reader.xgroup_create(keys.STREAM, "backend", "0", mkstream=True)
        put(table, "005930", minutes(SESSION, seed=2))
        [(_, first)] = reader.xreadgroup("backend", "one", {keys.STREAM: ">"}, count=10, block=5000)
        put(table, "005930", minutes(SESSION))
        wait_until(lambda: whole(redis_server, table, ("005930",)))
        [(_, rest)] = reader.xreadgroup("backend", "one", {keys.STREAM: ">"}, count=1000)
        assert 100 <= len(rest) < 300 and json.loads(rest[-1][1]["candle"]) == redis_server.streamed()[-1]
        _, claimed, gone = reader.xautoclaim(keys.STREAM, "backend", "one", min_idle_time=0, count=1000)
        assert {one for one, _ in first} <= set(gone) and len(claimed) == len(rest)
        assert reader.xack(keys.STREAM, "backend", *(one for one, _ in rest)) == len(rest)
        assert reader.xpending(keys.STREAM, "backend")["pending"] == 0


def test_a_backfilled_day_changes_the_sets_and_is_told_to_nobody(redis_server, table, day_clock):
    put(table, "005930", minutes(SESSION))
    with feeding(redis_server, table, day_clock):
        wait_until(lambda: whole(redis_server, table))
        put(table, "005930", minutes(CALENDAR.session(FRIDAY), 3), "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
    assert len(redis_server.recent("005930")) == 400 and redis_server.streamed() == []


def test_a_day_that_is_settled_shows_its_status_and_what_was_taken_away(redis_server, table, day_clock):
    ones = minutes(SESSION)
    put(table, "005930", ones)
    with feeding(redis_server, table, day_clock):
        put(table, "005930", ones)
        wait_until(lambda: whole(redis_server, table))
        put(table, "005930", [*ones[:10], *ones[11:]], "COMPLETE")
        wait_until(lambda: whole(redis_server, table))
    assert {one["status"] for one in redis_server.recent("005930")} == {"COMPLETE"}


def test_a_running_minute_is_told_once_a_second_at_most_and_expires(redis_server, table, day_clock):
    with redis_server.client() as reader, feeding(redis_server, table, day_clock) as feed:
        channel = reader.pubsub(ignore_subscribe_messages=True)
        channel.subscribe("minute_candles:running")
        channel.get_message(timeout=1)
        began = time.monotonic()
        for volume in range(250):
            feed.publish_running("005930", candle(datetime(2026, 11, 23, 10, 31), volume=volume, vwap="70010.25"))
            time.sleep(0.01)
        wait_until(lambda: json.loads(reader.get("minute_candles:running:005930"))["volume"] == 249)
        last = candle(datetime(2026, 11, 23, 10, 31), volume=249, vwap="70010.25")
        kept = reader.get("minute_candles:running:005930")
        assert json.loads(kept) == shown("005930", "ONE_MINUTE", last, "RUNNING")
        assert 110 <= reader.ttl("minute_candles:running:005930") <= 120
        heard = []
        while message := channel.get_message(timeout=0.2):
            heard.append(message["data"])
        assert heard[-1] == kept and 2 <= len(heard) <= time.monotonic() - began + 1
        assert redis_server.streamed() == [] and redis_server.recent("005930") == []


class TestOutage:
    """Every one of them: the table is written at once, a warning and a line, and all is whole again."""

    @pytest.fixture(autouse=True)
    def quick(self, monkeypatch):
        monkeypatch.setattr("minute_candles.redis_feed.publisher.LONGEST_PAUSE", 1.0)
        monkeypatch.setattr("minute_candles.redis_feed.publisher.CHECK_SECONDS", 0.5)

    @pytest.fixture
    def lines(self, caplog):
        caplog.set_level(logging.INFO, "minute_candles")

        def lines() -> list[str]:
            return [record.getMessage() for record in caplog.records if "Redis" in record.getMessage()]

        return lines

    def store_a_day(self, table: Store, count: int = 12) -> float:
        """Store the session half-hour by half-hour; the longest that a write waited for the feed."""
        ones, waited, listeners = minutes(SESSION), [0.0], list(table.listeners)

        def hear(stored: Stored) -> None:
            began = time.perf_counter()
            for listener in listeners:
                listener(stored)
            waited.append(time.perf_counter() - began)

        table.listeners[:] = [hear]
        for n in range(1, count + 1):
            put(table, "005930", ones[: 30 * n])
        table.listeners[:] = listeners
        return max(waited)

    def recovers(self, server: RedisServer, table: Store, lines: Any, begin: str) -> None:
        wait_until(lambda: any("Redis 복구" in line for line in lines()))
        wait_until(lambda: whole(server, table))
        told = [line for line in lines() if "기다리던" not in line]
        assert len(told) == 2 and begin in told[0], told

    def test_killed_and_started_again(self, redis_server, table, day_clock, lines):
        with feeding(redis_server, table, day_clock):
            put(table, "000660", minutes(SESSION, 5))
            put(table, "005930", minutes(SESSION)[:3])
            wait_until(lambda: whole(redis_server, table))
            redis_server.kill()
            wait_until(lambda: any("연결할 수 없습니다 [ConnectionError]" in line for line in lines()))
            assert self.store_a_day(table) < 0.2
            redis_server.start()
            self.recovers(redis_server, table, lines, "문제 시작")
        stored = table.candles("005930", 1, datetime.min, datetime.max)
        told = {one["timestamp"] for one in redis_server.streamed() if one["minute_interval"] == "ONE_MINUTE"}
        assert {one.timestamp.isoformat() for one in stored[3:]} <= told, "what was stored meanwhile is told later"

    @pytest.mark.parametrize("how", ["restarted", "flushed"])
    def test_emptied_between_two_writes(self, redis_server, table, day_clock, lines, how):
        """No command failed; restarted, the connection is another one, and so may be what it leads to."""
        put(table, "005930", minutes(SESSION))
        with feeding(redis_server, table, day_clock), redis_server.client() as other:
            wait_until(lambda: whole(redis_server, table))
            if how == "flushed":
                other.flushall()
            else:
                redis_server.kill()
                redis_server.start()
            wait_until(lambda: whole(redis_server, table))
        assert how == "restarted" or lines() == []

    @pytest.mark.parametrize("key", ["recent:005930:FIVE_MINUTES", "stream"])
    def test_a_key_of_another_type(self, key, redis_server, table, day_clock, lines):
        """Somebody's own program wrote there: ours again, and named; the feed goes on."""
        with feeding(redis_server, table, day_clock), redis_server.client() as other:
            put(table, "005930", minutes(SESSION)[:3])
            wait_until(lambda: whole(redis_server, table))
            other.set(f"minute_candles:{key}", "foreign")
            put(table, "005930", minutes(SESSION)[:20])
            wait_until(lambda: other.type(f"minute_candles:{key}") in ("zset", "stream"))
            wait_until(lambda: whole(redis_server, table))
            wait_until(lambda: bool(redis_server.streamed()))
        assert len(lines()) == 1 and f"minute_candles:{key}" in lines()[0]

    def test_one_that_evicts_is_reported_once_and_left_alone(self, table, day_clock, lines, monkeypatch):
        """Sets that do not fit were read from the table again and again, 33 times a second."""
        day = minutes(SESSION)
        reads = []

        class Many:
            def candles(self, symbol: str, interval: int, *_: Any) -> list[Candle]:
                reads.append(symbol)
                return day

            def coverage(self, *_: Any) -> dict[Any, Any]:
                return {}

            def close(self) -> None:
                pass

        with RedisServer("--maxmemory", "3mb", "--maxmemory-policy", "allkeys-lru") as server:
            symbols = [f"{number:06}" for number in range(60)]
            feed = Feed(server.url, day_clock, symbols, Many)
            feed.start()
            wait_until(lambda: len(lines()) == 1, 20)
            before = len(reads)
            time.sleep(3)
            feed.close()
        assert len(reads) == before and len(lines()) == 1 and "allkeys-lru" in lines()[0]

    @pytest.mark.parametrize("kind", ["TimeoutError", "OutOfMemoryError", "ReadOnlyError", "AuthenticationError"])
    def test_one_that_takes_nothing_for_a_while(self, kind, redis_server, table, day_clock, lines):
        """It hangs, is full, became a replica, or has another password than before."""
        with feeding(redis_server, table, day_clock), redis_server.client() as other:
            wait_until(lambda: whole(redis_server, table))
            begin, end = {
                "TimeoutError": (redis_server.hang, redis_server.wake),
                "OutOfMemoryError": (
                    partial(other.config_set, "maxmemory", "1"), partial(other.config_set, "maxmemory", "0")
                ),
                "ReadOnlyError": (partial(other.replicaof, "127.0.0.1", "1"), partial(other.replicaof, "NO", "ONE")),
                "AuthenticationError": (
                    partial(other.config_set, "requirepass", "changed"), partial(other.config_set, "requirepass", "")
                ),
            }[kind]  # fmt: skip
            begin()
            if kind == "AuthenticationError":
                other.client_kill_filter(_type="normal", skipme=True)
            assert self.store_a_day(table) < 0.2
            wait_until(lambda: any(f"[{kind}]" in line for line in lines()))
            end()
            self.recovers(redis_server, table, lines, f"[{kind}]")

    def test_the_end_does_not_wait_for_a_hanging_one(self, redis_server, table, day_clock, lines):
        with feeding(redis_server, table, day_clock):
            wait_until(lambda: whole(redis_server, table))
            redis_server.hang()
            self.store_a_day(table, 2)
            began = time.monotonic()
        assert time.monotonic() - began < 4
        redis_server.wake()

    def test_what_waits_is_bounded_and_what_is_dropped_is_said_once(self, redis_server, table, day_clock, lines):
        feed = Feed(redis_server.url, day_clock, SYMBOLS, lambda: open_reader(table._database, day_clock))
        feed._backlog = Backlog(most=100)
        table.listeners.append(feed.on_write)
        redis_server.kill()
        feed.start()
        self.store_a_day(table)
        assert feed._backlog._held <= 100
        redis_server.start()
        self.recovers(redis_server, table, lines, "문제 시작")
        feed.close()
        assert len([line for line in lines() if "오래된 것부터" in line]) == 1


def test_a_table_that_is_away_is_read_later(redis_server, table, day_clock, tmp_path, monkeypatch):
    monkeypatch.setattr("minute_candles.redis_feed.publisher.CHECK_SECONDS", 0.3)
    put(table, "005930", minutes(SESSION))
    asked = []

    def open_later() -> Any:
        asked.append(1)
        if len(asked) < 3:
            raise ConfigError("not now")
        return open_reader(table._database, day_clock)

    feed = Feed(redis_server.url, day_clock, SYMBOLS, open_later)
    feed.start()
    wait_until(lambda: whole(redis_server, table))
    feed.close()


def test_two_processes_fill_the_same_sets_and_no_candle_is_lost(redis_server, table, day_clock):
    """A backfill reads the table while the updater tells of a newer candle: the newer one stays."""
    from minute_candles.redis_feed.recent import recent

    ones = minutes(SESSION)
    put(table, "005930", ones[:-1])
    updater, backfill = (Writer(connection.connect(redis_server.url)) for _ in range(2))
    view = open_reader(table._database, day_clock)
    news = iter([ones])

    def read() -> Any:
        found = recent(view, "005930", day_clock.now())
        if (later := next(news, None)) is not None:  # between the reading and the writing
            put(table, "005930", later)
            updater.publish([Stored("005930", MONDAY, {1: later[-1:]}, 0, "PROVISIONAL")])
        return found

    backfill.refill("005930", read)
    assert whole(redis_server, table, ("005930",))
    view.close()


class TestCheck:
    def test_a_wrong_password_is_reported_without_it(self):
        with RedisServer(password="right password") as server:
            connection.check(server.url)
            server.password = "wr0ng/pass"
            with pytest.raises(ConfigError, match="REDIS_URL") as caught:
                connection.check(server.url)
            assert "wr0ng" not in str(caught.value)

    @pytest.mark.parametrize(("part", "wrong"), [
        ("//", "//:secret@"), ("/0", "/999"), ("/0", "/0?foo=1"), ("/0", "/abc"), ("/0", "/0?db=x"), ("/0", "/0/1"),
    ])  # fmt: skip
    def test_an_address_that_redis_or_its_client_refuses(self, part, wrong, redis_server):
        with pytest.raises(ConfigError, match="REDIS_URL"):
            connection.check(redis_server.url.replace(part, wrong))

    def test_a_password_that_is_missing_one_that_is_away_and_an_address_to_listen(self, redis_server):
        with pytest.raises(ConfigError, match="REDIS_URL"):
            Listener(redis_server.url.replace("/0", "/abc"), lambda *_: None, Clock())
        with redis_server.client() as other:
            other.config_set("requirepass", "x")
        with pytest.raises(ConfigError, match="REDIS_URL"):
            connection.check(redis_server.url)
        redis_server.kill()
        connection.check(redis_server.url)  # it may come

    def test_a_sentinel(self, tmp_path):
        (tmp_path / "sentinel.conf").write_text("", encoding="utf-8")
        with RedisServer(conf=tmp_path / "sentinel.conf") as server, pytest.raises(ConfigError, match="Sentinel"):
            connection.check(server.url)


def test_threads_hand_over_at_once_and_nothing_is_lost():
    backlog, taken = Backlog(), []
    moment = datetime(2026, 11, 23, 9)

    def give(symbol: str) -> None:
        for n in range(500):
            backlog.add(Stored(symbol, MONDAY, {1: [candle(moment + timedelta(minutes=n))]}, 0, None))

    threads = [threading.Thread(target=give, args=(str(n),)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or backlog:
        taken += backlog.take(50)
    assert len(taken) == 2000
    for n in range(4):
        mine = [one.candles[1][0].timestamp for one in taken if one.symbol == str(n)]
        assert mine == sorted(mine)
