"""Doubt costs a mark, never the data: what KIS reports again and again is stored so; what changes is not."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import LAST, User, assert_true, execute, now, sessions, stored_rows, true_rows
from kis_testing import Twisted

from kis_simulator.faults.inconsistencies import INCONSISTENCIES, MINUTE_KINDS
from kis_simulator.simulator import Simulator

SYMBOLS = {"005930": "liquid", "000660": "medium", "035420": "liquid", "373220": "illiquid"}
FIRST, WEDNESDAY = date(2026, 11, 13), date(2026, 11, 18)
FLAGS = ("--from", f"{FIRST}", "--symbols", ",".join(SYMBOLS))
ONLY = ("--from", f"{WEDNESDAY}", "--to", f"{WEDNESDAY}", "--symbols", "005930")
KINDS = [kind for kind in INCONSISTENCIES if kind != "late"]


@pytest.fixture
def kis() -> Iterator[Twisted]:
    with Twisted(now=now, profiles=SYMBOLS) as sim:
        yield sim


@pytest.fixture
def user(tmp_path: Path, kis: Simulator) -> User:
    return User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")


def statuses(user: User) -> dict[tuple[str, str], tuple[str, str | None]]:
    """Status and reasons of every symbol-day."""
    rows = execute(user.database, "SELECT stock_symbol, trade_date, status, reasons FROM stock_minute_coverage")
    return {(symbol, str(day)): (status, reasons) for symbol, day, status, reasons in rows}


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_third_of_all_days_contradicted_costs_marks_and_no_candle(user: User, kis: Simulator, kind: str) -> None:
    surprise: Any = kis.add_fault(kind, rate=0.3)
    days = sessions(kis, FIRST, LAST)
    ran = user.run(*FLAGS)
    assert ran.code == 0 and surprise.fired, ran.all
    assert_true(user.database, kis, list(SYMBOLS), days)
    lacks = lambda s, d: surprise.kind in MINUTE_KINDS and surprise.moment(kis.market, s, d) is None  # noqa: E731
    hit = {(s, str(d)) for s in SYMBOLS for d in days if surprise.matches(s, d) and kis.truth(s, d) and not lacks(s, d)}
    assert {key for key, (status, _) in statuses(user).items() if status == "UNPROVEN"} == hit
    calls = len(kis.requests)
    assert user.run(*FLAGS).code == 0
    assert len(kis.requests) == calls, "UNPROVEN is verified"


def test_all_kinds_at_once_are_named_in_the_summary_the_result_file_and_the_check(user: User, kis: Simulator) -> None:
    flags = ("--from", f"{WEDNESDAY}", "--symbols", "005930,000660")
    for number, kind in enumerate(KINDS):
        kis.add_fault(kind, rate=0.1, seed=number)
    ran = user.run(*flags)
    assert ran.code == 0, ran.all
    assert_true(user.database, kis, ["005930", "000660"], sessions(kis, WEDNESDAY, LAST))
    marked = {key for key, (status, _) in statuses(user).items() if status == "UNPROVEN"}
    results = json.loads((user.logs / "minute_data_collection_results.json").read_text(encoding="utf-8"))
    named = {(one["symbol"], day["date"]) for one in results["symbols"] for day in one["unproven"] if day["reason"]}
    assert named == marked and len(marked) > 2 and results["exit_code"] == 0
    assert f"(UNPROVEN) 종목일 {len(marked)}건" in ran.out
    looked, one = user.run("--check", *flags), user.run("--check", *flags[:3], "005930")
    assert looked.code == one.code == 0 and f"❓ {len(marked)}종목일" in looked.out
    assert one.out.count("UNPROVEN: ") == sum(symbol == "005930" for symbol, _ in marked)


def test_an_impossible_row_is_left_out_and_its_turnover_proves_the_next(user: User, kis: Twisted) -> None:
    kis.twist = lambda name, params, rows: [
        {**row, "stck_lwpr": "0"} if row.get("stck_cntg_hour") == "110500" else row for row in rows
    ]
    assert user.run(*ONLY).code == 0
    assert [*statuses(user).values()] == [("UNPROVEN", "INVALID_ROWS")]
    assert "11:05 행의 가격이 있을 수 없는 값입니다" in user.run("--check", *ONLY).out
    ones = [row for row in stored_rows(user.database, "005930") if row[1] == "ONE_MINUTE"]
    truth = [row for row in true_rows(kis, "005930", [WEDNESDAY]) if row[1] == "ONE_MINUTE"]
    assert ones == [row for row in truth if f"{row[2]:%H%M}" != "1105"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "why"),
    [(lambda name, row: {**row, "stck_lwpr": "999999999"} if name == "past" else row, "INVALID_ROWS"),
     (lambda name, row: None if name == "past" else {**row, "acml_vol": "많음"}, "DAILY_UNREADABLE")],
)  # fmt: skip
def test_a_day_of_which_nothing_is_stored_is_unproven_until_a_recheck(user: User, kis: Twisted, change: Any, why: str):
    kis.twist = lambda name, params, rows: [row for each in rows if (row := change(name, each))]
    assert user.run(*ONLY).code == 0
    assert [*statuses(user).values()] == [("UNPROVEN", why)] and stored_rows(user.database, "005930") == []
    calls = len(kis.requests)
    assert user.run(*ONLY).code == 0 and len(kis.requests) == calls, "UNPROVEN is verified"
    assert user.run("--recheck", *ONLY).code == 0 and [*statuses(user).values()] == [("UNPROVEN", why)]
