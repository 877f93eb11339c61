"""The lease of a standby on a real Redis: one holder, a restart of Redis, a holder that sleeps."""

import time
from contextlib import ExitStack, closing

import pytest
from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.monitoring import lease as module
from minute_candles.monitoring.lease import Holding, Lease, LeaseLost, tenure, wait_for_lease


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    for name, seconds in {"LEASE_SECONDS": 0.6, "RENEW_SECONDS": 0.05, "GRACE_SECONDS": 0.3}.items():
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def make(redis_server):
    with ExitStack() as exits:
        yield lambda place: exits.enter_context(closing(Lease(redis_server.url, "hanazoom", place)))


def test_one_holds_it_and_names_itself_and_a_release_frees_it(make):
    first, second = make("/a"), make("/b")
    assert first.take() is Holding.OURS and second.take() is Holding.OTHER
    assert make("/a").take() is Holding.OURS, "another process of the same folder: the first one was killed"
    first.take()
    assert second.holder_text == first.holder_text.removesuffix(" (이 프로세스)")
    first.release()
    assert second.take() is Holding.OURS and first.look() is Holding.OTHER


def test_a_standby_takes_over_when_the_holder_no_longer_renews(make):
    first, second, holders = make("/a"), make("/b"), []
    first.take()
    wait_for_lease(second, Clock(), holders.append)
    assert first.holder_text.removesuffix(" (이 프로세스)") in holders and second.holding is Holding.OURS
    time.sleep(0.7)
    second.take()
    with pytest.raises(LeaseLost):
        first.check()  # it wakes


def test_a_holder_keeps_its_tenure_while_redis_is_away_and_when_it_comes_back_empty(make, redis_server):
    clock, first, second = Clock(), make("/a"), make("/b")
    with tenure(first, clock) as held:
        wait_until(lambda: first.holding is Holding.OURS)
        redis_server.kill()
        wait_until(lambda: first.holding is Holding.UNKNOWN)
        held.check()
        assert second.look() is Holding.UNKNOWN and not held.is_lost
        redis_server.start()
        wait_until(lambda: first.holding is Holding.OURS)
        assert second.take() is Holding.OTHER and not held.clock.stop.is_set()
    assert second.take() is Holding.OURS, "a clean end hands it over"


def test_a_tenure_ends_when_another_holds_the_lease_and_with_its_process(make, redis_server):
    clock, first = Clock(), make("/a")
    with tenure(first, clock) as held:
        wait_until(lambda: first.holding is Holding.OURS)
        redis_server.client().set(first.name, "other-host:1234:77:x")
        wait_until(held.clock.stop.is_set)
        assert held.is_lost and not clock.stop.is_set() and held.holder == "other-host pid 77"
    with tenure(make("/a"), clock) as held:
        assert not held.clock.stop.is_set(), "one that never held it goes on"
        clock.stop.set()
        wait_until(held.clock.stop.is_set)
