"""`--doctor`: a dozen calls tell what is as expected, what differs and is handled, and what is to be done."""

import json
import re
from datetime import datetime, timedelta

import pytest
from backfill_tools import EVENING, url_of

import fetch_minute_data
from kis_simulator.simulator import Simulator
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST

KEY, SECRET = "PSEDtestAppKey0123456789abcdefghijkl", "test+Secret/" * 15
MORNING = datetime(2026, 11, 20, 10, 30, tzinfo=KST)


def kis(at, skew=0, **options):
    """Return a simulator and the computer's clock, which runs so many minutes ahead."""
    clock = Clock(at=at)
    return Simulator(now=lambda: clock.now().replace(tzinfo=None), **options), Clock(at=at + timedelta(minutes=skew))


@pytest.fixture
def examine(tmp_path, monkeypatch, capsys):
    """Run the doctor at a KIS; its exit code, its lines by what they are about, and stderr."""

    def run(url, clock, *flags, **environ):
        own = {"KIS_APP_KEY": KEY, "KIS_APP_SECRET": SECRET, "KIS_BASE_URL": url, "LOG_DIR": str(tmp_path),
               "KIS_TOKEN_FILE": f"{tmp_path}/token.json", "DB_URL": f"sqlite:///{tmp_path}/mine.sqlite3"}  # fmt: skip
        for name, value in (own | environ).items():
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
    """Though no run has made the log folder yet; holidays are requested once a day."""
    sim, clock = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, clock, LOG_DIR=str(tmp_path / "not" / "yet"))
        calls = sum(sim.calls(name) for name in ("past", "today", "daily", "holiday"))
        for _ in range(2):
            examine(sim.url, clock)
    assert code == 0 and str(tmp_path) in line(lines, "디스크"), lines
    good = "디스크,데이터베이스,토큰,오늘 분봉,과거 분봉,거래대금 증명,일봉,수정주가 일봉,시계"
    assert [what for what in good.split(",") if not line(lines, what).startswith("✅")] == []
    assert "거절 없음" in line(lines, "호출 한도") and lines[-1].startswith("✅ 시작해도 됩니다")
    assert calls <= 12 and sim.calls("holiday") == 2
    assert not (tmp_path / "mine.sqlite3").exists(), "nothing is stored"


def test_a_server_with_its_version_and_what_an_account_may(examine, server, store, database) -> None:
    sim, clock = kis(EVENING)
    with server.account(database, "SELECT") as reader, sim:
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(database))
        assert code == 0 and line(lines, "권한").startswith("✅") and line(lines, "테이블").startswith("✅")
        assert any(name in line(lines, "데이터베이스") for name in ("MariaDB", "8.", "9."))
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(reader))
        assert code == 1 and any(one.startswith("❌ 데이터베이스") for one in lines)


LIQUID, WS, MUTE = {"profiles": {"005930": "liquid"}}, {"ws": True}, {"kind": "ws_mute"}
AFTERNOON, NIGHT = (EVENING.replace(hour=hour, minute=minute) for hour, minute in ((15, 41), (19, 55)))
LIMIT, VTS = {"kind": "egw00201", "times": 1, "path": "today"}, {"KIS_ENV": "vts", "KIS_RATE_LIMIT": "18"}
NOWHERE, DOUBLED = {"DB_URL": "mysql://me:pw@127.0.0.1:9/minutes"}, {"종가 단일가": ".*두 배로 왔습니다"}
CASES = {
    "morning": (MORNING, LIQUID | WS, {}, {}, 0, {"스트림": "✅.*체결이 왔습니다"}),
    "mute": (MORNING, WS, MUTE, {}, 0, {"스트림": "ℹ️.*체결이 오지 않았습니다"}),
    "cut": (EVENING, {}, {}, {"KIS_WS_URL": "ws://127.0.0.1:9"}, 0, {"스트림": "ℹ️.*연결이 끊겼습니다"}),
    "no stream": (EVENING, WS, {}, {"STREAM_SYMBOLS": "0"}, 0, {"스트림": "ℹ️.*보지 않았습니다"}),
    "refused key": (EVENING, {"keys": {"other": "other"}}, {}, {}, 1, {"토큰": "❌.*KIS_APP_KEY"}),
    "vts": (EVENING, {"env": "vts"}, {}, VTS, 0, {"과거 분봉": "ℹ️", "휴장일": "ℹ️"}),
    "wrong clock": (EVENING, {"skew": 10}, {}, {}, 1, {"시계": "❌.*NTP"}),
    "over the limit": (EVENING, {}, LIMIT, {}, 1, {"호출 한도": ".*KIS_RATE_LIMIT을 낮추세요"}),
    "no database": (EVENING, {}, {}, NOWHERE, 1, {"데이터베이스": "❌", "토큰": "✅"}),
    "doubled auction": (AFTERNOON, LIQUID, {}, {}, 0, DOUBLED),
    "after-market": (NIGHT, LIQUID, {}, {}, 0, DOUBLED),
}
"""Time, simulator, fault, settings; the exit code and what lines hold."""


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_what_is_handled_is_no_error_and_what_is_to_be_mended_is(examine, monkeypatch, case) -> None:
    at, options, fault, environ, code, wanted = case
    monkeypatch.setattr("minute_candles.doctor.stream_check._TRADE_SECONDS", 1.0 if fault else 5.0)
    sim, clock = kis(at, **options)
    with sim:
        sim.add_fault(**fault) if fault else None
        sim.stream.form.split = 60
        own = {"KIS_WS_URL": sim.ws_url} if options.get("ws") else {}
        for _ in range(1 + (at == MORNING and not fault)):  # a slot that lingers would refuse the second
            found, lines, _ = examine(sim.url, clock, **{**own, **environ})
    assert found == code, lines
    assert all(re.match(pattern, line(lines, what)) for what, pattern in wanted.items()), lines
    if "keys" in options:
        assert sim.calls("today") == sim.calls("past") == 0 and any("나머지는 보지 못했습니다" in one for one in lines)


def test_a_recording_holds_no_secret_and_is_served_again(examine, tmp_path) -> None:
    (sim, clock), file = kis(EVENING), tmp_path / "kis.jsonl"
    with sim:
        code, _, err = examine(sim.url, clock, "--record", "/nowhere/at/all.jsonl")
        assert code == 2 and "--record" in err and sim.calls() == 0
        code, before, _ = examine(sim.url, clock, "--record", str(file))
        calls = sum(sim.calls(name) for name in ("past", "today", "daily", "holiday"))
    text = file.read_text(encoding="utf-8")
    token = json.loads((tmp_path / "token.json").read_text())["access_token"]
    assert code == 0 and not any(secret in text for secret in (KEY, SECRET, token, "authorization", "appkey"))
    assert len(text.splitlines()) == calls
    with Simulator(now=lambda: EVENING.replace(tzinfo=None), replay=file) as again:
        _, after, _ = examine(again.url, clock, KIS_TOKEN_FILE=str(tmp_path / "again.json"))
    for what in ("오늘 분봉", "과거 분봉", "거래대금 증명", "일봉", "수정주가 일봉"):
        assert line(after, what) == line(before, what)
