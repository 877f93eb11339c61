"""Who may look: this computer, whoever knows the password, and a proxy that is named."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests
import websockets
from chart_testing import Server, serving
from places import ROOT
from servers import free_port
from updater_tools import wait_until
from websockets.sync.client import connect

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.storage.store import open_store

RIGHT = (b"who", "비밀 번호".encode())


@pytest.fixture
def table(database: Database) -> Database:
    with closing(open_store(database, Clock())) as store:
        store.preflight()
    return database


@pytest.fixture
def page(table: Database) -> Iterator[Server]:
    with serving(table) as found:
        yield found


@pytest.fixture
def locked(table: Database) -> Iterator[Server]:
    with serving(table, password="비밀 번호", origins=("https://chart.example:8443",)) as found:
        yield found


def test_a_foreign_name_for_this_computer_is_refused(page):
    assert requests.get(page.url, headers={"Host": "evil.example"}, timeout=5).status_code == 421


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "X-Forwarded-Host"])
def test_without_a_password_nothing_is_shown_through_a_proxy(page, locked, caplog, header):
    """Its `Host` looks like this computer, whoever asks."""
    for _ in range(3):
        assert requests.get(page.url, headers={header: "203.0.113.7"}, timeout=5).status_code == 403
    assert ["CHART_PASSWORD" in record.getMessage() for record in caplog.records] == [True], "said once"
    assert requests.get(locked.url, headers={header: "203.0.113.7"}, auth=RIGHT, timeout=5).status_code == 200


def test_a_password_is_asked_for(locked):
    assert requests.get(locked.url, auth=RIGHT, timeout=5).status_code == 200
    for wrong in ({}, {"Authorization": "Basic %%%"}, {"Authorization": "Basic d2hvOndyb25n"}):
        assert requests.get(locked.url, headers=wrong, timeout=5).status_code == 401
    with pytest.raises(websockets.InvalidStatus), connect(locked.ws):
        pass
    with connect(locked.ws, additional_headers={"Authorization": "Basic d2hvOuu5hOuwgCDrsojtmLg="}):
        pass


def test_wrong_passwords_are_slow_and_right_ones_are_not(locked):
    def guess(number: int) -> int:
        return requests.get(locked.url, auth=("who", str(number)), timeout=30).status_code

    began = time.monotonic()
    with ThreadPoolExecutor(30) as pool:
        codes = list(pool.map(guess, range(30)))
    assert time.monotonic() - began >= 1 and codes.count(401) <= 10 * (time.monotonic() - began)
    assert set(codes) == {401, 429}
    began = time.monotonic()
    assert requests.get(locked.url, auth=RIGHT, timeout=5).status_code == 200
    assert time.monotonic() - began < 1


def test_another_page_may_not_look_and_it_is_said_what_to_set(page, caplog):
    for origin in (
        "http://evil.example",
        "http://evil.example",
        "null",
        page.url[:-1].replace("127.0.0.1", "localhost"),
    ):
        with pytest.raises(websockets.InvalidStatus), connect(page.ws, origin=origin):
            pass
    assert ["CHART_ORIGINS" in record.getMessage() for record in caplog.records] == [True] * 3, "one line an origin"
    with connect(page.ws, origin=page.url[:-1]):
        pass


def test_a_proxy_that_is_named_may_show_the_page(locked):
    login = {"Authorization": "Basic d2hvOuu5hOuwgCDrsojtmLg="}
    with connect(locked.ws, origin="https://chart.example:8443", additional_headers=login):
        pass
    with pytest.raises(websockets.InvalidStatus), connect(locked.ws, origin="https://chart.example"):
        pass


def nginx(snippet: str, port: int, folder: Path) -> list[str]:
    temp = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in KINDS)
    (folder / "nginx.conf").write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors; events {{}}"
        f"http {{ access_log off; {temp} server {{ listen 127.0.0.1:{port}; {snippet} }} }}"
    )
    return ["nginx", "-c", str(folder / "nginx.conf")]


def caddy(snippet: str, port: int, folder: Path) -> list[str]:
    site = snippet.replace("chart.example.com", f"http://127.0.0.1:{port}")
    (folder / "Caddyfile").write_text(f"{{\n\tadmin off\n\tauto_https off\n}}\n{site}")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_the_snippet_of_the_docs_shows_the_page_below_a_path(tmp_path, locked, proxy):
    if not shutil.which(proxy.__name__):
        pytest.skip(f"{proxy.__name__} is not installed")
    text = (ROOT / "docs" / "chart.md").read_text(encoding="utf-8")
    snippet = text.split(f"```{proxy.__name__}\n")[1].split("```")[0].replace("8765", str(locked.port))
    command = proxy(snippet, port := free_port(), tmp_path)
    with subprocess.Popen(command, env={**os.environ, "HOME": str(tmp_path)}, stderr=subprocess.DEVNULL) as running:
        try:
            url = f"http://127.0.0.1:{port}/chart/"
            wait_until(lambda: is_answered(url), 10)
            for path in ("", "static/app.js", "api/symbols", "map"):
                assert requests.get(url + path, auth=RIGHT, timeout=5).status_code == 200
            assert requests.get(url[:-1], auth=RIGHT, timeout=5).url == url, "what is relative is below it"
            login = {"Authorization": "Basic d2hvOuu5hOuwgCDrsojtmLg="}
            with connect(f"ws{url[4:]}ws", origin=url[:-7], additional_headers=login) as line:
                line.send('{"beat": true}')
                assert line.recv(timeout=5) == '{"type":"beat"}'
        finally:
            running.terminate()


KINDS = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")


def is_answered(url: str) -> bool:
    try:
        return requests.get(url, timeout=2).status_code == 401
    except requests.ConnectionError:
        return False
