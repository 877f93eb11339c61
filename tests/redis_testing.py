"""A Redis of the tests' own: the real server on a free port of this computer, killed, stopped and started at will."""

import json
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import redis
from servers import free_port
from updater_tools import wait_until

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """A server that is not started yet; `password` is that of its default user, `conf` a Sentinel's file."""

    def __init__(self, *, password: str = "", conf: Path | None = None) -> None:
        if PROGRAM is None:
            pytest.skip("redis-server is not installed (.ci/redis)")
        self.port, self.password = free_port(), password
        self._first = [str(conf), "--sentinel"] if conf else ["--save", ""]
        self.folder = Path(tempfile.mkdtemp(prefix="minute-redis-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        password = f":{quote(self.password, safe='')}@" if self.password else ""
        return f"redis://{password}127.0.0.1:{self.port}/0"

    def start(self) -> "RedisServer":
        where = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        secret = ["--requirepass", self.password] if self.password else []
        command = [str(PROGRAM), *self._first, *where, *secret]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._answers, 10)
        return self

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.ConnectionError:
            return False

    def client(self) -> "redis.Redis":
        """A reader's own client."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def kill(self) -> None:
        """A crash: nothing is kept."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(10)

    def hang(self, how: signal.Signals = signal.SIGSTOP) -> None:
        """It still holds its connections, and answers nobody."""
        assert self._process
        self._process.send_signal(how)

    def wake(self) -> None:
        self.hang(signal.SIGCONT)

    def __enter__(self) -> "RedisServer":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def recent(self, symbol: str, interval: str = "ONE_MINUTE") -> list[dict[str, Any]]:
        """A sorted set's candles in its order, by score."""
        with self.client() as client:
            kept = client.zrange(f"minute_candles:recent:{symbol}:{interval}", 0, -1, withscores=True)
        return [json.loads(text) | {"score": int(score)} for text, score in kept]

    def streamed(self) -> list[dict[str, Any]]:
        with self.client() as client:
            return [json.loads(fields["candle"]) for _, fields in client.xrange("minute_candles:stream")]
