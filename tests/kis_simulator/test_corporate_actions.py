"""From the ex-day on the past is reported adjusted: prices × f, volumes ÷ f, turnover as it was."""

from datetime import date, datetime

import pytest

FRIDAY = date(2026, 11, 20)
SYMBOL = "005930"


@pytest.mark.parametrize(
    ("kind", "factor"), [("split", 1 / 50), ("split", 5), ("rights", 0.9583), ("distribution", 0.9985)]
)
def test_every_row_before_the_ex_day_is_reported_adjusted(evening, kind: str, factor: float) -> None:
    right, friday = evening.past(), evening.past(day=FRIDAY)
    evening.add_fault(kind, symbol=SYMBOL, ex_day=FRIDAY, factor=factor)
    for traded, reported in zip(right, evening.past(), strict=True):
        assert abs(int(reported["stck_hgpr"]) - int(traded["stck_hgpr"]) * factor) <= 0.5
        assert abs(int(reported["cntg_vol"]) - int(traded["cntg_vol"]) / factor) <= 0.5
        assert reported["acml_tr_pbmn"] == traded["acml_tr_pbmn"]
    assert evening.past(day=FRIDAY)[:100] == friday[:100]


def test_the_daily_candle_stays_unadjusted_where_that_is_requested_and_announces_the_action(evening) -> None:
    right = evening.daily()
    evening.add_fault("rights", symbol=SYMBOL, ex_day=FRIDAY)
    assert evening.daily() == right
    assert abs(int(evening.daily(ORG_ADJ_PRC="0")[0]["stck_oprc"]) - int(right[0]["stck_oprc"]) * 0.9583) <= 0.5
    (ex_day,) = evening.daily(FRIDAY)
    assert (ex_day["flng_cls_code"], ex_day["prtt_rate"]) == ("01", "-4.17")


def test_it_begins_at_its_moment_and_never_on_the_day_itself(evening) -> None:
    right, friday = evening.past(), evening.past(day=FRIDAY)
    for options in ({"since": datetime(2026, 11, 20, 21)}, {"ex_day": date(2026, 11, 23)}):
        evening.add_fault("split", **options)
        assert evening.past() == right
        evening.clear_faults()
    evening.add_fault("split")
    assert evening.past() != right and evening.past(day=FRIDAY)[:30] == friday[:30]
