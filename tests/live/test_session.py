"""Whole days of the updater on a fake clock: at the end the table equals what traded, and never runs ahead of it."""

import threading
import time
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise
from unittest.mock import Mock

import pytest
from backfill_tools import coverage, execute, insert, stored_rows
from updater_tools import FRIDAY, MINUTES, assert_provisional, at

from kis_simulator.faults.faults import CODES, ROWS
from kis_simulator.faults.server_behaviour import ServerBehaviour
from minute_candles.live.round import Round
from minute_candles.live.symbol_locks import SymbolLocks

TWO = {"005930": "liquid", "373220": "illiquid"}
CSAT = date(2026, 11, 19)
SELDOM = {1: 5, 5: 5, 15: 15}
WAYS = ("fillers", "late_rows", "past_running", "cut_half_ticks", "evening_daily", "unquoted")
AS_IT_IS = ServerBehaviour(**dict.fromkeys(WAYS, True))
pytestmark = pytest.mark.usefixtures("short_week")
KEYS = {"egw00103", "egw00105", "egw00133", "egw00206", "egw00207", "egw00304", "egw02004", "egw02006", "egw02007"}
USUAL = {"profiles": TWO}


def test_the_csat_day_trades_from_ten_to_half_past_four(make):
    day = make(at(9, 50, day=CSAT), every=SELDOM)
    day.run(until=at(16, 50, day=CSAT))
    day.assert_week(CSAT)
    assert day.lines("🔔") == ["🔔 2026-11-19 장 (10:00~16:30) 갱신을 시작합니다."]
    assert "10:00" in day.rounds()[0]
    assert {moment.second for moment, _, line in day.log if "1분봉 " in line} == {0, 3}, "without drift"


@pytest.mark.parametrize(("start", "last"), [(at(15, 40), FRIDAY), (at(3, 0), CSAT)])
def test_started_outside_a_session_it_settles_at_once_and_says_when_it_wakes(make, start, last):
    day = make(start)
    day.run(until=start + timedelta(minutes=20))
    day.assert_week(last)
    assert len(day.lines("💤 다음 장")) == 1 and day.lines("🌙")


def test_the_look_back_stops_ten_minutes_before_the_open(make):
    day = make(at(8, 49), rate_limit=0.5)
    day.run(until=at(9, 0))
    assert day.count("past") and not day.count("past", since=at(8, 50, 45))


@pytest.mark.slow
@pytest.mark.parametrize("server", ["mariadb", pytest.param("mysql", marks=pytest.mark.load)], indirect=True)
def test_a_day_of_faults_and_a_dead_token_database_and_kis(make, own_server, database):
    """Answers are faulty in every way; each outage is reported once as it begins and as it ends."""
    day = make(at(8, 50), {"005930": "liquid", "000660": "medium", "373220": "illiquid"}, database=database)
    kinds = ["reset", "reset_amid", "truncated", "hang", "non_json", *sorted(set(CODES) - KEYS), *ROWS]
    for kind in kinds:  # no refused keys, which end a round; that a day's last row is hidden nothing can prove
        day.kis.add_fault(kind, rate=0.2 / len(kinds), path="today" if kind == "missing_rows" else "*")
    for moment, event in (
        (at(10, 0, 30), day.kis.down), (at(10, 30, 30), lambda: day.kis.down(False)),
        (at(12, 0), day.kis.expire_tokens), (at(13, 0, 30), own_server.kill), (at(13, 10, 30), own_server.start),
    ):  # fmt: skip
        day.clock.plan(moment, event)
    day.run(until=at(8, 0, day=date(2026, 11, 21)))
    day.kis.clear_faults()
    day.assert_week()
    for key in ("KIS", "DB"):
        assert len(day.lines(f"{key} 문제 시작")) == len(day.lines(f"{key} 복구")) == 1, day.lines(key)
    assert not day.service.session.incidents.current


FULL = "CREATE TRIGGER full BEFORE INSERT ON stock_minute_prices BEGIN SELECT RAISE(ABORT, 'disk is full'); END"
TROUBLES = [
    ("005930", lambda day: day.kis.add_fault("egw00316", symbol="005930"), lambda day: day.kis.clear_faults()),
    ("KIS", lambda day: day.kis.add_fault("http500_empty", status=403), lambda day: day.kis.clear_faults()),
    ("DB", lambda day: execute(day.url, FULL), lambda day: execute(day.url, "DROP TRIGGER full")),
    ("업데이터", lambda day: setattr(day.service.session, "round", Mock(side_effect=ZeroDivisionError)),
     lambda day: vars(day.service.session).pop("round")),
]  # fmt: skip


@pytest.mark.parametrize(("key", "begin", "end"), TROUBLES, ids=["a symbol", "403", "a full disk", "a bug"])
def test_a_trouble_is_reported_once_and_afterwards_all_is_whole(make, key, begin, end):
    """One symbol has nothing to write."""
    day = make(at(9, 55), {"005930": "liquid", "018880": "suspended"})
    day.clock.plan(at(10, 5, 30), lambda: begin(day))
    day.clock.plan(at(10, 15, 30), lambda: end(day))
    day.run(until=at(10, 31))
    assert len(day.lines("문제 시작")) == len(day.lines(f"{key} 문제 시작")) == len(day.lines(f"{key} 복구")) == 1
    assert key != "KIS" or len([line for moment, _, line in day.log if at(10, 6) <= moment < at(10, 15)]) <= 3
    assert_provisional(day, "005930", at(10, 30), tuple(MINUTES))


@pytest.mark.parametrize(("slept_at", "woke_at"), [(at(10, 5, 30), at(13, 0, 20)), (at(14, 0, 30, day=CSAT), at(11))])
def test_a_laptop_that_slept_heals_what_it_missed(make, slept_at, woke_at):
    day = make(slept_at - timedelta(minutes=5), every=SELDOM)
    day.clock.plan(slept_at, lambda: day.clock.jump(woke_at))
    day.run(until=at(15, 45))
    day.assert_week()


def test_a_clock_that_runs_ahead_stores_nothing_early_and_goes_on_when_it_is_set_back(make):
    """Ours jumps twenty minutes ahead of KIS's; at 10:10 of KIS somebody sets it right."""
    day, ahead, last = make(at(10, 0)), timedelta(minutes=20), []

    def jump():
        day.kis._now = lambda: day.clock.now() - ahead
        day.clock.jump(at(10, 5, 20) + ahead)

    def set_right():
        last.append(stored_rows(day.url, "005930")[-1][2].minute)
        day.kis._now = day.clock.now
        day.clock.jump(at(10, 10))
        day.clock.plan(at(10, 40), day.clock.stop.set)

    day.clock.plan(at(10, 5, 20), jump)
    day.clock.plan(at(10, 9, 50) + ahead, set_right)
    day.run(until=at(12, 0))
    assert last == [8], "by KIS's clock"
    assert not day.watcher.wrong and day.clock.now() < at(10, 42)
    assert stored_rows(day.url, "005930")[-1][2] == datetime(2026, 11, 20, 10, 38)
    assert "약 20분 빠릅니다" in day.lines("시계 문제 시작")[0]
    assert len(day.lines("시계 문제 시작")) == len(day.lines("시계 복구")) == 1


def test_a_host_that_runs_ahead_over_the_close_does_not_settle_a_running_day(make):
    day = make(at(14, 0), every=SELDOM)
    day.kis._now = lambda: day.clock.now() - timedelta(hours=2)
    day.clock.jump(at(16, 0))
    day.run(until=at(16, 30))
    assert coverage(day.url).get(("005930", str(FRIDAY))) in (None, "PROVISIONAL")
    day.run(until=at(18, 0))  # 16:00 at KIS
    assert coverage(day.url)["005930", str(FRIDAY)] == "COMPLETE"


def test_a_slower_cadence_delays_and_never_skips(make):
    """Started off the grid: the ten-minute job stands on the wall clock."""
    day, counts = make(at(10, 3), {"005930": "liquid"}, every={1: 1, 5: 10, 15: 30}), []
    for minute in (9, 11, 19, 21, 31):
        day.clock.plan(at(10, minute), lambda: counts.append(Counter(row[1] for row in stored_rows(day.url, "005930"))))
    day.run(until=at(10, 32))
    assert [one["FIVE_MINUTES"] for one in counts] == [12, 14, 14, 16, 18]
    assert [one["FIFTEEN_MINUTES"] for one in counts] == [4, 4, 4, 4, 6]


def test_who_was_left_over_goes_first_and_nobody_waits_long(make):
    """Forty symbols at one call in four seconds: fourteen a round. A window that was due meanwhile is not lost."""
    names = [f"{n:06d}" for n in range(40)]
    day = make(at(9, 5), names, "illiquid", rate_limit=0.25, active=5)
    day.run(until=at(9, 25))
    charts = [request for request in day.kis.requests if "itemchart" in request.path]
    for name in names:
        visits = [request.at for request in charts if request.params["FID_INPUT_ISCD"] == name]
        assert max(later - earlier for earlier, later in pairwise(visits)) < 6 * 60
    assert_provisional(day, names[-1], at(9, 20), tuple(MINUTES))
    assert any("다음 라운드로" in line for line in day.rounds())


def test_a_restart_pages_back_to_what_it_has_read_itself_whoever_wrote_since(make):
    """The backend writes into the same table: its newest row says nothing of the minutes before it."""
    day = make(at(14, 0), {"005930": "liquid", "000660": "liquid"})
    day.run(until=at(14, 0, 40))
    assert (day.count("today"), day.count("past")) == (2, 6)
    day.clock.jump(at(14, 10, 30))
    day.run(until=at(14, 10, 50))
    assert (day.count("today"), day.count("past")) == (4, 6)
    insert(day.url, "005930", "2026-11-20 14:29:00")
    day.clock.jump(at(14, 30, 10))
    day.run(until=at(14, 31))
    assert_provisional(day, "005930", at(14, 30))


@pytest.mark.parametrize(("counts", "mark"), [
    ({}, "ℹ️"), ({"calls": 3}, "✅"), ({"streamed": 3}, "✅"), ({"calls": 3, "errors": 1}, "⚠️"), ({"left": 1}, "⚠️"),
])  # fmt: skip
def test_a_round_that_requested_nothing_is_no_success(counts, mark):
    line = Round(datetime(2026, 11, 20, 10, 31), **counts).line(due=())
    assert line.startswith(f"{mark} 10:31") and ("묻지 않음" in line) == (not counts)


def test_a_symbol_that_hangs_is_passed_by_and_a_short_write_is_waited_for():
    locks, is_held, started = SymbolLocks(), threading.Event(), time.monotonic()
    with locks.exclusive("005930") as first:
        for _ in range(2):  # the end of the second one frees nothing
            with locks.exclusive("005930") as second, locks.exclusive("000660") as other:
                assert first and not second and other
    assert time.monotonic() - started < 1

    def write():
        with locks.exclusive("005930", brief=True):
            is_held.set()
            time.sleep(0.3)

    threading.Thread(target=write, daemon=True).start()
    is_held.wait(5)
    with locks.exclusive("005930") as free:
        assert free


def test_what_today_shows_late_is_fetched_when_it_shows(make):
    """Before the settle the day is whole; after it, equal."""
    profiles = {"005930": "brisk", "000660": "medium", "373220": "illiquid", "900001": "call_auction"}
    day = make(at(14, 30, 20), profiles, every={1: 2, 5: 5, 15: 15}, kis={"behaviour": AS_IT_IS})
    day.clock.plan(at(15, 39, 50), lambda: [assert_provisional(day, symbol, at(15, 39)) for symbol in profiles])
    day.run(until=at(15, 45))
    day.assert_week()
    assert not day.lines("문제 시작")


@pytest.mark.parametrize(("profile", "more"), [("suspended", 0), ("illiquid", 5 * 3)])
def test_names_that_do_not_trade_cost_a_round_one_call_each(make, profile, more):
    """`more`: back to the minute last known to trade, once a trade."""
    quiet = dict.fromkeys([f"90{number:04}" for number in range(5)], profile)
    day = make(at(11, 0, 20), {"005930": "liquid", **quiet}, kis={"behaviour": AS_IT_IS})
    day.run(until=at(11, 1))
    before, rounds = day.count("today"), len(day.rounds())
    day.run(until=at(11, 31))
    assert day.count("today") - before <= (len(day.rounds()) - rounds) * 6 + more
    assert day.count("daily") <= 5 * 6, "every ten minutes whether they are kept back, once more whether known"
