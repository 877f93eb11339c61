"""KIS's answers become typed rows; what cannot be true is rejected with a code, whatever the JSON holds."""

from decimal import Decimal

import pytest
from kis_testing import WEDNESDAY, at, raw

from minute_candles.kis.parse import daily_rows, minute_rows, quote
from minute_candles.market.rows import CorporateAction, DailyRow, MinuteRow, Quote, Reject, RejectedDay, RejectedRow
from minute_candles.market.rows import RowFault as Fault

NOT_NUMBERS = ["-1", "1.5", "", None, 1, True, "1e2", "１００", " 100", "1" * 5000, "1_000"]
IMPOSSIBLE = [("stck_lwpr", "101"), ("stck_hgpr", "99"), ("stck_lwpr", "0"), ("stck_prpr", "200"), ("stck_oprc", "1"),
              ("stck_hgpr", "10000000000")]  # fmt: skip


def rejected(raw_row: object) -> RejectedRow:
    row = minute_rows([raw_row])[0]
    assert isinstance(row, RejectedRow)
    return row


class TestMinuteRows:
    def test_keep_the_order_floor_seconds_and_leave_padding_out(self):
        expected = [(at(10, 1), 101, 101, 101, 101, 2, 302), (at(10, 0), 100, 100, 100, 100, 1, 100)]
        rows = minute_rows([raw("100111", 101, 2, 302), {}, raw("100059", 100, 1, 100)])
        assert rows == [MinuteRow(*fields) for fields in expected]

    @pytest.mark.parametrize("hour", ["240000", "096000", "090060", "9010", "", "09:01:", "٠٩٠١٠٠", "-90100", " 90100"])
    def test_an_impossible_time_or_date_is_rejected(self, hour: str):
        assert rejected(raw(hour, 1, 1, 1)).reject.code in (Fault.NO_TIME, Fault.IMPOSSIBLE_TIME)
        for day in ("20260230", "00000101", "2026118", "2026-1-8", "", None, 20261118):
            assert rejected({**raw("090100", 1, 1, 1), "stck_bsop_date": day}).minute is None

    @pytest.mark.parametrize("value", NOT_NUMBERS)
    def test_what_is_no_number_is_rejected_with_its_minute_and_what_can_be_read(self, value: object):
        row = rejected({**raw("100000", 100, 3, 300), "stck_prpr": value})
        assert row == RejectedRow(Reject(Fault.NOT_A_NUMBER, at(10, 0), "close"), 3, 300)

    def test_a_missing_field_and_what_is_no_record_are_rejected(self):
        for field in ("stck_prpr", "stck_oprc", "stck_hgpr", "stck_lwpr", "cntg_vol", "acml_tr_pbmn"):
            row = raw("100000", 100, 1, 100)
            del row[field]
            assert rejected(row).reject.code == Fault.NOT_A_NUMBER, field
        for thing in (None, [], "row", 7, [["20261118", "090100"]]):
            assert rejected(thing).reject == Reject(Fault.NOT_A_RECORD)

    @pytest.mark.parametrize(("field", "value"), IMPOSSIBLE)
    def test_impossible_prices_are_rejected_where_something_traded(self, field: str, value: str):
        row = {**raw("100000", 100, 1, 100), field: value}
        assert rejected(row) == RejectedRow(Reject(Fault.IMPOSSIBLE_PRICES, at(10, 0)), 1, 100)
        assert isinstance(minute_rows([{**row, "cntg_vol": "0"}])[0], MinuteRow)


DAY = {
    "stck_bsop_date": "20261118", "stck_oprc": "100", "stck_hgpr": "110", "stck_lwpr": "90", "stck_clpr": "105",
    "acml_vol": "1000", "acml_tr_pbmn": "100500", "flng_cls_code": "01", "prtt_rate": "-4.17",
}  # fmt: skip


class TestDailyRows:
    @pytest.mark.parametrize(("code", "rate", "action", "percent"), [
        ("01", "-4.17", "RIGHTS", Decimal("-4.17")), ("00", "0.00", "NONE", None), ("02", "0.00", "DIVIDEND", None),
        ("03", "-0.84", "DISTRIBUTION", Decimal("-0.84")), ("99", "x", "UNKNOWN", None), (None, "NaN", "NONE", None),
    ])  # fmt: skip
    def test_are_typed_with_their_corporate_action(self, code, rate, action, percent):
        expected = DailyRow(WEDNESDAY, 100, 110, 90, 105, 1000, 100_500, CorporateAction[action], percent)
        assert daily_rows([{**DAY, "flng_cls_code": code, "prtt_rate": rate}, {}]) == [expected]

    @pytest.mark.parametrize(("field", "value", "reject"), [
        ("acml_vol", 1.5, RejectedDay(Fault.NOT_A_NUMBER, WEDNESDAY, "volume")),
        ("stck_oprc", "-100", RejectedDay(Fault.NOT_A_NUMBER, WEDNESDAY, "open")),
        ("stck_hgpr", "110000", RejectedDay(Fault.IMPOSSIBLE_PRICES, WEDNESDAY)),
        ("stck_bsop_date", "2026118", RejectedDay(Fault.NO_TIME)),
        ("stck_bsop_date", "20260230", RejectedDay(Fault.IMPOSSIBLE_TIME)),
    ])  # fmt: skip
    def test_what_cannot_be_true_is_rejected(self, field, value, reject):
        assert daily_rows([{**DAY, field: value}]) == [reject]


def test_a_quote_is_read_as_far_as_it_goes():
    answer = {"hts_kor_isnm": "삼성전자 ", "acml_vol": "12", "acml_tr_pbmn": "840000", "stck_prdy_clpr": "x"}
    assert quote(answer) == Quote("삼성전자", 12, 840_000, None)
    assert quote({}) is None and quote([]) is None and quote(None) is None
