"""Three nodes of a Galera cluster behind HAProxy: deaths, sleeps, a lost quorum, writers on two nodes at once (#30)."""

import re
import shutil
import signal
import subprocess
from contextlib import closing, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import mysql.connector
import pytest
import servers
from backfill_tools import LAST, User, assert_true, ended, execute, sessions, simulator, until, url_of
from places import ROOT
from servers import free_port, fresh_on_each
from store_testing import at_once, is_whole, put, ready, rows, stream_behind_a_settle

PROVIDER = Path("/usr/lib/galera/libgalera_smm.so")
HAPROXY = shutil.which("haproxy", path="/usr/sbin:/usr/bin")
SYMBOLS = ["005930", "000660", "373220"]
SEE_ALL = "SET SESSION wsrep_sync_wait = 1"
pytestmark = [
    pytest.mark.slow, pytest.mark.timeout(900),
    pytest.mark.skipif(not (PROVIDER.exists() and HAPROXY), reason="galera-4 and haproxy (.ci/cluster)"),
]  # fmt: skip


def state(node):
    return node.run("SHOW STATUS LIKE 'wsrep_local_state'")[0][1]


@pytest.fixture(scope="module")
def galera(tmp_path_factory):
    """The second and third node copy the first's files, by a script that does not run as root."""
    nodes, proxy = [servers.mariadb() for _ in range(3)], None
    for node in nodes:
        node.command = [word.replace("--user=root", "--user=mysql") for word in node.command]
        subprocess.run(["chown", "-R", "mysql:", str(node.folder)], check="--user=mysql" in node.command)
    ports, port = [free_port() for _ in nodes], free_port()
    try:
        for number in range(3):
            start(nodes, ports, number, ports[:number])
        nodes[0].run("CREATE USER 'check'@'%'")
        proxy = haproxy(tmp_path_factory.mktemp("haproxy"), nodes, port)
        yield SimpleNamespace(nodes=nodes, ports=ports, port=port)
    finally:
        if proxy:
            proxy.kill(), proxy.wait(10)
        for node in nodes:
            node.remove()


def haproxy(folder, nodes, port):
    """HAProxy with the settings and the check of docs/scale.md."""
    page = (ROOT / "docs" / "scale.md").read_text(encoding="utf-8")
    text, check_text = (re.findall(rf"```{name}\n(.*?)```", page, re.DOTALL)[-1] for name in ("haproxy", "sh"))
    check, config = folder / "galera-ready", folder / "haproxy.cfg"
    check.write_text(check_text)
    check.chmod(0o755)
    text = text.replace("/etc/haproxy/galera-ready", str(check)).replace("127.0.0.1:3306", f"127.0.0.1:{port}")
    for name, node in zip("abc", nodes, strict=True):
        text = text.replace(f"db-{name}:3306", f"127.0.0.1:{node.port}")
    config.write_text(text)
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([str(HAPROXY), "-db", "-f", str(config)], **quiet)


def start(nodes, ports, number, peers) -> None:
    known = ",".join(f"127.0.0.1:{port}" for port in peers)
    own = f"base_port={ports[number]};gmcast.listen_addr=tcp://127.0.0.1:{ports[number]}"
    nodes[number].start(
        "--wsrep-on=ON", f"--wsrep-provider={PROVIDER}", f"--wsrep-cluster-address=gcomm://{known}",
        "--wsrep-sst-method=rsync", f"--wsrep-sst-receive-address=127.0.0.1:{free_port()}",
        f"--wsrep-provider-options={own};ist.recv_addr=127.0.0.1:{free_port()}",
        f"--wsrep-node-address=127.0.0.1:{ports[number]}", "--binlog-format=ROW", "--innodb-autoinc-lock-mode=2",
        "--default-storage-engine=InnoDB",
    )  # fmt: skip
    until(lambda: state(nodes[number]) == "4", 180)


@pytest.fixture
def cluster(galera):
    until(lambda: {state(node) for node in galera.nodes} == {"4"}, 240)
    databases = fresh_on_each(galera.nodes)
    yield databases
    galera.nodes[0].drop(databases[0])


def test_a_late_streamed_minute_behind_a_settle_on_another_node_leaves_nothing(cluster) -> None:
    stream_behind_a_settle(cluster[0], cluster[1], SEE_ALL)


def test_first_runs_on_every_node_at_once_all_succeed_and_writers_on_two_never_mix_a_day(cluster) -> None:
    """GET_LOCK is a node's own: what the other has made is there (1050, 1061)."""
    at_once(*[lambda database=database: ready(database).close() for database in cluster * 4])
    with closing(ready(cluster[0])) as one, closing(ready(cluster[1])) as other:
        rows(one, SEE_ALL)
        for _ in range(20):
            at_once(lambda: put(one, 0), lambda: put(other, 1))
            assert is_whole(one, 0) or is_whole(one, 1)


@pytest.mark.load
def test_the_node_in_use_dies_then_sleeps_then_loses_the_quorum(galera, cluster, tmp_path) -> None:
    """One backfill through HAProxy outlives all three; kill -9, SIGSTOP, two nodes of three away."""
    ready(cluster[0]).close()
    behind, last, nodes = url_of(replace(cluster[0], port=galera.port)), url_of(cluster[2]), galera.nodes

    def count():
        with suppress(mysql.connector.Error):  # the node may wait for its cluster
            return len(execute(last, "SELECT * FROM stock_minute_coverage"))
        return -1

    def stored_more():
        goal = count() + 4
        until(lambda: count() >= goal, 240)

    def leads_to_the_first():
        with suppress(mysql.connector.Error):  # between two servers
            return execute(behind, "SELECT @@port") == [(nodes[0].port,)]
        return False

    until(leads_to_the_first, 120)
    with simulator() as kis:
        run = User(tmp_path, kis.url, behind).start("--symbols", ",".join(SYMBOLS), "--days", "60", KIS_RATE_LIMIT="8")
        stored_more()
        for disturb, mend in (
            (nodes[0].kill, lambda: start(nodes, galera.ports, 0, galera.ports)),
            (lambda: nodes[0].send(signal.SIGSTOP), lambda: nodes[0].send(signal.SIGCONT)),
        ):
            disturb()
            stored_more()
            mend()
            until(leads_to_the_first, 120)
            stored_more()
        for how in (signal.SIGSTOP, signal.SIGCONT):
            for node in nodes[1:]:
                node.send(how)
            until(lambda: state(nodes[0]) != "4", 120) if how == signal.SIGSTOP else None
            assert run.poll() is None
        try:
            until(lambda: all(state(node) == "4" for node in nodes), 40)
        except AssertionError:  # they stay apart: bootstrap as an operator does
            nodes[0].run("SET GLOBAL wsrep_provider_options = 'pc.bootstrap=YES'")
        ran = ended(run, 300)
        assert ran.code == 0 and "재연결 성공" in ran.err, ran.all
        assert assert_true(last, kis, SYMBOLS, sessions(kis, LAST - timedelta(days=59), LAST))
