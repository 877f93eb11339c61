"""`--doctor`: a dozen calls tell what is as expected, what differs and is handled, and what is to be done."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import EVENING, url_of
from places import ROOT

import fetch_minute_data
from kis_simulator.simulator import Simulator
from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import Database
from minute_candles.config.settings import load as load_settings
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.monitoring.holidays import HolidayCheck

KEY, SECRET = "PSEDtestAppKey0123456789abcdefghijkl", "test+Secret/" * 15
MORNING = datetime(2026, 11, 20, 10, 30, tzinfo=KST)
Examine = Callable[..., tuple[int, list[str], str]]


def kis(at: datetime, **options: Any) -> tuple[Simulator, Clock]:
    clock = Clock(at=at)
    return Simulator(now=lambda: clock.now().replace(tzinfo=None), **options), clock


@pytest.fixture
def examine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Examine:
    def run(url: str, clock: Clock, *flags: str, **environ: str) -> tuple[int, list[str], str]:
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
        assert not any(secret in out + err for secret in (KEY, SECRET))
        return code, out.splitlines(), err

    return run


def line(lines: list[str], what: str) -> str:
    return next(one for one in lines if f" {what}:" in one)


def test_a_log_folder_that_no_run_has_made_yet_is_no_crash(examine: Examine, tmp_path: Path) -> None:
    sim, clock = kis(EVENING)
    with sim:
        _, lines, err = examine(sim.url, clock, LOG_DIR=str(tmp_path / "not" / "yet"))
    assert str(tmp_path) in line(lines, "디스크") and "Traceback" not in err


def test_an_evening_with_a_good_key(examine: Examine, tmp_path: Path) -> None:
    sim, clock = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, clock)
    assert code == 0, lines
    for what in (
        "디스크",
        "데이터베이스",
        "토큰",
        "오늘 분봉",
        "과거 분봉",
        "거래대금 증명",
        "일봉",
        "수정주가 일봉",
        "시계",
    ):
        assert line(lines, what).startswith("✅"), lines
    assert "거절 없음" in line(lines, "호출 한도") and lines[-1].startswith("✅ 시작해도 됩니다")
    assert sum(sim.calls(name) for name in ("past", "today", "daily", "holiday")) <= 12
    assert not (tmp_path / "mine.sqlite3").exists(), "nothing is stored"


def test_a_morning_tells_what_only_a_session_can(examine: Examine) -> None:
    sim, clock = kis(MORNING)
    with sim:
        code, lines, _ = examine(sim.url, clock)
    assert code == 0 and "장중이 아니라" not in line(lines, "장중 과거 분봉")


@pytest.mark.parametrize("at, seen", [(MORNING, "체결이 왔습니다"), (EVENING, "등록됐습니다")])
def test_the_stream_is_visited_and_left_cleanly(examine: Examine, at: datetime, seen: str) -> None:
    sim, clock = kis(at, ws=True, profiles={"005930": "liquid"})
    sim.stream.form.split = 60
    with sim:
        for _ in range(2):  # a slot that lingers would refuse the second
            code, lines, _ = examine(sim.url, clock, KIS_WS_URL=sim.ws_url)
            assert code == 0 and line(lines, "스트림").startswith("✅") and seen in line(lines, "스트림"), lines


@pytest.mark.parametrize(
    "fault, environ, told",
    [
        ("ws_mute", {}, "체결이 오지 않았습니다"),
        ("", {"KIS_WS_URL": "ws://127.0.0.1:9"}, "연결이 끊겼습니다"),
        ("", {"STREAM_SYMBOLS": "0"}, "보지 않았습니다"),
        ("", {"KIS_WS_URL": ""}, "보지 않았습니다"),
    ],
)
def test_a_stream_that_is_not_there_is_no_fault(examine, monkeypatch, fault, environ, told) -> None:
    from minute_candles.doctor import stream_check as doctor_stream

    monkeypatch.setattr(doctor_stream, "_TRADE_SECONDS", 1.0)
    sim, clock = kis(MORNING, ws=True)
    with sim:
        if fault:
            sim.add_fault(fault)
        code, lines, _ = examine(sim.url, clock, **{"KIS_WS_URL": sim.ws_url, **environ})
    assert code == 0 and line(lines, "스트림").startswith("ℹ️") and told in line(lines, "스트림")


def test_a_refused_key_is_told_with_what_to_do_and_nothing_else_is_asked(examine: Examine) -> None:
    sim, clock = kis(EVENING, keys={"other": "other"})
    with sim:
        code, lines, _ = examine(sim.url, clock)
    assert code == 1 and line(lines, "토큰").startswith("❌") and "KIS_APP_KEY" in line(lines, "토큰")
    assert sim.calls("today") == sim.calls("past") == 0 and any("나머지는 보지 못했습니다" in one for one in lines)


def test_a_simulated_account_is_different_but_fine(examine: Examine) -> None:
    sim, clock = kis(EVENING, env="vts")
    with sim:
        code, lines, _ = examine(sim.url, clock, KIS_ENV="vts", KIS_RATE_LIMIT="0.9")
    assert code == 0 and line(lines, "과거 분봉").startswith("ℹ️") and line(lines, "휴장일").startswith("ℹ️")


def test_a_clock_that_is_wrong_is_to_be_mended(examine: Examine) -> None:
    sim, _ = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, Clock(at=EVENING.replace(minute=10)))
    assert code == 1 and line(lines, "시계").startswith("❌") and "NTP" in line(lines, "시계")


def test_over_the_limit_is_to_be_mended(examine: Examine) -> None:
    sim, clock = kis(EVENING)
    with sim:
        sim.add_fault("egw00201", times=1, path="today")
        code, lines, _ = examine(sim.url, clock)
    assert code == 1 and "KIS_RATE_LIMIT을 낮추세요" in line(lines, "호출 한도")


def test_a_database_that_is_not_there(examine: Examine) -> None:
    sim, clock = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, clock, DB_URL="mysql://me:pw@127.0.0.1:9/minutes")
    assert code == 1 and line(lines, "데이터베이스").startswith("❌") and line(lines, "토큰").startswith("✅")


def test_a_server_tells_version_rights_and_clock(examine: Examine, any_store: Any, any_database: Database) -> None:
    sim, clock = kis(EVENING)
    with sim:
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(any_database))
    assert code == 0 and line(lines, "권한").startswith("✅") and line(lines, "테이블").startswith("✅")
    assert any(name in line(lines, "데이터베이스") for name in ("MariaDB", "SQLite", "8.", "9."))


def test_an_account_that_may_only_read(examine: Examine, server: Any, store: Any, database: Database) -> None:
    sim, clock = kis(EVENING)
    with server.account(database, "SELECT") as reader, sim:
        code, lines, _ = examine(sim.url, clock, DB_URL=url_of(reader))
    assert code == 1 and any(one.startswith("❌ 데이터베이스") for one in lines)


def test_a_recording_holds_no_secret_and_is_served_again(examine: Examine, tmp_path: Path) -> None:
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


class served:  # noqa: N801 - reads as a word
    """`python -m kis_simulator --replay FILE` in a process of its own."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __enter__(self) -> str:
        command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--replay", str(self._file)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8")
        assert self._process.stdout
        return next(word for word in self._process.stdout.readline().split() if word.startswith("http"))

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.communicate(timeout=10)


@pytest.fixture
def nowhere() -> Iterator[tuple[str, Clock]]:
    yield "http://127.0.0.1:9", Clock(at=EVENING)


def test_usage_errors_are_exit_2(examine, nowhere, capsys) -> None:
    code, _, err = examine(*nowhere, "--record", "/nowhere/at/all.jsonl")
    assert code == 2 and "--record" in err
    assert fetch_minute_data.main(["--record", "a.jsonl"], nowhere[1]) == 2
    assert "--doctor 와 함께" in capsys.readouterr().err


def test_holidays_are_asked_once_a_day_by_whoever_comes_first(examine: Examine, tmp_path: Path) -> None:
    sim, clock = kis(EVENING)
    with sim:
        _, first, _ = examine(sim.url, clock)
        assert sim.calls("holiday") == 1
        client = KisClient.of(
            load_settings(os.environ, tmp_path), TokenCache(load_settings(os.environ, tmp_path), clock), clock
        )
        HolidayCheck(client, clock, tmp_path / HOLIDAY_FILE, ()).refresh()
        _, again, _ = examine(sim.url, clock)
        assert sim.calls("holiday") == 1 and line(again, "휴장일") == line(first, "휴장일")
        (tmp_path / HOLIDAY_FILE).unlink()
        HolidayCheck(client, clock, tmp_path / HOLIDAY_FILE, ()).refresh()
        examine(sim.url, clock)
    assert sim.calls("holiday") == 2, "and the other way round"


@pytest.mark.parametrize("at", [EVENING.replace(hour=15, minute=41), EVENING.replace(hour=19, minute=55)])
def test_the_doubled_auction_is_looked_for_where_it_is(examine: Examine, at: datetime) -> None:
    """In the evening the newest thirty rows are the after-market's."""
    sim, clock = kis(at, profiles={"005930": "liquid"})
    with sim:
        code, lines, _ = examine(sim.url, clock)
    assert code == 0 and "두 배로 왔습니다" in line(lines, "종가 단일가"), lines
