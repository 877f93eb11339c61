"""What contradicts itself at the simulated KIS: the same symbol-days whoever asks, told alike always or once."""

from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest

from kis_simulator.faults.inconsistencies import INCONSISTENCIES
from kis_simulator.simulator import Simulator

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)
EVENING = datetime(2026, 11, 20, 20, 30)
SYMBOL = "005930"


def simulator(moment: datetime = EVENING, **options) -> Simulator:
    return Simulator(now=lambda: moment, profiles={SYMBOL: "liquid"}, **options)


def past(sim: Simulator, day: date = WEDNESDAY, hour: str = "235959") -> list[dict[str, str]]:
    params = {"FID_INPUT_DATE_1": f"{day:%Y%m%d}", "FID_INPUT_HOUR_1": hour}
    return sim._rows("past", SYMBOL, params, sim.now())


def whole(sim: Simulator, day: date = WEDNESDAY) -> list[dict[str, str]]:
    """Every row of the session, oldest first."""
    rows = [row for hour in ("153900", "133100", "113100", "093100") for row in past(sim, day, hour)]
    mine = {row["stck_cntg_hour"]: row for row in rows if row["stck_bsop_date"] == f"{day:%Y%m%d}"}
    return [mine[hour] for hour in sorted(mine)]


def daily(sim: Simulator, first: date = WEDNESDAY, last: date = WEDNESDAY) -> list[dict[str, str]]:
    params = {"FID_INPUT_DATE_1": f"{first:%Y%m%d}", "FID_INPUT_DATE_2": f"{last:%Y%m%d}"}
    return sim._rows("daily", SYMBOL, params, sim.now())


def surplus(row: dict[str, str], before: dict[str, str]) -> int:
    """Turnover beyond what the minute's range explains: positive above, negative below, else 0."""
    low, high, volume = (int(row[name]) for name in ("stck_lwpr", "stck_hgpr", "cntg_vol"))
    delta = int(row["acml_tr_pbmn"]) - int(before["acml_tr_pbmn"])
    return max(0, delta - high * volume) + min(0, delta - low * volume)


@pytest.mark.parametrize(("kind", "sign"), [("deal", 1), ("cancelled", -1)])
def test_turnover_without_volume_and_the_reverse_at_one_minute_and_always_the_same(kind: str, sign: int) -> None:
    sim = simulator()
    right = whole(sim)
    sim.add_fault(kind)
    wrong = whole(sim)
    odd = [row for before, row in pairwise(wrong) if surplus(row, before)]
    assert len(odd) == 1 and wrong == whole(sim)
    assert all(surplus(row, before) * sign >= 0 for before, row in pairwise(wrong))
    assert [{**row, "acml_tr_pbmn": ""} for row in wrong] == [{**row, "acml_tr_pbmn": ""} for row in right]
    unknown = [f"{candle.timestamp:%H%M00}" for candle in sim.truth(SYMBOL, WEDNESDAY) if candle.turnover is None]
    assert unknown == ["090000", odd[0]["stck_cntg_hour"]]


def test_todays_tr_tells_the_same_deal_as_the_past_tr() -> None:
    sim = simulator(datetime(2026, 11, 20, 15, 45))
    sim.add_fault("deal")
    today = [row for hour in ("154000", "150300", "143300") for row in sim._rows(
        "today", SYMBOL, {"FID_INPUT_HOUR_1": hour}, sim.now())]  # fmt: skip
    turnovers = {row["stck_cntg_hour"]: row["acml_tr_pbmn"] for row in whole(sim, FRIDAY)}
    seen = [row for row in today if int(row["cntg_vol"])]
    assert seen and all(turnovers[row["stck_cntg_hour"]] == row["acml_tr_pbmn"] for row in seen)


def test_an_impossible_row_is_one_and_the_truth_lacks_its_minute() -> None:
    sim = simulator()
    sim.add_fault("impossible")
    odd = [row for row in whole(sim) if int(row["stck_lwpr"]) > int(row["stck_hgpr"])]
    assert len(odd) == 1 and whole(sim) == whole(sim)
    minutes = [f"{candle.timestamp:%H%M00}" for candle in sim.truth(SYMBOL, WEDNESDAY)]
    assert len(minutes) == 380 and odd[0]["stck_cntg_hour"] not in minutes


@pytest.mark.parametrize("kind", [kind for kind in INCONSISTENCIES if kind.startswith("daily_")])
def test_a_daily_candle_that_contradicts_its_minutes(kind: str) -> None:
    sim = simulator()
    (right,) = daily(sim)
    sim.add_fault(kind)
    wrong = daily(sim)
    assert wrong == daily(sim) and wrong != [right]
    assert sim.truth(SYMBOL, WEDNESDAY) == simulator().truth(SYMBOL, WEDNESDAY)
    if kind == "daily_missing":
        assert wrong == []
    elif kind == "daily_half":
        assert int(wrong[0]["acml_vol"]) == int(right["acml_vol"]) // 2
    elif kind == "daily_split":
        assert int(wrong[0]["stck_oprc"]) == int(right["stck_oprc"]) * 5
    elif kind == "daily_open":
        assert wrong[0]["stck_oprc"] != right["stck_oprc"]
    else:
        assert int(wrong[0]["stck_hgpr"]) < int(right["stck_hgpr"])


def test_the_dice_choose_symbol_days_the_same_ones_each_time() -> None:
    sim = simulator()
    sim.add_fault("daily_half", rate=0.3)
    first, again = (daily(sim, date(2026, 7, 1), FRIDAY) for _ in range(2))
    right = daily(simulator(), date(2026, 7, 1), FRIDAY)
    struck = sum(told != true for told, true in zip(first, right, strict=True))
    assert first == again and 15 < struck < 45


@pytest.mark.parametrize("kind", ["deal", "cancelled", "impossible", "daily_open", "daily_missing"])
def test_once_means_right_from_the_second_answer_on(kind: str) -> None:
    sim, true = simulator(), simulator()
    sim.add_fault(kind, once=True)
    told = daily if kind.startswith("daily") else whole
    assert told(sim) != told(true) and told(sim) == told(true)
    assert sim.truth(SYMBOL, WEDNESDAY) == true.truth(SYMBOL, WEDNESDAY)


@pytest.mark.parametrize(
    ("as_of", "newest", "close"),
    [((8, 59), "20261119", None), ((15, 10), "150900", "15:09"), ((15, 29), "151900", "15:19")],
)  # fmt: skip
def test_an_authority_that_is_late_shows_the_day_as_of_then(as_of, newest, close) -> None:
    moment = datetime(2026, 11, 20, 15, 40)
    sim = simulator(moment)
    sim.add_fault("late", as_of=moment.replace(hour=as_of[0], minute=as_of[1]), until=datetime(2026, 11, 20, 21))
    newest_row, candles = past(sim, FRIDAY, "153900")[0], daily(sim, FRIDAY, FRIDAY)
    assert newest in (newest_row["stck_cntg_hour"], newest_row["stck_bsop_date"])
    truth = {f"{candle.timestamp:%H:%M}": candle.close for candle in sim.truth(SYMBOL, FRIDAY)}
    assert [int(row["stck_clpr"]) for row in candles] == ([truth[close]] if close else [])
    sim._now = lambda: datetime(2026, 11, 20, 21)
    assert past(sim, FRIDAY, "153900")[0]["stck_cntg_hour"] == "153000"


def test_a_late_authority_stays_so_the_next_day_until_it_is_over_and_for_one_path_if_told() -> None:
    sim = simulator(datetime(2026, 11, 23, 7))
    sim.add_fault("late", path="past", as_of=datetime(2026, 11, 20, 15, 10), until=datetime(2026, 11, 23, 8))
    assert past(sim, FRIDAY, "153900")[0]["stck_cntg_hour"] == "150900"
    assert daily(sim, FRIDAY, FRIDAY) == daily(simulator(datetime(2026, 11, 23, 7)), FRIDAY, FRIDAY)
    assert past(sim, THURSDAY, "163900")[0]["stck_cntg_hour"] == "163000"


def test_a_csat_day_nobody_announced_runs_from_ten_to_half_past_four() -> None:
    truth = Simulator(now=lambda: EVENING, csat=[WEDNESDAY]).truth(SYMBOL, WEDNESDAY)
    assert (f"{truth[0].timestamp:%H:%M}", f"{truth[-1].timestamp:%H:%M}") == ("10:00", "16:30")
    assert f"{simulator().truth(SYMBOL, WEDNESDAY)[0].timestamp:%H:%M}" == "09:00"


def test_a_suspended_name_never_trades_and_a_call_auction_name_every_half_hour() -> None:
    sim = Simulator(now=lambda: EVENING, profiles={"000001": "suspended", "000002": "call_auction"})
    days = [WEDNESDAY - timedelta(days=count) for count in range(40)]
    assert not [day for day in days if sim.truth("000001", day)]
    minutes = {candle.timestamp.minute for candle in sim.truth("000002", WEDNESDAY)}
    assert minutes == {0, 30} and len(sim.truth("000002", WEDNESDAY)) == 14
