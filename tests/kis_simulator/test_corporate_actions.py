"""From the ex-day on the past is reported adjusted: prices × f, volumes ÷ f, turnover as it was."""

from datetime import date, datetime

import pytest

from kis_simulator.faults.faults import parse
from kis_simulator.simulator import Simulator

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
SYMBOL = "005930"


def simulator(moment: datetime = datetime(2026, 11, 20, 20, 30)) -> Simulator:
    return Simulator(now=lambda: moment, profiles={SYMBOL: "liquid"})


def rows(sim: Simulator, name: str = "past", day: date = WEDNESDAY, **params: str) -> list[dict[str, str]]:
    fields = {"FID_INPUT_DATE_1": f"{day:%Y%m%d}", "FID_INPUT_DATE_2": f"{day:%Y%m%d}", "FID_INPUT_HOUR_1": "120000"}
    return sim._rows(name, SYMBOL, {**fields, **params}, sim.now())


@pytest.mark.parametrize(
    ("kind", "factor"), [("split", 1 / 50), ("split", 5), ("rights", 0.9583), ("distribution", 0.9985)]
)
def test_every_row_before_the_ex_day_is_reported_adjusted(kind: str, factor: float) -> None:
    sim = simulator()
    right, friday = rows(sim), rows(sim, day=FRIDAY)
    sim.add_fault(kind, symbol=SYMBOL, ex_day=FRIDAY, factor=factor)
    for traded, reported in zip(right, rows(sim), strict=True):
        assert abs(int(reported["stck_hgpr"]) - int(traded["stck_hgpr"]) * factor) <= 0.5
        assert abs(int(reported["cntg_vol"]) - int(traded["cntg_vol"]) / factor) <= 0.5
        assert reported["acml_tr_pbmn"] == traded["acml_tr_pbmn"]
    assert [row for row in rows(sim, day=FRIDAY) if row in friday][:100] == friday[:100]


def test_the_daily_candle_stays_unadjusted_where_it_is_asked_for_and_announces_the_action() -> None:
    sim = simulator()
    right = rows(sim, "daily", FID_ORG_ADJ_PRC="1")
    sim.add_fault("rights", symbol=SYMBOL, ex_day=FRIDAY)
    assert rows(sim, "daily", FID_ORG_ADJ_PRC="1") == right
    adjusted = rows(sim, "daily", FID_ORG_ADJ_PRC="0")
    assert abs(int(adjusted[0]["stck_oprc"]) - int(right[0]["stck_oprc"]) * 0.9583) <= 0.5
    (ex_day,) = rows(sim, "daily", FRIDAY, FID_ORG_ADJ_PRC="1")
    assert (ex_day["flng_cls_code"], ex_day["prtt_rate"]) == ("01", "-4.17")


def test_it_begins_at_its_moment_and_never_on_the_day_itself() -> None:
    sim = simulator()
    right = rows(sim)
    sim.add_fault("split", since=datetime(2026, 11, 20, 21))
    assert rows(sim) == right
    sim.clear_faults()
    sim.add_fault("split", ex_day=date(2026, 11, 23))
    assert rows(sim) == right
    sim.clear_faults()
    sim.add_fault("split")
    assert rows(sim) != right
    assert rows(sim, day=FRIDAY)[:30] == rows(simulator(), day=FRIDAY)[:30]


def test_a_share_of_symbol_days_and_two_actions_at_once() -> None:
    sim = simulator()
    right = rows(sim)
    sim.add_fault("rights", rate=0.3)
    chosen = [
        day
        for day in sim.market.calendar.days[-2000:-1000]
        if sim.active.actions[0].factor_of(SYMBOL, day, datetime.max) != 1
    ]
    assert 250 < len(chosen) < 350
    sim.clear_faults()
    sim.add_fault("split", factor=0.5)
    sim.add_fault("split", factor=0.5)
    assert abs(int(rows(sim)[0]["stck_prpr"]) - int(right[0]["stck_prpr"]) / 4) <= 0.5
    assert sim.active.actions[0].fired >= len(right)


def test_it_is_set_on_the_command_line_and_by_json() -> None:
    sim = simulator()
    sim.add_fault(**parse("split:symbol=005930,ex_day=2026-11-20,factor=0.02,since=2026-11-20T09:00"))
    assert (sim.active.actions[0].ex_day, sim.active.actions[0].factor) == (FRIDAY, 0.02)
    assert sim.active.actions[0].since == datetime(2026, 11, 20, 9)
