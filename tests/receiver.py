"""A webhook's other end on this machine, real HTTP: it keeps what it gets, refuses, answers 500, or hangs."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class Receiver:
    """`mode`: "ok", "500" or "hang"; `got` are the messages that were answered with 200, `asked` all requests.

    `url` is an address of apprise's, with a secret in it.
    """

    SECRET = "s3cret-t0ken"

    def __init__(self, mode: str = "ok", port: int = 0) -> None:
        self.mode, self.got, self.asked = mode, [], 0  # type: tuple[str, list[dict[str, Any]], int]
        self._freed = threading.Event()
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                owner.asked += 1
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if owner.mode == "hang":
                    owner._freed.wait(60)
                if owner.mode == "ok":
                    owner.got.append(told)
                self.send_response(200 if owner.mode == "ok" else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()

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
        return [told["title"] for told in self.got]

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._freed.set()
        self._server.shutdown()
        self._server.server_close()
