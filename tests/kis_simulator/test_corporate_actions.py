"""From the ex-day on the past is reported adjusted: prices × f, volumes ÷ f, turnover as it was."""

from datetime import date, datetime

import pytest

from kis_simulator.faults.faults import parse

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


def test_a_share_of_symbol_days_and_two_actions_at_once(evening) -> None:
    right = evening.past()
    evening.add_fault("rights", rate=0.3)
    action, days = evening.sim.active.actions[0], evening.sim.market.calendar.days[-2000:-1000]
    assert 250 < sum(action.factor_of(SYMBOL, day, datetime.max) != 1 for day in days) < 350
    evening.clear_faults()
    evening.add_fault("split", factor=0.5)
    evening.add_fault("split", factor=0.5)
    assert abs(int(evening.past()[0]["stck_prpr"]) - int(right[0]["stck_prpr"]) / 4) <= 0.5


def test_it_is_set_on_the_command_line(evening) -> None:
    evening.add_fault(**parse("split:symbol=005930,ex_day=2026-11-20,factor=0.02,since=2026-11-20T09:00"))
    action = evening.sim.active.actions[0]
    assert (action.ex_day, action.factor, action.since) == (FRIDAY, 0.02, datetime(2026, 11, 20, 9))
