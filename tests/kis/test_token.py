"""The token: asked for once, shared by all, renewed in time, never told."""

import json
import logging
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kis_testing import AFTER_CLOSE, SECRETS, FakeClock, Listening, Scripted, error_text, said, settings_for
from places import ROOT, TESTS

from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, MinuteDataError, Outage, Stopped, TokenRefused
from minute_candles.core.kst import KST
from minute_candles.kis.token import TokenCache


@pytest.fixture
def make(sim, clock, tmp_path):
    """Makes a cache, each time as a new process would."""
    return lambda **changes: TokenCache(settings_for(changes.pop("url", sim.url), tmp_path, **changes), clock)


@pytest.fixture
def file(tmp_path) -> Path:
    return tmp_path / "kis_rest_token.json"


def naive_local(moment: datetime) -> str:
    return moment.astimezone().replace(tzinfo=None).isoformat()


def older(token: str, expires: datetime) -> str:
    """The format before this project's."""
    return json.dumps(
        {"access_token": token, "expires_at": naive_local(expires), "created_at": naive_local(AFTER_CLOSE)}
    )


class TestReuse:
    def test_the_request_is_that_of_the_official_sample(self, sim, make):
        make().get()
        assert sim.heard[0].method == "POST" and sim.heard[0].path == "/oauth2/tokenP"
        assert sim.heard[0].params == {
            "grant_type": "client_credentials", "appkey": SECRETS[0], "appsecret": SECRETS[1],
        }  # fmt: skip

    def test_one_is_requested_and_the_next_process_takes_it_from_the_file(self, sim, make):
        cache = make()
        assert cache.get() == cache.get() == make().get()
        assert sim.calls("token") == 1

    def test_the_file_keeps_the_names_of_its_older_format(self, make, file):
        token = make().get()
        kept = json.loads(file.read_text())
        assert kept["access_token"] == token
        assert datetime.fromisoformat(kept["expires_at"]).astimezone(KST) == AFTER_CLOSE + timedelta(days=1)
        assert datetime.fromisoformat(kept["expires_at"]).tzinfo is None

    @pytest.mark.parametrize("zone", ["America/New_York", "UTC", "Asia/Seoul"])
    def test_the_older_format_is_read_right_in_any_zone(self, sim, file, zone):
        script = (
            "from kis_testing import *; from kis_token import TokenCache\n"
            f"print(TokenCache(settings_for('http://127.0.0.1:9', Path({str(file.parent)!r})), FakeClock()).load())"
        )
        file.write_text(json.dumps({"access_token": "eyJ.older", "expires_at": "2026-11-20T23:00:00.123"}))
        environ = {**os.environ, "TZ": zone, "PYTHONPATH": f"{ROOT}{os.pathsep}{TESTS}"}
        told = subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True, text=True, check=True)
        hours = {"America/New_York": (21, 13), "UTC": (21, 8), "Asia/Seoul": (20, 23)}[zone]
        assert f"datetime.datetime(2026, 11, {hours[0]}, {hours[1]}, 0" in told.stdout

    def test_a_token_from_the_be_folder_is_told_in_the_known_words(self, tmp_path, clock, caplog):
        (tmp_path / "BE").mkdir()
        cache = TokenCache(settings_for("http://127.0.0.1:9", tmp_path / "BE"), clock)
        (tmp_path / "BE" / "kis_rest_token.json").write_text(older("eyJ.t", AFTER_CLOSE + timedelta(hours=5)))
        with caplog.at_level(logging.INFO, "minute_candles"):
            cache.get()
        assert "✅ BE 폴더에서 기존 토큰 로드: 만료시간 2026-11-20 23:00:00" in caplog.messages

    @pytest.mark.parametrize(
        ("body", "expires"),
        [
            (
                b'{"access_token":"eyJ.t","access_token_token_expired":"2026-11-21 08:16:59","expires_in":5}',
                datetime(2026, 11, 21, 8, 16, 59, tzinfo=KST),
            ),
            (b'{"access_token":"eyJ.t","expires_in":7200}', AFTER_CLOSE + timedelta(hours=2)),
        ],
        ids=["KST text first", "expires_in"],
    )
    def test_the_end_is_read(self, make, body, expires):
        with Script(body) as server:
            cache = make(url=server.url)
            cache.get()
        assert cache.load().expires_at == expires


class Script(Scripted):
    """Answers tokenP with these bodies in turn."""

    def answer(self, first: bytes) -> bytes:
        self.asked += 1
        return said(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])


class TestRenewal:
    def test_comes_an_hour_before_the_end(self, sim, make, clock):
        cache = make()
        cache.get()
        clock.move(hours=22, minutes=59)
        cache.get()
        assert sim.calls("token") == 1
        clock.move(minutes=2)
        cache.get()
        assert sim.calls("token") == 2

    def test_of_a_file_that_is_nearly_over_comes_at_once(self, sim, make, file):
        file.write_text(older("eyJ.older", AFTER_CLOSE + timedelta(minutes=59)))
        assert make().get() != "eyJ.older"

    def test_of_a_refused_token_takes_another_process_new_one_first(self, sim, make, clock):
        one, two = make(), make()
        old = one.get()
        two.get()
        clock.move(hours=7)
        new = two.renew(refused=old)
        assert one.renew(refused=old) == new != old
        assert sim.calls("token") == 2

    def test_that_brings_the_same_dead_token_is_not_asked_for_again_within_the_minute(self, sim, make, clock):
        cache = make()
        dead = cache.get()
        clock.move(minutes=5)
        for _ in range(10):
            assert cache.renew(refused=dead) == dead
        assert sim.calls("token") == 2

    def test_for_a_straggler_needs_no_new_token_even_without_a_file(self, sim, make, clock, file):
        cache = make()
        old = cache.get()
        clock.move(hours=7)
        new = cache.renew(refused=old)
        file.unlink()
        clock.move(minutes=5)
        assert cache.renew(refused=old) == new
        assert sim.calls("token") == 2

    def test_of_an_older_file_that_kis_refuses_happens_once(self, sim, make, file):
        file.write_text(older("eyJ.dead", AFTER_CLOSE + timedelta(hours=9)))
        cache = make()
        assert cache.get() == "eyJ.dead" and sim.calls("token") == 0
        assert cache.renew(refused="eyJ.dead") != "eyJ.dead"
        assert sim.calls("token") == 1

    def test_does_not_run_wild_where_this_hosts_clock_is_a_day_fast(self, tmp_path, clock):
        slow = FakeClock(AFTER_CLOSE - timedelta(days=2))
        with Listening(slow) as sim:
            cache = TokenCache(settings_for(sim.url, tmp_path), clock)
            for _ in range(20):
                cache.get()
                clock.move(seconds=10)
                slow.move(seconds=10)
            assert sim.calls("token") == 1

    def test_is_still_possible_after_the_clock_was_set_back(self, sim, make, clock):
        cache = make()
        old = cache.get()
        clock.move(hours=-7)
        sim.expire_tokens()
        assert cache.renew(refused=old) != old


class TestOneIssue:
    @pytest.mark.parametrize("caches", [1, 8])
    def test_among_many_threads(self, sim, make, caches):
        made, tokens = [make() for _ in range(caches)], []
        threads = [threading.Thread(target=lambda n=n: tokens.append(made[n % caches].get())) for n in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=10)
        assert len(tokens) == 16 and len(set(tokens)) == 1 and sim.calls("token") == 1

    def test_among_several_processes(self, tmp_path):
        with Listening(Clock(), latency=0.3) as sim:
            command = [sys.executable, str(TESTS / "kis_token_process.py"), sim.url, str(tmp_path)]
            processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
            hashes = [process.communicate(timeout=60)[0] for process in processes]
            assert sim.calls("token") == 1
        assert len(set(hashes)) == 1 and len(hashes[0]) > 60


class TestTooSoon:
    def test_is_waited_out_and_asked_again(self, sim, make, clock, file):
        make().get()
        file.unlink()
        clock.move(seconds=5)
        make().get()
        assert clock.slept == [61.0]
        assert [request.code for request in sim.requests] == ["", "EGW00133", ""]

    def test_reads_the_file_again_first(self, sim, make, clock, file, monkeypatch):
        cache = make()
        sim.add_fault("egw00133", path="token", times=1)
        ask = cache._ask

        def ask_while_another_program_writes():
            file.write_text(older("eyJ.theirs", clock.now() + timedelta(hours=20)))
            return ask()

        monkeypatch.setattr(cache, "_ask", ask_while_another_program_writes)
        assert cache.get() == "eyJ.theirs"
        assert clock.slept == []

    def test_does_not_take_the_refused_token_from_the_file_again(self, sim, make, clock):
        cache = make()
        dead = cache.get()
        clock.move(hours=7)
        sim.add_fault("egw00133", path="token", times=1)
        assert cache.renew(refused=dead) != dead
        assert clock.slept == [61.0]

    def test_without_end_gives_up_with_a_reason(self, sim, make, clock):
        sim.add_fault("egw00133", path="token")
        with pytest.raises(TokenRefused, match="EGW00133"):
            make().get()
        assert sim.calls("token") <= 4

    def test_wait_ends_with_a_stop(self, sim, make, clock):
        sim.add_fault("egw00133", path="token")
        sleep = clock.sleep
        clock.sleep = lambda seconds: (clock.stop.set() if seconds > 60 else None, sleep(seconds))[1]
        with pytest.raises(Stopped):
            make().get()

    def test_nothing_is_asked_after_a_stop(self, sim, make, clock):
        clock.stop.set()
        with pytest.raises(Stopped):
            make().get()
        assert sim.calls("token") == 0


class TestBinding:
    @pytest.mark.parametrize("change", [{"app_key": "another-key"}, {"env": "vts"}])
    def test_a_token_of_another_key_or_environment_is_never_used(self, sim, make, clock, change):
        first = make().get()
        clock.move(minutes=2)
        assert make(**change).get() != first or sim.calls("token") == 2
        assert sim.calls("token") == 2

    def test_a_token_of_another_server_is_never_used(self, sim, make, clock):
        make().get()
        with Listening(clock) as other:
            make(url=other.url).get()
            assert other.calls("token") == 1

    def test_the_file_holds_a_hash_of_the_key_and_neither_key_nor_secret(self, make, file):
        make().get()
        text = file.read_text()
        assert not any(secret in text or json.dumps(secret)[1:-1] in text for secret in SECRETS)
        assert len(json.loads(text)["key_hash"]) == 16


GARBAGE = [
    b"", b"{", b'{"access_token": "eyJ.abc", "expires_', b"null", b"[]", b"7", b'"eyJ.token"', b"{}",
    b"\xff\xfe\x00\x01", b"[" * 100_000, b'{"access_token": "eyJ.abc", "expires_at": ' + b"9" * 5000 + b"}",
    *(b'{"access_token": %s, "expires_at": "2026-11-21T08:00:00"}' % token
      for token in (b"null", b'""', b'"two words"', b'"line\\nbreak"', b'["eyJ"]')),
    *(b'{"access_token": "eyJ.abc", "expires_at": %s}' % moment
      for moment in (b"1795200000", b'"tomorrow"', b'"9999-12-31T23:59:59-23:59"', b'"0001-01-01T00:00:00"')),
    b'{"access_token": "eyJ.abc", "expires_at_kst": 7, "expires_at": "2026-11-21T08:00:00"}',
]  # fmt: skip


class TestBadFile:
    @pytest.mark.parametrize("content", GARBAGE, ids=lambda content: repr(content[:50]))
    def test_of_garbage_is_replaced(self, sim, make, file, content):
        file.write_bytes(content)
        token = make().get()
        assert sim.calls("token") == 1
        assert json.loads(file.read_text())["access_token"] == token

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        content=st.dictionaries(
            st.sampled_from(["access_token", "expires_at", "expires_at_kst", "env", "key_hash"]),
            st.none()
            | st.integers()
            | st.text(max_size=30)
            | st.datetimes().map(str)
            | st.lists(st.none(), max_size=2),
        )
    )
    def test_of_any_json_gives_a_sound_token_or_none(self, tmp_path, content):
        cache = TokenCache(settings_for("http://127.0.0.1:9", tmp_path), FakeClock())
        (tmp_path / "kis_rest_token.json").write_text(json.dumps(content))
        token = cache.load()
        assert token is None or (token.value.isprintable() and token.expires_at.tzinfo is not None)

    def test_in_a_folder_that_cannot_be_is_a_setting_to_mend(self, tmp_path, clock, sim):
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="KIS_TOKEN_FILE"):
            TokenCache(settings_for(sim.url, tmp_path / "file"), clock).get()


class TestBadAnswer:
    @pytest.mark.parametrize(
        "body",
        [
            b'{"access_token": null}', b'{"access_token": ""}', b'{"access_token": "two words"}',
            b'{"access_token": "eyJ", "access_token_token_expired": "soon"}',
            b'{"access_token": "eyJ", "access_token_token_expired": 7, "expires_in": "x"}',
            b'{"access_token": "eyJ", "expires_in": 1e999}', b'{"access_token": "eyJ", "expires_in": 99999999999999}',
            b"{}", b"null", b"<html>",
        ],
    )  # fmt: skip
    def test_is_asked_again_and_never_kept(self, make, body, clock):
        good = b'{"access_token":"eyJ.good","access_token_token_expired":"2026-11-21 18:00:00"}'
        with Script(body, good) as server:
            assert make(url=server.url).get() == "eyJ.good"

    def test_that_stays_is_an_outage(self, sim, make):
        sim.add_fault("http500_empty", path="token")
        with pytest.raises(Outage):
            make().get()

    def test_of_a_wrong_key_stops_at_once(self, make, clock):
        with Listening(clock, keys={}) as sim:
            with pytest.raises(AuthError):
                make(url=sim.url).get()
            assert sim.calls() == 1 and clock.slept == []


class TestSecrets:
    @pytest.mark.parametrize("kind", ["egw00103", "egw00105", "egw00133", "http500_empty", "reset", "non_json"])
    def test_are_in_no_error_and_no_log_line(self, sim, make, kind, caplog):
        sim.add_fault(kind, path="token")
        with caplog.at_level(logging.DEBUG), pytest.raises(MinuteDataError) as caught:
            make().get()
        assert not any(secret in error_text(caught.value) + caplog.text for secret in SECRETS)

    def test_a_token_is_in_no_log_line(self, sim, make, caplog, clock):
        with caplog.at_level(logging.DEBUG):
            first = make().get()
            clock.move(hours=7)
            second = make().renew(refused=first)
        assert first not in caplog.text and second not in caplog.text


class TestCommandLine:
    """`python kis_token.py` tells the state and never the token."""

    def run(self, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "DB_"))}
        mine = {"KIS_APP_KEY": SECRETS[0], "KIS_APP_SECRET": SECRETS[1], "DB_PASSWORD": "pw-7c1"}
        mine |= {"KIS_TOKEN_FILE": str(folder / "kis_rest_token.json"), "PYTHONIOENCODING": "utf-8", **environ}
        command = [sys.executable, str(ROOT / "kis_token.py")]
        return subprocess.run(command, env={**clean, **mine}, capture_output=True, text=True, encoding="utf-8")

    @pytest.mark.parametrize(
        ("kept", "code", "says"),
        [
            (timedelta(hours=5, minutes=30), 0, "5시간 2"), (timedelta(hours=-1), 1, "만료됨"),
            (None, 1, "저장된 토큰이 없습니다"), ("eyJ.secret-token garbage", 1, ""),
        ],
        ids=["live", "over", "none", "garbage"],
    )  # fmt: skip
    def test_exits_by_the_state(self, tmp_path, file, kept, code, says):
        if kept is not None:
            file.write_text(kept if isinstance(kept, str) else older("eyJ.secret-token", datetime.now(KST) + kept))
        ran = self.run(tmp_path)
        assert ran.returncode == code and says in ran.stdout and "Traceback" not in ran.stderr
        assert "eyJ.secret" not in ran.stdout + ran.stderr and (code or str(file) in ran.stdout)

    def test_a_wrong_setting_is_exit_2_in_one_line(self, tmp_path):
        told = self.run(tmp_path, KIS_ENV="paper")
        assert told.returncode == 2 and len(told.stderr.strip().splitlines()) == 1 and "KIS_ENV" in told.stderr

    def test_the_state_is_told_without_the_token(self, make):
        cache = make()
        token = cache.get()
        kept, line = cache.state()
        assert kept.value == token and token not in line and "24시간 0분 남음" in line


@pytest.mark.parametrize("where", ["a dangling link", "a full folder"])
def test_eight_threads_get_one_token_where_it_cannot_be_saved(sim, tmp_path, clock, caplog, monkeypatch, where):
    cache = TokenCache(settings_for(sim.url, tmp_path), clock)
    if where == "a dangling link":
        (tmp_path / "kis_rest_token.json").symlink_to(tmp_path / "nowhere" / "token.json")
    else:
        monkeypatch.setattr("minute_candles.core.files.atomic_write", _full)
    with caplog.at_level(logging.WARNING):
        threads = [threading.Thread(target=cache.get) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
    assert sim.calls("token") == 1 and len(caplog.records) == 1


def _full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize(("mode", "kept"), [(0o640, 0o640), (0o600, 0o600), (0o644, 0o600), (0o660, 0o600)])
def test_a_file_keeps_its_mode_where_it_is_no_wider_than_0640(sim, tmp_path, clock, mode, kept):
    """A backend of the same group reads it."""
    file = tmp_path / "kis_rest_token.json"
    file.write_text("{}")
    file.chmod(mode)
    TokenCache(settings_for(sim.url, tmp_path), clock).get()
    assert file.stat().st_mode & 0o777 == kept
