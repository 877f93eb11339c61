"""A server that took our writes and takes no more: the address is dialled again, nothing else counts as healed."""

import logging
import signal
import threading
from contextlib import closing
from dataclasses import replace

import pytest
import servers
import store_testing
from backfill_tools import until
from store_testing import DAY, NOW, SESSION, SYMBOL, full_day, is_whole, put, ready, rows, stored

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, StoreError, StoreLost
from minute_candles.storage.mysql import MySQL
from minute_candles.storage.store import open_reader, open_store


@pytest.fixture(scope="module")
def second():
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


def links(caplog):
    return [line for line in caplog.messages if "다시 연결합니다" in line or "재연결" in line]


def test_the_address_leads_to_the_new_primary_and_the_old_one_stays_up_read_only(
    server, second, user, caplog, monkeypatch
) -> None:
    """New connections go to the port `target`, as those of a DNS name or a proxy do."""
    caplog.set_level(logging.INFO, "minute_candles")
    copy(second, user)
    target, calls, own = [server.port], [], MySQL._arguments
    moved = lambda driver, place, **how: [calls.append(place), own(driver, (place[0], target[0]), **how)][1]  # noqa: E731
    with closing(ready(replace(user, port=second.port))) as promoted:
        monkeypatch.setattr(MySQL, "_arguments", moved)
        with closing(ready(user)) as store:
            put(store, seed=1)
            server.run("SET GLOBAL read_only = 1")
            threading.Timer(0.5, target.__setitem__, (0, second.port)).start()
            put(store, seed=2)
        assert stored(promoted) == full_day(seed=2) and len(calls) < 10
    assert ["읽기 전용" in line for line in links(caplog)] == [True, False]


def test_a_server_that_stays_read_only_is_reported_once_and_reading_from_it_heals_nothing(server, user, caplog) -> None:
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
    threading.Timer(1, server.run, ("SET GLOBAL read_only = 0",)).start()
    put(store, seed=2)
    assert reader.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].counts == (381, 77, 27)
    second.run("SET GLOBAL read_only = 0")
    store.close()
    reader.close()


def test_a_certificate_of_another_ca_is_refused(tmp_path) -> None:
    """`DB_SSL_CA` verifies the server; without it the connection is as before (#27)."""
    server, ((ours, key), (theirs, _)) = servers.mariadb(), (servers.self_signed(tmp_path, name) for name in "ab")
    try:
        server.start(f"--ssl-ca={ours}", f"--ssl-cert={ours}", f"--ssl-key={key}")
        with server.account(server.fresh(), "ALL", "secret") as account:
            open_store(replace(account, ssl_ca=ours), Clock()).close()
            with pytest.raises(ConfigError, match="DB_SSL_CA"):
                open_store(replace(account, ssl_ca=theirs), Clock())
    finally:
        server.remove()


GROUP = "3ee3a5f4-0b44-11f1-8a6e-0242ac120002"


@pytest.fixture(scope="module")
def members():
    """Three members on loopback, the first is the primary."""
    found = [server for server in (servers.mysql_server() for _ in range(3)) if server]
    if not found:
        pytest.skip("real MySQL is not to be had here")
    ports = [servers.free_port() for _ in found]
    try:
        for number, member in enumerate(found):
            start(member, number, ports)
        yield found
    finally:
        for member in found:
            member.remove()


def start(member, number, ports) -> None:
    (member.folder / "data" / "auto.cnf").unlink(missing_ok=True)  # an identity of its own
    off = ("--skip-log-bin", "--performance-schema=OFF")
    member.command = [word for word in member.command if word not in off]
    seeds = ",".join(f"127.0.0.1:{port}" for port in ports)
    member.start(
        f"--server-id={number + 1}", "--log-bin=binlog", "--gtid-mode=ON", "--enforce-gtid-consistency=ON",
        "--report-host=127.0.0.1", "--plugin-load-add=group_replication.so",
        f"--group-replication-group-name={GROUP}", "--group-replication-start-on-boot=OFF",
        f"--group-replication-local-address=127.0.0.1:{ports[number]}", f"--group-replication-group-seeds={seeds}",
        "--group-replication-member-expel-timeout=0", "--group-replication-recovery-get-public-key=ON",
    )  # fmt: skip
    member.run("CHANGE REPLICATION SOURCE TO SOURCE_USER='root' FOR CHANNEL 'group_replication_recovery'")
    member.run(f"SET GLOBAL group_replication_bootstrap_group = {'OFF' if number else 'ON'}")
    member.run("START GROUP_REPLICATION")
    member.run("SET GLOBAL group_replication_bootstrap_group = OFF")
    states = "SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE MEMBER_PORT = @@port"
    until(lambda: member.run(states) == [("ONLINE",)], 180)


@pytest.fixture
def group(members):
    databases = servers.fresh_on_each(members)
    yield databases
    primary = next(member for member in members if member.running and member.run("SELECT @@super_read_only") == [(0,)])
    primary.drop(databases[0])


@pytest.mark.slow
def test_two_primaries_repeat_what_certification_refused(members, group) -> None:
    """Error 3101 of a real group: a late streamed minute behind a settle on another member."""
    members[0].run("SELECT group_replication_switch_to_multi_primary_mode()")
    store_testing.stream_behind_a_settle(group[0], group[1], "SET SESSION group_replication_consistency = 'BEFORE'")
    own = members[0].run("SELECT @@server_uuid")[0][0]
    members[0].run(f"SELECT group_replication_switch_to_single_primary_mode('{own}')")


@pytest.mark.slow
def test_of_the_members_only_the_primary_is_kept_and_its_death_leads_to_the_next(members, group) -> None:
    """The secondaries stand first in `DB_HOST`: at the start, and after the primary's kill -9."""
    ready(group[0]).close()
    with pytest.raises(StoreError, match="1290|읽기 전용"):
        ready(group[1], patience=1).rewrite(SYMBOL, SESSION, lambda _: full_day(), now=NOW)
    several = replace(group[0], host=",".join(f"127.0.0.1:{member.port}" for member in reversed(members)), port=1)
    with closing(ready(several)) as store:
        for seed, takers in ((1, members[:1]), (2, members[1:])):
            put(store, seed)
            assert is_whole(store, seed) and rows(store, "SELECT @@port")[0][0] in [member.port for member in takers]
            members[0].send(signal.SIGKILL) if seed == 1 else None
