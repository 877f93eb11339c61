"""One key on several hosts: slots and token through a real Redis; without it by files, each its part of the rate."""

import logging
import subprocess
import sys
import threading
import time
from bisect import bisect_left
from itertools import pairwise
from pathlib import Path
from statistics import median

import pytest
from backfill_tools import User, ended, simulator
from kis_testing import FakeClock, Listening, settings_for
from places import TESTS
from redis_testing import RedisServer
from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.kis.call_limiter import MARGIN
from minute_candles.kis.shared_call_limiter import SharedLimiter, limiter_of
from minute_candles.kis.token import TokenCache
from minute_candles.redis_feed.shared_state import Scripts

RATE = 15.0
GAP = (1 + MARGIN) / RATE


def host(folder: Path, server: RedisServer, *, rate: float = RATE, urgent: bool = False) -> SharedLimiter:
    """A process of the host whose token file lies in `folder`."""
    folder.mkdir(exist_ok=True)
    settings = settings_for("http://127.0.0.1:9", folder, rate_limit=rate)
    limiter = limiter_of(settings, Clock(), urgent=urgent, shared=Scripts(server.url))
    assert isinstance(limiter, SharedLimiter)
    return limiter


def departures(limiter: SharedLimiter, count: int) -> list[float]:
    times = []
    for _ in range(count):
        limiter.wait()
        times.append(time.monotonic())
    return times


def most_within(times: list[float], seconds: float) -> int:
    """The most calls in any span of so many seconds."""
    times = sorted(times)
    return max(bisect_left(times, first + seconds) - n for n, first in enumerate(times))


def together(*limiters: SharedLimiter, until: float) -> list[float]:
    """Departures of all, each on a thread of its own, until then (monotonic)."""
    times: list[float] = []

    def work(limiter: SharedLimiter) -> None:
        while time.monotonic() < until:
            limiter.wait()
            times.append(time.monotonic())

    threads = [threading.Thread(target=work, args=(limiter,)) for limiter in limiters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(times)


def test_slots_are_evenly_spaced(tmp_path, redis_server):
    times = departures(host(tmp_path / "a", redis_server), 15)
    assert median(later - earlier for earlier, later in pairwise(times)) == pytest.approx(GAP, abs=0.02)
    assert times[-1] - times[0] > 14 * GAP - 0.05


def test_two_hosts_take_turns(tmp_path, redis_server):
    one, two = host(tmp_path / "a", redis_server), host(tmp_path / "b", redis_server)
    times = together(one, two, until=time.monotonic() + 2)
    assert 8 <= len(times) <= 2 * RATE + 3
    assert (one._hosts, two._hosts) == (2, 2)


def test_an_urgent_process_goes_first_on_every_host(tmp_path, redis_server):
    end = time.monotonic() + 2
    updater, backfill = (
        host(tmp_path / "a", redis_server, rate=60, urgent=True),
        host(tmp_path / "b", redis_server, rate=60),
    )
    shares: dict[str, list[float]] = {}
    threads = [
        threading.Thread(target=lambda n=name, of=limiter: shares.update({n: together(of, until=end)}))
        for name, limiter in (("updater", updater), ("backfill", backfill))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(shares["updater"]) > 2.5 * len(shares["backfill"]) >= 20
    assert sum(map(len, shares.values())) <= 60 * 2 + 3


def test_one_answer_over_the_limit_slows_every_host(tmp_path, redis_server):
    one, two = host(tmp_path / "a", redis_server), host(tmp_path / "b", redis_server)
    for _ in range(20):
        one.slow_down()
    times = departures(two, 6)
    assert (times[-1] - times[0]) / 5 > 1.2 * GAP


def test_a_stamp_far_in_the_future_is_ignored(tmp_path, redis_server):
    limiter = host(tmp_path / "a", redis_server)
    limiter.wait()
    with redis_server.client() as other:
        other.hset(limiter._keys[0], "next", time.time() + 3600)
    began = time.monotonic()
    departures(limiter, 3)
    assert time.monotonic() - began < 1


def test_without_redis_each_host_has_its_part_of_the_rate(tmp_path, redis_server, caplog):
    caplog.set_level(logging.INFO, "minute_candles")
    one, two = host(tmp_path / "a", redis_server), host(tmp_path / "b", redis_server)
    together(one, two, until=time.monotonic() + 1)
    redis_server.kill()
    times = together(one, two, until=time.monotonic() + 3)
    assert len(times) <= 3 * RATE + 3
    assert (one._files.rate, two._files.rate) == (RATE / 2, RATE / 2)
    late = host(tmp_path / "a", redis_server)  # started while it is away: the file knows
    late.wait()
    assert late._files.rate == RATE / 2
    redis_server.start()
    wait_until(lambda: not (one._away or two._away or late._away), 5)
    lines = [record.getMessage() for record in caplog.records if "한도를 나누는 Redis" in record.getMessage()]
    assert len(lines) == 6 and "(2대 가운데 하나)" in lines[0]


def test_a_redis_that_hangs_costs_the_first_call_alone(tmp_path, redis_server):
    limiter = host(tmp_path / "a", redis_server, rate=50)
    limiter.wait()
    redis_server.hang()
    began = time.monotonic()
    limiter.wait()
    first = time.monotonic()
    departures(limiter, 20)
    rest = time.monotonic() - first
    redis_server.wake()
    assert first - began < 4 and rest < 1


@pytest.mark.slow
def test_a_redis_that_comes_and_goes_never_lets_the_hosts_over_the_limit(tmp_path, redis_server):
    limiters = [host(tmp_path / name, redis_server) for name in "ab"]
    times: list[float] = []
    worker = threading.Thread(target=lambda: times.extend(together(*limiters, until=time.monotonic() + 16)))
    worker.start()
    for _ in range(2):
        time.sleep(3)
        redis_server.kill()
        time.sleep(3)
        redis_server.start()
    worker.join()
    assert most_within(times, 1.0) <= 18  # what KIS takes
    assert len(times) > 16 * RATE * 0.5


class TestToken:
    @pytest.fixture
    def clock(self) -> FakeClock:
        return FakeClock()

    @pytest.fixture
    def sim(self, clock):
        with Listening(clock) as running:
            yield running

    @pytest.fixture
    def make(self, sim, clock, tmp_path, redis_server):
        """A cache of the host whose folder this is."""

        def make(name: str, **changes: object) -> TokenCache:
            (tmp_path / name).mkdir(exist_ok=True)
            return TokenCache(settings_for(sim.url, tmp_path / name, **changes), clock, Scripts(redis_server.url))

        return make

    def test_one_host_asks_the_other_finds_it(self, sim, make, tmp_path):
        assert make("a").get() == make("b").get()
        assert sim.tokens.issued == 1
        assert (tmp_path / "b" / "kis_rest_token.json").stat().st_mode & 0o777 == 0o600

    def test_the_file_goes_before_redis(self, sim, make, redis_server):
        token = make("a").get()
        redis_server.kill()
        assert make("a").get() == token

    def test_a_refused_token_is_renewed_once_for_all(self, sim, make, clock):
        one, two = make("a"), make("b")
        token = one.get()
        assert two.get() == token
        clock.move(hours=7)
        fresh = one.renew(token)
        assert two.renew(token) == fresh != token
        assert sim.tokens.issued == 2

    def test_another_key_has_another_token(self, sim, make):
        sim.keys = None
        assert make("a").get() != make("b", app_key="ANOTHER-KEY-0123456789").get()

    def test_nonsense_in_redis_counts_as_nothing(self, sim, make, redis_server):
        make("a").get()
        with redis_server.client() as other:
            for text in ("", "x", "[]", '{"access_token": 7}', '{"access_token": "a b", "expires_at": "x"}'):
                other.set(next(key for key in other.keys("kis:*:token")), text)
                make("c").load()
                assert make("c")._of_another_host(None) is None

    def test_two_hosts_that_start_at_once_are_issued_one(self, tmp_path, redis_server):
        with Listening() as sim:
            command = [sys.executable, str(TESTS / "kis_token_process.py"), sim.url]
            processes = []
            for name in "abcd":
                (tmp_path / name).mkdir()
                full = [*command, str(tmp_path / name), redis_server.url]
                processes.append(subprocess.Popen(full, stdout=subprocess.PIPE, text=True))
            assert len({process.communicate(timeout=60)[0] for process in processes}) == 1
            assert sim.tokens.issued == 1

    def test_a_host_that_died_at_it_does_not_hold_the_others_for_ever(self, sim, make, clock, redis_server):
        shared = make("a")._shared
        with redis_server.client() as other:
            other.set(shared._turn_keys[0], "somebody else")
        began = clock.time()
        assert make("b").get()
        assert clock.time() - began <= 91


@pytest.mark.slow
def test_two_hosts_that_fill_at_once_stay_under_the_limit_with_one_token(tmp_path, redis_server):
    """Two folders, one key, one Redis, both at 12 a second: KIS, who takes 18, refuses nobody."""
    with simulator(rate=18) as sim:
        users = []
        for name in "ab":
            user = User(tmp_path / name, sim.url, f"sqlite:///{tmp_path}/{name}.db")
            user.settings |= {"KIS_RATE_LIMIT": "12", "KIS_SHARED": "redis", "REDIS_URL": redis_server.url}
            users.append(user)
        processes = [user.start("--symbols", "005930,000660,373220", "--days", "10") for user in users]
        rans = [ended(process, 100) for process in processes]
        assert [ran.code for ran in rans] == [0, 0], [ran.all for ran in rans]
        assert sim.tokens.issued == 1
        assert "EGW00201" not in {request.code for request in sim.requests}
        assert sim.busiest_second() <= 15
