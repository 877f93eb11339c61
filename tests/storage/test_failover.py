"""A server that took our writes and takes no more: the address is dialled again, nothing else counts as healed."""

import logging
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
import servers
from servers import Server
from store_testing import DAY, NOW, SESSION, SYMBOL, full_day, stored
from switchboard import Switchboard

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, StoreError, StoreLost
from minute_candles.storage.store import Store, open_store


@pytest.fixture(scope="module")
def second() -> Iterator[Server]:
    """The one that becomes primary."""
    server = servers.mariadb()
    assert server
    server.start()
    yield server
    server.remove()


@pytest.fixture
def user(server: Server, database: Database) -> Iterator[Database]:
    """An account without the administrator's right to write to a server that is read-only."""
    with server.account(database, "ALL", "secret") as account:
        yield account
        server.run("SET GLOBAL read_only = 0")


def opened(database: Database, patience: float = 20) -> Store:
    store = open_store(database, Clock(), patience=patience)
    store.preflight()
    return store


def put(store: Store, seed: int = 1) -> None:
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(seed=seed), now=NOW, status="COMPLETE")


def links(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [line for line in caplog.messages if "다시 연결합니다" in line or "재연결" in line]


def test_the_address_leads_to_the_new_primary_and_the_old_one_stays_up_read_only(
    server: Server, second: Server, user: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    second.run(f"CREATE DATABASE {user.name}")
    second.run(f"CREATE USER {user.user}@'%' IDENTIFIED BY 'secret'")
    second.run(f"GRANT ALL ON {user.name}.* TO {user.user}@'%'")
    promoted = opened(replace(user, port=second.port))
    with Switchboard(server.port) as address:
        store = opened(replace(user, port=address.port))
        put(store, seed=1)
        server.run("SET GLOBAL read_only = 1")
        threading.Timer(0.5, setattr, (address, "target", second.port)).start()
        put(store, seed=2)
        assert stored(promoted) == full_day(seed=2) and address.calls < 10
        store.close()
    promoted.close()
    assert ["읽기 전용" in line for line in links(caplog)] == [True, False]


def test_a_server_that_stays_read_only_is_told_once_and_reading_from_it_heals_nothing(
    server: Server, user: Database, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    store = opened(user, patience=0.3)
    put(store)
    server.run("SET GLOBAL read_only = 1")
    for _ in range(2):
        with pytest.raises(StoreLost, match="읽기 전용"):
            put(store, seed=2)
        with pytest.raises(StoreLost, match="읽기 전용"):
            store.coverage([SYMBOL], DAY, DAY)
    server.run("SET GLOBAL read_only = 0")
    assert (SYMBOL, DAY) in store.coverage([SYMBOL], DAY, DAY)
    put(store, seed=2)
    assert stored(store) == full_day(seed=2) and len(links(caplog)) == 2
    store.close()


def test_rights_that_are_taken_and_given_back(server: Server, user: Database) -> None:
    store = opened(user)
    put(store)
    server.run(f"REVOKE ALL ON {user.name}.* FROM {user.user}@'%'")
    server.run(f"GRANT SELECT ON {user.name}.* TO {user.user}@'%'")
    giving = threading.Timer(0.5, server.run, (f"GRANT ALL ON {user.name}.* TO {user.user}@'%'",))
    giving.start()
    put(store, seed=2)
    giving.join()
    assert stored(store) == full_day(seed=2)
    store.close()


def test_who_never_wrote_is_told_at_once(server: Server, user: Database) -> None:
    opened(user).close()
    server.run("SET GLOBAL read_only = 1")
    clock = Clock()
    store, began = open_store(user, clock), clock.time()
    with pytest.raises((ConfigError, StoreError), match="읽기 전용"):
        store.preflight()
    assert clock.time() - began < 5
    store.close()
