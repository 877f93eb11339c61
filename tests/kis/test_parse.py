"""KIS's answers become typed rows; what cannot be true is rejected with a code, whatever the JSON holds."""

from datetime import datetime
from decimal import Decimal

import pytest
from kis_testing import WEDNESDAY, at, raw

from minute_candles.kis.parse import daily_rows, minute_rows, quote
from minute_candles.market.rows import (
    CorporateAction,
    DailyRow,
    MinuteRow,
    Quote,
    Reject,
    RejectedDay,
    RejectedRow,
    RowFault,
)

NOT_NUMBERS = ["-1", "1.5", "", None, 1, True, "1e2", "１００", " 100", "1" * 5000, "1_000"]


def rejected(raw_row: object) -> RejectedRow:
    row = minute_rows([raw_row])[0]
    assert isinstance(row, RejectedRow)
    return row


class TestMinuteRows:
    def test_keep_the_order_and_leave_padding_out(self):
        rows = minute_rows([raw("100100", 101, 2, 302), {}, raw("100000", 100, 1, 100)])
        assert rows == [
            MinuteRow(at(10, 1), 101, 101, 101, 101, 2, 302), MinuteRow(at(10, 0), 100, 100, 100, 100, 1, 100),
        ]  # fmt: skip

    @pytest.mark.parametrize(("hour", "minute"), [("090111", at(9, 1)), ("153059", at(15, 30))])
    def test_off_grid_seconds_are_floored(self, hour: str, minute: datetime):
        assert minute_rows([raw(hour, 1, 1, 1)])[0].minute == minute

    @pytest.mark.parametrize("hour", ["240000", "096000", "090060", "9010", "", "09:01:", "٠٩٠١٠٠", "-90100", " 90100"])
    def test_an_impossible_time_is_rejected(self, hour: str):
        assert rejected(raw(hour, 1, 1, 1)).reject.code in (RowFault.NO_TIME, RowFault.IMPOSSIBLE_TIME)

    @pytest.mark.parametrize("day", ["20260230", "00000101", "2026118", "2026-1-8", "", None, 20261118])
    def test_an_impossible_date_is_rejected(self, day: object):
        assert rejected({**raw("090100", 1, 1, 1), "stck_bsop_date": day}).minute is None

    @pytest.mark.parametrize("thing", [None, [], "row", 7, [["20261118", "090100"]]])
    def test_what_is_no_record_is_rejected(self, thing: object):
        assert rejected(thing).reject == Reject(RowFault.NOT_A_RECORD)

    @pytest.mark.parametrize("value", NOT_NUMBERS)
    def test_what_is_no_number_is_rejected_with_its_minute_and_what_can_be_read(self, value: object):
        row = rejected({**raw("100000", 100, 3, 300), "stck_prpr": value})
        assert row == RejectedRow(Reject(RowFault.NOT_A_NUMBER, at(10, 0), "close"), 3, 300)

    @pytest.mark.parametrize("field", ["stck_prpr", "stck_oprc", "stck_hgpr", "stck_lwpr", "cntg_vol", "acml_tr_pbmn"])
    def test_a_missing_field_is_rejected(self, field: str):
        short = raw("100000", 100, 1, 100)
        del short[field]
        assert rejected(short).reject.code == RowFault.NOT_A_NUMBER

    @pytest.mark.parametrize(
        "change",
        [
            {"stck_lwpr": "101"}, {"stck_hgpr": "99"}, {"stck_lwpr": "0"}, {"stck_prpr": "200"}, {"stck_oprc": "1"},
            {"stck_hgpr": "10000000000"},
        ],
    )  # fmt: skip
    def test_impossible_prices_are_rejected_where_something_traded(self, change: dict[str, str]):
        row = {**raw("100000", 100, 1, 100), **change}
        assert rejected(row) == RejectedRow(Reject(RowFault.IMPOSSIBLE_PRICES, at(10, 0)), 1, 100)
        assert isinstance(minute_rows([{**row, "cntg_vol": "0"}])[0], MinuteRow)


class TestDailyRows:
    ROW = {
        "stck_bsop_date": "20261118", "stck_oprc": "100", "stck_hgpr": "110", "stck_lwpr": "90", "stck_clpr": "105",
        "acml_vol": "1000", "acml_tr_pbmn": "100500", "flng_cls_code": "01", "prtt_rate": "-4.17",
    }  # fmt: skip

    def test_are_typed_with_their_corporate_action(self):
        expected = DailyRow(
            WEDNESDAY, 100, 110, 90, 105, 1000, 100_500, CorporateAction.RIGHTS, Decimal("-4.17")
        )  # fmt: skip
        assert daily_rows([self.ROW, {}]) == [expected]

    @pytest.mark.parametrize(
        ("code", "rate", "action", "percent"),
        [
            ("00", "0.00", CorporateAction.NONE, None), ("03", "-0.84", CorporateAction.DISTRIBUTION, Decimal("-0.84")),
            ("02", "0.00", CorporateAction.DIVIDEND, None), ("99", "x", CorporateAction.UNKNOWN, None),
            (None, "NaN", CorporateAction.NONE, None),
        ],
    )  # fmt: skip
    def test_actions_by_code(self, code: str, rate: str, action: CorporateAction, percent: Decimal | None):
        row = daily_rows([{**self.ROW, "flng_cls_code": code, "prtt_rate": rate}])[0]
        assert isinstance(row, DailyRow) and (row.action, row.adjustment_percent) == (action, percent)

    @pytest.mark.parametrize(
        ("change", "reject"),
        [
            ({"acml_vol": 1.5}, RejectedDay(RowFault.NOT_A_NUMBER, WEDNESDAY, "volume")),
            ({"stck_oprc": "-100"}, RejectedDay(RowFault.NOT_A_NUMBER, WEDNESDAY, "open")),
            ({"stck_hgpr": "110000"}, RejectedDay(RowFault.IMPOSSIBLE_PRICES, WEDNESDAY)),
            ({"stck_bsop_date": "2026118"}, RejectedDay(RowFault.NO_TIME)),
            ({"stck_bsop_date": "20260230"}, RejectedDay(RowFault.IMPOSSIBLE_TIME)),
        ],
    )
    def test_what_cannot_be_true_is_rejected(self, change: dict[str, object], reject: RejectedDay):
        assert daily_rows([{**self.ROW, **change}]) == [reject]


def test_a_quote_is_read_as_far_as_it_goes():
    told = {"hts_kor_isnm": "삼성전자 ", "acml_vol": "12", "acml_tr_pbmn": "840000", "stck_prdy_clpr": "x"}
    assert quote(told) == Quote("삼성전자", 12, 840_000, None)
    assert quote({}) is None and quote([]) is None and quote(None) is None
