"""Plan and collection of symbol-days, against the simulator and a SQLite store: what is believed, and what is not."""

import threading
from collections.abc import Callable
from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from typing import Any

import pytest
from backfill_tools import until
from kis_testing import CALENDAR, CSAT, FRIDAY, LIQUID, SPAN, WEDNESDAY, FakeClock, World, raw
from store_testing import at_once

from minute_candles.core.errors import SourceError
from minute_candles.kis.parse import minute_rows
from minute_candles.market.day_status import COMPLETE, NO_TRADES
from minute_candles.verification.answer_history import AnswerHistory
from minute_candles.verification.daily_reference import DailyCandles
from minute_candles.verification.past_pages import read_page

RARE = "900001"
PROFILES = {LIQUID: "liquid", RARE: "illiquid", "900120": "exact120", "900240": "exact240", "900002": "medium"}


@pytest.fixture
def world(tmp_path):
    """Makes a simulator, a store and a collector; all ends with the test."""
    with ExitStack() as made:
        yield lambda span=SPAN, **options: made.enter_context(
            closing(World(tmp_path, FakeClock(), span, **{"profiles": PROFILES, **options}))
        )


class TestDay:
    def test_costs_four_calls_and_one_for_the_daily_candles_and_the_same_again_changes_nothing(self, world):
        here = world()
        assert here.collect() == here.collect() and here.is_true()
        assert (here.sim.calls("past"), here.sim.calls("daily")) == (8, 1)

    @pytest.mark.parametrize("symbol", PROFILES)
    def test_of_every_profile_equals_what_traded(self, world, symbol):
        """Two symbols, late and off the grid; the rest of the oddities: tests/backfill/test_runner.py."""
        here = world(oddities={(LIQUID, WEDNESDAY): "late", ("900002", WEDNESDAY): "off_grid"})
        for day in (WEDNESDAY, CSAT):
            here.collect(symbol, day)
            assert here.is_true(symbol, day) and here.coverage(symbol, day).status in (COMPLETE, NO_TRADES)

    @pytest.mark.parametrize("symbol", ["900120", "900240"])
    def test_of_exactly_full_pages_survives_an_empty_page_behind_them(self, world, symbol):
        here = world()
        here.sim.add_fault("empty", path="past", after=1, times=3)
        here.collect(symbol)
        assert here.is_true(symbol)


BAD = ["negative_price", "absurd_price", "low_above_open", "shape_missing", "shape_numbers", "duplicate_conflict"]
PASSING = [
    ("empty", "past", 1, 2), ("empty", "past", 3, 2), ("empty", "daily", 0, 2), ("wrong_day", "past", 0, 1),
    ("wrong_day", "past", 2, 2), ("missing_rows", "past", 0, 1), ("duplicate_conflict", "past", 2, 1),
    *[(kind, "daily", 0, 1) for kind in ("wrong_day", "shape_missing", "duplicate_conflict", "shape_list")],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "path", "after", "times"), PASSING)
def test_what_is_wrong_once_or_twice_is_requested_again(world, kind, path, after, times):
    here = world()
    here.sim.add_fault(kind, path=path, after=after, times=times, **({"share": 0.1} if kind == "missing_rows" else {}))
    here.collect()
    assert here.is_true() and here.coverage().note is None


def other_auction(name, params, rows):
    is_later = name == "past" and params["FID_INPUT_HOUR_1"] < "150000"
    return [*rows, {**rows[0], "stck_cntg_hour": "153000", "cntg_vol": "1"}] if is_later else rows


def daily_with(**changes):
    return lambda name, params, rows: [{**row, **changes} for row in rows] if name == "daily" else rows


STAYS: dict[str, Any] = {
    "a row is missing": (lambda name, params, rows: [r for r in rows if r.get("stck_cntg_hour") != "110500"], "11:06"),
    "rows differ from page to page": (other_auction, "페이지마다"),
    "daily open": (daily_with(stck_oprc="1"), "일봉"), "daily high": (daily_with(stck_hgpr="2"), "일봉"),
    "daily low": (daily_with(stck_lwpr="999999999"), "일봉"), "daily volume": (daily_with(acml_vol="1"), "일봉"),
    "an unreadable daily row": (daily_with(acml_vol="많음"), None),
}  # fmt: skip


@pytest.mark.parametrize("trouble", [*STAYS, *BAD])
def test_what_stays_wrong_fails_the_day(world, trouble):
    here, (twist, says) = world(), STAYS.get(trouble, (None, None))
    here.sim.twist = twist
    if trouble in BAD:
        here.sim.add_fault(trouble, path="past")
    with pytest.raises(SourceError, match=says):
        here.collect()
    assert here.candles() == [] and here.coverage() is None


class TestEmpty:
    def test_daily_candles_to_the_end_leave_a_note(self, world):
        here = world()
        here.sim.add_fault("empty", path="daily")
        here.collect()
        assert here.is_true() and "대조하지 못함" in here.coverage().note

    def test_volume_without_minutes_fails_at_first_and_is_no_trades_with_a_note_later(self, world, caplog):
        here = world()
        here.sim.add_fault("empty")
        with pytest.raises(SourceError, match="종목코드"):
            here.collect()  # neither minutes nor daily candles: nothing is proven
        here.sim.clear_faults()
        here.collector, before = here.new_collector(), here.sim.calls("past")
        here.sim.add_fault("empty", path="past")
        with pytest.raises(SourceError, match="일봉 거래량"):
            here.collect()
        assert here.coverage() is None and here.sim.calls("past") - before == 4
        here.collect()
        assert here.coverage().status == NO_TRADES and "일봉 거래량" in here.coverage().note
        assert here.sim.calls("past") - before == 8 and "--force" in caplog.text

    @pytest.mark.parametrize(
        "options",
        [{"oddities": {(LIQUID, WEDNESDAY): "halted"}}, {"oddities": {(LIQUID, WEDNESDAY): "halted_no_daily"}},
         {"listed": {LIQUID: CSAT}}],
    )  # fmt: skip
    @pytest.mark.parametrize("span", [SPAN, (WEDNESDAY, WEDNESDAY)])
    def test_halted_or_unlisted_day_has_no_trades(self, world, options, span):
        here = world(span, **options)
        assert here.collect() == (0, 0, 0)
        assert here.coverage()[:3] == (NO_TRADES, (0, 0, 0), ())
        assert here.sim.calls("past") == 2


def test_short_pages_never_pass_for_the_days_start(world):
    here = world()
    here.sim.twist = lambda name, params, rows: rows[:40] if name == "past" else rows
    here.collect()
    assert here.is_true()


def without(hours: Callable[[str], bool], *answers: int) -> Callable:
    """A twist: the past TR's answers of these numbers (from 1) lack the rows of Wednesday at these hours."""
    calls = []

    def twist(name, params, rows):
        calls.extend([name] * (name == "past"))
        if name != "past" or len(calls) not in answers:
            return rows
        return [row for row in rows if row["stck_bsop_date"] != "20261118" or not hours(row["stck_cntg_hour"])]

    return twist


class TestSecondLook:
    """A day that is odd is looked at once more; the second look may add rows, never take any away."""

    def test_brings_an_auction_that_an_answer_kept_back(self, world):
        """No row behind it, so no turnover, shows that a last row is missing."""
        here = world()
        here.sim.twist = without(lambda hour: hour >= "153000", 1)
        here.collect()
        assert here.is_true() and here.coverage().note is None

    @pytest.mark.parametrize("lost", ["15", "0"])
    def test_takes_nothing_away(self, world, lost):
        """Of a day without an auction, for minutes and daily candle alike."""
        here = world(profiles={LIQUID: "medium"})
        *truth, _ = here.sim.truth(LIQUID, WEDNESDAY)
        close, lose = str(truth[-1].close), without(lambda hour: hour.startswith(lost), 4, 5, 6)
        no_auction = without(lambda hour: "153000" <= hour < "16", *range(1, 99))

        def twist(name, params, rows):
            if name == "daily":
                return [row | {"stck_clpr": close} if row["stck_bsop_date"] == "20261118" else row for row in rows]
            return lose(name, params, no_auction(name, params, rows))

        here.sim.twist = twist
        here.collect()
        assert here.coverage().status == COMPLETE
        assert [row[0] for row in here.candles()] == [c.timestamp for c in truth]

    def test_is_not_taken_of_a_day_in_one_full_page_that_runs_into_an_earlier_day(self, world):
        """Nothing is left out of such a page: rare names cost one call a day."""
        here = world()
        days = [day for day in CALENDAR.trading_days(*SPAN) if here.sim.truth(RARE, day)]
        for day in days:
            here.collect(RARE, day)
            assert here.is_true(RARE, day)
        assert here.sim.calls("past") == len(days)

    def test_is_taken_of_such_a_day_that_ends_at_another_price_than_the_daily_candle(self, world):
        here = world()
        day = next(day for day in CALENDAR.trading_days(*SPAN) if len(here.sim.truth(RARE, day)) > 3)
        truth, lacking = here.sim.truth(RARE, day), []
        last = next(n for n in range(1, 4) if truth[-1 - n].close != truth[-1].close)

        def stale_once(name, params, rows):
            if name != "past" or lacking:
                return rows
            lacking.append(1)
            mine = [row for row in rows if row["stck_bsop_date"] == f"{day:%Y%m%d}" and int(row["cntg_vol"])][:last]
            older = [{**rows[-1], "stck_bsop_date": "20260102", "stck_cntg_hour": f"1{n}0000"} for n in range(5)]
            return [row for row in rows if row not in mine] + older[:last][::-1]

        here.sim.twist = stale_once
        here.collect(RARE, day)
        assert here.is_true(RARE, day) and here.sim.calls("past") == 2


def test_a_daily_candle_is_requested_once_by_many_threads_and_once_more_by_all_who_doubt_it(world):
    """Else every odd day of a symbol requests the same month anew, one after the other; nobody waits for that."""
    here, found = world(), []
    daily = DailyCandles(here.client, *SPAN, FRIDAY)
    at_once(*[lambda: found.append(daily.get(LIQUID))] * 8)
    assert here.sim.calls("daily") == 1
    here.sim.add_fault("hang", path="daily", times=1, seconds=1)
    again = [lambda: found.append(daily.get(LIQUID, instead_of=found[0]))] * 8
    doubt = threading.Thread(target=at_once, args=again)
    doubt.start()
    until(lambda: here.sim.calls("daily") == 2)
    assert daily.get(LIQUID) is found[0] and doubt.is_alive()
    doubt.join(timeout=10)
    assert here.sim.calls("daily") <= 3 and len(found) == 16
    assert all(answer is not found[0] for answer in found[8:]) and daily.get(LIQUID) is not found[0]


def test_only_what_is_reported_twice_in_a_row_is_reported_again_and_advice_is_given_once() -> None:
    """A, B, A: KIS changes its answer; the second A is the first of its kind."""
    history = AnswerHistory()
    for evidence in "ABA":
        history.add(LIQUID, FRIDAY, evidence)
    assert [history.times(LIQUID, FRIDAY, evidence) for evidence in "AB"] == [1, 0]
    history.add(LIQUID, FRIDAY, "A")
    assert history.times(LIQUID, FRIDAY, "A") == 2
    history.forget(LIQUID, FRIDAY)
    assert history.times(LIQUID, FRIDAY, "A") == 0
    assert [history.is_first_advice(FRIDAY), history.is_first_advice(FRIDAY)] == [True, False]


CHANGES = {
    "a row is missing": lambda rows: rows[1:], "nothing of the day": lambda rows: rows[40:] + rows[40:80],
    "an earlier day in between": lambda rows: [*rows[:5], rows[-1], *rows[5:-1]],
}  # fmt: skip


def page(change=lambda rows: rows):
    session = CALENDAR.session(WEDNESDAY)
    noon, eve = datetime(2026, 11, 18, 12), datetime(2026, 11, 17, 20)
    labels = [noon - timedelta(minutes=n) for n in range(40)] + [eve - timedelta(minutes=n) for n in range(80)]
    rows = [raw(f"{at:%H%M%S}", 100, 1, 9, day=at.date()) for at in labels]
    return read_page(minute_rows(change(rows)), session, session.end - timedelta(seconds=1))


def test_a_full_page_that_runs_into_an_earlier_day_proves_the_start_and_anything_less_does_not():
    assert page().seamless and page().starts_day
    assert [name for name, change in CHANGES.items() if page(change).seamless] == []
