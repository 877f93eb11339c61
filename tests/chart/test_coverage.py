"""`/api/coverage` over a real table: a state and its reasons for each symbol and day, as plain data."""

from datetime import date, datetime

import requests
from chart_testing import FRIDAY, MONDAY, NAMES, filled, put, serving
from store_testing import CALENDAR, minutes

from minute_candles.core.kst import KST
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.storage.store import CandleReader

WEDNESDAY, THURSDAY = date(2026, 11, 18), date(2026, 11, 19)


def answer(page, first: object = FRIDAY, last: object = MONDAY, **query: object) -> requests.Response:
    params = {name: str(value) for name, value in {"from": first, "to": last, **query}.items() if value != ""}
    return requests.get(page.url + "api/coverage", params=params, timeout=10)


def days(page, first: date = FRIDAY, last: date = MONDAY) -> list[tuple[str, str, list[str], int]]:
    [row] = answer(page, first, last, symbols="005930").json()
    return [(d["date"], d["status"], d["reasons"], d["count_1min"]) for d in row["days"]]


def delete(store, day: date, more: str = "") -> None:
    sql = "DELETE FROM stock_minute_prices WHERE stock_symbol = '005930' AND timestamp LIKE %s"
    store._connection.transaction(lambda run: run(sql + more, f"{day}%"))


def record(store, day: date, status: DayStatus, *reasons: Reason, empty: bool = False) -> None:
    """A day of 005930 with its codes."""
    session = CALENDAR.session(day)
    kept = (lambda _: {}) if empty else (lambda held: held)
    store.rewrite("005930", session, kept, now=session.end, status=status, reasons=reasons)


def test_each_symbol_and_day_has_a_state_as_plain_data(any_database, any_store):
    filled(any_store)
    record(any_store, MONDAY, DayStatus.UNPROVEN, Reason.TURNOVER_MISMATCH, Reason.UNPROVEN_START)
    record(any_store, WEDNESDAY, DayStatus.NO_TRADES, empty=True)
    with serving(any_database) as page:
        found = answer(page, THURSDAY, "2026-11-29").json()
        assert [(row["symbol"], row["name"]) for row in found] == list(NAMES.items())  # markup stays as it is
        assert days(page, WEDNESDAY) == [
            ("2026-11-18", "NO_TRADES", [], 0),
            ("2026-11-19", "MISSING", [], 0),
            ("2026-11-20", "COMPLETE", [], 381),
            ("2026-11-23", "UNPROVEN", ["TURNOVER_MISMATCH", "UNPROVEN_START"], 381),
        ]
        assert {d["status"] for d in found[2]["days"]} == {"MISSING"}
        assert [d["date"] for d in found[2]["days"]] == ["2026-11-19", "2026-11-20", "2026-11-23"]  # no day to come
        for query, code in (
            ({"first": ""}, 400), ({"first": MONDAY, "last": FRIDAY}, 400), ({"first": "x\ny"}, 400),
            ({"first": "2020-01-01"}, 400), ({"symbols": "005930,999999"}, 404), ({"symbols": "<b>\n"}, 404),
        ):  # fmt: skip
            refused = answer(page, **query)
            assert (refused.status_code, len(refused.text.splitlines())) == (code, 1)


def test_a_day_that_lost_rows_or_whose_hours_are_others_now_is_verified_no_more(any_database, any_store, monkeypatch):
    """The coverage rows alone are answered without counting, until somebody has counted."""
    filled(any_store)
    put(any_store, "005930", minutes(CALENDAR.session(WEDNESDAY)))
    record(any_store, WEDNESDAY, DayStatus.COMPLETE, Reason.CSAT_HOURS)
    delete(any_store, FRIDAY, " AND minute_interval = 'ONE_MINUTE' AND timestamp = '2026-11-20 10:15:00'")
    delete(any_store, MONDAY)
    with serving(any_database) as page:
        with monkeypatch.context() as without:
            without.setattr(CandleReader, "counts", None)
            [before] = answer(page, symbols="005930", counted=0).json()
        assert [(d["status"], d["count_1min"]) for d in before["days"]] == [("COMPLETE", 381), ("UNPROVEN", 381)]
        assert days(page) == [
            ("2026-11-20", "PROVISIONAL", ["ROWS_LOST"], 380),
            ("2026-11-23", "MISSING", ["ROWS_LOST"], 0),
        ]
        assert answer(page, symbols="005930", counted=0).json() == answer(page, symbols="005930").json()
        assert days(page, WEDNESDAY, WEDNESDAY)[0][1:3] == ("PROVISIONAL", ["OTHER_HOURS", "CSAT_HOURS"])


def test_a_day_that_runs_is_provisional_one_not_begun_is_absent_and_one_verified_meanwhile_is_counted_anew(
    any_database, any_store
):
    with serving(any_database, at=datetime(2026, 11, 23, 8, 59, tzinfo=KST)) as page:
        assert days(page) == [("2026-11-20", "MISSING", [], 0)]
        put(any_store, "005930", minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
        assert days(page) == [("2026-11-20", "COMPLETE", [], 381)]
    with serving(any_database, at=datetime(2026, 11, 23, 10, 2, tzinfo=KST)) as page:
        assert days(page, MONDAY) == [("2026-11-23", "PROVISIONAL", [], 0)]
        put(any_store, "005930", minutes(CALENDAR.session(MONDAY))[:62])
        assert days(page, MONDAY)[0][1::2] == ("PROVISIONAL", 62)
