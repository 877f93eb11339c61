"""The token: requested once, shared by all, renewed in time, never printed."""

import json
import logging
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from unittest.mock import Mock

import pytest
from kis_testing import AFTER_CLOSE, SECRETS, FakeClock, Listening, Scripted, error_text, in_threads, said, settings_for

import kis_token
from minute_candles.core.errors import AuthError, ConfigError, MinuteDataError, Stopped, TokenRefused
from minute_candles.core.kst import KST
from minute_candles.kis.token import TokenCache


@pytest.fixture
def make(sim, clock, tmp_path):
    """Make a cache, each time as a new process would."""
    return lambda **changes: TokenCache(settings_for(changes.pop("url", sim.url), tmp_path, **changes), clock)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "kis_rest_token.json"


def older(token: str, expires: datetime) -> str:
    """The format before this project's: naive local time."""
    return json.dumps({"access_token": token, "expires_at": expires.astimezone().replace(tzinfo=None).isoformat()})


class TokenServer(Scripted):
    """Answers tokenP with these bodies in order."""

    def answer(self, first: bytes) -> bytes:
        return said(super().answer(b"GET"))


class TestReuse:
    def test_one_is_requested_and_the_next_process_takes_it_from_the_file(self, sim, make, file):
        token = make().get()
        assert token == make().get() and sim.calls("token") == 1
        keys = {"appkey": SECRETS[0], "appsecret": SECRETS[1]}
        assert sim.received[0].params == {"grant_type": "client_credentials", **keys}
        kept = json.loads(file.read_text())
        expires = datetime.fromisoformat(kept["expires_at"])
        assert kept["access_token"] == token and expires.tzinfo is None, "the older format: the host's own time"
        assert expires.astimezone(KST) == AFTER_CLOSE + timedelta(days=1)
        assert not any(json.dumps(secret)[1:-1] in file.read_text() for secret in SECRETS) and kept["key_hash"]

    def test_a_token_from_the_be_folder_is_logged_in_the_known_words(self, tmp_path, clock, caplog):
        (tmp_path / "BE").mkdir()
        (tmp_path / "BE" / "kis_rest_token.json").write_text(older("eyJ.t", AFTER_CLOSE + timedelta(hours=5)))
        with caplog.at_level(logging.INFO, "minute_candles"):
            TokenCache(settings_for("http://127.0.0.1:9", tmp_path / "BE"), clock).get()
        assert "✅ BE 폴더에서 기존 토큰 로드: 만료시간 2026-11-20 23:00:00" in caplog.messages

    @pytest.mark.parametrize(("rest", "expires"), [
        (b'"access_token_token_expired":"2026-11-21 08:16:59","expires_in":5}', datetime(2026, 11, 21, 8, 16, 59)),
        (b'"expires_in":7200}', datetime(2026, 11, 20, 20)),
    ], ids=["KST text first", "expires_in"])  # fmt: skip
    def test_the_end_is_read(self, make, rest, expires):
        with TokenServer(b'{"access_token":"eyJ.t",' + rest) as server:
            (cache := make(url=server.url)).get()
        assert cache.load().expires_at == expires.replace(tzinfo=KST)


class TestRenewal:
    def test_comes_an_hour_before_the_end(self, sim, make, clock, file):
        cache = make()
        for hours, minutes, requests in ((0, 0, 1), (22, 59, 1), (0, 2, 2)):
            clock.move(hours=hours, minutes=minutes)
            cache.get()
            assert sim.calls("token") == requests
        file.write_text(older("eyJ.older", clock.now() + timedelta(minutes=59)))
        assert make().get() != "eyJ.older"

    def test_of_a_refused_token_takes_another_process_new_one_first(self, sim, make, clock, file):
        one, two = make(), make()
        old = one.get()
        two.get()
        clock.move(hours=7)
        new = two.renew(refused=old)
        assert one.renew(refused=old) == new != old
        file.unlink()
        clock.move(minutes=5)
        assert one.renew(refused=old) == new and sim.calls("token") == 2, (
            "a late caller needs none, even without a file"
        )

    def test_that_brings_the_same_dead_token_is_not_requested_again_within_the_minute(self, sim, make, clock):
        cache = make()
        dead = cache.get()
        clock.move(minutes=5)
        assert {cache.renew(refused=dead) for _ in range(10)} == {dead} and sim.calls("token") == 2

    def test_does_not_run_wild_where_this_hosts_clock_is_a_day_fast(self, tmp_path, clock):
        with Listening(FakeClock(AFTER_CLOSE - timedelta(days=2))) as sim:
            cache = TokenCache(settings_for(sim.url, tmp_path), clock)
            for _ in range(20):
                cache.get()
                clock.move(seconds=10)
            assert sim.calls("token") == 1


class TestOneIssue:
    @pytest.mark.parametrize("caches", [1, 8])
    def test_among_many_threads(self, sim, make, caches):
        made = [make() for _ in range(caches)] * (16 // caches)
        tokens = in_threads(16, lambda: made.pop().get())
        assert len(tokens) == 16 and len(set(tokens)) == 1 and sim.calls("token") == 1

    @pytest.mark.parametrize("is_link", [True, False], ids=["a dangling link", "a full folder"])
    def test_among_threads_where_it_cannot_be_saved(self, sim, make, file, caplog, monkeypatch, is_link):
        if is_link:
            file.symlink_to(file.parent / "nowhere" / "token.json")
        else:
            monkeypatch.setattr("minute_candles.core.files.atomic_write", Mock(side_effect=OSError(28, "full")))
        with caplog.at_level(logging.WARNING):
            assert len(in_threads(8, make().get)) == 8
        assert sim.calls("token") == 1 and len(caplog.records) == 1

    def test_a_refused_key_is_requested_once_however_many_threads_wait_and_again_later(self, sim, make, clock):
        sim.add_fault("egw00103")
        cache = make()

        def refused() -> bool:
            with pytest.raises(AuthError):
                cache.get()
            return True

        assert all(in_threads(8, refused)) and sim.calls("token") == 1
        clock.move(seconds=30)
        assert refused() and sim.calls("token") == 2


class TestTooSoon:
    def test_is_waited_out_and_requested_again(self, sim, make, clock, file):
        make().get()
        file.unlink()
        clock.move(seconds=5)
        make().get()
        assert clock.slept == [61.0]
        assert [request.code for request in sim.requests] == ["", "EGW00133", ""]

    def test_reads_the_file_again_first(self, sim, make, clock, file, monkeypatch):
        cache = make()
        sim.add_fault("egw00133", path="token", times=1)
        ask, theirs = cache._ask, older("eyJ.theirs", clock.now() + timedelta(hours=20))
        monkeypatch.setattr(cache, "_ask", lambda: file.write_text(theirs) and ask())  # another program writes it
        assert cache.get() == "eyJ.theirs" and clock.slept == []

    def test_without_end_gives_up_with_a_reason(self, sim, make):
        sim.add_fault("egw00133", path="token")
        with pytest.raises(TokenRefused, match="EGW00133"):
            make().get()
        assert sim.calls("token") <= 4

    def test_wait_ends_with_a_stop_and_nothing_is_requested_after_it(self, sim, make, clock):
        sim.add_fault("egw00133", path="token")
        sleep = clock.sleep
        clock.sleep = lambda seconds: (clock.stop.set() if seconds > 60 else None, sleep(seconds))[1]
        for _ in range(2):
            with pytest.raises(Stopped):
                make().get()
            assert sim.calls("token") == 1


@pytest.mark.parametrize("change", [{"app_key": "another-key"}, {"env": "vts"}, "url"], ids=str)
def test_a_token_of_another_key_environment_or_server_is_never_used(sim, make, clock, change):
    make().get()
    clock.move(minutes=2)
    with Listening(clock) as other:
        make(**({"url": other.url} if change == "url" else change)).get()
        assert sim.calls("token") + other.calls("token") == 2


GARBAGE = [
    b"", b'{"access_token": "eyJ.abc", "expires_', b"null", b"[]", b"{}", b"\xff\xfe\x00\x01", b"[" * 100_000,
    *(b'{"access_token": %s, "expires_at": "2026-11-21T08:00:00"}' % token for token in (b"null", b'"two words"')),
    *(b'{"access_token": "eyJ.abc", "expires_at": %s}' % moment
      for moment in (b"1795200000", b"9" * 5000, b'"9999-12-31T23:59:59-23:59"', b'"0001-01-01T00:00:00"')),
]  # fmt: skip


class TestBadFile:
    @pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:50]))
    def test_of_garbage_is_replaced(self, sim, make, file, content):
        file.write_bytes(content)
        token = make().get()
        assert sim.calls("token") == 1 and json.loads(file.read_text())["access_token"] == token

    def test_in_a_folder_that_cannot_be_is_a_setting_to_mend(self, tmp_path, clock):
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="KIS_TOKEN_FILE"):
            TokenCache(settings_for("http://127.0.0.1:9", tmp_path / "file"), clock).get()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize(("mode", "kept"), [(0o640, 0o640), (0o600, 0o600), (0o644, 0o600), (0o660, 0o600)])
def test_a_file_keeps_its_mode_where_it_is_no_wider_than_0640(make, file, mode, kept):
    """A backend of the same group reads it."""
    file.write_text("{}")
    file.chmod(mode)
    make().get()
    assert file.stat().st_mode & 0o777 == kept


@pytest.mark.parametrize("body", [
    b'{"access_token": null}', b'{"access_token": "two words"}', b"{}", b"<html>",
    b'{"access_token": "eyJ", "access_token_token_expired": 7, "expires_in": "x"}',
    b'{"access_token": "eyJ", "expires_in": 1e999}', b'{"access_token": "eyJ", "expires_in": 99999999999999}',
])  # fmt: skip
def test_a_bad_answer_is_requested_again_and_never_kept(make, body):
    good = b'{"access_token":"eyJ.good","access_token_token_expired":"2026-11-21 18:00:00"}'
    with TokenServer(body, good) as server:
        assert make(url=server.url).get() == "eyJ.good"


@pytest.mark.parametrize("kind", ["egw00103", "egw00105", "egw00133", "http500_empty", "reset", "non_json", ""])
def test_no_secret_and_no_token_is_in_an_error_or_a_log_line(sim, make, clock, kind, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = [make().get()]
    clock.move(hours=7)
    tokens += [make().renew(refused=tokens[0])]
    clock.move(hours=7)
    if kind:
        sim.add_fault(kind, path="token")
        with pytest.raises(MinuteDataError) as caught:
            make().renew(refused=tokens[1])
    text = caplog.text + (error_text(caught.value) if kind else "")
    assert not any(secret in text for secret in (*SECRETS, *tokens))


def test_the_command_shows_the_state_and_never_the_token(file, monkeypatch, capsys):
    for name, value in {"KIS_APP_KEY": "a", "KIS_APP_SECRET": "b", "DB_PASSWORD": "c", "KIS_TOKEN_FILE": file}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(sys, "argv", ["kis_token.py"])
    kept = [older("eyJ.secret-token", datetime.now(KST) + left) for left in (timedelta(hours=5.5), timedelta(hours=-1))]
    for text, code, says in ((kept[0], 0, "5시간 2"), (kept[1], 1, "만료됨"), ("eyJ.secret-token", 1, "없습니다")):
        file.write_text(text)
        assert kis_token.main() == code
        out, err = capsys.readouterr()
        assert says in out and str(file) in out and "eyJ.secret" not in out + err
    monkeypatch.setenv("KIS_ENV", "paper")
    assert kis_token.main() == 2 and "KIS_ENV" in capsys.readouterr().err
