"""The past, whole and true: `python fetch_minute_data.py` as a user runs it, a simulated KIS, real database servers.

Every table is compared row by row, all columns, with what traded on the simulated exchange.
"""

import json
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import LAST, NAMES, User, assert_true, coverage, execute, insert, sessions, simulator, url_of
from fast_clock import EVENING, Moment, ended
from kinds import shown
from servers import Server
from updater_tools import wait_until

from kis_simulator.simulator import Simulator
from minute_candles.backfill.report import MOST_LISTED, problems_first
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.plan import SymbolDay

FIRST = date(2026, 11, 9)
"""Ten sessions, the CSAT day among them."""
TWO, THREE = ["005930", "000660"], ["005930", "000660", "034220"]
PROFILES = {
    "005930": "liquid", "000660": "medium", "373220": "illiquid", "00104K": "illiquid", "018880": "halted",
    "456040": "listed", "082740": "exact120", "034220": "exact240",
}  # fmt: skip
ODDITIES = {
    ("005930", 9): "late", ("005930", 10): "off_grid", ("005930", 11): "half_tick", ("000660", 19): "shifted",
    ("373220", 13): "auction_only", ("018880", 10): "halted", ("018880", 17): "halted_no_daily",
}  # fmt: skip


@pytest.fixture
def kis() -> Iterator[Simulator]:
    oddities = {(symbol, date(2026, 11, day)): kind for (symbol, day), kind in ODDITIES.items()}
    with simulator(profiles=PROFILES, listed={"456040": date(2026, 11, 12)}, oddities=oddities) as sim:
        yield sim


@pytest.fixture
def user(tmp_path: Path, kis: Simulator, mariadb: Server) -> Iterator[User]:
    database = mariadb.fresh()
    yield User(tmp_path, kis.url, url_of(database))
    mariadb.drop(database)


def minutes_requested(kis: Simulator, since: int = 0) -> set[tuple[str, str]]:
    """Symbol and date of every call for past minutes after the first `since` calls."""
    calls = [request for request in list(kis.requests)[since:] if request.tr_id == "FHKST03010230"]
    return {(call.params["FID_INPUT_ISCD"], call.params["FID_INPUT_DATE_1"]) for call in calls}


def results(user: User) -> Any:
    return json.loads((user.logs / "minute_data_collection_results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("kind", shown(["mariadb", "mysql", "sqlite"], "mariadb"))
def test_every_candle_of_every_interval_equals_what_traded(kis: Simulator, tmp_path: Path, kind: str, request: Any):
    """The one whole run of a real process."""
    file = f"sqlite:///{tmp_path}/data/minutes.db"
    database = file if kind == "sqlite" else url_of(request.getfixturevalue(kind).fresh())
    ran = ended(User(tmp_path, kis.url, database).start("--from", f"{FIRST}", "--symbols", ",".join(PROFILES)))
    assert ran.code == 0, ran.all
    assert assert_true(database, kis, [*PROFILES], days := sessions(kis, FIRST, LAST)) > 20_000
    status = coverage(database)
    assert len(status) == len(PROFILES) * len(days) and status["005930", "2026-11-09"] == "COMPLETE"
    assert status["018880", "2026-11-10"] == status["456040", "2026-11-11"] == "NO_TRADES"


def test_a_full_table_costs_no_call_and_force_fetches_again_and_moves_no_row(user: User, kis: Simulator) -> None:
    flags = ("--from", "2026-11-18", "--symbols", "005930,018880")
    assert user.run(*flags).code == 0
    calls, past = len(kis.requests), kis.calls("past")
    again = user.run(*flags)
    assert again.code == user.run("--check", *flags).code == 0 and "KIS를 호출하지 않았습니다" in again.out
    assert len(kis.requests) == calls
    stamps = "SELECT id, created_at, updated_at FROM stock_minute_prices ORDER BY id"
    before = execute(user.database, stamps)
    assert user.run(*flags, "--force").code == 0
    assert kis.calls("past") == 2 * past and execute(user.database, stamps) == before


def test_looking_calls_nobody_and_makes_no_file(kis: Simulator, tmp_path: Path):
    """30 days: 2026-10-22 … 2026-11-20."""
    user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/data/minutes.db")
    for look, code in (("--check", 1), ("--dry-run", 0)):
        ran = user.run(look, "--symbols", "005930", KIS_RATE_LIMIT="10")
        assert ran.code == code and "22종목일" in ran.out and ("초당 10회" in ran.out) == (look == "--dry-run"), ran.all
        assert user.written() == [] and kis.requests == [] and not (tmp_path / "data").exists()


def test_candles_deleted_by_hand_are_named_and_repaired_and_rows_of_others_left_alone(user: User, kis: Simulator):
    flags = ("--symbols", ",".join(THREE), "--from", "2026-11-16")
    user.run(*flags)
    hurt = {1: ("005930", "2026-11-17 10"), 5: ("034220", "2026-11-18 15"), 15: ("034220", "2026-11-16 11")}
    for interval, (symbol, hour) in hurt.items():
        where = "stock_symbol = %s AND minute_interval = %s AND timestamp LIKE %s"
        execute(user.database, f"DELETE FROM stock_minute_prices WHERE {where}", symbol, NAMES[interval], f"{hour}%")
    foreign = "FROM stock_minute_prices WHERE timestamp = '2026-11-20 17:00:00'"  # outside the session
    insert(user.database, "005930", "2026-11-20 17:00:00")
    before = len(kis.requests)
    check = user.run("--check", *flags)
    assert check.code == 1 and len(kis.requests) == before and "15종목일 중 3종목일" in check.out
    assert user.run(*flags).code == 0
    assert minutes_requested(kis, before) == {(symbol, hour[:10].replace("-", "")) for symbol, hour in hurt.values()}
    assert execute(user.database, f"SELECT COUNT(*) {foreign}") == [(1,)]
    execute(user.database, f"DELETE {foreign}")
    assert_true(user.database, kis, THREE, sessions(kis, date(2026, 11, 16), LAST))


def test_a_day_that_cannot_be_had_fails_alone_and_is_named(user: User, kis: Simulator) -> None:
    kis.add_fault("low_above_open", path="past", symbol="000660", day=date(2026, 11, 18))
    flags = ("--from", "2026-11-17", "--symbols", ",".join(TWO))
    ran = user.run(*flags)
    assert ran.code == results(user)["exit_code"] == 1 and "000660 2026-11-18" in ran.out
    [failed] = results(user)["symbols"][1]["failed"]
    assert failed["date"] == "2026-11-18" and "가격" in failed["reason"]
    whole = {(symbol, f"2026-11-{day}") for symbol in TWO for day in (17, 18, 19, 20)}
    assert coverage(user.database).keys() == whole - {("000660", "2026-11-18")}
    kis.clear_faults()
    before = len(kis.requests)
    assert user.run(*flags).code == 0 and minutes_requested(kis, before) == {("000660", "20261118")}
    assert_true(user.database, kis, TWO, sessions(kis, date(2026, 11, 17), LAST))


@pytest.mark.parametrize("number", shown([signal.SIGINT, signal.SIGTERM], signal.SIGTERM))
def test_a_stop_finishes_the_transaction_and_the_next_run_resumes(user: User, kis: Simulator, number: int) -> None:
    flags = ("--from", "2026-11-16", "--symbols", ",".join(THREE))
    process = user.start(*flags, KIS_RATE_LIMIT="40")
    wait_until(lambda: kis.calls("past") > 25)
    process.send_signal(number)
    ran, done = ended(process, 30), results(user)
    assert ran.code == done["exit_code"] == 130 and ran.seconds < 5, ran.all
    assert "다시 실행하면 이어서 받습니다" in ran.err and "Traceback" not in ran.err
    assert done["totals"]["days"] == len(coverage(user.database)) > 0
    before = len(kis.requests)
    assert user.run(*flags).code == 0
    assert len(minutes_requested(kis, before)) == 15 - done["totals"]["days"]
    assert_true(user.database, kis, THREE, sessions(kis, date(2026, 11, 16), LAST))


BAD = {
    "--days 0": "--days", "--days 삼십": "--days", "--days 4000": "--days", "--workers 0": "--workers",
    "--from 2026-11-20 --to 2026-11-10": "--from", "--from 2026-12-01": "미래", "--to 2026-11-21": "미래",
    "--from 2025-11-01": "1년", "--from 2026-13-45": "날짜", "--days 3 --from 2026-11-10": "함께",
    "--recheck --force": "함께", "--symbols 005930;DROP": "종목코드", "--symbols-file 없는파일.csv": "종목 파일",
    "KIS_APP_KEY=-": "KIS_APP_KEY",
}  # fmt: skip


def test_a_mistake_is_one_line_and_exit_2_and_nobody_is_contacted(tmp_path: Path, kis: Simulator) -> None:
    """Flags, or a setting; settings one by one: tests/config/test_settings.py."""
    user = User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")
    for typed, says in BAD.items():
        ran = user.run(*typed.split()) if typed.startswith("--") else user.run(**dict([typed.split("=", 1)]))
        lines = ran.err.splitlines()
        assert (ran.code, ran.out, len(lines)) == (2, "", 1) and lines[0].startswith("❌ ") and says in lines[0], ran
    assert kis.requests == [] and user.written() == []


def test_with_a_vts_key_the_run_says_that_history_needs_a_real_one(user: User, kis: Simulator) -> None:
    kis.env = kis.key_env = "vts"
    ran = user.run("--symbols", "005930,000660", KIS_ENV="vts", KIS_RATE_LIMIT="20")
    assert ran.code == 1 and "실전 키가 필요합니다" in ran.err, ran.all
    assert kis.calls("past") < 20, "those on their way, no more"


def test_the_result_file_has_exactly_the_keys_of_the_design(user: User, kis: Simulator) -> None:
    """Symbols and names are those of a file of the user."""
    file = user.folder / "내 종목.csv"
    file.write_text("symbol,name\n005930,삼성전자\n# 관심 종목\n\n00104K,우선주\n", encoding="utf-8-sig")
    assert user.run("--days", "2", "--symbols-file", str(file)).code == 0
    found = results(user)
    assert list(found) == ["started_at", "finished_at", "exit_code", "range", "totals", "symbols"]
    assert list(found["totals"]) == ["1min", "5min", "15min", "days", "calls"]
    assert found["range"] == {"from": "2026-11-19", "to": "2026-11-20"}
    assert found["totals"]["days"] == 4 and found["totals"]["calls"] == kis.calls() - kis.calls("token")
    assert [(one["symbol"], one["name"]) for one in found["symbols"]] == [("005930", "삼성전자"), ("00104K", "우선주")]
    count = "SELECT COUNT(*) FROM stock_minute_prices WHERE stock_symbol = %s AND minute_interval = %s"
    for one in found["symbols"]:
        assert list(one) == ["symbol", "name", "1min", "5min", "15min", "days", "failed", "unproven"]
        counts = [execute(user.database, count, one["symbol"], name)[0][0] for name in NAMES.values()]
        assert [one["1min"], one["5min"], one["15min"]] == counts


def test_log_lines_keep_the_wording_users_grep_for(user: User, kis: Simulator) -> None:
    ran = user.run("--days", "2", "--symbols", "005930")
    log = (user.logs / "minute_data_collection.log").read_text(encoding="utf-8")
    one = len(kis.truth("005930", LAST)) + len(kis.truth("005930", LAST - timedelta(days=1)))
    for line in (
        "✅ KIS 환경변수 로드 완료", "✅ 데이터베이스 연결 성공", "📊 1개 종목 분봉 데이터 수집 시작!",
        f"✅ 005930 1분봉 데이터 {one:,}건 저장 완료",
        f"✅ 데이터 검증 성공: 005930 1min - 예상 {one:,}건, 실제 {one:,}건",
        "📊 종목별 분봉 데이터 수집: 100%|██████████| 1/1 [", "🔌 데이터베이스 연결 해제",
    ):  # fmt: skip
        assert log.count(line) == 1, f"{line}\n{log}"
        assert (line in ran.err) == ("검증 성공" not in line), "one line a symbol on the console"
    assert "📊 저장: 1분봉" in ran.out and " - INFO - " not in ran.out and "📊 저장: 1분봉" not in ran.err
    more = user.run("--days", "3", "--symbols", "005930", "--verbose")
    assert "기존 토큰 로드" in more.err and "✅ stock_minute_prices 테이블이 존재합니다." in more.err
    texts = more.all + "".join(path.read_text(encoding="utf-8") for path in user.logs.iterdir() if path.is_file())
    assert not [secret for secret in ("PSEDtestAppKey", "test+Secret", "eyJ0eXAi") if secret in texts]


@pytest.mark.parametrize(("flags", "days"), [("--from 2026-11-18 --to 2026-11-20", 2), ("--days 1", 1)])
def test_a_session_that_runs_is_left_to_the_updater(user: User, kis: Simulator, flags: str, days: int) -> None:
    noon = replace(user, moment=Moment(EVENING - timedelta(hours=9)))
    ran, last = noon.run(*flags.split(), "--symbols", "005930"), LAST - timedelta(days=1)
    assert ran.code == 0 and ("2026-11-20 장은 아직 마감되지 않아" in ran.err) == (days == 2), ran.all
    assert_true(user.database, kis, ["005930"], sessions(kis, last - timedelta(days=days - 1), last))


def test_the_demo_shows_candles_and_touches_nothing_of_the_user(tmp_path: Path) -> None:
    """Of somebody with a checkout and a `.env` that is garbage."""
    names = "KIS_APP_KEY KIS_APP_SECRET LOG_DIR KIS_TOKEN_FILE KIS_RATE_LIMIT"
    newcomer = User(tmp_path, "-", "-", dict.fromkeys(names.split(), "-"), on_the_day=False)
    (newcomer.project / ".env").write_bytes(b"\x00garbage\xff")
    (newcomer.project / "kis_rest_token.json").write_text("mine")

    def content() -> dict[str, bytes | None]:
        paths = [path for path in newcomer.project.iterdir() if path.name not in ("__pycache__", "demo")]
        return {path.name: path.read_bytes() if path.is_file() else None for path in paths}

    before = content()
    ran = newcomer.run("--demo", "--symbols", "005930", "--days", "2")
    assert ran.code == 0 and "005930 삼성전자 15분봉" in ran.out and "다음:" in ran.out, ran.all
    assert content() == before and newcomer.written() == []


def test_symbols_that_lack_days_come_first_then_the_unproven_and_a_screen_is_never_overrun() -> None:
    day, calendar, names = LAST, TradingCalendar(), {f"{number:06}": "" for number in range(100)}
    problems = [SymbolDay("000070", day)], [SymbolDay("000009", day), SymbolDay("000070", day)]
    listed, remark = problems_first(names, *problems, calendar, whole=False)
    assert list(listed) == ["000070", "000009"] and "98종목" in remark and "--verbose" in remark
    assert problems_first(names, *problems, calendar, whole=True) == (names, "")
    listed, remark = problems_first(names, [SymbolDay(symbol, day) for symbol in names], [], calendar, whole=False)
    assert len(listed) == MOST_LISTED and f"외 {len(names) - MOST_LISTED}종목" in remark
