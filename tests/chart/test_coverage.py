"""`/api/coverage` over a real table: a state and its reasons for each symbol and day, as plain data, and quickly."""

import json
import sqlite3
from contextlib import closing
from datetime import date, datetime

import pytest
import requests
from chart_testing import FRIDAY, MONDAY, NAMES, filled, put, serving
from store_testing import CALENDAR, minutes

from minute_candles.chart import coverage
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.storage.store import CandleReader, open_reader, open_store

THURSDAY = date(2026, 11, 19)


def answer(page, **query: object) -> requests.Response:
    return requests.get(page.url + "api/coverage", params={k: str(v) for k, v in query.items()}, timeout=10)


def days(page, symbol: str, first: date = FRIDAY, last: date = MONDAY) -> list[tuple[str, str, list[str], int]]:
    [row] = answer(page, symbols=symbol, **{"from": first, "to": last}).json()
    return [(d["date"], d["status"], d["reasons"], d["count_1min"]) for d in row["days"]]


def delete(store, day: date, more: str = "") -> None:
    store._connection.transaction(
        lambda run: run(
            f"DELETE FROM stock_minute_prices WHERE stock_symbol = '005930' AND timestamp LIKE %s{more}", f"{day}%"
        )
    )


def record(store, day: date, status: DayStatus, *reasons: Reason, empty: bool = False) -> None:
    """A day of 005930 with its codes."""
    session = CALENDAR.session(day)
    store.rewrite(
        "005930", session, lambda held: {} if empty else held, now=session.end, status=status, reasons=reasons
    )


def test_each_symbol_and_day_has_a_state_as_plain_data(any_database, any_store):
    filled(any_store)
    record(any_store, MONDAY, DayStatus.UNPROVEN, Reason.TURNOVER_MISMATCH, Reason.UNPROVEN_START)
    record(any_store, date(2026, 11, 18), DayStatus.NO_TRADES, empty=True)
    with serving(any_database) as page:
        told = answer(page, **{"from": THURSDAY, "to": "2026-11-29"}).json()
        assert [(row["symbol"], row["name"]) for row in told] == list(NAMES.items())  # markup stays as it is
        assert days(page, "005930", date(2026, 11, 18), MONDAY) == [
            ("2026-11-18", "NO_TRADES", [], 0),
            ("2026-11-19", "MISSING", [], 0),
            ("2026-11-20", "COMPLETE", [], 381),
            ("2026-11-23", "UNPROVEN", ["TURNOVER_MISMATCH", "UNPROVEN_START"], 381),
        ]
        assert {d["status"] for d in told[2]["days"]} == {"MISSING"}
        assert [d["date"] for d in told[2]["days"]] == ["2026-11-19", "2026-11-20", "2026-11-23"]  # no day to come
        assert answer(page, symbols="005930,005930", **{"from": FRIDAY, "to": FRIDAY}).json() == [
            {"symbol": "005930", "name": NAMES["005930"], "days": told[0]["days"][1:2]}
        ]


def test_a_day_that_lost_rows_is_verified_no_more(any_database, any_store):
    filled(any_store)
    delete(any_store, FRIDAY, " AND minute_interval = 'ONE_MINUTE' AND timestamp = '2026-11-20 10:15:00'")
    delete(any_store, MONDAY)
    with serving(any_database) as page:
        assert days(page, "005930") == [
            ("2026-11-20", "PROVISIONAL", ["ROWS_LOST"], 380),
            ("2026-11-23", "MISSING", ["ROWS_LOST"], 0),
        ]


def test_what_the_coverage_rows_say_is_answered_without_counting(any_database, any_store, monkeypatch):
    filled(any_store)
    delete(any_store, MONDAY)
    asked = {"symbols": "005930", "from": FRIDAY, "to": MONDAY}
    with serving(any_database) as page:
        with monkeypatch.context() as without:
            without.setattr(CandleReader, "counts", None)
            [before] = answer(page, counted=0, **asked).json()
        [counted], [after] = answer(page, **asked).json(), answer(page, counted=0, **asked).json()
    assert [(d["status"], d["count_1min"]) for d in before["days"]] == [("COMPLETE", 381), ("UNPROVEN", 381)]
    assert [d["status"] for d in counted["days"]] == ["COMPLETE", "MISSING"] and after == counted


def test_hours_that_are_others_now_make_a_day_provisional(any_database, any_store):
    put(any_store, "005930", minutes(CALENDAR.session(FRIDAY)))
    record(any_store, FRIDAY, DayStatus.COMPLETE, Reason.CSAT_HOURS)
    with serving(any_database) as page:
        assert days(page, "005930", FRIDAY, FRIDAY)[0][1:3] == ("PROVISIONAL", ["OTHER_HOURS", "CSAT_HOURS"])


def test_a_day_that_runs_is_provisional_and_one_not_begun_is_absent(any_database, any_store):
    ones = minutes(CALENDAR.session(MONDAY))
    with serving(any_database, at=datetime(2026, 11, 23, 8, 59, tzinfo=KST)) as page:
        assert days(page, "005930", MONDAY, MONDAY) == []
    with serving(any_database, at=datetime(2026, 11, 23, 10, 2, tzinfo=KST)) as page:
        assert days(page, "005930", MONDAY, MONDAY) == [("2026-11-23", "PROVISIONAL", [], 0)]
        put(any_store, "005930", ones[:62])
        assert days(page, "005930", MONDAY, MONDAY)[0][1::2] == ("PROVISIONAL", 62)


def test_a_day_verified_meanwhile_is_counted_anew(any_database, any_store):
    with serving(any_database) as page:
        assert days(page, "005930", FRIDAY, FRIDAY) == [("2026-11-20", "MISSING", [], 0)]
        put(any_store, "005930", minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
        assert days(page, "005930", FRIDAY, FRIDAY) == [("2026-11-20", "COMPLETE", [], 381)]


def test_what_is_kept_of_the_past_is_bounded(database, monkeypatch):
    monkeypatch.setattr(coverage, "MOST_KEPT", 5)
    open_store(database, Clock()).preflight()
    with closing(open_reader(database, Clock())) as reader:
        answers = coverage.CoverageMap(reader, NAMES, CALENDAR, Clock(at=datetime(2026, 11, 23, 16, tzinfo=KST)))
        for year in range(1990, 2010):
            [found] = json.loads(answers.answer(["005930"], date(year, 6, 1), date(year, 6, 5)))
            assert len(found["days"]) >= 3
        assert len(answers._counted) <= 10


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({}, 400),
        ({"from": "2026-11-20"}, 400),
        ({"from": "2026-11-23", "to": "2026-11-20"}, 400),
        ({"from": "x\ny", "to": "2026-11-20"}, 400),
        ({"from": "2020-01-01", "to": "2026-11-20"}, 400),
        ({"from": "2026-11-20", "to": "2026-11-20", "symbols": "005930,999999"}, 404),
        ({"from": "2026-11-20", "to": "2026-11-20", "symbols": "<b>\n"}, 404),
    ],
)
def test_what_it_cannot_answer_is_told_in_a_line(database, query, code):
    open_store(database, Clock()).preflight()
    with serving(database) as page:
        found = answer(page, **query)
    assert (found.status_code, len(found.text.splitlines())) == (code, 1)


def test_a_list_of_symbols_and_sixty_days_is_one_answer(database):
    """97 symbols × 60 verified days; how fast is measured in benchmarks/bench_chart.py."""
    symbols, traded = [f"{number:06}" for number in range(97)], CALENDAR.trading_days(date(2026, 8, 1), MONDAY)[-60:]
    open_store(database, Clock()).preflight()
    with closing(sqlite3.connect(database.path)) as direct, direct:
        direct.executemany(
            "INSERT INTO stock_minute_prices (stock_symbol, timestamp, minute_interval, open_price, high_price,"
            " low_price, close_price, volume) VALUES (?, ?, 'ONE_MINUTE', 1, 1, 1, 1, 1)",
            ((symbol, f"{day} 09:0{n}:00") for symbol in symbols for day in traded for n in range(5)),
        )
        direct.executemany(
            "INSERT INTO stock_minute_coverage (stock_symbol, trade_date, count_1min, count_5min, count_15min, status,"
            " verified_at) VALUES (?, ?, 5, 0, 0, 'COMPLETE', '2026-11-23 16:00:00')",
            ((symbol, str(day)) for symbol in symbols for day in traded),
        )
    with serving(database, names=dict.fromkeys(symbols, "이름")) as page:
        found = answer(page, **{"from": traded[0], "to": traded[-1]}).json()
    assert sum(len(row["days"]) for row in found) == 97 * 60
    assert {day["status"] for row in found for day in row["days"]} == {"COMPLETE"}
