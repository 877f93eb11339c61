"""What contradicts itself at the simulated KIS: the same symbol-days whoever calls, answered alike always or once."""

from datetime import date, datetime
from itertools import pairwise

import pytest

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
SYMBOL = "005930"


def surplus(row: dict[str, str], before: dict[str, str]) -> int:
    """Turnover beyond what the minute's range explains: positive above, negative below, else 0."""
    low, high, volume = (int(row[name]) for name in ("stck_lwpr", "stck_hgpr", "cntg_vol"))
    delta = int(row["acml_tr_pbmn"]) - int(before["acml_tr_pbmn"])
    return max(0, delta - high * volume) + min(0, delta - low * volume)


@pytest.mark.parametrize(("kind", "sign"), [("deal", 1), ("cancelled", -1)])
def test_turnover_without_volume_and_the_reverse_at_one_minute_and_always_the_same(evening, kind, sign) -> None:
    right = evening.whole_day()
    evening.add_fault(kind)
    wrong = evening.whole_day()
    odd = [row for before, row in pairwise(wrong) if surplus(row, before)]
    assert len(odd) == 1 and wrong == evening.whole_day()
    assert all(surplus(row, before) * sign >= 0 for before, row in pairwise(wrong))
    assert [{**row, "acml_tr_pbmn": ""} for row in wrong] == [{**row, "acml_tr_pbmn": ""} for row in right]
    unknown = [f"{candle.timestamp:%H%M00}" for candle in evening.truth(SYMBOL, WEDNESDAY) if candle.turnover is None]
    assert unknown == ["090000", odd[0]["stck_cntg_hour"]]


@pytest.mark.parametrize(("kind", "is_wrong"), [
    ("daily_missing", lambda right, wrong: wrong == []),
    ("daily_half", lambda right, wrong: int(wrong[0]["acml_vol"]) == int(right["acml_vol"]) // 2),
    ("daily_split", lambda right, wrong: int(wrong[0]["stck_oprc"]) == int(right["stck_oprc"]) * 5),
    ("daily_open", lambda right, wrong: wrong[0]["stck_oprc"] != right["stck_oprc"]),
    ("daily_narrow", lambda right, wrong: int(wrong[0]["stck_hgpr"]) < int(right["stck_hgpr"])),
])  # fmt: skip
def test_a_daily_candle_that_contradicts_its_minutes(evening, kind: str, is_wrong) -> None:
    (right,), truth = evening.daily(), evening.truth(SYMBOL, WEDNESDAY)
    evening.add_fault(kind)
    wrong = evening.daily()
    assert is_wrong(right, wrong) and wrong == evening.daily() and evening.truth(SYMBOL, WEDNESDAY) == truth


@pytest.mark.parametrize("kind", ["deal", "cancelled", "impossible", "daily_open", "daily_missing"])
def test_once_means_right_from_the_second_answer_on(make, kind: str) -> None:
    caller, true = make(), make()
    caller.add_fault(kind, once=True)
    answers = [one.daily() if kind.startswith("daily") else one.whole_day() for one in (true, caller, caller)]
    assert answers[0] != answers[1] and answers[0] == answers[2]
    assert caller.truth(SYMBOL, WEDNESDAY) == true.truth(SYMBOL, WEDNESDAY)


@pytest.mark.parametrize(("as_of", "newest", "close"), [
    ((8, 59), "20261119", None), ((15, 10), "150900", "15:09"), ((15, 29), "151900", "15:19"),
])  # fmt: skip
def test_a_final_source_that_is_late_shows_the_day_as_of_then(evening, as_of, newest, close) -> None:
    moment = evening.at("15:40:00").moment
    evening.add_fault("late", as_of=moment.replace(hour=as_of[0], minute=as_of[1]), until=datetime(2026, 11, 20, 21))
    row = evening.past(day=FRIDAY)[0]
    assert newest in (row["stck_cntg_hour"], row["stck_bsop_date"])
    truth = {f"{candle.timestamp:%H:%M}": candle.close for candle in evening.truth(SYMBOL, FRIDAY)}
    assert [int(row["stck_clpr"]) for row in evening.daily(FRIDAY)] == ([truth[close]] if close else [])
    assert evening.at("21:00:00").past(day=FRIDAY)[0]["stck_cntg_hour"] == "153000"


@pytest.mark.parametrize(
    ("kind", "factor"), [("split", 1 / 50), ("split", 5), ("rights", 0.9583), ("distribution", 0.9985)]
)
def test_from_the_ex_day_on_the_past_is_adjusted_and_the_daily_candle_only_where_requested(evening, kind, factor):
    """Prices × f, volumes ÷ f, turnover as it was; the daily row of the ex-day announces it (kis_http.md §6)."""
    right, friday, daily = evening.past(), evening.past(day=FRIDAY), evening.daily()
    evening.add_fault(kind, symbol=SYMBOL, ex_day=FRIDAY, factor=factor)
    for traded, reported in zip(right, evening.past(), strict=True):
        assert abs(int(reported["stck_hgpr"]) - int(traded["stck_hgpr"]) * factor) <= 0.5
        assert abs(int(reported["cntg_vol"]) - int(traded["cntg_vol"]) / factor) <= 0.5
        assert reported["acml_tr_pbmn"] == traded["acml_tr_pbmn"]
    assert evening.past(day=FRIDAY)[:100] == friday[:100] and evening.daily() == daily
    assert abs(int(evening.daily(ORG_ADJ_PRC="0")[0]["stck_oprc"]) - int(daily[0]["stck_oprc"]) * factor) <= 0.5
    (ex_day,) = evening.daily(FRIDAY)
    announced = (ex_day["flng_cls_code"], ex_day["prtt_rate"])
    assert announced == {"rights": ("01", "-4.17"), "distribution": ("03", "-0.15")}.get(kind, announced)
    evening.clear_faults()
    evening.add_fault(kind, since=datetime(2026, 11, 20, 21))
    assert evening.past() == right, "not yet"
