"""The WebSocket: each gets what it subscribed to, soon, and who does not read costs nothing."""

import json
import time
from datetime import datetime

import pytest
import websockets
from chart_testing import AT, FRIDAY, LAST, MONDAY, TODAY, put, serving
from kis_testing import FakeClock
from store_testing import CALENDAR
from websockets.sync.client import connect

from minute_candles.chart.broadcast import Broadcaster
from minute_candles.chart.day_reader import DayRows
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.symbol_day import SymbolDay
from minute_candles.core.kst import KST
from minute_candles.market.day_status import DayStatus
from minute_candles.storage.store import CoverageRow


def subscribe(socket, *pairs) -> None:
    socket.send(json.dumps({"subscribe": pairs}))


def received(socket, seconds: float = 5) -> dict:
    return json.loads(socket.recv(timeout=seconds))


def two(socket) -> dict:
    """The next message of each of two intervals."""
    return {one["interval"]: one for one in (received(socket), received(socket))}


def test_the_newest_at_once_then_each_new_a_corrected_and_a_running_one(server, store):
    with connect(server.ws) as socket, connect(server.ws) as other:
        subscribe(other, ["000660", 1])
        received(other)
        subscribe(socket, ["005930", 1], ["005930", 5])
        first = two(socket)
        assert first[1]["time"] == "2026-11-23T10:29:00+09:00" and first[1]["type"] == "candle"
        assert (first[1]["status"], first[5]["status"]) == ("PROVISIONAL", "PROVISIONAL")
        put(store, "005930", TODAY[:91])
        began, found = time.monotonic(), two(socket)
        assert time.monotonic() - began < 2
        assert (found[1]["time"], found[1]["close"]) == ("2026-11-23T10:30:00+09:00", TODAY[90].close)
        assert (found[5]["close"], found[5]["status"]) == (TODAY[90].close, "RUNNING")
        server.run_minute("10:32", 77_777)
        found = two(socket)
        assert {one["status"] for one in found.values()} == {"RUNNING"}
        assert found[5]["time"].startswith("2026-11-23T10:30") and found[5]["close"] == found[1]["close"] == 77_777
        wrong = TODAY[88]._replace(close=TODAY[88].high)
        put(store, "005930", [*TODAY[:88], wrong, *TODAY[89:91]])
        found = two(socket)[1]
        assert (found["close"], found["time"][11:16]) == (wrong.close, "10:28")
        with pytest.raises(TimeoutError):
            received(other, 0.1)


@pytest.mark.parametrize(("day", "ones", "at"), [(MONDAY, TODAY[:90], 16), (FRIDAY, LAST, 10)])
def test_a_day_that_is_settled_is_sent_the_next_morning_too(database, store, monkeypatch, day, ones, at):
    monkeypatch.setattr("minute_candles.chart.broadcast.WHOLE_SECONDS", 0.5)
    put(store, "005930", ones, "PROVISIONAL")
    with serving(database, at=datetime(2026, 11, 23, at, 32, tzinfo=KST)) as server, connect(server.ws) as socket:
        subscribe(socket, ["005930", 1])
        assert received(socket)["type"] == "candle"
        put(store, "005930", ones, "COMPLETE")
        assert received(socket) == {"type": "day", "symbol": "005930", "day": f"{day}", "status": "COMPLETE"}


def test_a_bad_message_is_answered_a_heartbeat_too_and_one_without_end_ends_the_line(server):
    bad = ["x", "[]", "{}", '{"subscribe": 1}', '{"subscribe": [["005930"]]}', "[" * 9000]
    pairs = (["999999", 1], ["005930", 2], [5930, 1], ["005930", True])
    bad += [json.dumps({"subscribe": wrong}) for wrong in (*([pair] for pair in pairs), [["005930", 1]] * 101)]
    with connect(server.ws) as socket:
        for text in bad:
            socket.send(text)
            assert received(socket)["type"] == "error"
        subscribe(socket, ["005930", 1])
        assert received(socket)["type"] == "candle"
        socket.send('{"beat": true}')
        assert received(socket) == {"type": "beat"}
        socket.send("x" * 20_000)
        with pytest.raises(websockets.ConnectionClosed):
            received(socket)


def test_more_new_minutes_than_wait_are_sent_as_a_day_to_read_anew(server, store):
    """Of twenty healed minutes the newest ten are sent; without the word the page would keep a hole."""
    with connect(server.ws) as socket:
        subscribe(socket, ["000660", 1])
        received(socket)
        put(store, "000660", [one._replace(volume=one.volume + 1) for one in TODAY[:20]] + TODAY[20:90])
        server.broadcaster._whole_at = float("-inf")
        assert [received(socket)["type"] for _ in range(11)] == ["candle"] * 10 + ["day"]


def watched(*intervals):
    """A broadcaster without a table at 10:01:30, somebody who watches 005930, and a way to take what was sent."""
    clock = FakeClock(datetime(2026, 11, 23, 10, 1, 30, tzinfo=KST))
    broadcaster = Broadcaster(None, {}, CALENDAR, clock, RunningMinutes(clock))
    client = broadcaster.subscribers.join()
    broadcaster.subscribe(client, frozenset(("005930", interval) for interval in intervals))
    return broadcaster, lambda: [json.loads(text) for text in client.take()], clock


def test_the_last_minutes_alone_never_become_a_day():
    """A symbol that was left and chosen again while a look read its newest minutes: the next look reads the day."""
    broadcaster, sent, _ = watched("day")
    for first, opens in ((55, []), (0, [TODAY[0].open])):
        broadcaster._update("005930", DayRows(TODAY[first:60], {}), whole=first == 0)
        assert [one["open"] for one in sent()] == opens


def test_a_running_minute_never_closes_a_window_that_holds_a_newer_one():
    day = SymbolDay()
    day.update(TODAY[:2], whole=True)
    day.run(TODAY[2]._replace(close=77_777))
    day.update(TODAY[3:4])
    assert day.windows(5, [TODAY[3].timestamp])[0].close == TODAY[3].close


def test_a_day_that_lost_rows_is_verified_no_more():
    broadcaster, sent, _ = watched(1)
    known = {MONDAY: CoverageRow(DayStatus.COMPLETE, (60, 12, 4))}
    for held, status in ((60, "COMPLETE"), (59, "PROVISIONAL")):
        broadcaster._update("005930", DayRows(TODAY[:held], known), whole=True)
        assert sent()[0]["status"] == status


def test_a_window_that_ends_without_a_trade_is_sent_once_more():
    broadcaster, sent, clock = watched(5, 60)
    broadcaster._update("005930", DayRows(TODAY[:61], {}), whole=True)
    assert {one["status"] for one in sent()} == {"RUNNING"}
    for seconds, ended in ((0, []), (211, [(5, "10:00", "PROVISIONAL")]), (1, [])):
        clock.move(seconds=seconds)
        broadcaster._send_ended()
        assert [(one["interval"], one["time"][11:16], one["status"]) for one in sent()] == ended


def test_a_running_minute_that_comes_twice_or_late_is_no_news():
    running, minute = RunningMinutes(FakeClock(AT.replace(hour=10, minute=1))), TODAY[61]._replace(volume=5)
    assert [running.add("005930", minute._replace(volume=volume)) for volume in (5, 5, 4)] == [True, False, False]
    assert running.get("005930") == minute and running.take_moved() == {"005930": minute}
    assert running.add("000660", TODAY[0]) and running.get("000660") is None, "whoever sent it is gone"
