"""Three nodes of a Galera cluster: late writers and a settle on two nodes, first runs at once, a node killed (#30)."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import servers
from backfill_tools import until
from servers import Server, free_port
from store_testing import DAY, NOW, SESSION, SYMBOL, at, at_once, candle, full_day, rows, stored

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.market.candles import Candles
from minute_candles.market.day_status import COMPLETE
from minute_candles.storage.store import Store, open_store

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), pytest.mark.skipif(not PROVIDER.exists(), reason="galera-4")]


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[Server]]:
    """Three nodes on loopback; the second and third copy the first's files."""
    found = [as_mysql(server) for server in (servers.mariadb() for _ in range(3)) if server]
    ports = [free_port() for _ in found]
    try:
        for number, node in enumerate(found):
            node.start(*options(ports, number))
            until(lambda node=node: node.run("SHOW STATUS LIKE 'wsrep_ready'") == [("wsrep_ready", "ON")], 60)
        yield found
    finally:
        for node in found:
            node.remove()


def as_mysql(node: Server) -> Server:
    """The script that copies the files does not run as root."""
    if "--user=root" in node.command:
        node.command = [word.replace("--user=root", "--user=mysql") for word in node.command]
        subprocess.run(["chown", "-R", "mysql:", str(node.folder)], check=True)
    return node


def options(ports: list[int], number: int) -> list[str]:
    peers = ",".join(f"127.0.0.1:{port}" for port in ports[:number])
    own = f"base_port={ports[number]};gmcast.listen_addr=tcp://127.0.0.1:{ports[number]}"
    return [
        "--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", f"--wsrep-cluster-address=gcomm://{peers}",
        "--wsrep-sst-method=rsync",
        f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
        f"--wsrep-provider-options={own};ist.recv_addr=127.0.0.1:{free_port()}",
        f"--wsrep-node-address=127.0.0.1:{ports[number]}", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
        "--default-storage-engine=InnoDB",
    ]  # fmt: skip


@pytest.fixture
def cluster(nodes: list[Server]) -> Iterator[list[Database]]:
    """A new database, seen from each node."""
    database = nodes[0].fresh()
    yield [replace(database, port=node.port) for node in nodes]
    nodes[0].drop(database)


def ready(database: Database) -> Store:
    store = open_store(database, Clock(), patience=60)
    store.preflight()
    return store


def test_first_runs_on_every_node_at_once_all_succeed(cluster: list[Database]) -> None:
    """GET_LOCK is a node's own: what the other has made is there (1050, 1061)."""
    at_once(*[lambda database=database: ready(database).close() for database in cluster * 4])


def test_a_late_streamed_minute_beside_a_settle_on_another_node_leaves_nothing(cluster: list[Database]) -> None:
    """`FOR UPDATE` stays on its node; both write the coverage row, so one of them is repeated and sees the other."""
    settling, streaming = ready(cluster[0]), open_store(cluster[1], Clock(), patience=60)
    truth, late, settled = full_day(), candle(at(15, 25)), SESSION.end + timedelta(minutes=1)

    def merge(now: Candles) -> Candles:
        return {**now, 1: sorted([*now[1], late])}

    assert streaming.coverage([SYMBOL], DAY, DAY) == {}
    driver = streaming._connection._driver
    commit, settles = (
        driver.commit,
        [lambda: settling.rewrite(SYMBOL, SESSION, lambda _: truth, now=settled, status=COMPLETE)],
    )

    def commit_behind_the_settle() -> None:
        if settles:
            settles.pop()()
        commit()

    driver.commit = commit_behind_the_settle  # type: ignore[method-assign]
    streaming.rewrite(SYMBOL, SESSION, merge, since=at(15, 20), now=NOW, yields=True)
    rows(settling, "SET SESSION wsrep_sync_wait = 1")
    assert settles == [] and stored(settling) == truth
    settling.close()
    streaming.close()


def test_the_node_in_use_is_killed_and_the_next_host_takes_over(nodes: list[Server], cluster: list[Database]) -> None:
    ready(cluster[0]).close()
    hosts = ",".join(f"127.0.0.1:{node.port}" for node in nodes[::-1])
    store = ready(replace(cluster[0], host=hosts, port=1))
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(seed=1), now=NOW, status=COMPLETE)
    assert rows(store, "SELECT @@port") == [(nodes[2].port,)]
    nodes[2].kill()
    store.rewrite(SYMBOL, SESSION, lambda _: full_day(seed=2), now=NOW, status=COMPLETE)
    assert stored(store) == full_day(seed=2) and rows(store, "SELECT @@port") == [(nodes[1].port,)]
    store.close()
