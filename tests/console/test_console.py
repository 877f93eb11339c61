"""What a person sees, and what must never end a run: streams, the log, Ctrl-C, progress, words, whole files."""

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import textwrap
from contextlib import ExitStack
from datetime import datetime
from unittest.mock import Mock
from urllib.parse import quote

import pytest
from kis_testing import FakeClock
from places import ROOT

from minute_candles.console import console, logs
from minute_candles.core import files
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST
from minute_candles.core.redact import MASK, Redactor

SECRET = "S3cr3t/p@ß+\"w'\\d %"
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


@pytest.fixture
def clock():
    logs.LOG.handlers.clear()
    return FakeClock(datetime(2026, 11, 20, 10, 31, 3, tzinfo=KST))


@pytest.fixture
def start(tmp_path, clock):
    """Set up logging into a file; `text` is what the file holds."""
    path = tmp_path / "run.log"
    setup = lambda *secrets, **how: console.setup_logging(path, clock, secrets, **how)  # noqa: E731
    setup.path, setup.text = path, lambda: path.read_text(encoding="utf-8")
    return setup


_PROLOGUE = """
import logging, os, signal, sys, time
from pathlib import Path
from minute_candles.console import console
from minute_candles.core.clock import Clock
console.prepare_streams()
clock = Clock()
folder = Path(__file__).with_suffix("")
log = console.setup_logging(folder / "run.log", clock, [])
"""
_TALK = 'for n in range(2000): console.say("✅ 한글 " * 20); log.info("✅ 한글")\n'


@pytest.fixture
def python(tmp_path):
    """Start a process with `console` set up as a script does it, running the code given."""
    with ExitStack() as processes:

        def start(code, *shell, environ=(), stdout=subprocess.PIPE):
            script, environ = tmp_path / "script.py", {**os.environ, "PYTHONPATH": str(ROOT), **dict(environ)}
            script.write_text(_PROLOGUE + textwrap.dedent(code), encoding="utf-8")
            pipes = {"stdin": subprocess.DEVNULL, "stdout": stdout, "stderr": subprocess.PIPE}
            process = subprocess.Popen([*shell, sys.executable, str(script)], env=environ, **pipes)
            processes.enter_context(process)
            processes.callback(process.kill)
            return process

        yield start


@pytest.mark.parametrize(("environ", "encoding"), [
    ({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, "utf-8"),
    ({"PYTHONIOENCODING": "cp949"}, "cp949"), ({"PYTHONIOENCODING": "cp1252:strict"}, "utf-8"),
])  # fmt: skip
def test_any_locale_shows_korean_and_raises_nothing(python, environ, encoding):
    process = python('console.say("✅ 한글 \\udcff 끝"); log.info("✅ 한글")', environ=environ)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 0 and b"Error" not in err
    assert "한글" in out.decode(encoding) and "한글" in err.decode(encoding)


@posix
def test_closed_streams_do_not_end_a_run_nor_become_another_file(tmp_path, python):
    code = _TALK + "(folder / 'number').write_text(str(os.open(__file__, os.O_RDONLY)))"
    _, err = python(code, "sh", "-c", 'exec "$0" "$1" 0<&- 1>&- 2>&-').communicate(timeout=60)
    assert int((tmp_path / "script" / "number").read_text()) > 2 and b"Traceback" not in err


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
def test_a_full_disk_behind_stdout_is_no_error_and_behind_the_log_one_warning(python):
    with open("/dev/full", "wb") as full:
        process = python(
            _TALK + """
os.symlink("/dev/full", folder / "full.log")
log = console.setup_logging(folder / "full.log", clock, [])
for _ in range(1000): log.info("line %s", "x" * 100)
""", stdout=full)  # fmt: skip
        _, err = process.communicate(timeout=60)
    assert process.returncode == 0 and err.decode().count("⚠️") == 1 and err.count(b"line") == 1000
    assert b"Traceback" not in err and b"Exception" not in err


@pytest.mark.parametrize(("how", "shown", "kept"), [
    ({}, ["INFO", "WARNING"], ["INFO", "WARNING"]), ({"quiet": True}, ["WARNING"], ["INFO", "WARNING"]),
    ({"verbose": True}, ["DEBUG", "INFO", "WARNING"], ["DEBUG", "INFO", "WARNING"]),
])  # fmt: skip
def test_what_is_on_stderr_and_in_the_file_once(start, capsys, how, shown, kept):
    start(**how)
    log = start(**how)  # set up twice, printed once
    for level in (logging.DEBUG, logging.INFO, logging.WARNING):
        log.log(level, "✅ %s", "line")
    for text, levels in ((capsys.readouterr().err, shown), (start.text(), kept)):
        assert text.splitlines() == [f"2026-11-20 10:31:03 - {level} - ✅ line" for level in levels], "KST by the clock"


def test_a_place_that_cannot_hold_the_log_is_refused(tmp_path, clock, start, monkeypatch):
    (tmp_path / "logs").write_text("")
    (tmp_path / "folder" / "run.log").mkdir(parents=True)
    for folder in ("logs", "logs/deeper", "folder"):
        with pytest.raises(ConfigError, match="LOG_DIR"):
            console.setup_logging(tmp_path / folder / "run.log", clock, [])
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(ConfigError, match="LOG_DIR"):
        start()


@posix
def test_the_file_rotates_a_rotation_that_fails_loses_no_line_and_one_by_others_is_followed(start, monkeypatch):
    log = start()
    handler = next(handler for handler in log.handlers if isinstance(handler, logs.RotatingFileHandler))
    assert (handler.maxBytes, handler.backupCount) == (10 * 1024 * 1024, 5)
    log.info("before")
    start.path.rename(start.path.with_suffix(".1"))
    log.info("after")
    assert "after" in start.text() and "before" not in start.text()
    monkeypatch.setattr(logs, "LOG_BYTES", 200)
    log = start()
    with monkeypatch.context() as patched:
        patched.setattr(os, "rename", Mock(side_effect=PermissionError(13, "held open by another process")))
        for n in range(20):
            log.info("line %02d", n)
    assert all(f"line {n:02d}" in start.text() for n in range(20))
    log.info("line 20")
    assert start.path.with_name(start.path.name + ".1").exists() and start.text().count("line") == 1


def test_secrets_are_hidden_in_messages_arguments_and_tracebacks(start, capsys, caplog):
    log = start("hunter2hunter2", SECRET)
    log.info("key hunter2hunter2 and %s", SECRET)
    log.info("%r %s", {"password": SECRET}, ["hunter2hunter2"])
    log.info("%d of %s", "hunter2hunter2")  # noqa: PLE1206 - arguments that do not fit
    try:
        raise ValueError(f"{SECRET} {quote(SECRET, safe='')}")
    except ValueError:
        log.exception("failed", stack_info=True)
    for text in (start.text(), capsys.readouterr().err):
        assert MASK in text and "ValueError" in text and "%d of %s" in text
        assert "hunter2" not in text and "S3cr3t" not in text.replace("SECRET", "")
    assert "hunter2" not in caplog.text and MASK in caplog.text, "whoever listens further up sees none either"


def test_text_of_others_is_a_line_of_the_log_and_moves_no_cursor(start, capsys):
    log, forged = start(), "EGW\n2026-11-20 10:00:00 - INFO - ✅ forged\r\x1b[2J\u202e"
    log.warning("[%s]", forged)
    try:
        raise ValueError(forged)
    except ValueError:
        log.exception("failed")
    for text in (start.text(), capsys.readouterr().err):
        lines = text.splitlines()
        assert [line for line in lines if line[:4] == "2026"] == lines[:2]
        assert "forged" in text and not set(text) & {"\r", "\x1b", "\u202e"}
    console.say(forged)
    console.complain(forged)
    console.say(console.table(["이름"], [[forged]]))
    out, err = capsys.readouterr()
    assert not set(out + err) & {"\r", "\x1b", "\u202e"} and len(out.splitlines()) == 5


@pytest.mark.parametrize("secret", ["p@ss/wörd\\\"'1", "ss\\\\é ss\n\t😀'ss"])
def test_a_secret_is_hidden_however_it_is_written(secret):
    for written in (
        secret, repr(secret), ascii(secret), json.dumps(secret), quote(secret), quote(secret, safe="").lower(),
        repr(repr(secret)), quote(quote(secret)), json.dumps(json.dumps(secret)), repr(json.dumps(secret)),
    ):  # fmt: skip
        hidden = Redactor([secret])(f"before {written} after")
        assert "ss" not in hidden and "before" in hidden and "after" in hidden and MASK in hidden


def test_a_short_secret_is_hidden_where_it_is_one_and_leaves_the_rest_of_the_log_alone():
    lines = ("mysql://root:{}@127.0.0.1:3306/x", "DB_PASSWORD={}", "password: '{}'", '{{"password": "{}"}}',
             "pwd={}&x=1", "비밀번호={} 입니다")  # fmt: skip
    for secret in ("1", "pw", "123"):
        assert [Redactor([secret])(line.format(secret)) for line in lines] == [line.format(MASK) for line in lines]
        line = "2026-11-20 10:31:03 - ✅ 005930 1분봉 데이터 1123건 저장 완료"
        assert Redactor([secret, "00"])(line) == line
    # and what looks like a token though nobody named it
    for line in ("authorization: Bearer {}", '{{"access_token": "{}", "expires_in": 86400}}', "{{'appsecret': '{}'}}"):
        assert Redactor([])(line.format("abc.DEF-123")) == line.format(MASK)
    assert Redactor([])("token eyJ0eXAi.eyJzdWIi.abc_-1 end") == f"token {MASK} end"


@posix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_requests_a_stop_and_ctrl_c_then_ends_at_once(python, number):
    process = python("""
        signal.signal(signal.SIGINT, signal.default_int_handler)  # a job started with & inherits an ignored one
        console.on_stop(clock)
        print("ready", flush=True)
        assert clock.stop.wait(20)
        print("stopped", flush=True)
        time.sleep(60)
        """)
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(number)
    assert process.stdout.readline() == b"stopped\n" and "중지" in process.stderr.readline().decode()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130 and b"Traceback" not in err


def test_without_a_terminal_progress_is_a_line_every_five_seconds_at_most(start, clock):
    start()
    with console.Progress(97, "📊 종목별 분봉 데이터 수집", clock) as progress:
        for _ in range(97):
            clock.move(seconds=1)
            progress.advance()
    lines = start.text().splitlines()
    assert len(lines) == 20
    assert lines[0].endswith("📊 종목별 분봉 데이터 수집: 5/97 (5%), 남은 시간 약 2분")
    assert lines[-1].endswith("📊 종목별 분봉 데이터 수집: 100%|██████████| 97/97 [01:37<00:00]")


@posix
def test_a_file_is_written_whole_as_utf8_through_a_link_its_mode_from_the_first_byte(tmp_path, monkeypatch):
    modes, original = [], os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (modes.append(stat.S_IMODE(os.fstat(fd).st_mode)), original(fd)))
    (tmp_path / "link").symlink_to(tmp_path / "a.json")
    for text in ('{"이름": "값"}\n', '{"이름": "새 값"}\n'):
        files.atomic_write(tmp_path / "link", text, mode=0o600)
        assert (tmp_path / "a.json").read_bytes() == text.encode()
    assert (tmp_path / "link").is_symlink() and len(list(tmp_path.iterdir())) == 2
    assert modes[0] == modes[-1] == stat.S_IMODE((tmp_path / "a.json").stat().st_mode) == 0o600


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("old")
    monkeypatch.setattr(os, "fsync", Mock(side_effect=OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        files.atomic_write(tmp_path / "a", "new")
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]
