"""Who only holds connections, sends rubbish or floods costs the others nothing."""

import json
import os
import resource
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress

import requests
from chart_testing import Server, is_open
from places import ROOT
from servers import free_port
from updater_tools import wait_until
from websockets.sync.client import connect

from minute_candles.chart import connections


def dialled(server: Server, sent: bytes = b"") -> socket.socket:
    found = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    found.sendall(sent)
    return found


def test_a_thousand_half_sent_requests_stop_nobody(tmp_path, empty):
    """At `ulimit -n 1024`, as most shells have it."""
    port, said = free_port(), tmp_path / "said"
    code = (
        "import resource, live_chart, sys;"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); sys.exit(live_chart.main())"
    )
    environ = {"DB_URL": f"sqlite:///{empty.path}", "PATH": "", "LOG_DIR": str(tmp_path)}
    resource.setrlimit(resource.RLIMIT_NOFILE, (4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    with said.open("w") as output, ExitStack() as held:
        command = [sys.executable, "-c", code, f"--port={port}"]
        chart = subprocess.Popen(command, cwd=ROOT, env=environ, stdout=output, stderr=output)
        held.callback(lambda: (chart.terminate(), chart.wait(10)))
        wait_until(lambda: is_open(port), 30)
        for _ in range(1010):
            half = held.enter_context(socket.create_connection(("127.0.0.1", port)))
            half.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ")
        for path in ("", "api/symbols"):
            assert requests.get(f"http://127.0.0.1:{port}/{path}", timeout=3).status_code == 200
    lines = said.read_text().splitlines()
    assert len(lines) <= 3 and chart.returncode == 0, lines[:5]


def test_a_request_has_a_deadline_and_an_answer_too(lite, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    began = time.monotonic()
    for sent in (b"", b"GET / HT", b"GET /static/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / "):
        with dialled(lite, sent) as half:
            while half.recv(65536):
                pass
    assert time.monotonic() - began < 8
    with connect(lite.ws) as live:
        time.sleep(0.8)
        live.send('{"beat": true}')
        assert live.recv(timeout=3) == '{"type":"beat"}', "a WebSocket has no deadline"


def test_the_longest_waiting_connection_makes_room():
    class Line:
        aborted = False

        def abort(self) -> None:
            self.aborted = True

    registry = connections.Connections(4)
    one, two, three, four, five, six = (Line() for _ in range(6))
    assert registry.admit(one, "a") and registry.admit(two, "a") and registry.admit(three, "a")
    assert one.aborted and not two.aborted, "an address has half of the places"
    registry.work(two), registry.work(three)
    assert not registry.admit(four, "a"), "all of its places are in use"
    assert registry.admit(four, "b") and registry.admit(five, "c") and registry.admit(six, "d")
    assert four.aborted and not any(line.aborted for line in (two, three, five, six))


FRAMES = {
    "bytes that are no text": b"\x81\x82\0\0\0\0\xff\xfe",
    "reserved bits": b"\xf1\x81\0\0\0\0x",
    "an unknown opcode": b"\x83\x80\0\0\0\0",
    "unmasked": b"\x81\x01x",
    "a continuation of nothing": b"\x80\x81\0\0\0\0x",
    "a long ping": b"\x89\xfe\0\xff\0\0\0\0" + b"x" * 255,
    "a close without a code": b"\x88\x81\0\0\0\0x",
    "petabytes": b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
}
SHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def test_a_broken_frame_ends_its_connection_without_a_traceback(lite, caplog):
    for frame in FRAMES.values():
        with dialled(lite, SHAKE) as line:
            assert line.recv(4096).startswith(b"HTTP/1.1 101")
            line.sendall(frame)
            while line.recv(4096):
                pass
    wait_until(lambda: not lite.broadcaster.subscribers.all, 3)
    assert not [record for record in caplog.records if record.exc_info or record.levelname == "ERROR"]


def test_accept_errors_are_said_once(caplog):
    handler, passed_on = connections.AcceptErrors(), []

    class Loop:
        def time(self) -> float:
            return 100.0

        def default_exception_handler(self, context: dict) -> None:
            passed_on.append(context)

    for _ in range(100):
        handler(Loop(), {"exception": OSError(24, "Too many open files"), "socket": None})
    handler(Loop(), {"exception": ValueError()})
    assert len(caplog.records) == len(passed_on) == 1


def masked(text: str) -> bytes:
    length = bytes([0x80 | len(text)]) if len(text) < 126 else b"\xfe" + len(text).to_bytes(2)
    return b"\x81" + length + bytes(4) + text.encode()


def test_twenty_flooding_clients_do_not_make_the_page_slow(lite):
    """Their messages are written without an end, each for all pairs or for none."""
    pairs = [[symbol, interval] for symbol in ("005930", "000660") for interval in (1, 3, 5, 10, 15, 30, 60, "day")]
    flood = (masked(json.dumps({"subscribe": pairs})) + masked('{"subscribe": []}')) * 300
    over = threading.Event()

    def seconds(path: str) -> float:
        began = time.monotonic()
        assert requests.get(lite.url + path, timeout=30).status_code == 200
        return time.monotonic() - began

    with ExitStack() as stack:
        lines = [stack.enter_context(dialled(lite, SHAKE)) for _ in range(20)]
        for line in lines:
            line.recv(4096)
            line.setblocking(False)

        def flooding() -> None:
            while not over.wait(0.01):
                for line in lines:
                    with suppress(OSError):
                        line.send(flood)

        thread = threading.Thread(target=flooding, daemon=True)
        thread.start()
        time.sleep(1)
        took = [seconds(path) for path in ("", "api/symbols", "api/candles?symbol=005930", "static/app.js")]
        over.set()
        thread.join(5)
    crowd = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))  # how much slower than alone this machine is now
    assert max(took) < 1.5 * crowd, took
