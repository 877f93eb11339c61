"""MySQL Group Replication, three members: only a writable one is kept, a primary dies, 3101 is waited out (#30)."""

import signal
from contextlib import closing
from dataclasses import replace

import pytest
import servers
from backfill_tools import until
from servers import free_port, fresh_on_each
from store_testing import NOW, SESSION, SYMBOL, full_day, is_whole, put, ready, rows, stream_behind_a_settle

from minute_candles.core.errors import StoreError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
GROUP = "3ee3a5f4-0b44-11f1-8a6e-0242ac120002"
CHANNEL = "CHANGE REPLICATION SOURCE TO SOURCE_USER='root' FOR CHANNEL 'group_replication_recovery'"


@pytest.fixture(scope="module")
def members():
    """Three members on loopback, the first is the primary."""
    found = [server for server in (servers.mysql_server() for _ in range(3)) if server]
    if not found:
        pytest.skip("real MySQL is not to be had here")
    ports = [free_port() for _ in found]
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
    member.run(CHANNEL)
    member.run(f"SET GLOBAL group_replication_bootstrap_group = {'OFF' if number else 'ON'}")
    member.run("START GROUP_REPLICATION")
    member.run("SET GLOBAL group_replication_bootstrap_group = OFF")
    until(lambda: ("ONLINE",) in states(member, "MEMBER_PORT = @@port"), 180)


def states(member, which):
    return member.run(f"SELECT MEMBER_STATE FROM performance_schema.replication_group_members WHERE {which}")


@pytest.fixture
def group(members):
    """A new database, seen from each member."""
    databases = fresh_on_each(members)
    yield databases
    primary = next(member for member in members if member.running and member.run("SELECT @@super_read_only") == [(0,)])
    primary.drop(databases[0])


def test_two_primaries_repeat_what_certification_refused(members, group) -> None:
    """Error 3101 of a real group: a late streamed minute behind a settle on another member."""
    members[0].run("SELECT group_replication_switch_to_multi_primary_mode()")
    stream_behind_a_settle(group[0], group[1], "SET SESSION group_replication_consistency = 'BEFORE'")
    own = members[0].run("SELECT @@server_uuid")[0][0]
    members[0].run(f"SELECT group_replication_switch_to_single_primary_mode('{own}')")


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
