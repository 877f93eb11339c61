"""A server that took our writes and takes no more: the address is dialled again, nothing else counts as healed."""

import logging
import socket
import threading
import time
from contextlib import closing, contextmanager, suppress
from dataclasses import replace

import pytest
import servers
from servers import self_signed
from store_testing import DAY, NOW, SESSION, SYMBOL, full_day, is_whole, put, ready, stored

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, StoreError, StoreLost
from minute_candles.market.rows import DailyRow
from minute_candles.storage.store import open_reader, open_store


@pytest.fixture(scope="module")
def second():
    """The one that becomes primary."""
    yield from servers.mariadb().lent()


@pytest.fixture
def user(server, database):
    """An account without the administrator's right to write to a server that is read-only."""
    with server.account(database, "ALL", "secret") as account:
        yield account
        server.run("SET GLOBAL read_only = 0")


def copy(second, user) -> None:
    second.run(f"CREATE DATABASE {user.name}")
    second.run(f"CREATE USER {user.user}@'%' IDENTIFIED BY 'secret'")
    second.run(f"GRANT ALL ON {user.name}.* TO {user.user}@'%'")


@contextmanager
def address(target):
    """A port whose new connections go to `target[0]`, as those of a DNS name or a proxy do; the ports they went to."""
    calls = []

    def carry(one, other) -> None:
        with suppress(OSError), one, other:
            while data := one.recv(65536):
                other.sendall(data)

    def accept() -> None:
        with suppress(OSError):
            while caller := listener.accept()[0]:
                calls.append(target[0])
                server = socket.create_connection(("127.0.0.1", target[0]))
                for ends in ((caller, server), (server, caller)):
                    threading.Thread(target=carry, args=ends, daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1], calls


def links(caplog):
    return [line for line in caplog.messages if "다시 연결합니다" in line or "재연결" in line]


def test_the_address_leads_to_the_new_primary_and_the_old_one_stays_up_read_only(server, second, user, caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    copy(second, user)
    target = [server.port]
    with closing(ready(replace(user, port=second.port))) as promoted, address(target) as (port, calls):
        with closing(ready(replace(user, port=port))) as store:
            put(store, seed=1)
            server.run("SET GLOBAL read_only = 1")
            threading.Timer(0.5, target.__setitem__, (0, second.port)).start()
            put(store, seed=2)
        assert stored(promoted) == full_day(seed=2) and len(calls) < 10
    assert ["읽기 전용" in line for line in links(caplog)] == [True, False]


def test_a_server_that_stays_read_only_is_told_once_and_reading_from_it_heals_nothing(server, user, caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    store = ready(user, patience=0.3)
    put(store)
    server.run("SET GLOBAL read_only = 1")
    for _ in range(2):
        with pytest.raises(StoreLost, match="읽기 전용"):
            put(store, seed=2)
        with pytest.raises(StoreLost, match="읽기 전용"):
            store.coverage([SYMBOL], DAY, DAY)
    with pytest.raises(StoreError, match="읽기 전용"):
        ready(user, patience=0.3)
    server.run("SET GLOBAL read_only = 0")
    assert (SYMBOL, DAY) in store.coverage([SYMBOL], DAY, DAY)
    put(store, seed=2)
    assert is_whole(store, 2) and len(links(caplog)) == 2
    store.close()


def test_rights_that_are_taken_and_given_back(server, user) -> None:
    store = ready(user)
    put(store)
    server.run(f"REVOKE ALL ON {user.name}.* FROM {user.user}@'%'")
    server.run(f"GRANT SELECT ON {user.name}.* TO {user.user}@'%'")
    giving = threading.Timer(0.5, server.run, (f"GRANT ALL ON {user.name}.* TO {user.user}@'%'",))
    giving.start()
    put(store, seed=2)
    giving.join()
    assert is_whole(store, 2)
    store.close()


def test_of_several_hosts_only_a_writable_one_is_kept(server, second, user) -> None:
    """At the start and in the middle, though the first host is dead (#30); who only reads takes any that answers."""
    copy(second, user)
    ready(user).close()
    places = (servers.free_port(), server.port, second.port)
    several = replace(user, host=",".join(f"127.0.0.1:{port}" for port in places), port=1)
    server.run("SET GLOBAL read_only = 1")
    reader, store = open_reader(several, Clock()), ready(several)
    put(store)
    assert [(SYMBOL, DAY) in found.coverage([SYMBOL], DAY, DAY) for found in (reader, store)] == [False, True]
    second.run("SET GLOBAL read_only = 1")
    giving = threading.Timer(1, server.run, ("SET GLOBAL read_only = 0",))
    giving.start()
    put(store, seed=2)
    giving.join()
    assert reader.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].counts == (381, 77, 27)
    second.run("SET GLOBAL read_only = 0")
    store.close()
    reader.close()


def test_a_certificate_of_another_ca_is_refused(tmp_path) -> None:
    """`DB_SSL_CA` verifies the server; without it the connection is as before (#27)."""
    server, (ours, key), (theirs, _) = servers.mariadb(), self_signed(tmp_path, "ours"), self_signed(tmp_path, "theirs")
    try:
        server.start(f"--ssl-ca={ours}", f"--ssl-cert={ours}", f"--ssl-key={key}")
        with server.account(server.fresh(), "ALL", "secret") as account:
            open_store(replace(account, ssl_ca=ours), Clock()).close()
            with pytest.raises(ConfigError, match="DB_SSL_CA"):
                open_store(replace(account, ssl_ca=theirs), Clock())
    finally:
        server.remove()


def test_a_right_that_only_the_daily_table_lacks_is_not_waited_for(server, database) -> None:
    """Who may write candles and nothing else loses the daily aid, not two minutes a symbol and the run."""
    ready(database).close()
    with server.account(database, "SELECT, INSERT, UPDATE, DELETE") as account:
        store = open_store(account, Clock(), patience=60)
        store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW, status="COMPLETE")
        began = time.monotonic()
        store.keep_daily(SYMBOL, [DailyRow(DAY, 1, 2, 1, 2, 3, 4)], NOW)
        assert time.monotonic() - began < 20 and not store.daily([SYMBOL], DAY, DAY)
        store.close()
