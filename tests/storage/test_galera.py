"""Three nodes of a Galera cluster behind HAProxy: deaths, sleeps, a lost quorum, writers on two nodes at once (#30)."""

import re
import shutil
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import mysql.connector
import pytest
import servers
from backfill_tools import User, assert_true, ended, execute, sessions, simulator, until, url_of
from places import ROOT
from servers import free_port, fresh_on_each
from store_testing import at_once, ready, stream_behind_a_settle
from updater_tools import FRIDAY, Owner
from updater_tools import at as moment

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
SYMBOLS = ["005930", "000660", "373220"]
pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(900),
    pytest.mark.skipif(not (PROVIDER.exists() and HAPROXY), reason="galera-4 and haproxy (.ci/cluster)"),
]  # fmt: skip


@dataclass
class Cluster:
    """Three nodes on loopback, and the port of HAProxy."""

    nodes: list
    ports: list
    port: int

    def start(self, number, peers) -> None:
        self.nodes[number].start(*options(self.ports, number, peers))
        until(lambda: self.state(number) == "4", 180)

    def state(self, number):
        [(_, state)] = self.nodes[number].run("SHOW STATUS LIKE 'wsrep_local_state'")
        return str(state)

    def send(self, how, *numbers) -> None:
        for number in numbers:
            self.nodes[number].send(how)

    def regain_quorum(self) -> None:
        """Wait until all nodes are one cluster; where they stay apart, bootstrap it as an operator does."""
        try:
            until(lambda: all(self.state(number) == "4" for number in range(3)), 40)
        except AssertionError:
            self.nodes[0].run("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")


@pytest.fixture(scope="module")
def galera(tmp_path_factory):
    """The second and third node copy the first's files, by a script that does not run as root."""
    nodes, proxy = [servers.mariadb() for _ in range(3)], None
    for node in nodes:
        node.command = [word.replace("--user=root", "--user=mysql") for word in node.command]
        subprocess.run(["chown", "-R", "mysql:", str(node.folder)], check="--user=mysql" in node.command)
    made = Cluster(nodes, [free_port() for _ in nodes], free_port())
    try:
        for number in range(3):
            made.start(number, made.ports[:number])
        nodes[0].run("CREATE USER 'check'@'%'")
        proxy = haproxy(tmp_path_factory.mktemp("haproxy"), made)
        yield made
    finally:
        if proxy:
            proxy.kill(), proxy.wait(10)
        for node in nodes:
            node.remove()


def haproxy(folder, cluster):
    """HAProxy with the settings and the check of docs/scale.md."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    text, check_text = (re.findall(rf"```{name}\n(.*?)```", page, re.DOTALL)[-1] for name in ("haproxy", "sh"))
    check, config = folder / "galera-ready", folder / "haproxy.cfg"
    check.write_text(check_text)
    check.chmod(0o755)
    text = text.replace("/etc/haproxy/galera-ready", str(check)).replace("127.0.0.1:3306", f"127.0.0.1:{cluster.port}")
    for name, node in zip("abc", cluster.nodes, strict=True):
        text = text.replace(f"db-{name}:3306", f"127.0.0.1:{node.port}")
    config.write_text(text)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([str(HAPROXY), "-db", "-f", str(config)], **quiet)


def options(ports, number, peers):
    known = ",".join(f"127.0.0.1:{port}" for port in peers)
    own = f"base_port={ports[number]};gmcast.listen_addr=tcp://127.0.0.1:{ports[number]}"
    return [
        "--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", f"--wsrep-cluster-address=gcomm://{known}",
        "--wsrep-sst-method=rsync", f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
        f"--wsrep-provider-options={own};ist.recv_addr=127.0.0.1:{free_port()}",
        f"--wsrep-node-address=127.0.0.1:{ports[number]}", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
        "--default-storage-engine=InnoDB",
    ]  # fmt: skip


@pytest.fixture
def cluster(galera):
    """A new database, seen from each node."""
    databases = fresh_on_each(galera.nodes)
    yield databases
    galera.nodes[0].drop(databases[0])


def test_first_runs_on_every_node_at_once_all_succeed(cluster) -> None:
    """GET_LOCK is a node's own: what the other has made is there (1050, 1061)."""
    at_once(*[lambda database=database: ready(database).close() for database in cluster * 4])


def test_a_late_streamed_minute_beside_a_settle_on_another_node_leaves_nothing(cluster) -> None:
    stream_behind_a_settle(cluster[0], cluster[1], "SET SESSION wsrep_sync_wait = 1")


def verified(database):
    """Symbol-days with a coverage row, as a node has them; -1 while it answers nobody."""
    with suppress(mysql.connector.Error):
        return int(execute(url_of(database), "SELECT COUNT(*) FROM stock_minute_coverage")[0][0])
    return -1


def leads_to(proxy, node):
    with suppress(mysql.connector.Error):  # between two servers
        return execute(url_of(proxy), "SELECT @@port") == [(node.port,)]
    return False


def test_the_node_in_use_dies_then_sleeps_then_loses_the_quorum(galera, cluster, tmp_path) -> None:
    """One backfill through HAProxy outlives all three; kill -9, SIGSTOP, two nodes of three away."""
    ready(cluster[0]).close()
    behind = replace(cluster[0], port=galera.port)
    first, last = galera.nodes[0], cluster[2]

    def stored_more() -> None:
        goal = max(verified(last), 0) + 4
        until(lambda: verified(last) >= goal, 240)

    until(lambda: leads_to(behind, first), 120)
    with simulator() as kis:
        run = User(tmp_path, kis.url, url_of(behind)).start(
            "--symbols", ",".join(SYMBOLS), "--days", "60", KIS_RATE_LIMIT="8"
        )
        stored_more()
        first.kill()
        stored_more()
        galera.start(0, galera.ports)
        until(lambda: leads_to(behind, first), 120)
        stored_more()
        galera.send(signal.SIGSTOP, 0)
        stored_more()
        galera.send(signal.SIGCONT, 0)
        until(lambda: leads_to(behind, first), 120)
        stored_more()
        galera.send(signal.SIGSTOP, 1, 2)
        until(lambda: galera.state(0) != "4", 120)
        assert run.poll() is None
        galera.send(signal.SIGCONT, 1, 2)
        galera.regain_quorum()
        stored_more()
        ran = ended(run, 300)
        assert ran.code == 0 and "재연결 성공" in ran.err, ran.all
        rows_of = sessions(kis, FRIDAY - timedelta(days=59), FRIDAY)
        assert assert_true(url_of(last), kis, SYMBOLS, rows_of)


def test_two_backfills_and_an_updater_write_one_day_on_two_nodes(cluster, tmp_path) -> None:
    """The backfills fetch the day anew on a node each, while the updater's last rounds and its settle write it."""
    ready(cluster[0]).close()
    shift = moment(15, 38, 40) - datetime.now(KST)
    with Simulator(now=lambda: datetime.now(KST) + shift, rate=1000) as kis:
        owners = [Owner(tmp_path / name, kis, url_of(cluster[node]), shift) for name, node in (("a", 0), ("b", 1))]
        token = {"KIS_TOKEN_FILE": str(tmp_path / "token.json"), "TEST_SHIFT": str(shift.total_seconds())}
        flags = ("--symbols", ",".join(SYMBOLS))
        updater = owners[1].start(*flags, **token)
        until(lambda: datetime.now(KST) + shift > moment(15, 40), 180)
        runs = [User.start(owner, *flags, "--days", "4", "--force", **token) for owner in owners]
        for ran in map(ended, runs):
            assert ran.code == 0, ran.all
        until(lambda: "마감 확정 완료" in owners[1].log(), 240)
        updater.send_signal(signal.SIGTERM)
        assert ended(updater, 30).code == 0
        assert assert_true(url_of(cluster[2]), kis, SYMBOLS, sessions(kis, FRIDAY - timedelta(days=7), FRIDAY))
