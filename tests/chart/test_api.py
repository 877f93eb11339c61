"""The chart's answers over a real table: any interval, states, the list, each day of each symbol, the forecast."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta

import pytest
import requests
from chart_testing import FRIDAY, MONDAY, NAMES, Server, filled, put, serving
from forecast.test_forecast import SESSIONS, trained_model, with_skill
from store_testing import CALENDAR, minutes, rows, windows
from updater_tools import wait_until

from minute_candles.chart.files import read_files
from minute_candles.chart.server import health_of
from minute_candles.config.settings import Database, demo_settings
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.forecast.model_file import MODEL_FILE, write
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.monitoring import status_file
from minute_candles.storage.store import CandleReader, KeptAlert, Store, open_alerts, open_store

WEDNESDAY, THURSDAY = date(2026, 11, 18), date(2026, 11, 19)
LATE = datetime(2026, 11, 23, 10, 2, 5, tzinfo=KST)


@pytest.fixture
def page(any_database: Database, any_store: Store) -> Iterator[Server]:
    filled(any_store)
    with serving(any_database) as found:
        yield found


def get(page: Server, path: str, **query: object) -> requests.Response:
    params = {name.rstrip("_"): str(value) for name, value in query.items()}
    return requests.get(f"{page.url}api/{path}", params=params, timeout=10)


def candles(page: Server, interval: object, **query: object) -> list[dict]:
    return get(page, "candles", symbol="005930", interval=interval, **query).json()["candles"]


def row_of(page: Server) -> dict:
    return next(row for row in get(page, "symbols").json() if row["symbol"] == "005930")


def test_every_interval_follows_from_the_minutes(page):
    for interval in (1, 3, 5, 10, 15, 30, 60):
        for day in (FRIDAY, MONDAY):
            found = candles(page, interval, from_=day, to=day)
            assert [(c["time"], c["open"], c["high"], c["low"], c["close"], c["volume"]) for c in found] == [
                (f"{c.timestamp.isoformat()}+09:00", *c[1:6])
                for c in windows(minutes(CALENDAR.session(day), day.day), interval)
            ]
    days, weeks, months = (candles(page, interval) for interval in ("day", "week", "month"))
    assert [c["time"] for c in days] == ["2026-11-20T00:00:00+09:00", "2026-11-23T00:00:00+09:00"]
    assert days[1]["close"] == candles(page, 1)[-1]["close"]
    assert [(c["time"][:10], c["status"]) for c in weeks] == [("2026-11-16", "PROVISIONAL"), ("2026-11-23", "RUNNING")]
    assert [(c["time"][:10], c["status"]) for c in months] == [("2026-11-01", "RUNNING")]
    assert (months[0]["open"], months[0]["volume"]) == (days[0]["open"], sum(c["volume"] for c in days))
    assert candles(page, "week", from_=FRIDAY, to=FRIDAY) == weeks[:1], "whole, though cut by the range"
    assert len(candles(page, 3)) == 256 and candles(page, 3, limit=5) == candles(page, 3)[-5:]
    assert len(candles(page, 1, to=FRIDAY, limit=5000)) == 381


def test_a_candle_and_a_day_say_what_is_known_of_them(page):
    known = {(c["time"][:10], c["status"]) for c in candles(page, 1, limit=400)}
    assert known == {("2026-11-20", "COMPLETE"), ("2026-11-23", "UNPROVEN")}
    found = get(page, "days", symbol="005930", from_=THURSDAY, to=MONDAY).json()
    assert [(d["day"][8:], d["status"], d["note"], d["minutes"]) for d in found] == [
        ("19", "MISSING", None, 0), ("20", "COMPLETE", None, 381), ("23", "UNPROVEN", "이유", 381),
    ]  # fmt: skip
    assert (found[0]["open"], found[0]["close"]) == ("10:00", "16:30")  # the CSAT day


def days(page: Server, first: date = FRIDAY, last: date = MONDAY) -> list[tuple[str, str, list[str], int]]:
    [row] = get(page, "coverage", from_=first, to=last, symbols="005930").json()
    return [(d["date"], d["status"], d["reasons"], d["count_1min"]) for d in row["days"]]


def record(store: Store, day: date, status: DayStatus, *reasons: Reason, held=lambda held: held) -> None:
    """A day of 005930 with its codes."""
    session = CALENDAR.session(day)
    store.rewrite("005930", session, held, now=session.end, status=status, reasons=reasons)


def test_a_day_that_lost_rows_or_whose_hours_are_others_now_is_verified_nowhere(any_database, any_store, monkeypatch):
    """The map of the coverage rows is answered without counting, until somebody has counted."""
    filled(any_store)
    put(any_store, "005930", minutes(CALENDAR.session(WEDNESDAY)))
    record(any_store, WEDNESDAY, DayStatus.COMPLETE, Reason.CSAT_HOURS)
    for when in ("2026-11-20 10:16", "2026-11-23"):
        sql = f"DELETE FROM stock_minute_prices WHERE stock_symbol = '005930' AND timestamp LIKE '{when}%'"
        rows(any_store, sql)
    with serving(any_database) as page:
        with monkeypatch.context() as without:
            without.setattr(CandleReader, "counts", None)
            [before] = get(page, "coverage", from_=FRIDAY, to=MONDAY, symbols="005930", counted=0).json()
        assert [(d["status"], d["count_1min"]) for d in before["days"]] == [("COMPLETE", 381), ("UNPROVEN", 381)]
        assert days(page) == [
            ("2026-11-20", "PROVISIONAL", ["ROWS_LOST"], 380), ("2026-11-23", "MISSING", ["ROWS_LOST"], 0),
        ]  # fmt: skip
        assert days(page, WEDNESDAY, WEDNESDAY)[0][1:3] == ("PROVISIONAL", ["OTHER_HOURS", "CSAT_HOURS"])
        for interval in (1, 5, 10, "day"):  # a short chart is counted, a long one when it is folded
            for first in (FRIDAY,) if interval in (1, 5) else (FRIDAY, "2026-10-01"):
                found = candles(page, interval, from_=first, to=FRIDAY)
                assert {one["status"] for one in found if one["time"] > "2026-11-20"} == {"PROVISIONAL"}
        [day] = get(page, "days", symbol="005930", from_=FRIDAY, to=FRIDAY).json()
        assert (day["status"], day["minutes"]) == ("PROVISIONAL", 380) and day["note"]
        listed = {row["symbol"]: row["status"] for row in get(page, "symbols").json()}
        assert listed == {"005930": "PROVISIONAL", "000660": "UNPROVEN", "035420": "MISSING"}


def test_each_symbol_and_day_has_a_state_as_plain_data(any_database, any_store):
    filled(any_store)
    record(any_store, MONDAY, DayStatus.UNPROVEN, Reason.TURNOVER_MISMATCH, Reason.UNPROVEN_START)
    record(any_store, WEDNESDAY, DayStatus.NO_TRADES, held=lambda _: {})
    with serving(any_database) as page:
        found = get(page, "coverage", from_=THURSDAY, to="2026-11-29").json()
        assert [(row["symbol"], row["name"]) for row in found] == list(NAMES.items())  # markup stays as it is
        assert days(page, WEDNESDAY) == [
            ("2026-11-18", "NO_TRADES", [], 0), ("2026-11-19", "MISSING", [], 0), ("2026-11-20", "COMPLETE", [], 381),
            ("2026-11-23", "UNPROVEN", ["TURNOVER_MISMATCH", "UNPROVEN_START"], 381),
        ]  # fmt: skip
        assert {d["status"] for d in found[2]["days"]} == {"MISSING"}
        assert [d["date"] for d in found[2]["days"]] == ["2026-11-19", "2026-11-20", "2026-11-23"]  # no day to come


def test_a_day_that_runs_is_provisional_one_not_begun_absent_one_verified_counted(any_database, any_store):
    with serving(any_database, at=datetime(2026, 11, 23, 8, 59, tzinfo=KST)) as page:
        assert days(page) == [("2026-11-20", "MISSING", [], 0)]
        put(any_store, "005930", minutes(CALENDAR.session(FRIDAY)), "COMPLETE")
        assert days(page) == [("2026-11-20", "COMPLETE", [], 381)]
    with serving(any_database, at=LATE) as page:
        assert days(page, MONDAY) == [("2026-11-23", "PROVISIONAL", [], 0)]
        put(any_store, "005930", minutes(CALENDAR.session(MONDAY))[:62])
        assert days(page, MONDAY)[0][1::2] == ("PROVISIONAL", 62)


def test_the_running_session_is_forecast_where_there_is_skill(any_store, any_database, tmp_path):
    put(any_store, "005930", [one for one in minutes(CALENDAR.session(MONDAY), 1) if one.timestamp.hour < 10])
    trained = trained_model()
    skilled = {target: one for target, one in with_skill(trained, 0.01).targets.items() if target.horizon == 15}
    with serving(any_database, at=LATE, folder=tmp_path) as page:
        assert get(page, "forecast", symbol="005930").json()["trained"] is None
        write(tmp_path / MODEL_FILE, trained._replace(targets=with_skill(trained, -0.01).targets | skilled))
        found = get(page, "forecast", symbol="005930").json()
        assert {(one["target"], one["horizon"]) for one in found["forecasts"]} == {("volume", 15), ("range", 15)}
        assert all(0 <= one["low"] <= one["median"] <= one["high"] for one in found["forecasts"])
        assert found["made_at"].startswith("2026-11-23T10:02") and len(found["evaluation"]) == 7
        assert found["trained"]["sessions"] == SESSIONS and get(page, "forecast", symbol="999999").status_code == 404
    with serving(any_database, at=LATE + timedelta(hours=8), folder=tmp_path) as page:
        assert get(page, "forecast", symbol="005930").json()["forecasts"] == []


def test_the_list_follows_what_is_stored_and_a_window_that_is_not_over_is_running(any_database, any_store):
    """The next minute is in it a second later, and a day before that was filled in meanwhile."""
    ones, friday = minutes(CALENDAR.session(MONDAY), 7), minutes(CALENDAR.session(FRIDAY), 3)
    put(any_store, "005930", ones[:60])
    with serving(any_database, at=LATE) as page:
        first, _, last = get(page, "symbols").json()
        assert (first["symbol"], first["status"], last["status"]) == ("005930", "PROVISIONAL", "MISSING")
        assert last["price"] is None
        assert (first["price"], first["change_percent"]) == (ones[59].close, None)
        put(any_store, "005930", ones[:62])
        wait_until(lambda: row_of(page)["price"] == ones[61].close, 5)
        row = row_of(page)
        assert row["trace"] == [one.close for one in windows(ones[:62], 15)] and row["turnover"] > first["turnover"]
        assert [c["status"] for c in candles(page, 3)][-2:] == ["PROVISIONAL", "RUNNING"]
        assert [candles(page, interval)[-1]["status"] for interval in (1, "day")] == ["PROVISIONAL", "RUNNING"]
        put(any_store, "005930", friday, "COMPLETE")
        wait_until(lambda: row_of(page)["previous_close"] == friday[-1].close, 5)
        change = (ones[61].close - friday[-1].close) * 100 / friday[-1].close
        assert row_of(page)["change_percent"] == round(change, 2)


def test_indicators_and_patterns_stand_at_the_times_of_the_candles(server):
    query = {"symbol": "005930", "interval": 5, "limit": 50}
    found = get(server, "indicators", names="sma20,rsi14,macd,bbands,vwap", **query).json()
    shown = candles(server, 5, limit=50)
    times = [c["time"] for c in shown]
    assert found["times"] == times and {len(line) for line in found["lines"].values()} == {50}
    assert found["lines"]["sma20"][-1] == sum(c["close"] for c in shown[-20:]) / 20
    assert None not in found["lines"]["rsi14"]  # fed with what stands before them
    assert get(server, "indicators", names="sma20", symbol="035420").json()["lines"] == {"sma20": []}
    marks, whole = (get(server, "patterns", **query | {"limit": limit}).json() for limit in (50, 150))
    assert marks and marks == [mark for mark in whole if mark["time"] in times]  # fed, too
    assert {tuple(mark) for mark in marks} == {("time", "name", "label", "direction")}


def test_alerts_of_some_days_the_newest_first(any_database, any_store):
    with serving(any_database) as page:
        assert get(page, "alerts", from_=FRIDAY, to=MONDAY).json() == []  # no table yet
        early = KeptAlert("급등락", "005930", 1, datetime(2026, 11, 20, 9), "warning", "+3.14%", 3.14)
        late = early._replace(symbol="000660", timestamp=datetime(2026, 11, 23, 15, 30))
        ours = early._replace(rule="no_candle", symbol="", timestamp=datetime(2026, 11, 20, 10))
        with closing(open_alerts(any_database, page.clock)) as table:
            table.keep([early, late, ours, early._replace(symbol="999999")], page.clock.now())
        found = get(page, "alerts", from_=FRIDAY, to=MONDAY).json()
        assert [one["symbol"] for one in found] == ["000660", "", "005930"]  # not of a symbol that is not shown
        assert found[2].pop("rang_at").startswith("2026-11-23T16:0") and found[1]["name"] == "수집"
        assert found[2] == {
            "time": "2026-11-20T09:00:00+09:00", "symbol": "005930", "name": "삼성전자", "rule": "급등락",
            "interval": 1, "severity": "warning", "text": "+3.14%", "value": 3.14,
        }  # fmt: skip
        assert [one["symbol"] for one in get(page, "alerts", from_=FRIDAY, to=FRIDAY).json()] == ["", "005930"]


def test_a_bad_question_is_answered_in_a_line(server):
    query = {"symbol": "005930", "from": FRIDAY, "to": MONDAY}
    for path, wrong, code in (
        ("candles", {"symbol": "999999"}, 404), ("candles", {"symbol": ""}, 400), ("candles", {"interval": 2}, 400),
        ("candles", {"limit": 0}, 400), ("candles", {"limit": 5001}, 400), ("candles", {"from": "2026-13-01"}, 400),
        ("candles", {"to": "x' OR 1=1"}, 400), ("candles", {"to": "2026-11-19"}, 400), ("coverage", {"from": ""}, 400),
        ("coverage", {"from": "x\ny"}, 400), ("coverage", {"from": "2020-01-01"}, 400),
        ("coverage", {"symbols": "005930,999999"}, 404), ("coverage", {"symbols": "<b>\n"}, 404),
        ("indicators", {"names": "nothing"}, 400), ("indicators", {"names": ",".join(["sma20"] * 21)}, 400),
    ):  # fmt: skip
        answer = get(server, path, **query | wrong)
        assert (answer.status_code, len(answer.text.splitlines())) == (code, 1), wrong


def test_select_is_all_it_needs(mariadb):
    """The rights of a MySQL user who may only read."""
    database = mariadb.fresh()
    with closing(open_store(database, Clock())) as mysql:
        mysql.preflight()
        filled(mysql)
        mysql._read("CREATE USER IF NOT EXISTS looker@'%' IDENTIFIED BY 'only'")
        mysql._read(f"GRANT SELECT ON `{database.name}`.* TO looker@'%'")
        with serving(replace(database, user="looker", password="only")) as found:
            assert len(candles(found, 1)) == 400
            assert get(found, "alerts", from_=FRIDAY, to=MONDAY).json() == []
    mariadb.drop(database)


def test_headers_and_static_files(server):
    answer = requests.get(server.url, timeout=5)
    assert answer.status_code == 200 and "data-interval" in answer.text
    policy, headers = answer.headers["Content-Security-Policy"], answer.headers
    assert "unsafe" not in policy and "default-src 'none'" in policy and "Access-Control-Allow-Origin" not in headers
    assert headers["X-Content-Type-Options"] == "nosniff" and headers["Referrer-Policy"] == "no-referrer"
    for path in ("static/../server.py", "static/%2e%2e/server.py", "static/..%2fserver.py", "static/nothing.js", "x"):
        with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)) as connection:
            connection.request("GET", f"/{path}")  # requests would tidy it
            assert connection.getresponse().status == 404
    assert requests.get(server.url, headers={"If-None-Match": headers["ETag"]}, timeout=5).status_code == 304
    assert sum(len(file.zipped) for file in read_files().values()) <= 180_000, "scripts and library are light"


def test_the_page_reads_the_state_and_monitors_the_health(tmp_path, server):
    server.health = ({"healthy": False, "message": "❌ gone"}, False)
    state, health = get(server, "state"), requests.get(f"{server.url}health", timeout=5)
    assert (state.status_code, health.status_code) == (200, 503)
    assert state.json()["message"] == health.json()["message"] == "❌ gone"
    settings, clock = demo_settings("http://127.0.0.1:1", tmp_path), Clock()
    assert health_of(settings, clock)()[1] is False
    status_file.write(tmp_path, "once", clock.now(), clock.now() - timedelta(seconds=2))  # two hosts' clocks differ
    status, healthy = health_of(settings, clock)()
    assert healthy and status["state"] == "once" and json.dumps(status)
