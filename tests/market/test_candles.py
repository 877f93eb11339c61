"""Candles: what is filtered, what is refused, what turnover proves, and how minutes become windows (laws 3–7)."""

import time
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kis_testing import CSAT, WEDNESDAY, at, raw, session, trading

from minute_candles.core.errors import BadRow
from minute_candles.core.kst import KST
from minute_candles.kis.parse import daily_rows, minute_rows
from minute_candles.market import candles
from minute_candles.market.calendar import Session
from minute_candles.market.candles import (
    INTERVALS,
    Candle,
    aggregate,
    derive,
    is_closed,
    prove,
    unexplained_start,
    window,
    without_doubled_auction,
)
from minute_candles.market.daily import DailyAnswer, daily_by_date
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.verification.past_pages import read_page


def session_rows(raws: Iterable[object], here: Session, **how: bool) -> list[MinuteRow]:
    return candles.session_rows(minute_rows(raws), here, **how)


def parse_daily(raws: Iterable[object], **how: bool) -> DailyAnswer:
    return daily_by_date(daily_rows(raws), **how)


def proven(raws: list[dict[str, str]], day: date = WEDNESDAY, *, fillers: bool = False) -> list[Candle]:
    return prove(session_rows(raws, session(day), fillers=fillers), session(day)).candles


def doubts(raws: list[dict[str, str]]) -> list[datetime]:
    return prove(session_rows(raws, session()), session()).doubts


def row(hour: int, minute: int, price: int, volume: int, turnover: int) -> MinuteRow:
    return MinuteRow(at(hour, minute), price, price, price, price, volume, turnover)


class TestFilter:
    def test_the_session_is_open_to_close_plus_ten_minutes(self):
        hours = ["085959", "090000", "153000", "153959", "154000", "160000", "195900"]
        found = session_rows(trading([(hour, 100, 1) for hour in hours]), session())
        assert [one.minute for one in found] == [at(9, 0), at(15, 30), at(15, 39)]

    def test_a_minute_without_a_trade_has_no_candle(self):
        raws = [raw("152000", 100, 0, 500), raw("151900", 100, 5, 500)]
        assert [one.minute for one in session_rows(raws, session())] == [at(15, 19)]

    def test_rows_that_are_filtered_need_not_make_sense(self):
        raws = [raw("170000", -5, 1, 1), raw("100000", 0, 0, 0), raw("100100", 100, 1, 100)]
        assert len(session_rows(raws, session())) == 1

    def test_the_result_is_oldest_first_whatever_the_order(self):
        raws = trading([("090000", 100, 1), ("090100", 101, 1), ("090200", 102, 1)])
        assert session_rows(raws, session()) == session_rows(raws[::-1], session())

    def test_a_late_auction_belongs_to_the_session(self):
        raws = trading([("151900", 100, 5), ("153200", 100, 50)])
        assert [candle.timestamp for candle in proven(raws)] == [at(15, 19), at(15, 32)]

    def test_on_a_csat_day_the_session_is_an_hour_later(self):
        hours = ["095800", "095900", "100000", "163900", "164000"]
        found = session_rows(trading([(hour, 100, 1) for hour in hours], day=CSAT), session(CSAT))
        assert [one.minute.time().isoformat("minutes") for one in found] == ["09:59", "10:00", "16:39"]

    def test_a_label_one_minute_early_is_of_a_csat_day_only(self):
        assert session_rows(trading([("085900", 100, 1)]), session()) == []

    def test_on_the_first_day_of_the_year_it_opens_at_ten(self):
        first = date(2026, 1, 2)
        found = session_rows(trading([("095900", 100, 1), ("100000", 100, 1)], day=first), session(first))
        assert [one.minute.hour for one in found] == [10]


class TestValidation:
    @pytest.mark.parametrize(
        "change",
        [
            {"stck_lwpr": "101"},
            {"stck_hgpr": "99"},
            {"stck_lwpr": "0"},
            {"stck_lwpr": "-100"},
            {"stck_prpr": "200"},
            {"stck_oprc": "1"},
            {"stck_hgpr": "10000000000"},
            {"cntg_vol": "-1"},
            {"cntg_vol": "1.5"},
            {"cntg_vol": ""},
            {"cntg_vol": None},
            {"cntg_vol": 1},
            {"cntg_vol": True},
            {"stck_prpr": 100},
            {"stck_prpr": "1e2"},
            {"stck_prpr": "１００"},
            {"stck_prpr": " 100"},
            {"stck_prpr": "1" * 5000},
            {"acml_tr_pbmn": "1_000"},
            {"acml_tr_pbmn": None},
        ],
    )
    def test_a_row_that_cannot_be_true_is_refused(self, change):
        with pytest.raises(BadRow, match="10:00"):
            session_rows([{**raw("100000", 100, 1, 100), **change}], session())

    @pytest.mark.parametrize("field", ["stck_prpr", "stck_oprc", "stck_hgpr", "stck_lwpr", "cntg_vol", "acml_tr_pbmn"])
    def test_a_missing_field_is_refused(self, field):
        short = raw("100000", 100, 1, 100)
        del short[field]
        with pytest.raises(BadRow):
            session_rows([short], session())

    def test_the_same_row_twice_is_one_row(self):
        one = raw("100000", 100, 1, 100)
        assert len(session_rows([one, dict(one)], session())) == 1

    @pytest.mark.parametrize(
        "change", [{"cntg_vol": "2"}, {"stck_prpr": "99", "stck_lwpr": "99"}, {"acml_tr_pbmn": "7"}]
    )
    def test_one_minute_with_two_values_is_refused(self, change):
        one = raw("100000", 100, 1, 100)
        with pytest.raises(BadRow, match="두 번"):
            session_rows([one, {**one, **change}], session())

    def test_off_grid_and_on_grid_rows_of_one_minute_conflict(self):
        with pytest.raises(BadRow):
            session_rows([raw("100011", 100, 1, 100), raw("100000", 100, 2, 300)], session())

    def test_half_tick_prices_are_real(self):
        assert proven([raw("100000", 70_550, 3, 3 * 70_550)])[0].close == 70_550


class TestTurnover:
    def test_its_difference_over_volume_is_the_vwap(self):
        raws = [raw("090100", 103, 3, 100 + 304, ohl=(101, 103, 100)), raw("090000", 100, 1, 100)]
        assert proven(raws)[1].turnover == 304
        assert proven(raws)[1].vwap == Decimal("101.33")

    def test_halves_are_rounded_up(self):
        raws = [raw("090100", 101, 8, 100 + 801, ohl=(100, 101, 100)), raw("090000", 100, 1, 100)]
        assert proven(raws)[1].vwap == Decimal("100.13")

    def test_the_days_first_row_proves_nothing(self):
        first = proven(trading([("090000", 100, 5)], before=10_000))[0]
        assert (first.turnover, first.vwap) == (None, None)

    def test_a_missing_row_shows(self):
        raws = trading([("090000", 100, 5), ("090100", 100, 5), ("090200", 100, 5)])
        assert doubts([raws[0], raws[2]]) == [at(9, 2)]

    def test_a_wrong_volume_shows(self):
        raws = trading([("090000", 100, 5), ("090100", 100, 5), ("090200", 100, 5)])
        raws[1]["cntg_vol"] = "6"
        assert doubts(raws) == [at(9, 1)]

    def test_a_turnover_that_falls_shows(self):
        assert doubts([raw("090100", 100, 5, 400), raw("090000", 100, 5, 500)]) == [at(9, 1)]

    def test_a_doubtful_minute_has_no_vwap(self):
        candles = proven([raw("090100", 100, 5, 400), raw("090000", 100, 5, 500)])
        assert [candle.vwap for candle in candles] == [None, None]

    def test_a_first_row_with_less_turnover_than_its_own_shows(self):
        assert doubts([raw("090000", 100, 5, 499)]) == [at(9, 0)]

    def test_a_first_row_with_more_turnover_than_its_own_may_be_off_hours(self):
        assert doubts([raw("090000", 100, 5, 99_999)]) == []

    def test_a_row_at_the_open_cannot_miss_one_before_it(self):
        assert not unexplained_start([row(9, 0, 100, 5, 99_999)], session())


class TestDoubledAuction:
    PAGE = trading([("151900", 100, 5)])

    def test_is_halved_where_turnover_proves_it(self):
        candle = proven([raw("153000", 99, 20, 500 + 990), *self.PAGE])[1]
        assert (candle.volume, candle.turnover, candle.vwap) == (10, 990, Decimal("99.00"))

    def test_as_the_days_first_trade_is_halved_where_the_whole_turnover_does_not_pay_for_it(self):
        [candle] = proven([raw("153000", 99, 20, 990 + 500), raw("152900", 99, 0, 0)], fillers=True)
        assert (candle.volume, candle.vwap) == (10, None)

    def test_as_the_days_first_trade_is_left_alone_where_off_hours_trades_may_pay_for_it(self):
        [candle] = proven([raw("153000", 99, 20, 990 + 2_000), raw("152900", 99, 0, 0)], fillers=True)
        assert (candle.volume, candle.vwap) == (20, None)

    def test_leaves_no_doubt(self):
        assert doubts([raw("153000", 99, 20, 500 + 990), *self.PAGE]) == []

    def test_a_true_volume_is_left_alone(self):
        assert proven([raw("153000", 99, 20, 500 + 1980), *self.PAGE])[1].volume == 20

    def test_the_first_row_of_a_page_is_never_corrected(self):
        assert proven([raw("153000", 99, 20, 990)])[0].volume == 20

    def test_a_late_auction_is_corrected_too(self):
        assert proven([raw("153200", 99, 20, 500 + 990), *self.PAGE])[1].volume == 10

    def test_before_the_close_nothing_is_corrected(self):
        raws = [raw("151900", 99, 20, 500 + 990), *trading([("151800", 100, 5)])]
        assert proven(raws)[1].volume == 20
        assert doubts(raws) == [at(15, 19)]

    def test_an_odd_volume_was_not_doubled(self):
        assert proven([raw("153000", 100, 21, 500 + 1000), *self.PAGE])[1].volume == 21

    def test_more_than_one_price_is_no_auction(self):
        assert proven([raw("153000", 99, 20, 500 + 990, ohl=(99, 100, 99)), *self.PAGE])[1].volume == 20

    def test_a_turnover_in_between_is_a_doubt_and_not_a_correction(self):
        raws = [raw("153000", 100, 20, 500 + 1500), *self.PAGE]
        assert proven(raws)[1].volume == 20
        assert doubts(raws) == [at(15, 30)]

    def test_on_a_csat_day_it_prints_at_1630(self):
        raws = [raw("163000", 99, 20, 500 + 990, day=CSAT), raw("153000", 100, 5, 500, day=CSAT)]
        assert proven(raws, CSAT)[1].volume == 10

    def test_a_filler_row_is_witness_enough(self):
        raws = [raw("153000", 99, 20, 500 + 990), raw("152900", 100, 0, 500)]
        assert [(c.timestamp, c.volume) for c in proven(raws, fillers=True)] == [(at(15, 30), 10)]

    def test_a_filler_row_that_moved_turnover_is_a_doubt(self):
        rows = session_rows([raw("152900", 100, 0, 600), *self.PAGE], session(), fillers=True)
        assert prove(rows, session()).doubts == [at(15, 29)]

    def test_a_traded_row_wins_over_a_filler_of_its_minute_in_any_order(self):
        traded, filler = raw("152900", 100, 5, 500), raw("152900", 100, 0, 0)
        for raws in ([traded, filler], [filler, traded]):
            assert [one.volume for one in session_rows(raws, session(), fillers=True)] == [5]

    @given(
        price=st.integers(1, 10**6),
        volume=st.integers(1, 10**7),
        moved=st.none() | st.integers(0, 10**13),
        minute=st.integers(0, 599),
        double=st.booleans(),
    )
    def test_never_corrects_what_turnover_does_not_prove(self, price, volume, moved, minute, double):
        moved = price * volume // 2 if double and moved else moved
        sent = row(9 + minute // 60, minute % 60, price, volume, 0)
        fixed = without_doubled_auction(sent, moved, session())
        if fixed != sent:
            assert sent.minute >= at(15, 30)
            assert moved == fixed.close * fixed.volume and 2 * fixed.volume == sent.volume

    @given(price=st.integers(1, 10**6), volume=st.integers(1, 10**7))
    def test_always_corrects_what_turnover_proves(self, price, volume):
        fixed = without_doubled_auction(row(15, 30, price, 2 * volume, 0), price * volume, session())
        assert fixed.volume == volume


class TestWindows:
    def test_are_floored_from_midnight(self):
        assert window(at(9, 59), 5) == at(9, 55)
        assert window(at(9, 59), 15) == at(9, 45)
        assert window(at(15, 30), 15) == window(at(15, 39), 15) == at(15, 30)

    def test_hold_first_open_max_high_min_low_last_close_and_the_sum(self):
        minutes = [
            Candle(at(9, 5), 100, 110, 95, 105, 3, 300, None),
            Candle(at(9, 7), 105, 120, 100, 101, 4, 440, None),
            Candle(at(9, 9), 101, 102, 90, 91, 5, 460, None),
        ]
        assert aggregate(minutes, 5) == [Candle(at(9, 5), 100, 120, 90, 91, 12, 1200, Decimal("100.00"))]

    def test_without_a_trade_do_not_exist(self):
        minutes = [Candle(at(9, 0), 1, 1, 1, 1, 1, 1, None), Candle(at(11, 0), 1, 1, 1, 1, 1, 1, None)]
        assert [candle.timestamp for candle in aggregate(minutes, 15)] == [at(9, 0), at(11, 0)]

    def test_the_closing_auction_is_a_window_of_its_own(self):
        candles = derive(proven(trading([("151900", 100, 5), ("153000", 101, 50)])))
        assert [candle.timestamp for candle in candles[5]] == [at(15, 15), at(15, 30)]
        assert [candle.timestamp for candle in candles[15]] == [at(15, 15), at(15, 30)]

    def test_above_an_unproven_minute_have_no_vwap(self):
        candles = derive(proven(trading([("090000", 100, 5), ("090100", 101, 5), ("091500", 102, 5)])))
        assert [candle.vwap for candle in candles[5]] == [None, Decimal("102.00")]
        assert [candle.vwap for candle in candles[15]] == [None, Decimal("102.00")]

    def test_price_change_is_close_minus_open_of_the_candle(self):
        candle = Candle(at(9, 0), 3000, 3000, 2000, 2999, 1, None, None)
        assert (candle.price_change, candle.price_change_percent) == (-1, Decimal("-0.03"))


class TestClosed:
    SESSION = session()

    @pytest.mark.parametrize(
        ("start", "interval", "now", "closed"),
        [
            ((9, 0), 1, "09:00:59", False),
            ((9, 0), 1, "09:01:00", True),
            ((9, 0), 5, "09:04:59", False),
            ((9, 0), 5, "09:05:00", True),
            ((15, 15), 15, "15:29:59", False),
            ((15, 30), 5, "15:34:59", False),
            ((15, 30), 15, "15:39:59", False),
            ((15, 30), 15, "15:40:00", True),
        ],
    )
    def test_a_candle_is_closed_once_its_window_or_the_session_is_over(self, start, interval, now, closed):
        moment = datetime.fromisoformat(f"2026-11-18 {now}").replace(tzinfo=KST)
        assert is_closed(at(*start), interval, moment, self.SESSION) is closed

    def test_whatever_zone_now_is_told_in(self):
        utc = datetime(2026, 11, 18, 0, 1, tzinfo=ZoneInfo("UTC"))
        assert is_closed(at(9, 0), 1, utc, self.SESSION)
        assert not is_closed(at(9, 1), 1, utc, self.SESSION)


# --- properties ---

MINUTE_NUMBERS = st.lists(st.integers(0, 399), min_size=1, max_size=60, unique=True).map(sorted)


@st.composite
def days(draw: st.DrawFn) -> list[dict[str, str]]:
    """A day's rows as KIS would send them, oldest first, every turnover true."""
    acml, raws = draw(st.integers(0, 10**9)), []
    for number in draw(MINUTE_NUMBERS):
        low = draw(st.integers(1, 100_000))
        high = low + draw(st.integers(0, 5_000))
        opened, close = draw(st.integers(low, high)), draw(st.integers(low, high))
        volume = draw(st.integers(1, 10**6))
        acml += draw(st.integers(low * volume, high * volume))
        hour = f"{9 + number // 60:02}{number % 60:02}00"
        raws.append(raw(hour, close, volume, acml, ohl=(opened, high, low)))
    return raws


class TestProperties:
    @given(raws=days(), dice=st.randoms(use_true_random=False), size=st.integers(1, 120))
    def test_aggregation_knows_neither_order_nor_page_split(self, raws, dice, size):
        whole = derive(proven(raws))
        pages = [raws[start : start + size] for start in range(0, len(raws), size)]
        dice.shuffle(pages)
        rows = {}
        for page in pages:
            dice.shuffle(page)
            rows.update({one.minute: one for one in session_rows(page, session())})
        assert derive(prove([rows[minute] for minute in sorted(rows)], session()).candles) == whole

    @settings(max_examples=25, deadline=None)
    @given(raws=days())
    def test_aggregation_equals_a_pandas_resample(self, raws):
        minutes = proven(raws)
        for interval in INTERVALS[1:]:
            assert [candle[:6] for candle in aggregate(minutes, interval)] == resampled(minutes, interval)

    @given(raws=days())
    def test_a_true_day_leaves_no_doubt(self, raws):
        assert doubts(raws) == []

    @given(raws=days(), lost=st.data())
    def test_volume_and_turnover_of_all_intervals_add_up(self, raws, lost):
        candles = derive(proven(raws))
        assert len({sum(candle.volume for candle in candles[interval]) for interval in INTERVALS}) == 1

    @given(raws=days(), data=st.data())
    def test_a_row_lost_within_the_day_never_passes_as_proven(self, raws, data):
        if len(raws) < 3:
            return
        at = data.draw(st.integers(1, len(raws) - 2))
        behind = raws[at + 1]
        left = prove(session_rows(raws[:at] + raws[at + 1 :], session()), session())
        high, volume = int(behind["stck_hgpr"]), int(behind["cntg_vol"])
        bound = high * volume + (volume - 1 if high < 5_000 else 0)  # its half tick may be cut (kis_http.md §6)
        if int(behind["acml_tr_pbmn"]) - int(raws[at - 1]["acml_tr_pbmn"]) > bound:
            assert session_rows([behind], session())[0].minute in left.doubts

    @given(
        hours=st.lists(st.times(), min_size=1, max_size=30), day=st.sampled_from([WEDNESDAY, CSAT, date(2026, 1, 2)])
    )
    def test_nothing_outside_the_session_survives(self, hours, day):
        raws = [raw(f"{hour:%H%M%S}", 100, 1, 100, day=day) for hour in hours]
        here = session(day)
        inside = {
            datetime.combine(day, hour.replace(second=0, microsecond=0))
            for hour in hours
            if here.first_label.time() <= hour < here.end.time()
        }
        assert {one.minute for one in session_rows(raws, here)} == inside


def resampled(minutes: list[Candle], interval: int) -> list[tuple[object, ...]]:
    """The second opinion: pandas on int64 columns."""
    import pandas as pd

    frame = pd.DataFrame([candle[:6] for candle in minutes], columns=["t", "open", "high", "low", "close", "volume"])
    frame = frame.astype(dict.fromkeys(frame.columns[1:], "int64")).set_index("t")
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    groups = frame.groupby(frame.index.floor(f"{interval}min"), sort=True).agg(how)
    assert all(str(kind) == "int64" for kind in groups.dtypes)
    return [(one[0].to_pydatetime(), *map(int, one[1:])) for one in groups.itertuples()]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
SPOILT = st.one_of(
    JSON,
    st.integers(-5, 10**20).map(str),
    st.sampled_from(["", "0", "20261118", "100000", "-1", "1e3", "1_0", "٣", " 7", "7" * 30, float("inf")]),
)
FIELDS = list(raw("100000", 1, 1, 1)) + ["stck_clpr", "acml_vol"]


@st.composite
def spoilt_rows(draw: st.DrawFn) -> object:
    """A row that is sound but for some fields, or anything at all."""
    if draw(st.booleans()):
        return draw(JSON)
    number = draw(st.integers(0, 399))
    whole: dict[str, object] = dict(raw(f"{9 + number // 60:02}{number % 60:02}00", 100, 5, 500))
    whole |= {"stck_clpr": "100", "acml_vol": "5"}
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=3)):
        whole[field] = draw(SPOILT)
    for field in draw(st.lists(st.sampled_from(FIELDS), max_size=1)):
        whole.pop(field, None)
    return whole


class TestArbitraryJson:
    @given(things=st.lists(spoilt_rows(), max_size=8), fillers=st.booleans())
    def test_rows_are_sound_or_a_typed_error(self, things, fillers):
        try:
            rows = session_rows(things, session(), fillers=fillers)
        except BadRow:
            return
        for one in rows:
            assert at(9, 0) <= one.minute < at(15, 40) and all(type(number) is int for number in one[1:7])
            assert one.volume >= 0 and (fillers or one.volume > 0) and one.turnover >= 0
            if one.volume:
                assert 0 < one.low <= min(one.open, one.close) <= max(one.open, one.close) <= one.high

    @given(things=st.lists(spoilt_rows(), max_size=8))
    def test_a_page_is_sound_or_a_typed_error(self, things):
        last = session().end - timedelta(seconds=1)
        try:
            page = read_page(minute_rows(things), session(), last)
        except BadRow:
            return
        assert page.earliest <= last and page.size == len([thing for thing in things if thing != {}])

    @given(things=st.lists(spoilt_rows(), max_size=8))
    def test_daily_candles_are_sound_or_a_typed_error(self, things):
        try:
            days = parse_daily(things)
        except BadRow:
            return
        assert all(type(number) is int and number >= 0 for daily in days.values() if daily for number in daily[1:6])


class TestDailyRows:
    ROW = {
        "stck_bsop_date": "20261118",
        "stck_oprc": "100",
        "stck_hgpr": "110",
        "stck_lwpr": "90",
        "stck_clpr": "105",
        "acml_vol": "1000",
    }

    def test_are_read_by_date(self):
        assert parse_daily([self.ROW])[WEDNESDAY] == DailyRow(WEDNESDAY, 100, 110, 90, 105, 1000)

    @pytest.mark.parametrize(
        "change",
        [
            {"acml_vol": 1.5},
            {"acml_vol": float("inf")},
            {"stck_oprc": "-100"},
            {"stck_bsop_date": "2026118"},
            {"stck_clpr": ""},
            {"stck_hgpr": "110000"},
        ],
    )
    def test_what_cannot_be_read_is_refused(self, change):
        with pytest.raises(BadRow):
            parse_daily([{**self.ROW, **change}])

    def test_a_row_without_a_date_costs_no_other_row(self):
        padding = dict.fromkeys(self.ROW, "")
        assert parse_daily([padding, self.ROW], strict=False) == parse_daily([self.ROW])

    def test_one_day_with_two_values_is_refused(self):
        with pytest.raises(BadRow):
            parse_daily([self.ROW, {**self.ROW, "acml_vol": "1001"}])

    def test_the_same_day_twice_is_one_day(self):
        assert len(parse_daily([self.ROW, self.ROW])) == 1

    def test_a_halted_day_has_volume_nought(self):
        zeros = dict.fromkeys(("stck_oprc", "stck_hgpr", "stck_lwpr", "acml_vol"), "0")
        assert parse_daily([{**self.ROW, **zeros}])[WEDNESDAY].volume == 0


def _seconds(work) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
