"""The WebSocket: each hears what it asked for, soon, and who does not listen costs nothing."""

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, datetime
from itertools import pairwise

import pytest
import requests
import websockets
from chart_testing import MONDAY, Server, put, serving
from store_testing import CALENDAR, minutes
from websockets.sync.client import connect

from minute_candles.chart import broadcast
from minute_candles.chart.broadcast import Broadcaster
from minute_candles.chart.day_reader import DayRows
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.subscribers import MOST_SUBSCRIBERS, Subscriber
from minute_candles.chart.symbol_day import SymbolDay
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.day_status import DayStatus
from minute_candles.storage.store import CoverageRow, Store, open_store

FRIDAY = date(2026, 11, 20)
ONES = minutes(CALENDAR.session(MONDAY))[:62]
"""09:00 to 10:01; at 10:02 the newest of them is closed."""


@pytest.fixture
def store(database) -> Iterator[Store]:
    store = open_store(database, Clock())
    store.preflight()
    put(store, "005930", ONES[:60])
    put(store, "000660", ONES[:60])
    yield store
    store.close()


@pytest.fixture
def server(database, store) -> Iterator[Server]:
    with serving(database, at=datetime(2026, 11, 23, 10, 2, 1, tzinfo=KST)) as found:
        yield found


def ask(socket, *pairs) -> None:
    socket.send(json.dumps({"subscribe": list(pairs)}))


def hear(socket, seconds: float = 5) -> dict:
    return json.loads(socket.recv(timeout=seconds))


def test_the_newest_at_once_then_each_new_one(server, store):
    with connect(server.ws) as socket:
        ask(socket, ["005930", 1], ["005930", "day"])
        first = {m["interval"]: m for m in (hear(socket), hear(socket))}
        assert first[1]["time"] == "2026-11-23T09:59:00+09:00" and first[1]["type"] == "candle"
        assert first[1]["status"] == "PROVISIONAL" and first["day"]["status"] == "RUNNING"
        put(store, "005930", ONES[:61])
        began = time.monotonic()
        told = {m["interval"]: m for m in (hear(socket), hear(socket))}
        assert time.monotonic() - began < 2
        assert told[1]["time"] == "2026-11-23T10:00:00+09:00" and told[1]["close"] == ONES[60].close
        assert told["day"]["close"] == ONES[60].close


def test_a_corrected_candle_is_told_again(server, store):
    with connect(server.ws) as socket:
        ask(socket, ["005930", 1])
        hear(socket)
        wrong = ONES[58]._replace(close=ONES[58].high)
        put(store, "005930", [*ONES[:58], wrong, ONES[59]])
        assert (told := hear(socket))["close"] == wrong.close and told["time"].startswith("2026-11-23T09:58")


def test_a_running_minute_moves_every_window_above_it(server):
    with connect(server.ws) as socket:
        ask(socket, ["005930", 1], ["005930", 5])
        hear(socket), hear(socket)
        at = datetime(2026, 11, 23, 10, 2)
        server.broadcaster.run_minute("005930", ONES[0]._replace(timestamp=at, close=77_777, vwap=None))
        told = {m["interval"]: m for m in (hear(socket), hear(socket))}
        assert {m["status"] for m in told.values()} == {"RUNNING"}
        assert told[5]["time"].startswith("2026-11-23T10:00") and told[5]["close"] == told[1]["close"] == 77_777


@pytest.mark.parametrize(("day", "at"), [(MONDAY, 16), (FRIDAY, 10)])
def test_a_day_that_is_settled_is_told_the_next_morning_too(database, store, monkeypatch, day, at):
    monkeypatch.setattr("minute_candles.chart.broadcast.WHOLE_SECONDS", 0.5)
    ones = ONES[:60] if day == MONDAY else minutes(CALENDAR.session(day))
    put(store, "005930", ones)
    with serving(database, at=datetime(2026, 11, 23, at, 2, tzinfo=KST)) as server, connect(server.ws) as socket:
        ask(socket, ["005930", 1])
        assert hear(socket)["type"] == "candle"
        put(store, "005930", ones, "COMPLETE")
        assert hear(socket) == {"type": "day", "symbol": "005930", "day": f"{day}", "status": "COMPLETE"}


@pytest.mark.parametrize(
    "text",
    ["x", "[]", "{}", '{"subscribe": 1}', '{"subscribe": [["999999", 1]]}', '{"subscribe": [["005930", 2]]}',
     '{"subscribe": [["005930"]]}', '{"subscribe": [[5930, 1]]}', '{"subscribe": [["005930", true]]}', "[" * 9000,
     json.dumps({"subscribe": [["005930", 1]] * 101})],
)  # fmt: skip
def test_a_bad_message_is_answered_and_the_line_stays_open(server, text):
    with connect(server.ws) as socket:
        socket.send(text)
        assert hear(socket)["type"] == "error"
        ask(socket, ["005930", 1])
        assert hear(socket)["type"] == "candle"


def test_a_heartbeat_is_answered(server):
    with connect(server.ws) as socket:
        socket.send('{"beat": true}')
        assert hear(socket) == {"type": "beat"}


def test_too_long_a_message_ends_the_line(server):
    with connect(server.ws) as socket:
        socket.send("x" * 20_000)
        with pytest.raises(websockets.ConnectionClosed):
            hear(socket)


def test_fifty_clients_hear_within_two_seconds_and_only_what_they_asked_for(server, store):
    async def all_of_them() -> list[list[dict]]:
        sockets = [await websockets.connect(server.ws) for _ in range(50)]
        for at, socket in enumerate(sockets):
            await socket.send(json.dumps({"subscribe": [[("005930", "000660")[at % 2], (1, 3)[at // 25]]]}))
        first = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for socket in sockets]
        began = time.monotonic()
        for symbol in ("005930", "000660"):
            await asyncio.to_thread(put, store, symbol, ONES[:61])
        stored = time.monotonic()
        second = [json.loads(await asyncio.wait_for(socket.recv(), 10)) for socket in sockets]
        assert time.monotonic() - stored < 2, f"{time.monotonic() - began:.2f} s"
        for socket in sockets:
            await socket.close()
        return [first, second]

    for told in asyncio.run(all_of_them()):
        pairs = [(message["symbol"], message["interval"]) for message in told]
        assert pairs == [(("005930", "000660")[at % 2], (1, 3)[at // 25]) for at in range(50)]


def test_who_never_reads_keeps_the_newest_few_only():
    client = Subscriber()
    for number in range(10_000):
        client.offer(("005930", 1), str(number % 500), "x" * 200)
    assert len(client.take()) == 10
    assert client.take() == []


def test_there_is_room_for_five_hundred(database, store):
    broadcaster = Broadcaster(None, {}, CALENDAR, Clock(), RunningMinutes(Clock()))
    assert all(broadcaster.subscribers.join() for _ in range(MOST_SUBSCRIBERS))
    assert broadcaster.subscribers.join() is None


def test_many_watchers_and_a_round_that_wakes_all_the_time_cost_one_statement_a_second(server, monkeypatch):
    reads: list[float] = []
    view = server.broadcaster._reader
    real = view.minutes_of
    with connect(server.ws) as socket, ExitStack() as others:
        ask(socket, ["005930", 1])
        hear(socket)
        for _ in range(20):
            ask(others.enter_context(connect(server.ws)), ["005930", 1])
        view.minutes_of = lambda *asked: (reads.append(time.monotonic()), real(*asked))[1]
        until = time.monotonic() + 3.2
        while time.monotonic() < until:
            server.broadcaster.wake("005930")
            time.sleep(0.02)
        view.minutes_of = real
        monkeypatch.setattr("minute_candles.chart.broadcast.READ_SECONDS", 9.0)
        server.broadcaster.wake("005930")
        began = time.monotonic()
        ask(socket, ["005930", 1], ["000660", 1])
        while hear(socket)["symbol"] != "000660":
            pass
        assert time.monotonic() - began < 4, "who chose a symbol does not wait for the next look"
    assert len(reads) >= 2 and all(b - a > 0.95 for a, b in pairwise(reads)), reads


def test_more_new_minutes_than_wait_are_told_as_a_day_to_read_anew(server, store):
    """Of forty healed minutes the newest ten are told; without the word the page would keep a hole."""
    with connect(server.ws) as socket:
        ask(socket, ["000660", 1])
        hear(socket)
        put(store, "000660", [one._replace(volume=one.volume + 1) for one in ONES[:20]] + ONES[20:60])
        server.broadcaster._whole_at = float("-inf")
        told = [hear(socket) for _ in range(11)]
    assert [m["type"] for m in told] == ["candle"] * 10 + ["day"]


def test_the_last_minutes_alone_never_become_a_day():
    """A symbol that was left and chosen again while a look read its newest minutes: the next look reads the day."""
    broadcaster = Broadcaster(None, {}, CALENDAR, Clock(), RunningMinutes(Clock()))
    client = broadcaster.subscribers.join()
    broadcaster.subscribe(client, frozenset({("005930", "day")}))
    broadcaster._update("005930", DayRows(ONES[55:60], {}), whole=False)
    assert client.take() == []
    broadcaster._update("005930", DayRows(ONES[:60], {}), whole=True)
    assert json.loads(client.take()[0])["open"] == ONES[0].open


def test_a_running_minute_never_closes_a_window_that_holds_a_newer_one():
    day = SymbolDay()
    day.update(ONES[:2], whole=True)
    day.run(ONES[2]._replace(close=77_777))
    day.update(ONES[3:4])
    assert day.windows(5, [ONES[3].timestamp])[0].close == ONES[3].close


def test_a_day_that_lost_rows_is_verified_no_more():
    broadcaster = Broadcaster(None, {}, CALENDAR, Clock(), RunningMinutes(Clock()))
    client = broadcaster.subscribers.join()
    broadcaster.subscribe(client, frozenset({("005930", 1)}))
    known = {MONDAY: CoverageRow(DayStatus.COMPLETE, (60, 12, 4))}
    for held, status in ((60, "COMPLETE"), (59, "PROVISIONAL")):
        broadcaster._update("005930", DayRows(ONES[:held], known), whole=True)
        assert json.loads(client.take()[0])["status"] == status


class At(Clock):
    """Moved by hand."""

    moment = datetime(2026, 11, 23, 10, 1, 30, tzinfo=KST)

    def now(self) -> datetime:
        return self.moment


def test_a_window_that_ends_without_a_trade_is_told_once_more():
    clock = At()
    broadcaster = Broadcaster(None, {}, CALENDAR, clock, RunningMinutes(clock))
    client = broadcaster.subscribers.join()
    broadcaster.subscribe(client, frozenset({("005930", 5), ("005930", 60)}))
    broadcaster._update("005930", DayRows(ONES[:61], {}), whole=True)
    assert {json.loads(text)["status"] for text in client.take()} == {"RUNNING"}
    broadcaster._send_ended()
    assert client.take() == [], "they run still"
    clock.moment = datetime(2026, 11, 23, 10, 5, 1, tzinfo=KST)
    broadcaster._send_ended()
    [told] = map(json.loads, client.take())
    assert (told["interval"], told["time"][11:16], told["status"]) == (5, "10:00", "PROVISIONAL")
    broadcaster._send_ended()
    assert client.take() == []


def test_whatever_goes_wrong_the_next_read_is_another_try(server, store, caplog, monkeypatch):
    real, broken = broadcast.read_days, []

    def read(*asked):
        if not broken:
            broken.append(1)
            raise ValueError("secret")
        return real(*asked)

    monkeypatch.setattr(broadcast, "read_days", read)
    with connect(server.ws) as socket:
        ask(socket, ["005930", 1])
        assert hear(socket)["type"] == "candle"
    assert broken and "secret" not in caplog.text


def test_a_symbol_nobody_watches_wakes_nobody():
    async def woken(symbol: str) -> bool:
        broadcaster = Broadcaster(None, {}, CALENDAR, Clock(), RunningMinutes(Clock()))
        broadcaster._loop = asyncio.get_running_loop()
        broadcaster.subscribe(broadcaster.subscribers.join(), frozenset({("005930", 1)}))
        broadcaster._wake.clear()
        broadcaster.wake(symbol)
        await asyncio.sleep(0)
        return broadcaster._wake.is_set()

    assert asyncio.run(woken("005930")) and not asyncio.run(woken("000660"))


def test_a_page_receives_the_prices_of_the_whole_list_once_a_second(server):
    with connect(server.ws) as socket, connect(server.ws) as other:
        socket.send('{"subscribe": [], "prices": true}')
        ask(other)
        time.sleep(0.2)
        minute = ONES[0]._replace(timestamp=datetime(2026, 11, 23, 10, 2), vwap=None)
        for volume in range(1, 50):
            for symbol in ("005930", "000660", "999999"):
                server.broadcaster.run_minute(symbol, minute._replace(volume=volume, close=70_000 + volume))
        told = hear(socket, 3)
        rows = sorted((row["symbol"], row["price"], row["time"]) for row in told["rows"])
        assert rows == [(s, 70_049, "2026-11-23T10:02:00+09:00") for s in ("000660", "005930")]
        for socket_ in (socket, other):
            with pytest.raises(TimeoutError):
                hear(socket_, 1.5)
    answer = requests.get(server.url + "api/symbols", timeout=5).json()
    assert {row["symbol"]: row["price"] for row in answer}["000660"] == 70_049


def test_a_running_minute_that_comes_twice_or_late_is_no_news():
    running = RunningMinutes(At())
    minute = ONES[61]._replace(volume=5)
    assert running.add("005930", minute)
    assert not running.add("005930", minute) and not running.add("005930", minute._replace(volume=4))
    assert running.get("005930") == minute and running.take_moved() == {"005930": minute}
    old = ONES[0]
    running.add("000660", old)
    assert running.get("000660") is None, "whoever sent it is gone"
