"""The other end of a webhook, on this machine, over real HTTP: it accepts, refuses, answers late or never."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Receiver:
    """A server whose `mode` is "ok", a status ("500"), "hang" or, with the message kept, "slow", "drip" or "endless".

    `refusals` answers a title with that status instead. `got` are the messages that were kept, `requests` counts all.
    """

    SECRET = "s3cret-t0ken"

    def __init__(self, mode: str = "ok", port: int = 0, delay: float = 0.0) -> None:
        self.mode, self.delay, self.requests = mode, delay, 0
        self.got: list[dict[str, Any]] = []
        self.refusals: dict[str, int] = {}
        self.released = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.requests += 1
                owner._answer(self, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

    def _answer(self, call: BaseHTTPRequestHandler, message: dict[str, Any]) -> None:
        if self.mode == "hang":
            self.released.wait(60)
        status = self.refusals.get(message["title"]) or (int(self.mode) if self.mode.isdigit() else 200)
        if status == 200 and self.mode != "hang":
            self.got.append(message)
        if self.mode == "slow":
            self.released.wait(self.delay)
        call.send_response(status)
        if not (endless := self.mode in ("drip", "endless")):
            call.send_header("Content-Length", "0")
        call.end_headers()
        with suppress(OSError):
            while endless and not self.released.wait(0.02):
                call.wfile.write(b" " if self.mode == "drip" else b" " * 2**16)

    @property
    def url(self) -> str:
        return f"json://user:{self.SECRET}@127.0.0.1:{self.port}/path"

    @property
    def titles(self) -> list[str]:
        return [message["title"] for message in self.got]

    def set(self, mode: str) -> None:
        """Behave otherwise from now on, towards those who wait, too."""
        self.mode = mode
        self.released.set()

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
