"""One key on several hosts: slots and token through a real Redis; without it by files, each its part of the rate."""

import logging
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from backfill_tools import User, ended, simulator
from kis_testing import Listening, in_threads, settings_for
from redis_testing import RedisServer
from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.kis.call_limiter import MARGIN
from minute_candles.kis.shared_call_limiter import SharedLimiter, limiter_of
from minute_candles.kis.token import TokenCache
from minute_candles.redis_feed.shared_state import Scripts

RATE = 15.0
GAP = (1 + MARGIN) / RATE


@pytest.fixture
def host(tmp_path, redis_server):
    """Make a process of the host whose token file lies in this folder."""

    def make(name: str, *, rate: float = RATE, urgent: bool = False) -> SharedLimiter:
        (tmp_path / name).mkdir(exist_ok=True)
        settings = settings_for("http://127.0.0.1:9", tmp_path / name, rate_limit=rate)
        limiter = limiter_of(settings, Clock(), urgent=urgent, shared=Scripts(redis_server.url))
        assert isinstance(limiter, SharedLimiter)
        return limiter

    return make


def departures(limiter: SharedLimiter, count: int) -> list[float]:
    return [limiter.wait() or time.monotonic() for _ in range(count)]


def together(*limiters: SharedLimiter, seconds: float) -> list[list[float]]:
    """The departures of each, on a thread of its own."""
    until, left = time.monotonic() + seconds, list(enumerate(limiters))

    def work() -> tuple[int, list[float]]:
        number, limiter = left.pop()
        times: list[float] = []
        while time.monotonic() < until:
            times += departures(limiter, 1)
        return number, times

    return [times for _, times in sorted(in_threads(len(limiters), work))]


def test_slots_are_evenly_spaced_and_a_stamp_far_in_the_future_is_ignored(host, redis_server):
    limiter = host("a")
    limiter.wait()
    with redis_server.client() as other:
        other.hset(limiter._keys[0], "next", time.time() + 3600)
    times = departures(limiter, 12)
    assert median(later - earlier for earlier, later in pairwise(times)) == pytest.approx(GAP, abs=0.02)
    assert 11 * GAP - 0.05 < times[-1] - times[0] < 11 * GAP + 1


def test_two_hosts_share_the_rate_and_an_answer_over_the_limit_slows_both(host):
    one, two = host("a"), host("b")
    times = sum(together(one, two, seconds=1), [])
    assert 4 <= len(times) <= RATE + 3 and (one._hosts, two._hosts) == (2, 2)
    for _ in range(20):
        one.slow_down()
    times = departures(two, 6)
    assert (times[-1] - times[0]) / 5 > 1.2 * GAP


def test_an_urgent_process_goes_first_on_every_host(host):
    updater, backfill = map(len, together(host("a", rate=60, urgent=True), host("b", rate=60), seconds=1.5))
    assert updater > 2.5 * backfill >= 15 and updater + backfill <= 60 * 1.5 + 3


def test_without_redis_each_host_has_its_part_of_the_rate(host, redis_server, caplog):
    caplog.set_level(logging.INFO, "minute_candles")
    one, two = host("a"), host("b")
    wait_until(lambda: together(one, two, seconds=0.5) and (one._hosts, two._hosts) == (2, 2), 10)
    redis_server.kill()
    assert len(sum(together(one, two, seconds=2), [])) <= 2 * RATE + 3
    assert (one._files.rate, two._files.rate) == (RATE / 2, RATE / 2)
    late = host("a")  # started while it is away: the file knows
    late.wait()
    assert late._files.rate == RATE / 2
    redis_server.start()
    wait_until(lambda: not (one._away or two._away or late._away), 5)
    assert len(sum(together(one, two, seconds=1), [])) <= RATE / 2 + 3, "some may still call by their files"
    lines = [record.getMessage() for record in caplog.records if "한도를 나누는 Redis" in record.getMessage()]
    assert len(lines) == 6 and "(2대 가운데 하나)" in lines[0]


class TestToken:
    @pytest.fixture
    def make(self, sim, clock, tmp_path, redis_server):
        """Make a cache of the host whose folder this is."""

        def make(name: str, **changes: object) -> TokenCache:
            (tmp_path / name).mkdir(exist_ok=True)
            return TokenCache(settings_for(sim.url, tmp_path / name, **changes), clock, Scripts(redis_server.url))

        return make

    def test_one_host_requests_it_and_the_other_finds_it_and_another_key_has_its_own(self, sim, make, tmp_path, clock):
        sim.keys = None
        token = make("a").get()
        assert make("b").get() == token and sim.tokens.issued == 1
        assert (tmp_path / "b" / "kis_rest_token.json").stat().st_mode & 0o777 == 0o600
        assert make("a", app_key="ANOTHER-KEY-0123456789").get() != token
        clock.move(hours=7)
        fresh = make("a").renew(token)
        assert make("b").renew(token) == fresh != token and sim.tokens.issued == 3, (
            "a refused one: renewed once for all"
        )

    def test_nonsense_in_redis_counts_as_nothing(self, make, redis_server):
        make("a").get()
        with redis_server.client() as other:
            for text in ("", "x", "[]", '{"access_token": 7}', '{"access_token": "a b", "expires_at": "x"}'):
                other.set(next(key for key in other.keys("kis:*:token")), text)
                assert make("c").load() is None and make("c")._of_another_host(None) is None

    def test_hosts_that_start_at_once_are_issued_one(self, tmp_path, redis_server):
        names = [tmp_path / name for name in "abcd"]
        with Listening(latency=0.2) as sim:

            def start() -> str:
                (folder := names.pop()).mkdir()
                return TokenCache(settings_for(sim.url, folder), Clock(), Scripts(redis_server.url)).get()

            tokens = in_threads(4, start)
            assert len(tokens) == 4 and len(set(tokens)) == 1 and sim.tokens.issued == 1

    def test_a_host_that_died_at_it_does_not_hold_the_others_for_ever(self, make, clock, redis_server):
        with redis_server.client() as other:
            other.set(make("a")._shared._turn_keys[0], "another")
        began = clock.time()
        assert make("b").get() and clock.time() - began <= 91


@pytest.mark.slow
def test_two_hosts_that_fill_at_once_stay_under_the_limit_with_one_token(tmp_path: Path, redis_server: RedisServer):
    """Two folders, one key, one Redis, both at 12 a second: KIS, who takes 18, refuses nobody."""
    with simulator(rate=18) as sim:
        users = [User(tmp_path / name, sim.url, f"sqlite:///{tmp_path}/{name}.db") for name in "ab"]
        for user in users:
            user.settings |= {"KIS_RATE_LIMIT": "12", "KIS_SHARED": "redis", "REDIS_URL": redis_server.url}
        processes = [user.start("--symbols", "005930,000660,373220", "--days", "10") for user in users]
        assert [ended(process, 100).code for process in processes] == [0, 0]
        assert sim.tokens.issued == 1 and sim.busiest_second() <= 15
        assert "EGW00201" not in {request.code for request in sim.requests}
