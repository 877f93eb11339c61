"""Who only holds connections costs the others nothing."""

import resource
import socket
import subprocess
import sys
import time
from contextlib import ExitStack
from unittest.mock import Mock

import requests
from chart_testing import is_open
from places import ROOT
from servers import free_port
from updater_tools import wait_until
from websockets.sync.client import connect

from minute_candles.chart import connections


def test_a_thousand_half_sent_requests_stop_nobody(tmp_path, empty):
    """At `ulimit -n 1024`, as most shells have it."""
    port, said = free_port(), tmp_path / "said"
    code = "import resource, live_chart, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024));"
    code += "sys.exit(live_chart.main())"
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


def test_a_request_has_a_deadline_and_an_answer_too(server, monkeypatch):
    monkeypatch.setattr(connections, "HEADER_SECONDS", 0.5)
    began = time.monotonic()
    for sent in (b"", b"GET / HT", b"GET /static/app.js HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nGET / "):
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as half:
            half.sendall(sent)
            while half.recv(65536):
                pass
    assert time.monotonic() - began < 8
    with connect(server.ws) as live:
        time.sleep(0.8)
        live.send('{"beat": true}')
        assert live.recv(timeout=3) == '{"type":"beat"}', "a WebSocket has no deadline"


def test_the_longest_waiting_connection_makes_room():
    registry, lines = connections.Connections(4), [Mock() for _ in range(6)]
    assert all(registry.admit(line, "a") for line in lines[:3])
    assert [line.abort.called for line in lines[:3]] == [True, False, False], "an address has half of the places"
    registry.work(lines[1]), registry.work(lines[2])
    assert not registry.admit(lines[3], "a"), "all of its places are in use"
    assert all(registry.admit(line, address) for line, address in zip(lines[3:], "bcd", strict=True))
    assert [line.abort.called for line in lines[1:]] == [False, False, True, False, False]


def test_accept_errors_are_said_once(caplog):
    handler, loop = connections.AcceptErrors(), Mock()
    loop.time.return_value = 100.0
    for _ in range(100):
        handler(loop, {"exception": OSError(24, "Too many open files"), "socket": None})
    handler(loop, {"exception": ValueError()})
    assert len(caplog.records) == loop.default_exception_handler.call_count == 1
