"""A Redis of the tests' own: the real server on a free port of this computer, killed, stopped and started at will."""

import json
import shutil
import signal
import tempfile
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import pytest
import redis
from servers import Server, free_port

PROGRAM = shutil.which("redis-server")


class RedisServer(Server):
    """A server that is not started yet; `password` is that of its default user, `conf` a Sentinel's file."""

    def __init__(self, *, password: str = "", conf: Path | None = None) -> None:
        if PROGRAM is None:
            pytest.skip("redis-server is not installed (.ci/redis)")
        folder, port = Path(tempfile.mkdtemp(prefix="minute-redis-")), free_port()
        first = [str(conf), "--sentinel"] if conf else ["--save", ""]
        own = ["--port", f"{port}", "--bind", "127.0.0.1", "--dir", f"{folder}", "--requirepass", password]
        super().__init__("redis", [PROGRAM, *first, *own], folder, port)
        account = f":{quote(password, safe='')}@" if password else ""
        self.url = f"redis://{account}127.0.0.1:{port}/0"

    def client(self) -> "redis.Redis":
        """A reader's own client."""
        return redis.Redis.from_url(self.url, decode_responses=True)

    def connect(self, *_: object, **__: object) -> Any:
        client = self.client()
        client.ping()
        return client

    def hang(self) -> None:
        """It still holds its connections, and answers nobody."""
        self.send(signal.SIGSTOP)

    def wake(self) -> None:
        self.send(signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.remove()

    def recent(self, symbol: str, interval: str = "ONE_MINUTE") -> list[dict[str, Any]]:
        """A sorted set's candles in its order, by score."""
        with self.client() as client:
            kept = client.zrange(f"minute_candles:recent:{symbol}:{interval}", 0, -1, withscores=True)
        return [json.loads(text) | {"score": int(score)} for text, score in kept]

    def streamed(self) -> list[dict[str, Any]]:
        with self.client() as client:
            return [json.loads(fields["candle"]) for _, fields in client.xrange("minute_candles:stream")]
