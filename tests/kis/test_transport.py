"""The way to KIS: limits on the time and the size of an answer, proxies and certificates."""

import logging
import socketserver
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from kis_testing import FakeClock, client_of, said, settings_for

from minute_candles.core.errors import ConfigError, Outage
from minute_candles.kis import transport
from minute_candles.kis.http import Transient, Unreachable, exchange
from minute_candles.kis.patience import outage
from minute_candles.kis.transport import new_session, proxy_variable

KIS = "https://openapi.koreainvestment.com:9443"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def dripping(begin: bytes, drop: bytes) -> Iterator[str]:
    """A server that sends `begin`, then `drop` every twentieth of a second, for ever."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(begin)
            while not over.wait(0.05):
                try:
                    self.request.sendall(drop)
                except OSError:
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("begin", "drop"),
    [
        (HEAD + b"Content-Length: 100000\r\n\r\n", b" "),
        (HEAD + b"\r\n", b" "),
        (HEAD, b"x"),
        (b"", b"H"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    ],
    ids=["body", "body without end", "header", "status line", "chunk size", "chunks"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_answer_that_drips_ends_with_the_call(begin: bytes, drop: bytes, method: str) -> None:
    with dripping(begin, drop) as url, new_session(url, 1, seconds=0.5) as session:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            exchange(session, method, f"{url}/oauth2/tokenP", "real", json={})
        assert time.monotonic() - began < 5


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(65536)
            self.request.sendall(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "deflated"])
def test_an_answer_of_any_size_is_not_read_to_its_end(packed: bool) -> None:
    body = b" " * (transport.MAX_BYTES + 2**17)
    headers = "Content-Encoding: deflate\r\n" if packed else ""
    answer = said(zlib.compress(body) if packed else body, headers=headers)
    with answering(answer) as url, new_session(url, 1) as session, pytest.raises(Transient):
        exchange(session, "GET", url, "real")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_certificates_that_cannot_be_used_name_the_variable(no_proxy, tmp_path, variable, content) -> None:
    bundle = tmp_path / "ca.pem"
    if content:
        bundle.write_text(content)
    no_proxy.setenv(variable, str(bundle))
    with pytest.raises(ConfigError, match=variable) as caught:
        client_of(settings_for(KIS, tmp_path), FakeClock())
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)
    client_of(settings_for("http://127.0.0.1:9", tmp_path), FakeClock())  # the simulator needs none


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("value", ["http://proxy:99999", "http://", "ftp://:secret@proxy:1", "http://:secret@[::1"])
def test_a_malformed_proxy_is_a_setting_to_mend(no_proxy, variable, value) -> None:
    no_proxy.setenv(variable, value)
    with new_session(KIS, 1) as session, pytest.raises(ConfigError, match=variable) as caught:
        exchange(session, "GET", KIS, "real")
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_without_its_package_says_what_to_install(no_proxy) -> None:
    import requests.adapters

    def missing(*_: object, **__: object) -> None:
        raise requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")

    no_proxy.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    no_proxy.setattr(requests.adapters, "SOCKSProxyManager", missing)
    with new_session(KIS, 1) as session, pytest.raises(ConfigError, match="PySocks"):
        exchange(session, "GET", KIS, "real")


@pytest.mark.parametrize("value", ["http://127.0.0.1:9", "socks5://127.0.0.1:9"])
def test_a_dead_proxy_is_named_where_the_run_ends(no_proxy, value) -> None:
    no_proxy.setenv("HTTPS_PROXY", value)
    with new_session(KIS, 1) as session, pytest.raises(Unreachable) as caught:
        exchange(session, "GET", KIS, "real")
    ended = outage(caught.value, KIS)
    assert isinstance(ended, Outage) and "HTTPS_PROXY" in str(ended)


def test_who_is_in_no_proxy_has_no_proxy(no_proxy) -> None:
    no_proxy.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    assert proxy_variable(KIS) == "HTTPS_PROXY"
    no_proxy.setenv("NO_PROXY", ".koreainvestment.com")
    assert proxy_variable(KIS) == ""
    assert proxy_variable("https://127.0.0.1:1") == ""


def test_who_waits_for_a_lock_says_for_what(tmp_path, caplog) -> None:
    import filelock

    from minute_candles.kis.key_lock import key_lock

    class Freeing(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if sum(self.slept) > 20:
                other.release()

    other = filelock.FileLock(tmp_path / "lock")
    with (
        other.acquire(),
        caplog.at_level(logging.WARNING),
        key_lock(tmp_path / "lock", Freeing(), "토큰을 받는 중이라"),
    ):
        pass
    assert len(caplog.records) == 1 and "토큰을 받는 중이라" in caplog.text
