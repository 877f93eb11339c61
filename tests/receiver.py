"""The other end of a webhook, on this machine, over real HTTP: it accepts, refuses, answers late or never."""

import json
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Receiver:
    """A server whose `mode` is "ok", a status ("500"), "hang" or "slow".

    "hang" answers nothing until it is closed, "slow" keeps the message and answers after `delay` seconds; "drip" and
    "endless" keep it and answer slowly or without end.

    `refusals` answers a title with that status instead. `got` are the messages that were kept, `requests` counts all.
    `url` is an address of apprise's, with a secret in it.
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
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if owner.mode == "hang":
                    owner.released.wait(60)
                status = owner.refusals.get(message["title"]) or (int(owner.mode) if owner.mode.isdigit() else 200)
                if status == 200 and owner.mode != "hang":
                    owner.got.append(message)
                if owner.mode == "slow":
                    owner.released.wait(owner.delay)
                self.send_response(status)
                if owner.mode in ("drip", "endless"):
                    self.end_headers()
                    return self._go_on(b" " if owner.mode == "drip" else b" " * 2**16)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return None

            def _go_on(self, piece: bytes) -> None:
                with suppress(OSError):
                    while not owner.released.wait(0.02):
                        self.wfile.write(piece)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]

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
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
