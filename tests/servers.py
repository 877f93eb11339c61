"""Database servers of the tests' own: real ones, started on a free port in their own folder, stopped afterwards."""

import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import mysql.connector
import redis
from backfill_tools import until
from places import SHARED

from minute_candles.config.settings import Database

REAL_MYSQL = SHARED / "tools" / "real-mysql"
SID = Path("/var/tmp/real-mysql/sid")
"""Where the tool unpacks MySQL; its mysqld runs in a chroot."""
MISSING = "MariaDB 서버(mariadbd)가 없습니다: sudo apt install mariadb-server (macOS: brew install mariadb)"
_ELSEWHERE = "/usr/sbin:/usr/local/sbin:/usr/libexec:/opt/homebrew/opt/mariadb/bin:/usr/local/opt/mariadb/bin"
_COMMON = (
    "--bind-address=127.0.0.1", "--innodb-flush-log-at-trx-commit=2", "--innodb-buffer-pool-size=384M",
    "--performance-schema=OFF", "--innodb-doublewrite=OFF",
)  # fmt: skip
_numbers = count(1)


@dataclass
class Server:
    """A database server on loopback, not yet started."""

    name: str
    command: Sequence[str]
    folder: Path
    port: int
    _process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start and wait until it answers; `options` are server options for this start only."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen([*self.command, *options], stdout=log, stderr=log)
        until(self._answers, 120)

    def _answers(self) -> bool:
        with suppress(mysql.connector.Error, redis.ConnectionError):
            self.connect().close()
            return True
        log = self.folder / "server.log"
        assert self.running, f"{self.name} does not start\n{log.read_text(errors='replace')[-2000:]}"
        return False

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        if process := self._process:
            self._process = None
            process.send_signal(how)
            process.wait(60)

    def kill(self) -> None:
        """A crash."""
        self.stop(signal.SIGKILL)

    def send(self, how: signal.Signals) -> None:
        """SIGSTOP or SIGCONT: the process is there and does not answer."""
        assert self._process
        self._process.send_signal(how)

    def restart(self, *options: str, crash: bool = False) -> None:
        self.kill() if crash else self.stop()
        self.start(*options)

    def lent(self) -> Iterator["Server"]:
        """Start it, and remove it after its use: a fixture's life."""
        try:
            self.start()
            yield self
        finally:
            self.remove()

    def remove(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def connect(self, database: str | None = None, **arguments: Any) -> Any:
        """A connection of the administrator."""
        wanted = {"autocommit": True, "collation": "utf8mb4_general_ci", "time_zone": "+09:00", "database": database}
        own = {"host": "127.0.0.1", "port": self.port, "user": "root", "password": ""}
        return mysql.connector.connect(**(own | wanted | arguments))

    def run(self, sql: str, *params: object, database: str | None = None) -> list[Any]:
        """Run one statement as administrator; its rows."""
        with closing(self.connect(database)) as connection:
            cursor = connection.cursor()
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.with_rows else []

    def fresh(self) -> Database:
        """A new, empty database."""
        name = f"minute_test_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        return Database("mysql", host="127.0.0.1", port=self.port, user="root", password="", name=name)

    def drop(self, database: Database) -> None:
        self.run(f"DROP DATABASE IF EXISTS {database.name}")

    @contextmanager
    def account(self, database: Database, rights: str, password: str = "p@ss'w\"ö:/rd%\\") -> Iterator[Database]:
        """The same database through another account, with these rights only."""
        name = f"user_{os.getpid()}_{next(_numbers)}"
        self.run(f"CREATE USER {name}@'%' IDENTIFIED BY %s", password)
        try:
            self.run(f"GRANT {rights} ON {database.name}.* TO {name}@'%'")
            yield replace(database, user=name, password=password)
        finally:
            self.run(f"DROP USER {name}@'%'")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def fresh_on_each(nodes: Sequence[Server]) -> list[Database]:
    """Make a new database of a cluster; as each of its servers has it."""
    database = nodes[0].fresh()
    for node in nodes:
        until(lambda node=node: node.run(f"SHOW DATABASES LIKE '{database.name}'") != [])  # type: ignore[misc]
    return [replace(database, port=node.port) for node in nodes]


def self_signed(folder: Path, name: str) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 that only itself vouches for, and its key."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    make = "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=127.0.0.1 -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate, key


def mariadb() -> Server | None:
    """A MariaDB of our own, not yet started; None where the program is missing."""
    path = os.pathsep.join([os.environ.get("PATH", ""), _ELSEWHERE])
    daemon, installer = (shutil.which(program, path=path) for program in ("mariadbd", "mariadb-install-db"))
    if daemon is None or installer is None:
        return None
    root = ["--user=root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    normal = ["--auth-root-authentication-method=normal", "--skip-test-db"]
    folder = Path(tempfile.mkdtemp(prefix="minute-mariadb-"))
    kept = Path("/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir())
    _fill(folder / "data", kept / f"minute-mariadb-new-{_version(daemon)}", Path("/"),
          lambda data: [installer, "--no-defaults", f"--datadir={data}", *root, *normal])  # fmt: skip
    (folder / "tmp").mkdir()  # of its own: a starting MariaDB deletes what others left in a shared one
    paths = {"datadir": "data", "socket": "s", "pid-file": "pid", "tmpdir": "tmp"}
    files = [f"--{option}={folder / name}" for option, name in paths.items()]
    command = [daemon, "--no-defaults", f"--port={(port := free_port())}", *root, *files, *_COMMON]
    return Server("mariadb", command, folder, port)


def mysql_server() -> Server | None:
    """A real MySQL of our own, not yet started; None where the tool is missing or cannot work here."""
    if not REAL_MYSQL.exists() or not hasattr(os, "geteuid") or os.geteuid() != 0:
        return None
    if not (SID / "usr/sbin/mysqld").exists():  # the tool unpacks it where it can (debootstrap, chroot, about 40 s)
        subprocess.run([str(REAL_MYSQL), "start"], capture_output=True)
    if not (SID / "usr/sbin/mysqld").exists() or not (SID / "my").exists():
        return None
    mysqld = ["chroot", str(SID), "mysqld", "--no-defaults", "--user=root", "--skip-log-bin"]
    folder = Path(tempfile.mkdtemp(prefix="test-", dir=SID / "my"))
    _fill(folder / "data", SID / "my" / f"new-{_version(*mysqld[:3])}", SID,
          lambda data: [*mysqld, f"--datadir={data}", "--initialize-insecure"])  # fmt: skip
    inside = Path("/my") / folder.name
    files = [f"--datadir={inside / 'data'}", f"--socket={inside / 's'}", f"--pid-file={inside / 'pid'}"]
    own = [f"--port={(port := free_port())}", "--mysqlx=OFF", "--secure-file-priv=NULL"]
    return Server("mysql", [*mysqld, *files, *own, *_COMMON], folder, port)


def _version(*daemon: str) -> str:
    version = subprocess.run([*daemon, "--version"], check=True, capture_output=True, text=True).stdout
    return re.sub("[^0-9a-zA-Z.]+", "-", version.partition("Ver")[2]).strip("-")


def _fill(data: Path, template: Path, root: Path, installer: Callable[[str], Sequence[str]]) -> None:
    """A new server's files: a copy of `template`, which is made once a machine; `installer` sees paths below `root`."""
    if not template.exists():
        making = Path(tempfile.mkdtemp(prefix="making-", dir=template.parent)) / "data"
        subprocess.run(installer(f"/{making.relative_to(root)}"), check=True, capture_output=True)
        with suppress(OSError):  # another was as quick
            making.rename(template)
        shutil.rmtree(making.parent)
    subprocess.run(["cp", "-a", str(template), str(data)], check=True)
