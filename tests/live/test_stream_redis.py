"""A Redis that dies and comes back beside a streaming updater: the table and its lag as without it, the sets whole.

The real service, stream, Redis server and sockets; a minute takes a second and a half (stream_tools.py).
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median

import pytest
from redis_testing import RedisServer
from stream_tools import StreamDay
from updater_tools import at, wait_until

from minute_candles.market.windows import NAMES
from minute_candles.monitoring import status_file

PROFILES = {"005930": "brisk", "000660": "brisk", "035420": "brisk", "018880": "illiquid"}
STREAMED = ("005930", "000660", "035420")
MINUTE, SPEED = timedelta(minutes=1), 40


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    """The feed's own times as fast as the day's."""
    monkeypatch.setattr("minute_candles.redis_feed.publisher.LONGEST_PAUSE", 1.0)
    monkeypatch.setattr("minute_candles.redis_feed.publisher.CHECK_SECONDS", 0.5)
    with RedisServer() as server:
        yield server


def are_whole(day: StreamDay, server: RedisServer) -> bool:
    """Each set holds the newest 400 of the table, value by value."""
    for symbol in day.symbols:
        rows = day.stored(symbol).values()
        for name in NAMES.values():
            table = [(f"{row[2]:%Y-%m-%dT%H:%M:%S}", *map(int, row[3:8])) for row in rows if row[1] == name][-400:]
            names = ("timestamp", "open_price", "high_price", "low_price", "close_price", "volume")
            if table != [tuple(one[key] for key in names) for one in server.recent(symbol, name)]:
                return False
    return True


def lags(day: StreamDay, since: datetime, until: datetime) -> list[float]:
    """Real seconds from a streamed minute's end to its commit."""
    return [lag / SPEED for when, symbol, lag in day.lags if symbol in STREAMED and since <= when < until and lag < 60]


def status_of(day: StreamDay) -> str:
    text, healthy = status_file.render(status_file.read(day.folder), day.clock.now())
    assert healthy, text
    return text


@pytest.mark.slow  # a clock that runs forty times as fast
@pytest.mark.parametrize("how", ["kill", "hang"])
def test_table_and_lag_are_as_without_it_and_the_sets_are_whole_again(
    tmp_path: Path, server: RedisServer, how: str
) -> None:
    day = StreamDay(tmp_path, at(9, 58, 30), PROFILES, speed=SPEED, streamed=3, redis_url=server.url)
    try:
        with day.running():
            wait_until(lambda: len(day.lines("1분봉 ")) >= 1 and are_whole(day, server), 20)
            day.wait(healthy := max(at(10, 0, 30), day.clock.now()))
            day.wait(gone := day.clock.now().replace(second=30) + 2 * MINUTE)
            getattr(server, how)()
            wait_until(lambda: bool(day.lines("Redis 문제 시작")), 10)
            day.wait(back := gone + 2 * MINUTE)
            day.assert_true_so_far()
            assert f"Redis: 127.0.0.1:{server.port} " in status_of(day) and "[" in status_of(day).split("Redis:")[1]
            server.start() if how == "kill" else server.wake()
            wait_until(lambda: bool(day.lines("Redis 복구")) and are_whole(day, server), 10)
            day.assert_true_so_far()
            wait_until(lambda: f"Redis: 127.0.0.1:{server.port} 연결됨, 마지막 알림" in status_of(day), 10)
    finally:
        day.close()
    before, without = lags(day, healthy, gone), lags(day, gone, back)
    assert len(before) >= 3 and len(without) >= 3
    assert median(without) <= median(before) + 0.1 and max(without) <= max(before) + 0.5, (before, without)
    assert len(day.lines("Redis 문제 시작")) == len(day.lines("Redis 복구")) == 1 and not day.lines("스트림 문제")
