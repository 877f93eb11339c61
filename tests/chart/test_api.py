"""The chart's answers over a real table: any interval, states, the list; and who is let in."""

import http.client
import json
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import requests
from chart_testing import FRIDAY, MONDAY, NAMES, Server, filled, put, serving
from store_testing import CALENDAR, minutes, windows
from updater_tools import wait_until

from minute_candles.chart.files import read_files
from minute_candles.chart.server import health_of
from minute_candles.config.settings import Database, demo_settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreError
from minute_candles.core.kst import KST
from minute_candles.monitoring import status_file
from minute_candles.storage.store import CandleReader, KeptAlert, Store, open_alerts, open_reader, open_store


@pytest.fixture
def page(any_database: Database, any_store: Store) -> Iterator[Server]:
    filled(any_store)
    with serving(any_database) as found:
        yield found


def get(page: Server, path: str, **query: object) -> requests.Response:
    return requests.get(page.url + path, params={k: str(v) for k, v in query.items()}, timeout=10)


def candles(page: Server, interval: object, **query: object) -> list[dict]:
    answer = get(page, "api/candles", symbol="005930", interval=interval, **query)
    assert answer.status_code == 200, answer.text
    return answer.json()["candles"]


def test_every_interval_follows_from_the_minutes(page):
    for interval in (1, 3, 5, 10, 15, 30, 60):
        for day in (FRIDAY, MONDAY):
            ones = minutes(CALENDAR.session(day), day.day)
            wanted = windows(ones, interval)
            told = candles(page, interval, **{"from": day, "to": day})
            assert [(c["time"], c["open"], c["high"], c["low"], c["close"], c["volume"]) for c in told] == [
                (f"{c.timestamp.isoformat()}+09:00", *c[1:6]) for c in wanted
            ]
    days = candles(page, "day")
    assert [c["time"] for c in days] == ["2026-11-20T00:00:00+09:00", "2026-11-23T00:00:00+09:00"]
    assert days[1]["close"] == candles(page, 1)[-1]["close"]
    weeks, months = candles(page, "week"), candles(page, "month")
    assert [(c["time"][:10], c["status"]) for c in weeks] == [("2026-11-16", "PROVISIONAL"), ("2026-11-23", "RUNNING")]
    assert [(c["time"][:10], c["status"]) for c in months] == [("2026-11-01", "RUNNING")]
    assert (months[0]["open"], months[0]["volume"]) == (days[0]["open"], sum(c["volume"] for c in days))
    assert candles(page, "week", **{"from": FRIDAY, "to": FRIDAY}) == weeks[:1], "whole, though cut by the range"


def test_a_candle_says_what_is_known_of_it(page):
    told = candles(page, 1, limit=400)
    assert len(told) == 400
    assert {c["status"] for c in told if c["time"].startswith(str(MONDAY))} == {"UNPROVEN"}
    assert {c["status"] for c in told if c["time"].startswith(str(FRIDAY))} == {"COMPLETE"}
    assert told[-1]["vwap"] is None or isinstance(told[-1]["vwap"], float)
    days = get(page, "api/days", symbol="005930", **{"from": "2026-11-19", "to": MONDAY}).json()
    assert [(d["day"], d["status"], d["note"], d["minutes"]) for d in days] == [
        ("2026-11-19", "MISSING", None, 0),
        ("2026-11-20", "COMPLETE", None, 381),
        ("2026-11-23", "UNPROVEN", "이유", 381),
    ]  # fmt: skip
    assert (days[0]["open"], days[0]["close"]) == ("10:00", "16:30")  # the CSAT day


def test_a_day_that_lost_rows_is_verified_nowhere(any_database, any_store):
    """Its coverage row counted 381: whatever shows the day says what `--status` says."""
    filled(any_store)
    any_store._connection.transaction(
        lambda run: run(
            "DELETE FROM stock_minute_prices WHERE stock_symbol = '005930' AND minute_interval = 'ONE_MINUTE'"
            " AND timestamp IN ('2026-11-20 10:15:00', '2026-11-23 10:15:00')"
        )
    )
    with serving(any_database) as page:
        for interval in (1, 5, 10, 60, "day"):
            for first in (FRIDAY, "2026-10-01"):  # a short chart is counted, a long one when it is folded
                if interval in (1, 5) and first != FRIDAY:
                    continue
                states = {one["status"] for one in candles(page, interval, **{"from": first, "to": MONDAY})}
                assert states == {"PROVISIONAL"}, interval
        days = get(page, "api/days", symbol="005930", **{"from": FRIDAY, "to": FRIDAY}).json()
        rows = {row["symbol"]: row["status"] for row in get(page, "api/symbols").json()}
    assert [(d["status"], d["note"], d["minutes"]) for d in days] == [
        ("PROVISIONAL", "확인할 때보다 1분봉 1건이 적습니다", 380)
    ]
    assert rows == {"005930": "PROVISIONAL", "000660": "UNPROVEN", "035420": "MISSING"}


def test_the_newest_come_without_a_range_and_the_oldest_are_cut(page):
    assert len(candles(page, 3)) == 256
    assert candles(page, 3, limit=5) == candles(page, 3)[-5:]
    assert len(candles(page, 1, to=FRIDAY, limit=5000)) == 381


def test_a_window_that_is_not_over_is_running(any_database, any_store):
    ones = [one for one in minutes(CALENDAR.session(MONDAY)) if (one.timestamp.hour, one.timestamp.minute) < (10, 2)]
    put(any_store, "005930", ones)
    with serving(any_database, at=datetime(2026, 11, 23, 10, 2, 5, tzinfo=KST)) as page:
        assert [c["status"] for c in candles(page, 3)][-2:] == ["PROVISIONAL", "RUNNING"]
        assert candles(page, 1)[-1]["status"] == "PROVISIONAL"
        assert candles(page, "day")[-1]["status"] == "RUNNING"


def test_the_list_is_told_the_most_traded_first(page):
    rows = get(page, "api/symbols").json()
    assert sorted(row["symbol"] for row in rows) == sorted(NAMES)
    assert rows[-1] | {"name": ""} == rows[-1] | {
        "price": None,
        "change_percent": None,
        "status": "MISSING",
        "name": "",
    }
    assert rows[0]["turnover"] >= rows[1]["turnover"] > 0
    row = next(row for row in rows if row["symbol"] == "005930")
    friday, monday = (minutes(CALENDAR.session(day), day.day)[-1].close for day in (FRIDAY, MONDAY))
    assert (row["price"], row["status"]) == (monday, "UNPROVEN")
    assert row["change_percent"] == round((monday - friday) * 100 / friday, 2)


def test_the_list_follows_what_is_stored(any_database, any_store):
    """The next minute is in it a second later, and a day before that was filled in meanwhile."""
    ones = minutes(CALENDAR.session(MONDAY), 7)
    put(any_store, "005930", ones[:60])
    with serving(any_database, at=datetime(2026, 11, 23, 10, 2, 5, tzinfo=KST)) as page:

        def row() -> dict:
            return next(row for row in get(page, "api/symbols").json() if row["symbol"] == "005930")

        first = row()
        assert (first["price"], first["change_percent"]) == (ones[59].close, None)
        put(any_store, "005930", ones[:62])
        wait_until(lambda: row()["price"] == ones[61].close, 5)
        assert row()["trace"] == [one.close for one in windows(ones[:62], 15)] and row()["turnover"] > first["turnover"]
        friday = minutes(CALENDAR.session(FRIDAY), 3)
        put(any_store, "005930", friday, "COMPLETE")
        wait_until(lambda: row()["previous_close"] == friday[-1].close, 5)
        assert row()["change_percent"] == round((ones[61].close - friday[-1].close) * 100 / friday[-1].close, 2)


def test_indicators_stand_at_the_times_of_the_candles(lite):
    asked = {"symbol": "005930", "interval": 5, "limit": 50}
    told = get(lite, "api/indicators", names="sma20,rsi14,macd,bbands,vwap", **asked).json()
    shown = candles(lite, 5, limit=50)
    assert told["times"] == [c["time"] for c in shown]
    assert {len(line) for line in told["lines"].values()} == {50}
    assert told["lines"]["sma20"][-1] == sum(c["close"] for c in shown[-20:]) / 20
    assert None not in told["lines"]["rsi14"]  # fed with what stands before them
    assert get(lite, "api/indicators", names="sma20", symbol="035420").json()["lines"] == {"sma20": []}
    for names in ("", "nothing", ",".join(["sma20"] * 21)):
        assert get(lite, "api/indicators", names=names, **asked).status_code == 400


def test_a_candle_stored_between_two_reads_shifts_no_line(lite, monkeypatch):
    """The times are read first, then what feeds the lines: one more candle by then."""
    asked = {"symbol": "005930", "interval": 1, "names": "sma20"}
    wanted = get(lite, "api/indicators", limit=50, **asked).json()
    real = CandleReader.candles

    def older(view, symbol, interval, first, last, limit, **rest):
        found = real(view, symbol, interval, first, last, limit + (limit == 49), **rest)
        return found[:-1] if limit == 49 else found

    monkeypatch.setattr(CandleReader, "candles", older)
    told = get(lite, "api/indicators", limit=49, **asked).json()
    assert told["times"] == wanted["times"][:-1]
    assert told["lines"]["sma20"] == wanted["lines"]["sma20"][:-1]


def test_patterns_are_those_of_the_candles_that_are_shown(lite):
    asked = {"symbol": "005930", "interval": 5, "limit": 50}
    told = get(lite, "api/patterns", **asked).json()
    whole = get(lite, "api/patterns", **asked | {"limit": 150}).json()
    times = [c["time"] for c in candles(lite, 5, limit=50)]
    assert told and told == [mark for mark in whole if mark["time"] in times]  # the first is fed with what is before it
    assert {tuple(mark) for mark in told} == {("time", "name", "label", "direction")}
    assert {mark["direction"] for mark in told} <= {"up", "down", "none"}
    assert get(lite, "api/patterns", symbol="035420").json() == []
    assert get(lite, "api/patterns", symbol="999999").status_code == 404


def test_alerts_of_some_days_the_newest_first(any_database, any_store):
    with serving(any_database) as page:
        asked = {"from": FRIDAY, "to": MONDAY}
        assert get(page, "api/alerts", **asked).json() == []  # no table yet
        table = open_alerts(any_database, page.clock)
        early = KeptAlert("급등락", "005930", 1, datetime(2026, 11, 20, 9), "warning", "5분 동안 +3.14%", 3.14)
        late = early._replace(symbol="000660", timestamp=datetime(2026, 11, 23, 15, 30), interval=5, severity="info")
        ours = early._replace(rule="no_candle", symbol="", timestamp=datetime(2026, 11, 20, 10))
        table.keep([early, late, ours, early._replace(symbol="999999")], page.clock.now())
        table.close()
        told = get(page, "api/alerts", **asked).json()
        assert [one["symbol"] for one in told] == ["000660", "", "005930"]  # not of a symbol that is not shown
        assert told[2].pop("rang_at").startswith("2026-11-23T16:0")
        assert told[1]["name"] == "수집" and told[2] == {
            "time": "2026-11-20T09:00:00+09:00", "symbol": "005930", "name": "삼성전자", "rule": "급등락",
            "interval": 1, "severity": "warning", "text": "5분 동안 +3.14%", "value": 3.14,
        }  # fmt: skip
        told = get(page, "api/alerts", **{"from": FRIDAY, "to": FRIDAY}).json()
        assert [one["symbol"] for one in told] == ["", "005930"]
        for wrong in ({}, {"from": FRIDAY}, {"from": MONDAY, "to": FRIDAY}, {"from": "x", "to": FRIDAY}):
            assert get(page, "api/alerts", **wrong).status_code == 400


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"symbol": "999999", "interval": 1}, 404), ({"interval": 1}, 400), ({"symbol": "005930", "interval": 2}, 400),
        ({"symbol": "005930", "limit": 0}, 400), ({"symbol": "005930", "limit": 5001}, 400),
        ({"symbol": "005930", "from": "2026-13-01"}, 400), ({"symbol": "005930", "to": "x' OR 1=1"}, 400),
        ({"symbol": "005930", "from": "2026-11-23", "to": "2026-11-20"}, 400),
    ],
)  # fmt: skip
def test_a_bad_question_is_told_in_a_line(lite, query, code):
    answer = get(lite, "api/candles", **query)
    assert (answer.status_code, len(answer.text.splitlines())) == (code, 1)


def test_a_reader_never_makes_a_writer_wait(database, lite):
    """A read that is under way takes no lock a SQLite writer needs, and the reader cannot write at all."""
    view, store = open_reader(database, Clock(), patience=0), open_store(database, Clock(), patience=0)
    began = time.monotonic()
    view._connection.transaction(lambda run: (run("SELECT 1"), put(store, "035420", minutes(CALENDAR.session(FRIDAY)))))
    assert time.monotonic() - began < 3
    with pytest.raises(StoreError):
        view._connection.transaction(lambda run: run("DELETE FROM stock_minute_prices"))
    view.close()
    store.close()


def test_select_is_all_it_needs(server):
    """The rights of a MySQL user who may only read."""
    database = server.fresh()
    store = open_store(database, Clock())
    store.preflight()
    filled(store)
    reader = replace(database, user="looker", password="only")
    store._read("CREATE USER IF NOT EXISTS looker@'%' IDENTIFIED BY 'only'")
    store._read(f"GRANT SELECT ON `{database.name}`.* TO looker@'%'")
    with serving(reader) as found:
        assert len(candles(found, 1)) == 400
        assert get(found, "api/alerts", **{"from": FRIDAY, "to": MONDAY}).json() == []
    store.close()
    server.drop(database)


def test_headers_and_static_files(lite):
    answer = requests.get(lite.url, timeout=5)
    assert answer.status_code == 200 and "data-interval" in answer.text
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy and "default-src 'none'" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and answer.headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in answer.headers
    for path in ("static/../server.py", "static/%2e%2e/server.py", "static/..%2fserver.py", "static/nothing.js", "x"):
        assert raw(lite, "/" + path) == 404
    again = requests.get(lite.url, headers={"If-None-Match": answer.headers["ETag"]}, timeout=5)
    assert again.status_code == 304


def raw(page: Server, path: str) -> int:
    """A path as it is: requests would tidy it."""
    with closing(http.client.HTTPConnection(page.url[7:-1], timeout=5)) as connection:
        connection.request("GET", path)
        return connection.getresponse().status


def test_own_scripts_and_library_are_light(lite):
    assert sum(len(file.zipped) for file in read_files().values()) <= 150_000


def test_health_is_what_status_says(tmp_path):
    settings, clock = demo_settings("http://127.0.0.1:1", tmp_path), Clock()
    assert health_of(settings, clock)()[1] is False
    status_file.write(tmp_path, "once", clock.now(), clock.now() + timedelta(minutes=5))
    status, healthy = health_of(settings, clock)()
    assert healthy and status["state"] == "once" and json.dumps(status)
    status_file.write(tmp_path, "trading", clock.now(), clock.now() - timedelta(seconds=2))
    assert status_file.render(status_file.read(tmp_path), clock.now())[1], "two hosts' clocks differ"


def test_the_page_asks_for_the_state_and_monitors_for_the_health(lite):
    lite.health = ({"healthy": False, "message": "❌ gone"}, False)
    assert (get(lite, "api/state").status_code, get(lite, "health").status_code) == (200, 503)
    assert get(lite, "api/state").json()["message"] == get(lite, "health").json()["message"] == "❌ gone"
