"""Law 13: doubt costs a mark, never the data. What KIS tells again and again is stored as told; what changes is not."""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random

import pytest
from backfill_tools import LAST, User, execute, sessions, stored_rows, true_rows
from surprises import FROM, SURPRISES, Surprising

from collect.plan import unproven
from config.settings import Database
from db import open_store

SYMBOLS = ["005930", "000660", "035420", "373220"]
PROFILES = {"005930": "liquid", "000660": "medium", "035420": "liquid", "373220": "illiquid"}
FLAGS = ("--from", "2026-11-09", "--symbols", ",".join(SYMBOLS))
DAYS = sessions(Surprising(), date(2026, 11, 9), LAST)
ONE = ("005930", date(2026, 11, 18))
ONLY = ("--from", "2026-11-18", "--to", "2026-11-18", "--symbols", "005930")


@pytest.fixture
def kis() -> Iterator[Surprising]:
    with Surprising(profiles=PROFILES) as sim:
        yield sim


@pytest.fixture
def user(tmp_path: Path, kis: Surprising) -> User:
    return User(tmp_path, kis.url, f"sqlite:///{tmp_path}/minutes.db")


def statuses(user: User) -> dict[tuple[str, str], tuple[str, str | None]]:
    rows = execute(user.database, "SELECT stock_symbol, trade_date, status, note FROM stock_minute_coverage")
    return {(symbol, str(day)): (status, note) for symbol, day, status, note in rows}


def assert_candles(user: User, kis: Surprising, symbol: str) -> None:
    """Every candle as it traded; a VWAP where one stands is the true one."""
    wanted, found = true_rows(kis, symbol, DAYS), stored_rows(user.database, symbol)
    assert [row[:10] for row in found] == [row[:10] for row in wanted]
    assert all(had[10] in (None, true[10]) for had, true in zip(found, wanted, strict=True))


def test_every_kind_in_a_third_of_all_days_costs_marks_and_no_candle(user: User, kis: Surprising) -> None:
    dice, kinds = Random(3), list(SURPRISES)
    traded = [key for key in product(SYMBOLS, DAYS) if len(kis.truth(*key)) > 3]
    hit = dice.sample(traded, len(traded) * 3 // 10)
    kis.surprises = {key: kinds[number % len(kinds)] for number, key in enumerate(hit)}
    ran = user.run(*FLAGS)
    assert ran.code == 0, ran.all
    for symbol in SYMBOLS:
        assert_candles(user, kis, symbol)
    told = statuses(user)
    marked = {key for key, (status, _) in told.items() if status == "UNPROVEN"}
    silent = {(symbol, str(day)) for (symbol, day), what in kis.surprises.items() if what in ("deal", "cancelled")}
    assert {(s, str(d)) for s, d in hit} - silent <= marked <= {(s, str(d)) for s, d in hit}
    results = json.loads((user.logs / "minute_data_collection_results.json").read_text(encoding="utf-8"))
    named = {(one["symbol"], day["date"]) for one in results["symbols"] for day in one["unproven"]}
    assert named == marked and results["exit_code"] == 0
    assert f"UNPROVEN) 종목일 {len(marked)}건" in ran.out

    calls = len(kis.requests)
    assert user.run(*FLAGS).code == 0
    assert len(kis.requests) == calls, "UNPROVEN is verified"
    looked = user.run("--check", *FLAGS)
    assert looked.code == 0 and "❓" in looked.out and "일봉" in looked.out and len(kis.requests) == calls


@pytest.mark.parametrize("what", SURPRISES)
def test_told_once_it_leaves_no_mark(user: User, kis: Surprising, what: str) -> None:
    kis.surprises, kis.only_first = {ONE: what}, True
    assert user.run(*ONLY).code == 0
    assert statuses(user) == {("005930", "2026-11-18"): ("COMPLETE", None)}
    assert stored_rows(user.database, "005930") == true_rows(kis, "005930", [ONE[1]])


def test_a_deal_outside_the_book_is_complete_with_a_note_and_no_vwap_there(user: User, kis: Surprising) -> None:
    kis.surprises = {ONE: "deal"}
    assert user.run(*ONLY).code == 0
    [(status, note)] = statuses(user).values()
    assert status == "COMPLETE" and note and "10:30" in note
    bare = [str(row[2])[11:16] for row in stored_rows(user.database, "005930") if row[10] is None]
    assert sorted(set(bare)) == ["09:00", f"{FROM[:2]}:{FROM[2:4]}"]


def test_two_of_them_are_none(user: User, kis: Surprising) -> None:
    """Alone of its kind: what happens twice a day is more likely wrong."""
    whole = SURPRISES["deal"]
    SURPRISES["two"] = lambda kind, rows: [
        {**r, "acml_tr_pbmn": str(int(r["acml_tr_pbmn"]) + 9**10)} if r.get("stck_cntg_hour", "0") >= "140000" else r
        for r in whole(kind, rows)
    ]
    kis.surprises = {ONE: "two"}
    try:
        assert user.run(*ONLY).code == 0
    finally:
        del SURPRISES["two"]
    [(status, note)] = statuses(user).values()
    assert status == "UNPROVEN" and note and "10:30, 14:00" in note


def test_an_impossible_row_is_left_out_and_named(user: User, kis: Surprising) -> None:
    SURPRISES["bad"] = lambda kind, rows: [
        {**r, "stck_lwpr": "99999999"} if r.get("stck_cntg_hour") == "110500" else r for r in rows
    ]
    kis.surprises = {ONE: "bad"}
    try:
        assert user.run(*ONLY).code == 0
    finally:
        del SURPRISES["bad"]
    [(status, note)] = statuses(user).values()
    assert status == "UNPROVEN" and note and "11:05" in note
    ones = [row for row in stored_rows(user.database, "005930") if row[1] == "ONE_MINUTE"]
    truth = [row for row in true_rows(kis, "005930", [ONE[1]]) if row[1] == "ONE_MINUTE"]
    assert [row[:10] for row in ones] == [row[:10] for row in truth if row[2].strftime("%H%M") != "1105"]
    assert [row[10] for row in ones if row[2].strftime("%H%M") == "1106"] == [None]


def test_a_minute_that_is_always_missing_is_a_doubt_though_its_turnover_looks_like_a_deal(
    user: User, kis: Surprising
) -> None:
    SURPRISES["gap"] = lambda kind, rows: [r for r in rows if r.get("stck_cntg_hour") != "110500"]
    kis.surprises = {ONE: "gap"}
    try:
        assert user.run(*ONLY).code == 0
    finally:
        del SURPRISES["gap"]
    [(status, note)] = statuses(user).values()
    assert status == "UNPROVEN" and note and "11:06" in note


def test_what_changes_from_answer_to_answer_is_not_stored(user: User, kis: Surprising) -> None:
    dice = Random(1)
    SURPRISES["changing"] = lambda kind, rows: [
        {**r, "stck_oprc": str(int(r["stck_oprc"]) - dice.randrange(1, 999))} if kind == "daily" else r for r in rows
    ]
    kis.surprises = {ONE: "changing"}
    try:
        ran = user.run(*ONLY)
    finally:
        del SURPRISES["changing"]
    assert ran.code == 1 and "일봉 시가" in ran.out
    assert statuses(user) == {} and stored_rows(user.database, "005930") == []


def test_recheck_asks_the_marked_days_alone_and_tells_what_became_of_them(user: User, kis: Surprising) -> None:
    kis.surprises = {ONE: "another open", ("000660", ONE[1]): "half the volume"}
    flags = ("--from", "2026-11-17", "--symbols", "005930,000660")
    assert user.run(*flags).code == 0
    del kis.surprises[ONE]
    before = len(kis.requests)
    ran = user.run("--recheck", *flags)
    assert ran.code == 0, ran.all
    calls = [call.params for call in kis.requests[before:] if "time" in call.path]
    asked = {(params["FID_INPUT_ISCD"], params["FID_INPUT_DATE_1"]) for params in calls}
    assert asked == {("005930", "20261118"), ("000660", "20261118")}
    told = statuses(user)
    assert told["005930", "2026-11-18"] == ("COMPLETE", None)
    assert told["000660", "2026-11-18"][0] == "UNPROVEN"
    assert kis.calls("past") - before < 20, "told as before: asked once, not three times"
    for symbol in ("005930", "000660"):
        days = [day for day in DAYS if day >= date(2026, 11, 17)]
        assert [row[:10] for row in stored_rows(user.database, symbol)] == [
            row[:10] for row in true_rows(kis, symbol, days)
        ]


def test_the_marks_are_read_back_with_their_reason(user: User, kis: Surprising, tmp_path: Path) -> None:
    kis.surprises = {ONE: "no daily row"}
    assert user.run(*ONLY).code == 0
    from base.clock import Clock

    store = open_store(Database("sqlite", path=tmp_path / "minutes.db"), Clock())
    [task] = unproven(store, ["005930"], [ONE[1] - timedelta(days=1), ONE[1]])
    store.close()
    assert task.day == ONE[1] and "일봉에 이 날이 없습니다" in task.why
    assert stored_rows(user.database, "005930")[-1][2] == datetime(2026, 11, 18, 15, 30)
