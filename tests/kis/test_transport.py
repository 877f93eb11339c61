"""The way to KIS: limits on the time and the size of an answer, proxies and certificates."""

import time
import zlib
from unittest.mock import Mock

import pytest
import requests.adapters
from kis_testing import FakeClock, Scripted, client_of, said, settings_for

from minute_candles.core.errors import ConfigError, Outage
from minute_candles.kis import transport
from minute_candles.kis.http import Transient, Unreachable, exchange
from minute_candles.kis.patience import outage
from minute_candles.kis.transport import new_session, proxy_variable

KIS = "https://openapi.koreainvestment.com:9443"
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "HTTP_PROXY", "http_proxy")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(("begin", "drop"), [
    (HEAD + b"Content-Length: 100000\r\n\r\n", b" "), (HEAD + b"\r\n", b" "), (HEAD, b"x"), (b"", b"H"),
    (CHUNKED, b"1"), (CHUNKED, b"1\r\n \r\n"),
], ids=["body", "body without end", "header", "status line", "chunk size", "chunks"])  # fmt: skip
def test_an_answer_that_drips_ends_with_the_call(begin: bytes, drop: bytes) -> None:
    with Scripted(begin, drop=drop) as server, new_session(server.url, 1, seconds=0.3) as session:
        began = time.monotonic()
        with pytest.raises(Unreachable):
            exchange(session, "GET", server.url, "real")
        assert time.monotonic() - began < 5


@pytest.mark.parametrize("is_packed", [False, True])
def test_an_answer_of_any_size_is_not_read_to_its_end(is_packed) -> None:
    body = b" " * (transport.MAX_BYTES + 2**17)
    answer = said(zlib.compress(body), headers="Content-Encoding: deflate\r\n") if is_packed else said(body)
    with Scripted(answer) as server, new_session(server.url, 1) as session, pytest.raises(Transient):
        exchange(session, "GET", server.url, "real")


@pytest.fixture
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*PROXIES, "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_certificates_that_cannot_be_used_name_the_variable(no_proxy, tmp_path, variable) -> None:
    no_proxy.setenv(variable, str(bundle := tmp_path / "ca.pem"))
    for _ in range(2):
        with pytest.raises(ConfigError, match=variable):
            client_of(settings_for(KIS, tmp_path), FakeClock())
        bundle.write_text("no certificate")
    client_of(settings_for("http://127.0.0.1:9", tmp_path), FakeClock())  # the simulator needs none


def request() -> None:
    with new_session(KIS, 1) as session:
        exchange(session, "GET", KIS, "real")


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY"])
@pytest.mark.parametrize("value", ["http://proxy:99999", "http://", "ftp://:secret@proxy:1", "http://:secret@[::1"])
def test_a_malformed_proxy_is_a_setting_to_mend(no_proxy, variable, value) -> None:
    no_proxy.setenv(variable, value)
    with pytest.raises(ConfigError, match=variable) as caught:
        request()
    assert "secret" not in str(caught.value)


def test_a_socks_proxy_without_its_package_says_what_to_install(no_proxy) -> None:
    no_proxy.setenv("ALL_PROXY", "socks5://127.0.0.1:9")
    missing = requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support.")
    no_proxy.setattr(requests.adapters, "SOCKSProxyManager", Mock(side_effect=missing))
    with pytest.raises(ConfigError, match="PySocks"):
        request()


def test_a_dead_proxy_is_named_where_the_run_ends(no_proxy) -> None:
    no_proxy.setenv("HTTPS_PROXY", "socks5://127.0.0.1:9")
    with pytest.raises(Unreachable) as caught:
        request()
    ended = outage(caught.value, KIS)
    assert isinstance(ended, Outage) and "HTTPS_PROXY" in str(ended)
    assert (proxy_variable(KIS), proxy_variable("https://127.0.0.1:1")) == ("HTTPS_PROXY", "")
    no_proxy.setenv("NO_PROXY", ".koreainvestment.com")
    assert proxy_variable(KIS) == ""
