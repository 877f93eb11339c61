"""`--doctor`: a dozen calls tell what is as expected, what differs and is handled, and what is to be done."""

import json
import os
import re
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest
from backfill_tools import EVENING, url_of
from places import ROOT

import fetch_minute_data
from kis_simulator.simulator import Simulator
from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import load as load_settings
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.monitoring.holidays import HolidayCheck

KEY, SECRET = "PSEDtestAppKey0123456789abcdefghijkl", "test+Secret/" * 15
MORNING = datetime(2026, 11, 20, 10, 30, tzinfo=KST)


def kis(at, **options):
    clock = Clock(at=at)
    return Simulator(now=lambda: clock.now().replace(tzinfo=None), **options), clock


@pytest.fixture
def examine(tmp_path, monkeypatch, capsys):
    """Run the doctor at a KIS; its exit code, its lines by what they are about, and stderr."""

    def run(url, clock, *flags, **environ):
        own = {
            "KIS_APP_KEY": KEY, "KIS_APP_SECRET": SECRET, "KIS_BASE_URL": url, "LOG_DIR": str(tmp_path),
            "KIS_TOKEN_FILE": str(tmp_path / "token.json"), "DB_URL": f"sqlite:///{tmp_path}/mine.sqlite3", **environ,
        }  # fmt: skip
        for name, value in own.items():
            monkeypatch.setenv(name, value)
        capsys.readouterr()
        try:
            code = fetch_minute_data.main(["--doctor", "--symbols", "005930", *flags], clock)
        except SystemExit as ended:
            code = int(ended.code or 0)
        out, err = capsys.readouterr()
        assert not any(secret in out + err for secret in (KEY, SECRET)) and "Traceback" not in err
        return code, out.splitlines(), err

    return run


def line(lines, what) -> str:
    return next(one for one in lines if f" {what}:" in one)


def test_an_evening_with_a_good_key(examine, tmp_path) -> None:
    """Though no run has made the log folder yet."""
    sim, clock = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, clock, LOG_DIR=str(tmp_path / "not" / "yet"))
    assert code == 0 and str(tmp_path) in line(lines, "디스크"), lines
    good = "디스크,데이터베이스,토큰,오늘 분봉,과거 분봉,거래대금 증명,일봉,수정주가 일봉,시계"
    assert [what for what in good.split(",") if not line(lines, what).startswith("✅")] == []
    assert "거절 없음" in line(lines, "호출 한도") and lines[-1].startswith("✅ 시작해도 됩니다")
    assert sum(sim.calls(name) for name in ("past", "today", "daily", "holiday")) <= 12
    assert not (tmp_path / "mine.sqlite3").exists(), "nothing is stored"


def case(code, lines, *, at=EVENING, ahead=0, fault=None, environ=None, **options):
    return code, lines, at, ahead, fault or {}, environ or {}, options


LIQUID, NOWHERE = {"profiles": {"005930": "liquid"}}, "mysql://me:pw@127.0.0.1:9/minutes"
CASES = {
    "morning": case(0, {"스트림": "✅.*체결이 왔습니다", "장중 과거 분봉": "(?!.*장중이 아니라)"}, at=MORNING,
                    ws=True, **LIQUID),
    "evening": case(0, {"스트림": "✅.*등록됐습니다"}, ws=True, **LIQUID),
    "mute": case(0, {"스트림": "ℹ️.*체결이 오지 않았습니다"}, at=MORNING, ws=True, fault={"kind": "ws_mute"}),
    "cut": case(0, {"스트림": "ℹ️.*연결이 끊겼습니다"}, environ={"KIS_WS_URL": "ws://127.0.0.1:9"}),
    "no stream": case(0, {"스트림": "ℹ️.*보지 않았습니다"}, ws=True, environ={"STREAM_SYMBOLS": "0"}),
    "refused key": case(1, {"토큰": "❌.*KIS_APP_KEY"}, keys={"other": "other"}),
    "vts": case(0, {"과거 분봉": "ℹ️", "휴장일": "ℹ️"}, env="vts", environ={"KIS_ENV": "vts", "KIS_RATE_LIMIT": "18"}),
    "wrong clock": case(1, {"시계": "❌.*NTP"}, ahead=10),
    "over the limit": case(1, {"호출 한도": ".*KIS_RATE_LIMIT을 낮추세요"},
                           fault={"kind": "egw00201", "times": 1, "path": "today"}),
    "no database": case(1, {"데이터베이스": "❌", "토큰": "✅"}, environ={"DB_URL": NOWHERE}),
    "doubled auction": case(0, {"종가 단일가": ".*두 배로 왔습니다"}, at=EVENING.replace(hour=15, minute=41), **LIQUID),
    "after-market": case(0, {"종가 단일가": ".*두 배로 왔습니다"}, at=EVENING.replace(hour=19, minute=55), **LIQUID),
}  # fmt: skip
"""The exit code and what lines hold; in the evening the newest thirty rows are the after-market's."""


@pytest.mark.parametrize(("code", "wanted", "at", "ahead", "fault", "environ", "options"), CASES.values(), ids=CASES)
def test_what_is_handled_is_no_error_and_what_is_to_be_mended_is(
    examine, monkeypatch, code, wanted, at, ahead, fault, environ, options
) -> None:
    monkeypatch.setattr("minute_candles.doctor.stream_check._TRADE_SECONDS", 1.0 if fault else 5.0)
    sim, clock = kis(at, **options)
    clock = Clock(at=at + timedelta(minutes=ahead)) if ahead else clock
    with sim:
        sim.add_fault(**fault) if fault else None
        sim.stream.form.split = 60
        own = {"KIS_WS_URL": sim.ws_url} if options.get("ws") else {}
        for _ in range(1 + (at == MORNING and not fault)):  # a slot that lingers would refuse the second
            found, lines, _ = examine(sim.url, clock, **{**own, **environ})
    assert found == code, lines
    for what, pattern in wanted.items():
        assert re.match(pattern, line(lines, what)), lines
    if "keys" in options:
        assert sim.calls("today") == sim.calls("past") == 0 and any("나머지는 보지 못했습니다" in one for one in lines)


def test_a_server_with_its_version_and_what_an_account_may(examine, server, store, database) -> None:
    sim, clock = kis(EVENING)
    with server.account(database, "SELECT") as reader, sim:
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(database))
        assert code == 0 and line(lines, "권한").startswith("✅") and line(lines, "테이블").startswith("✅")
        assert any(name in line(lines, "데이터베이스") for name in ("MariaDB", "8.", "9."))
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(reader))
        assert code == 1 and any(one.startswith("❌ 데이터베이스") for one in lines)


@contextmanager
def served(file):
    """`python -m kis_simulator --replay FILE` in a process of its own."""
    command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--replay", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        yield next(word for word in process.stdout.readline().split() if word.startswith("http"))
        process.terminate()


def test_a_recording_holds_no_secret_and_is_served_again(examine, tmp_path) -> None:
    sim, clock = kis(EVENING)
    file = tmp_path / "kis.jsonl"
    with sim:
        code, before, _ = examine(sim.url, clock, "--record", str(file))
        calls = sum(sim.calls(name) for name in ("past", "today", "daily", "holiday"))
    text = file.read_text(encoding="utf-8")
    token = json.loads((tmp_path / "token.json").read_text())["access_token"]
    assert code == 0 and not any(secret in text for secret in (KEY, SECRET, token, "authorization", "appkey"))
    records = [json.loads(one) for one in text.splitlines()]
    assert len(records) == calls
    for record in records:
        assert record.keys() == {"method", "path", "tr_id", "params", "status", "headers", "body"}
    with served(file) as url:
        _, after, _ = examine(url, Clock(at=EVENING), KIS_TOKEN_FILE=str(tmp_path / "again.json"))
    for what in ("오늘 분봉", "과거 분봉", "거래대금 증명", "일봉", "수정주가 일봉"):
        assert line(after, what) == line(before, what)


def test_usage_errors_are_exit_2(examine, capsys) -> None:
    code, _, err = examine("http://127.0.0.1:9", Clock(at=EVENING), "--record", "/nowhere/at/all.jsonl")
    assert code == 2 and "--record" in err
    assert fetch_minute_data.main(["--record", "a.jsonl"], Clock(at=EVENING)) == 2
    assert "--doctor 와 함께" in capsys.readouterr().err


def test_holidays_are_requested_once_a_day_by_whoever_comes_first(examine, tmp_path) -> None:
    sim, clock = kis(EVENING)
    with sim:
        _, first, _ = examine(sim.url, clock)
        assert sim.calls("holiday") == 1
        own = load_settings(os.environ, tmp_path)
        check = HolidayCheck(KisClient.of(own, TokenCache(own, clock), clock), clock, tmp_path / HOLIDAY_FILE, ())
        check.refresh()
        _, again, _ = examine(sim.url, clock)
        assert sim.calls("holiday") == 1 and line(again, "휴장일") == line(first, "휴장일")
        (tmp_path / HOLIDAY_FILE).unlink()
        check.refresh()
        examine(sim.url, clock)
    assert sim.calls("holiday") == 2, "and the other way round"
