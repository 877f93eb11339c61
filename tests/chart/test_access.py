"""Who may look: this computer, whoever knows the password, a proxy. Who only holds connections costs others nothing."""

import os
import resource
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock

import pytest
import requests
import websockets
from chart_testing import Server, is_open, serving
from places import ROOT
from servers import free_port
from updater_tools import wait_until
from websockets.sync.client import connect

from minute_candles.chart import connections
from minute_candles.config.settings import Database

RIGHT = (b"who", "비밀 번호".encode())
LOGIN = {"Authorization": "Basic d2hvOuu5hOuwgCDrsojtmLg="}


@pytest.fixture
def page(empty: Database) -> Iterator[Server]:
    with serving(empty) as found:
        yield found


@pytest.fixture
def locked(empty: Database) -> Iterator[Server]:
    with serving(empty, password="비밀 번호", origins=("https://chart.example:8443",)) as found:
        yield found


def status(url: str, **more: object) -> int:
    return requests.get(url, timeout=30, **more).status_code  # type: ignore[arg-type]


def is_refused(url: str, **more: object) -> bool:
    try:
        with connect(url, **more):  # type: ignore[arg-type]
            return False
    except websockets.InvalidStatus:
        return True


def test_without_a_password_nothing_is_shown_through_a_proxy_or_by_another_name(page, locked, caplog):
    """Its `Host` looks like this computer, whoever asks."""
    assert status(page.url, headers={"Host": "evil.example"}) == 421
    for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"):
        assert status(page.url, headers={header: "203.0.113.7"}) == 403
        assert status(locked.url, headers={header: "203.0.113.7"}, auth=RIGHT) == 200
    assert ["CHART_PASSWORD" in record.getMessage() for record in caplog.records] == [True], "said once"


def test_wrong_passwords_are_slow_and_right_ones_are_not(locked):
    for wrong in ({}, {"Authorization": "Basic %%%"}, {"Authorization": "Basic d2hvOndyb25n"}):
        assert status(locked.url, headers=wrong) == 401
    assert is_refused(locked.ws) and not is_refused(locked.ws, additional_headers=LOGIN)
    began = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(lambda number: status(locked.url, auth=("who", str(number))), range(30)))
    assert time.monotonic() - began >= 1 and codes.count(401) <= 10 * (time.monotonic() - began)
    assert set(codes) == {401, 429}
    began = time.monotonic()
    assert status(locked.url, auth=RIGHT) == 200 and time.monotonic() - began < 1


def test_another_page_may_not_look_and_it_is_said_what_to_set_a_named_proxy_may(page, locked, caplog):
    local = page.url[:-1].replace("127.0.0.1", "localhost")
    for origin in ("http://evil.example", "http://evil.example", "null", local):
        assert is_refused(page.ws, origin=origin)
    assert ["CHART_ORIGINS" in record.getMessage() for record in caplog.records] == [True] * 3, "one line an origin"
    assert not is_refused(page.ws, origin=page.url[:-1])
    assert not is_refused(locked.ws, origin="https://chart.example:8443", additional_headers=LOGIN)
    assert is_refused(locked.ws, origin="https://chart.example", additional_headers=LOGIN)


def nginx(snippet: str, port: int, folder: Path) -> str:
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temp = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    server = f"http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port}; {snippet} }} }}"
    return f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}} {server}"


def caddy(snippet: str, port: int, folder: Path) -> str:
    site = snippet.replace("chart.example.com", f"http://127.0.0.1:{port}")
    return f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}"


@pytest.mark.slow
@pytest.mark.parametrize(("proxy", "flags"), [(nginx, "-c"), (caddy, "run --adapter caddyfile --config")])
def test_the_snippet_of_the_docs_shows_the_page_below_a_path(tmp_path, locked, proxy, flags):
    if not shutil.which(proxy.__name__):
        pytest.skip(f"{proxy.__name__} is not installed")
    text, port, path = (ROOT / "docs" / "chart.md").read_text(encoding="utf-8"), free_port(), tmp_path / "proxy.conf"
    snippet = text.split(f"```{proxy.__name__}\n")[1].split("```")[0].replace("8765", str(locked.port))
    path.write_text(proxy(snippet, port, tmp_path))
    command, url = [proxy.__name__, *flags.split(), str(path)], f"http://127.0.0.1:{port}/chart/"

    def is_up() -> bool:
        try:
            return status(url) == 401
        except requests.ConnectionError:
            return False

    with subprocess.Popen(command, env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.DEVNULL) as running:
        try:
            wait_until(is_up, 10)
            for path in ("", "static/app.js", "api/symbols", "map"):
                assert status(url + path, auth=RIGHT) == 200
            assert requests.get(url[:-1], auth=RIGHT, timeout=5).url == url, "what is relative is below it"
            with connect(f"ws{url[4:]}ws", origin=url[:-7], additional_headers=LOGIN) as line:
                line.send('{"beat": true}')
                assert line.recv(timeout=5) == '{"type":"beat"}'
        finally:
            running.terminate()


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
