"""The settle on a fake clock: it takes away nothing that was proven, and doubt costs a mark, never the data."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
from backfill_tools import coverage, execute, insert, stored_rows, true_rows
from kinds import shown
from updater_tools import FRIDAY, assert_provisional, at

from kis_simulator.faults.inconsistencies import INCONSISTENCIES

pytestmark = pytest.mark.usefixtures("short_week")
PROFILES = {"005930": "liquid", "000660": "medium", "373220": "illiquid"}
SATURDAY = date(2026, 11, 21)
USUAL = {"profiles": PROFILES, "every": {1: 5, 5: 5, 15: 15}}


def watch(day, *moments):
    """At these moments nothing that had been proven may be missing; the moments that were looked at."""
    looked = []

    def look():
        for symbol in day.symbols:
            assert_provisional(day, symbol, at(15, 31))
        looked.append(day.clock.now())

    for moment in moments:
        day.clock.plan(moment, look)
    return looked


def note_of_friday(day):
    [(note,)] = execute(day.url, "SELECT note FROM stock_minute_coverage WHERE trade_date = '2026-11-20'")
    return str(note)


@pytest.mark.parametrize(("path", "as_of", "until"), [
    ("*", at(15, 10), at(21, 0)), ("*", at(15, 29, 50), at(7, 20, day=SATURDAY)), ("daily", at(8, 0), at(21, 0)),
], ids=["behind 15:10", "behind the auction, until the morning", "only yesterday's daily candle"])  # fmt: skip
def test_an_authority_that_is_late_takes_nothing_away_and_is_equal_the_next_morning(make, path, as_of, until):
    day = make(at(15, 8), {"005930": "liquid", "373220": "illiquid"})
    day.kis.add_fault("late", path=path, as_of=as_of.replace(tzinfo=None), until=until.replace(tzinfo=None))
    looked = watch(day, at(15, 42), at(15, 55), at(20, 55), at(21, 30), at(7, 10, day=SATURDAY))
    day.sleep(at(21, 40), at(6, 50, day=SATURDAY))
    day.sleep(at(9, 10, day=SATURDAY), at(21, 0, day=SATURDAY))
    day.run(until=at(21, 30, day=SATURDAY))
    day.assert_week()
    assert len(looked) == 5 and not day.lines("문제 시작")


EARLY, FIVE = datetime(2026, 11, 20, 8), datetime(2026, 11, 20, 17)
AUCTION = {"as_of": datetime(2026, 11, 20, 15, 29, 50), "until": FIVE}


@pytest.mark.parametrize(("profile", "oddity", "faults", "evening", "morning"), [
    ("medium", "", {"late": AUCTION}, None, "COMPLETE"),
    ("medium", "", {"late": {"as_of": EARLY, "until": FIVE}, "empty": {"path": "today", "times": 3}}, None, "COMPLETE"),
    ("medium", "halted_no_daily", {}, None, "NO_TRADES"), ("suspended", "", {}, "NO_TRADES", "NO_TRADES"),
    ("illiquid", "halted", {}, "NO_TRADES", "NO_TRADES"),
], ids=["both late", "both late and an empty today", "nothing at all", "fillers", "a daily candle of 0"])  # fmt: skip
def test_started_after_the_close_it_waits_for_a_source_that_has_caught_up(
    make, profile, oddity, faults, evening, morning
):
    """Nothing is stored of today: an empty answer is no word that nothing traded."""
    day = make(at(15, 41), {"000660": profile}, kis={"oddities": {("000660", FRIDAY): oddity}} if oddity else {})
    for kind, options in faults.items():
        day.kis.add_fault(kind, **options)
    day.run(until=at(16, 30))
    assert coverage(day.url).get(("000660", str(FRIDAY))) == evening and not day.lines("문제 시작")
    day.sleep(at(18, 30), at(6, 50, day=SATURDAY))
    day.run(until=at(9, 0, day=SATURDAY))
    assert coverage(day.url)["000660", str(FRIDAY)] == morning
    assert morning == "NO_TRADES" or day.assert_week()


@pytest.mark.parametrize(("as_of", "status", "missing"), [
    (datetime(2026, 11, 20, 15, 10), "UNPROVEN", 11), (EARLY, "PROVISIONAL", 0),
])  # fmt: skip
def test_what_the_authority_lacks_the_next_morning_is_believed_with_the_count_unless_it_is_the_whole_day(
    make, as_of, status, missing
):
    day = make(at(14, 58), {"005930": "liquid"})
    day.kis.add_fault("late", as_of=as_of, until=datetime(2026, 11, 25))
    looked = watch(day, at(7, 20, day=SATURDAY))
    day.sleep(at(16, 30), at(6, 50, day=SATURDAY))
    day.sleep(at(9, 10, day=SATURDAY), at(20, 0, day=SATURDAY))
    day.run(until=at(21, 0, day=SATURDAY))
    assert looked and coverage(day.url)["005930", str(FRIDAY)] == status, "requested again, it still lacks them"
    if missing:
        assert note_of_friday(day).startswith(f"장중에 확인한 {missing}분이 과거 분봉에는 끝내 없음")
        assert str(stored_rows(day.url, "005930")[-1][2]) <= "2026-11-20 15:09:00"
    else:
        assert_provisional(day, "005930", at(15, 31))


@pytest.mark.parametrize("kind", shown(sorted({*INCONSISTENCIES} - {"late"}), "cancelled", "daily_open", "deal"))
def test_a_surprise_through_the_settle_costs_a_mark_and_no_candle(make, kind):
    day = make(at(15, 0))
    day.kis.add_fault(kind, day=FRIDAY)
    day.run(until=at(15, 50))
    statuses = coverage(day.url)
    assert {statuses[symbol, str(FRIDAY)] for symbol in day.symbols} <= {"UNPROVEN", "COMPLETE"}
    assert kind == "deal" or statuses["005930", str(FRIDAY)] == "UNPROVEN"
    for symbol in day.symbols:
        found = [row[:10] for row in stored_rows(day.url, symbol) if row[2].date() == FRIDAY]
        assert found == [row[:10] for row in true_rows(day.kis, symbol, [FRIDAY])]
    assert day.lines("마감 확정 완료") and not day.lines("문제 시작")


def test_once_an_evening_the_marked_days_are_requested_again(make):
    day = make(at(15, 41), {"005930": "liquid", "000660": "medium"})
    for symbol in day.symbols:
        day.kis.add_fault("daily_open", symbol=symbol, day=FRIDAY)
    day.clock.plan(at(19, 0), lambda: day.kis.inconsistencies.pop(0))
    day.run(until=at(20, 5))
    assert len(day.lines("❓")) == 2 and "일봉 시가" in day.lines("❓ 005930")[0]
    calls = day.count("past")
    day.run(until=at(23, 0))
    assert day.count("past") - calls == 8 and day.lines("✅ 005930 2026-11-20: UNPROVEN")
    assert [coverage(day.url)[symbol, str(FRIDAY)] for symbol in day.symbols] == ["COMPLETE", "UNPROVEN"]


def test_a_row_of_others_that_could_be_ours_waits_for_the_morning_and_costs_no_mark(make):
    """A share that fits into the range of the minute behind it: KIS's second answer is whole without it."""
    day = make(at(14, 58), {"000660": "medium"})
    minutes = day.kis.truth("000660", FRIDAY)
    pairs = [(after[0] - timedelta(minutes=1), before[0]) for before, after in pairwise(minutes) if after[2] > after[3]]
    lull = next(minute for minute, before in pairs if minute > before)
    day.clock.plan(at(15, 39, 50), lambda: insert(day.url, "000660", lull, vwap=1))
    day.sleep(at(16, 30), at(6, 50, day=SATURDAY))
    day.run(until=at(7, 20, day=SATURDAY))
    assert coverage(day.url)["000660", str(FRIDAY)] == "PROVISIONAL"
    day.run(until=at(9, 0, day=SATURDAY))
    day.assert_week()
    assert f"과거 분봉에 없는 1분({lull:%H:%M} 등)을 뺌" in note_of_friday(day) and not day.lines("문제 시작")


def test_a_day_whose_only_rows_are_impossible_is_settled_unproven_and_keeps_what_the_session_proved(make):
    day, bad = make(at(14, 58), {"000660": "liquid"}), {"20261120": {"stck_lwpr": "0"}}
    answer = day.kis.endpoints.past
    day.kis.endpoints.past = lambda *query, **options: [
        row | bad.get(row["stck_bsop_date"], {}) for row in answer(*query, **options)
    ]
    day.run(until=at(15, 58))
    assert coverage(day.url)["000660", str(FRIDAY)] == "UNPROVEN"
    assert day.lines("마감 확정 완료") and not day.lines("문제 시작")
    held = [row[:10] for row in stored_rows(day.url, "000660", FRIDAY) if row[1] == "ONE_MINUTE"]
    truth = [row[:10] for row in true_rows(day.kis, "000660", [FRIDAY]) if row[1] == "ONE_MINUTE"]
    assert held == truth[1:], "nothing stands before the first one to prove it"
