"""Candles: what is filtered, what is refused, what turnover proves, and how minutes become windows."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kis_testing import CSAT, WEDNESDAY, at, raw, session, trading

from minute_candles.core.errors import BadRow
from minute_candles.kis.parse import daily_rows, minute_rows
from minute_candles.market import session_rows as rows_of
from minute_candles.market.candles import Candle
from minute_candles.market.daily import daily_by_date
from minute_candles.market.reject_text import reject_text
from minute_candles.market.rows import DailyRow, MinuteRow
from minute_candles.market.turnover_proof import prove, unexplained_start, without_doubled_auction
from minute_candles.market.windows import derive, is_closed, window


def session_rows(raws, here, **how):
    rejects = []
    rows = rows_of.session_rows(minute_rows(raws), here, rejects=rejects, **how)
    if rejects:
        raise BadRow(reject_text(rejects[0]))
    return rows


def row(hour, minute, price, volume, turnover):
    return MinuteRow(at(hour, minute), price, price, price, price, volume, turnover)


@pytest.mark.parametrize(
    ("day", "hours", "kept"),
    [(WEDNESDAY, "085900 085959 090000 153000 153959 154000 160000 195900", "09:00 15:30 15:39"),
     (CSAT, "095800 095900 100000 163900 164000", "09:59 10:00 16:39"), (date(2026, 1, 2), "095900 100000", "10:00")],
    ids=["ordinary", "a CSAT day, labels a minute early", "the first day of a year"],
)  # fmt: skip
def test_the_session_is_open_to_close_plus_ten_minutes(day, hours, kept):
    found = session_rows(trading([(hour, 100, 1) for hour in hours.split()], day=day), session(day))
    assert [f"{one.minute:%H:%M}" for one in found] == kept.split()


def test_a_traded_row_wins_over_a_filler_of_its_minute_and_rows_without_a_trade_need_not_make_sense():
    odd = [raw("170000", -5, 1, 1), raw("100000", 0, 0, 0), raw("100100", 100, 1, 100)]
    assert [one.minute for one in session_rows(odd, session())] == [at(10, 1)]
    traded, filler = raw("152900", 100, 5, 500), raw("152900", 100, 0, 0)
    for raws in ([traded, filler], [filler, traded]):
        assert [one.volume for one in session_rows(raws, session(), fillers=True)] == [5]


@pytest.mark.parametrize("change", [{"stck_lwpr": "101"}, {"cntg_vol": "1.5"}], ids=str)
def test_a_row_that_cannot_be_true_is_refused_with_its_minute(change):
    with pytest.raises(BadRow, match="10:00"):
        session_rows([{**raw("100000", 100, 1, 100), **change}], session())


@pytest.mark.parametrize(
    "change",
    [{"cntg_vol": "2"}, {"stck_prpr": "99", "stck_lwpr": "99"}, {"acml_tr_pbmn": "7"},
     {"stck_cntg_hour": "100011", "cntg_vol": "2"}],
    ids=str,
)  # fmt: skip
def test_one_minute_twice_is_one_row_and_with_two_values_none(change):
    one = raw("100000", 100, 1, 100)
    assert len(session_rows([one, dict(one)], session())) == 1
    with pytest.raises(BadRow, match="두 번"):
        session_rows([one, {**one, **change}], session())


@pytest.mark.parametrize(
    ("rows", "doubtful"),
    [([("0900", 5, 500), ("0901", 5, 1_000), ("0902", 5, 1_500)], []),
     ([("0900", 5, 500), ("0901", 0, 600)], ["09:01"]),
     ([("0900", 5, 500), ("0902", 5, 1_500)], ["09:02"]),
     ([("0900", 5, 500), ("0901", 6, 1_000), ("0902", 5, 1_500)], ["09:01"]),
     ([("0900", 5, 500), ("0901", 5, 400)], ["09:01"]),
     ([("0900", 5, 499)], ["09:00"]), ([("0900", 5, 99_999)], [])],
    ids=["true", "a filler that moved turnover", "a row is missing", "a wrong volume", "it falls",
         "less than its own", "off-hours trades first"],
)  # fmt: skip
def test_turnover_shows_what_is_missing_or_wrong(rows, doubtful):
    raws = [raw(f"{hour}00", 100, volume, turnover) for hour, volume, turnover in rows]
    found = prove(session_rows(raws, session(), fillers=True), session())
    assert [f"{minute:%H:%M}" for minute in found.doubts] == doubtful
    assert all(candle.vwap is None for candle in found.candles if candle.timestamp in found.doubts)
    assert found.candles[0].vwap is None, "the first row stands on nothing"
    assert not unexplained_start([row(9, 0, 100, 5, 99_999)], session()), "none can be missing before the open"


BEFORE = raw("151900", 100, 5, 500)


@pytest.mark.parametrize(
    ("auction", "before", "volume", "has_vwap"),
    [(raw("153000", 99, 20, 500 + 990), BEFORE, 10, True),
     (raw("153200", 99, 20, 500 + 990), BEFORE, 10, True),
     (raw("153000", 99, 20, 500 + 990), raw("152900", 100, 0, 500), 10, True),
     (raw("153000", 99, 20, 500 + 1980), BEFORE, 20, True),
     (raw("153000", 100, 20, 500 + 1500), BEFORE, 20, False),
     (raw("153000", 100, 21, 500 + 1000), BEFORE, 21, False),
     (raw("153000", 99, 20, 500 + 990, ohl=(99, 100, 99)), BEFORE, 20, False),
     (raw("151900", 99, 20, 500 + 990), raw("151800", 100, 5, 500), 20, False),
     (raw("153000", 99, 20, 990), None, 20, False),
     (raw("153000", 99, 20, 990 + 500), raw("152900", 99, 0, 0), 10, False),
     (raw("153000", 99, 20, 990 + 2_000), raw("152900", 99, 0, 0), 20, False)],
    ids=["proven", "late", "after a filler", "a true volume", "a turnover in between", "an odd volume",
         "more than one price", "before the close", "a page's first row", "the first trade, unpaid",
         "the first trade, paid by off-hours trades"],
)  # fmt: skip
def test_a_doubled_auction_is_halved_where_turnover_proves_it_alone(auction, before, volume, has_vwap):
    rows = session_rows([auction, before] if before else [auction], session(), fillers=True)
    found = prove(rows, session())
    assert (found.candles[-1].volume, found.candles[-1].vwap is not None) == (volume, has_vwap)
    assert bool(found.doubts) != has_vwap


@given(
    price=st.integers(1, 10**6), volume=st.integers(1, 10**7), moved=st.none() | st.integers(0, 10**13),
    minute=st.integers(0, 599), double=st.booleans(),
)  # fmt: skip
def test_nothing_is_halved_that_turnover_does_not_prove(price, volume, moved, minute, double):
    moved = price * volume // 2 if double and moved else moved
    sent = row(9 + minute // 60, minute % 60, price, volume, 0)
    fixed = without_doubled_auction(sent, moved, session())
    if fixed != sent:
        assert sent.minute >= at(15, 30)
        assert moved == fixed.close * fixed.volume and 2 * fixed.volume == sent.volume
    assert without_doubled_auction(row(15, 30, price, 2 * volume, 0), price * volume, session()).volume == volume


def test_price_change_is_close_minus_open_and_the_vwap_is_rounded_half_up():
    raws = [raw("090100", 103, 8, 901, ohl=(101, 103, 100)), raw("090000", 100, 1, 100)]
    later = prove(session_rows(raws, session()), session()).candles[1]
    assert (later.turnover, later.vwap) == (801, Decimal("100.13"))
    candle = Candle(at(9, 0), 3000, 3000, 2000, 2999, 1, None, None)
    assert (candle.price_change, candle.price_change_percent) == (-1, Decimal("-0.03"))


@pytest.mark.parametrize(
    ("start", "interval", "now", "closed"),
    [((9, 0), 1, "09:00:59+09:00", False), ((9, 0), 1, "09:01:00+09:00", True),
     ((9, 0), 5, "09:04:59+09:00", False), ((9, 0), 5, "09:05:00+09:00", True),
     ((15, 15), 15, "15:29:59+09:00", False), ((15, 30), 15, "15:39:59+09:00", False),
     ((15, 30), 15, "15:40:00+09:00", True), ((9, 1), 1, "00:01:00+00:00", False)],
)  # fmt: skip
def test_windows_are_closed_once_they_or_the_session_are_over(start, interval, now, closed):
    assert is_closed(at(*start), interval, datetime.fromisoformat(f"2026-11-18T{now}"), session()) is closed


@st.composite
def days(draw):
    """A day's rows as KIS would send them, oldest first, every turnover true."""
    acml, raws = draw(st.integers(0, 10**9)), []
    for number in sorted(draw(st.lists(st.integers(0, 399), min_size=1, max_size=30, unique=True))):
        low = draw(st.integers(1, 100_000))
        high = low + draw(st.integers(0, 5_000))
        opened, close = draw(st.integers(low, high)), draw(st.integers(low, high))
        volume = draw(st.integers(1, 10**6))
        acml += draw(st.integers(low * volume, high * volume))
        hour = f"{9 + number // 60:02}{number % 60:02}00"
        raws.append(raw(hour, close, volume, acml, ohl=(opened, high, low)))
    return raws


@given(raws=days())
def test_a_true_day_leaves_no_doubt_and_the_volumes_of_all_intervals_add_up(raws):
    found = prove(session_rows(raws, session()), session())
    assert found.doubts == [] and derive(found.candles)[15][0].timestamp == window(found.candles[0].timestamp, 15)
    assert len({sum(candle.volume for candle in some) for some in derive(found.candles).values()}) == 1


@given(raws=days(), data=st.data())
def test_a_row_lost_within_the_day_never_passes_as_proven(raws, data):
    if len(raws) < 3:
        return
    at = data.draw(st.integers(1, len(raws) - 2))
    behind = raws[at + 1]
    left = prove(session_rows(raws[:at] + raws[at + 1 :], session()), session())
    high, volume = int(behind["stck_hgpr"]), int(behind["cntg_vol"])
    bound = high * volume + (volume - 1 if high < 5_000 else 0)  # its half tick may be cut (kis_http.md §6)
    if int(behind["acml_tr_pbmn"]) - int(raws[at - 1]["acml_tr_pbmn"]) > bound:
        assert session_rows([behind], session())[0].minute in left.doubts


def test_daily_rows_are_read_by_date_a_halted_one_with_volume_nought_and_two_values_are_refused():
    numbers = {"stck_oprc": "100", "stck_hgpr": "110", "stck_lwpr": "90", "stck_clpr": "105", "acml_vol": "1000"}
    row, zeros = {"stck_bsop_date": "20261118", **numbers}, dict.fromkeys([*numbers][:3] + ["acml_vol"], "0")
    found = daily_by_date(daily_rows([row, row]))
    assert found == daily_by_date(daily_rows([dict.fromkeys(row, ""), row]), strict=False)
    assert found == {WEDNESDAY: DailyRow(WEDNESDAY, 100, 110, 90, 105, 1000)}
    assert daily_by_date(daily_rows([row | zeros]))[WEDNESDAY].volume == 0
    for rows in ([row | {"acml_vol": 1.5}], [row, row | {"acml_vol": "1001"}]):
        with pytest.raises(BadRow):
            daily_by_date(daily_rows(rows))
