"""Plan and collection of symbol-days, against the simulator and a SQLite store: what is believed, and what is not."""

import threading
from collections.abc import Callable
from datetime import date

import pytest
from backfill_tools import until
from collector_testing import CALENDAR, LIQUID, SPAN, World
from kis_testing import CSAT, FRIDAY, WEDNESDAY, FakeClock
from store_testing import at_once

from minute_candles.core.errors import BadRow, SourceError
from minute_candles.market.day_status import COMPLETE, NO_TRADES
from minute_candles.verification.daily_reference import DailyCandles

RARE = "900001"
PROFILES = {LIQUID: "liquid", RARE: "illiquid", "900120": "exact120", "900240": "exact240", "900002": "medium"}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(tmp_path, clock):
    """Makes a simulator, a store and a collector; all ends with the test."""
    made = []

    def make(span=SPAN, **options) -> "World":
        made.append(World(tmp_path, clock, span, **{"profiles": PROFILES, **options}))
        return made[-1]

    yield make
    for one in made:
        one.close()


class TestDay:
    def test_costs_four_calls_and_one_for_the_daily_candles_and_the_same_again_changes_nothing(self, world):
        """Each minute has its exact VWAP but the first."""
        here = world()
        assert here.collect() == here.collect() and here.is_true()
        assert (here.sim.calls("past"), here.sim.calls("daily")) == (8, 1)
        vwaps, truth = [candle.vwap for candle in here.candles()], here.sim.truth(LIQUID, WEDNESDAY)
        assert vwaps[0] is None and None not in vwaps[1:]
        pairs = zip(map(float, vwaps[1:]), truth[1:], strict=True)
        assert all(abs(vwap - traded.turnover / traded.volume) <= 0.005001 for vwap, traded in pairs)

    @pytest.mark.parametrize("symbol", PROFILES)
    def test_of_every_profile_equals_what_traded(self, world, symbol):
        here = world()
        for day in (WEDNESDAY, CSAT):
            here.collect(symbol, day)
            assert here.is_true(symbol, day)

    @pytest.mark.parametrize("oddity", ["late", "off_grid", "half_tick", "auction_only"])
    def test_of_every_oddity_equals_what_traded(self, world, oddity):
        here = world(oddities={(LIQUID, WEDNESDAY): oddity})
        here.collect()
        assert here.is_true() and here.coverage().status == COMPLETE

    @pytest.mark.parametrize("symbol", ["900120", "900240"])
    def test_of_exactly_full_pages_survives_an_empty_page_behind_them(self, world, symbol):
        here = world()
        here.sim.add_fault("empty", path="past", after=1, times=3)
        here.collect(symbol)
        assert here.is_true(symbol)

    @pytest.mark.parametrize("off_hours", [False, True])
    @pytest.mark.parametrize("profile", ["exact120", "exact240"])
    def test_of_exactly_full_pages_with_nothing_before_it_ever_is_proven_by_turnover_only(
        self, world, profile, off_hours
    ):
        names = {f"7{number:05}": profile for number in range(20)}
        here = world(profiles=names, listed=dict.fromkeys(names, WEDNESDAY))
        symbol = next(name for name in names if here.sim.truth(name, WEDNESDAY)[0].timestamp.minute)  # not at the open
        before = here.sim.market.day(symbol, WEDNESDAY).before.turnover
        more = 10**9 if off_hours else -before
        here.sim.twist = lambda name, params, rows: [plus_turnover(row, more) for row in rows]
        if off_hours:
            with pytest.raises(SourceError, match="시작"):
                here.collect(symbol)
            assert here.candles(symbol) == [] and here.coverage(symbol) is None
        else:
            here.collect(symbol)
            assert here.is_true(symbol)


def plus_turnover(row: dict[str, str], krw: int) -> dict[str, str]:
    return {**row, "acml_tr_pbmn": str(int(row["acml_tr_pbmn"]) + krw)} if "stck_cntg_hour" in row else row


BAD = ["negative_price", "absurd_price", "low_above_open", "shape_missing", "shape_numbers", "duplicate_conflict"]
ODD_DAILY = ["wrong_day", "shape_missing", "shape_numbers", "duplicate_conflict", "shape_list"]
PASSING = [
    *[("empty", "past", after, 2) for after in (1, 2, 3)],
    ("empty", "daily", 0, 2),
    *[("wrong_day", "past", after, times) for after, times in ((0, 1), (1, 2), (2, 2))],
    ("missing_rows", "past", 0, 1),
    *[(kind, "past", after, 1) for kind, after in zip(BAD, (0, 2) * 3, strict=True)],
    *[(kind, "daily", 0, 1) for kind in ODD_DAILY],
]


@pytest.mark.parametrize(("kind", "path", "after", "times"), PASSING)
def test_what_is_wrong_once_or_twice_is_requested_again(world, kind, path, after, times):
    here = world()
    here.sim.add_fault(kind, path=path, after=after, times=times, **({"share": 0.1} if kind == "missing_rows" else {}))
    here.collect()
    assert here.is_true() and here.coverage().note is None


class TestEmpty:
    def test_daily_candles_to_the_end_leave_a_note(self, world):
        here = world()
        here.sim.add_fault("empty", path="daily")
        here.collect()
        assert here.is_true() and "대조하지 못함" in here.coverage().note

    def test_minutes_and_daily_candles_prove_nothing(self, world):
        here = world()
        here.sim.add_fault("empty")
        with pytest.raises(SourceError, match="종목코드"):
            here.collect()
        assert here.coverage() is None

    def test_volume_without_minutes_fails_at_first_and_is_no_trades_with_a_note_later(self, world, clock, caplog):
        here = world()
        here.sim.add_fault("empty", path="past")
        clock.slept.clear()
        with pytest.raises(SourceError, match="일봉 거래량"):
            here.collect()
        assert here.coverage() is None
        assert here.sim.calls("past") == 4 and sum(clock.slept) >= 3
        here.collect()
        assert here.coverage().status == NO_TRADES and "일봉 거래량" in here.coverage().note
        assert here.sim.calls("past") == 8 and "--force" in caplog.text

    @pytest.mark.parametrize("oddity", ["halted", "halted_no_daily"])
    @pytest.mark.parametrize("span", [SPAN, (WEDNESDAY, WEDNESDAY)])
    def test_halted_day_has_no_trades(self, world, oddity, span):
        here = world(span, oddities={(LIQUID, WEDNESDAY): oddity})
        assert here.collect() == (0, 0, 0)
        assert here.coverage()[:3] == (NO_TRADES, (0, 0, 0), ())
        assert here.sim.calls("past") == 2

    @pytest.mark.parametrize("span", [SPAN, (date(2026, 11, 16), date(2026, 11, 16))])
    def test_day_before_the_listing_has_no_trades(self, world, span):
        here = world(span, listed={LIQUID: date(2026, 11, 17)})
        here.collect(LIQUID, date(2026, 11, 16))
        assert here.coverage(LIQUID, date(2026, 11, 16)).status == NO_TRADES

    def test_part_of_a_long_span_of_daily_candles_is_asked_again(self, world):
        here = world((date(2026, 3, 2), FRIDAY))
        here.sim.add_fault("empty", path="daily", times=1, day=date(2026, 3, 3))
        assert date(2026, 3, 3) in here.collector._daily.get(LIQUID)


class TestWrongRows:
    @pytest.mark.parametrize("size", [40, 119])
    def test_of_short_pages_never_pass_for_the_days_start(self, world, size):
        here = world()
        here.sim.twist = lambda name, params, rows: rows[:size] if name == "past" else rows
        here.collect()
        assert here.is_true()

    def test_missing_always_fail_the_day_with_the_minute(self, world):
        here = world()
        here.sim.twist = lambda name, params, rows: [row for row in rows if row.get("stck_cntg_hour") != "110500"]
        with pytest.raises(SourceError, match="11:06"):
            here.collect()
        assert here.candles() == [] and here.coverage() is None

    def test_missing_at_the_open_never_pass_unseen(self, world):
        here = world()
        here.sim.twist = lambda name, params, rows: [row for row in rows if row.get("stck_cntg_hour", "1") > "103000"]
        try:
            here.collect()
        except SourceError:
            assert here.candles() == []
        else:
            assert "이전 거래대금" in here.coverage().note

    def test_missing_at_the_end_once_are_fetched_again(self, world):
        here = world()
        cut = []

        def cut_once(name, params, rows):
            if name == "past" and not cut:
                cut.append(1)
                return rows[1:]
            return rows

        here.sim.twist = cut_once
        here.collect()
        assert here.is_true()

    @pytest.mark.parametrize("kind", BAD)
    def test_that_cannot_be_true_and_stay_fail_the_day(self, world, kind):
        here = world()
        here.sim.add_fault(kind, path="past")
        with pytest.raises(SourceError) as caught:
            here.collect()
        assert here.candles() == [] and here.coverage() is None and str(caught.value)

    def test_that_differ_from_page_to_page_fail_the_day(self, world):
        here = world()
        auction = here.sim.endpoints.past(LIQUID, WEDNESDAY, "153959", here.sim.now())[0]
        other = {**auction, "cntg_vol": "1"}
        here.sim.twist = lambda name, params, rows: (
            [*rows, other] if name == "past" and params["FID_INPUT_HOUR_1"] < "150000" else rows
        )
        with pytest.raises(SourceError, match="페이지마다"):
            here.collect()
        assert here.candles() == []


RARE_ONES = {f"90{number:04}": "illiquid" for number in range(1, 4)}


def without(hours: Callable[[str], bool], *answers: int) -> Callable:
    """A twist: the past TR's answers of these numbers (from 1) lack the rows of Wednesday at these hours."""
    asked = []

    def twist(name, params, rows):
        if name != "past":
            return rows
        asked.append(1)
        if len(asked) not in answers:
            return rows
        return [row for row in rows if row["stck_bsop_date"] != "20261118" or not hours(row["stck_cntg_hour"])]

    return twist


class TestSecondLook:
    """A day that is odd is looked at once more; the second look may add rows, never take any away."""

    def test_brings_an_auction_that_an_answer_kept_back(self, world):
        """No row behind it, so no turnover, tells of a last row that is missing."""
        here = world()
        here.sim.twist = without(lambda hour: hour >= "153000", 1)
        here.collect()
        assert here.is_true() and here.coverage().note is None

    @pytest.mark.parametrize("lost", ["15", "1400", "0"])
    def test_takes_nothing_away(self, world, lost):
        here = world(profiles={LIQUID: "medium"})
        auctionless(here)
        here.sim.twist = both(here.sim.twist, without(lambda hour: hour.startswith(lost), 4, 5, 6))
        here.collect()
        assert here.coverage().status == COMPLETE
        assert [row[0] for row in here.candles()] == [c.timestamp for c in here.sim.truth(LIQUID, WEDNESDAY)[:-1]]

    def test_that_contradicts_the_first_is_asked_again(self, world):
        here = world(profiles={LIQUID: "medium"})
        auctionless(here)
        keep, asked = here.sim.twist, []

        def other_volume_once(name, params, rows):
            rows = keep(name, params, rows)
            asked.extend([1] * (name == "past"))
            if name == "past" and len(asked) == 4:
                rows = [{**rows[0], "cntg_vol": "7"}, *rows[1:]]
            return rows

        here.sim.twist = other_volume_once
        here.collect()
        assert len(here.candles()) == len(here.sim.truth(LIQUID, WEDNESDAY)) - 1

    def test_is_not_taken_of_a_day_in_one_full_page_that_runs_into_an_earlier_day(self, world):
        """Nothing is left out of such a page: rare names cost one call a day."""
        here = world(profiles=RARE_ONES)
        days = [
            (symbol, day)
            for symbol in list(RARE_ONES)[:3]
            for day in CALENDAR.trading_days(*SPAN)
            if here.sim.truth(symbol, day)
        ]
        for symbol, day in days:
            here.collect(symbol, day)
            assert here.is_true(symbol, day)
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


def auctionless(here) -> None:
    """From now on Wednesday has no auction, for minutes and daily candle alike."""
    last = here.sim.truth(LIQUID, WEDNESDAY)[-2]

    def twist(name, params, rows):
        if name == "daily":
            return [
                {**row, "stck_clpr": str(last.close)} if row["stck_bsop_date"] == "20261118" else row for row in rows
            ]
        return [r for r in rows if r.get("stck_bsop_date") != "20261118" or not "153000" <= r["stck_cntg_hour"] < "16"]

    here.sim.twist = twist


def both(first: Callable, second: Callable) -> Callable:
    return lambda name, params, rows: second(name, params, first(name, params, rows))


class TestDailyCandle:
    def changed(self, **changes: str) -> Callable:
        return lambda name, params, rows: [{**row, **changes} for row in rows] if name == "daily" else rows

    @pytest.mark.parametrize(
        "change", [{"stck_oprc": "1"}, {"stck_hgpr": "2"}, {"stck_lwpr": "999999999"}, {"acml_vol": "1"}], ids=str
    )
    def test_that_contradicts_fails_the_day(self, world, change):
        here = world()
        here.sim.twist = self.changed(**change)
        with pytest.raises(SourceError, match="일봉"):
            here.collect()
        assert here.candles() == []

    def test_that_cannot_be_read_fails_the_day(self, world):
        here = world()
        here.sim.add_fault("shape_numbers", path="daily")
        with pytest.raises(BadRow):
            here.collect()

    def test_is_asked_once_for_many_days_and_threads(self, world):
        here = world()
        found = []
        daily = DailyCandles(here.client, *SPAN, FRIDAY)

        def ask(day: date) -> None:
            daily.prefetch(LIQUID)
            found.append(daily.get(LIQUID)[day])

        at_once(*[lambda day=day: ask(day) for day in CALENDAR.trading_days(*SPAN)])
        assert len(found) == 10 and here.sim.calls("daily") == 1

    def test_is_asked_again_once_by_all_who_doubt_the_same_answer(self, world):
        """Else every odd day of a symbol asks for the same month anew, one after the other."""
        here = world()
        daily = DailyCandles(here.client, *SPAN, FRIDAY)
        doubted, found = daily.get(LIQUID), []
        at_once(*[lambda: found.append(daily.get(LIQUID, instead_of=doubted))] * 8)
        assert len(found) == 8 and here.sim.calls("daily") == 2
        assert not [answer for answer in found if answer is doubted]
        assert daily.get(LIQUID) is found[0], "the newer answer is the known one"

    def test_nobody_waits_for_the_second_opinion_of_another(self, world):
        here = world()
        daily = DailyCandles(here.client, *SPAN, FRIDAY)
        known = daily.get(LIQUID)
        here.sim.add_fault("hang", path="daily", times=1, seconds=1.5)
        asking = threading.Thread(target=lambda: daily.get(LIQUID, instead_of=known))
        asking.start()
        until(lambda: here.sim.calls("daily") == 2)
        assert daily.get(LIQUID) is known and asking.is_alive()
        asking.join(timeout=10)
        assert daily.get(LIQUID) is not known
