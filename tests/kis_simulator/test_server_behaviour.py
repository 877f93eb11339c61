"""Each of KIS's quirks in the simulator, switched on (kis_http.md §5, §6, §7), and a captured answer."""

import json
from datetime import date, datetime
from itertools import pairwise

import pytest
from places import SHARED

from kis_simulator.faults.server_behaviour import ServerBehaviour

FRIDAY = date(2026, 11, 20)
LIQUID, RARE, AUCTIONS = "005930", "222220", "000002"
CAPTURED = SHARED / "data" / "kis_today_future_hour_a.json"
REAL = ServerBehaviour(fillers=True, late_rows=True)


def amounts(row: dict[str, str]) -> tuple[int, int]:
    return int(row["cntg_vol"]), int(row["acml_tr_pbmn"])


def test_every_minute_without_a_trade_has_a_filler_at_the_price_and_turnover_before_it(make) -> None:
    caller = make(behaviour=ServerBehaviour(fillers=True, late_rows=False)).at("14:30:00")
    rows = caller.today(RARE)
    assert [row["stck_cntg_hour"][:4] for row in rows] == [f"14{minute:02}" for minute in range(30, 0, -1)]
    traded = {f"{candle.timestamp:%H%M}" for candle in caller.truth(RARE, FRIDAY)}
    for before, row in pairwise(reversed(rows[1:])):
        if row["stck_cntg_hour"][:4] not in traded:
            assert amounts(row) == (0, amounts(before)[1])
            assert {row[name] for name in ("stck_oprc", "stck_hgpr", "stck_lwpr")} == {before["stck_prpr"]}


def test_before_the_first_trade_of_the_day_fillers_have_no_turnover_and_yesterdays_close(make) -> None:
    caller = make(behaviour=REAL, oddities={(RARE, FRIDAY): "auction_only"}).at("09:10:00")
    close, rows = caller.sim.market.last_price(RARE, date(2026, 11, 19)), caller.today(RARE)
    assert len(rows) == 11 and all(amounts(row) == (0, 0) and row["stck_prpr"] == str(close) for row in rows)


def test_a_minute_shows_only_after_a_later_one_has_traded_and_its_turnover_in_the_fillers_after_it(make) -> None:
    """A name of the 30-minute call auction: its 10:30 print stays hidden until 11:00."""
    caller = make(behaviour=REAL).at("10:59:59")
    truth = {f"{candle.timestamp:%H%M}": candle for candle in caller.truth(AUCTIONS, FRIDAY)}
    rows = {row["stck_cntg_hour"][:4]: row for row in caller.today(AUCTIONS)}
    hidden, after, before = rows["1030"], rows["1031"], caller.today(AUCTIONS, "102959")[0]
    assert amounts(hidden) == (0, amounts(before)[1]) and hidden["stck_prpr"] == before["stck_prpr"]
    assert amounts(after) == (0, amounts(before)[1] + truth["1030"].turnover)
    shown = {row["stck_cntg_hour"]: row for row in caller.at("11:00:59").today(AUCTIONS, "103500")}["103000"]
    assert amounts(shown)[0] == truth["1030"].volume


def test_the_last_minute_before_a_volatility_interruption_is_late(make) -> None:
    caller = make(behaviour=REAL, oddities={(LIQUID, FRIDAY): "vi"})
    found = [{row["stck_cntg_hour"]: row for row in caller.at(at).today()} for at in ("11:32:50", "11:33:50")]
    assert [amounts(rows["112900"])[0] > 0 for rows in found] == [False, True]


def test_a_future_hour_brings_rows_of_volume_0_and_the_running_minute_under_its_label(make) -> None:
    caller = make(behaviour=REAL).at("10:30:50")
    newest, *phantoms, at_now = caller.today(hour="105000")[:21]
    running, last = caller.today()[:2]
    running_past = make(behaviour=ServerBehaviour(past_running=True)).at("10:30:50").past(day=FRIDAY, hour="153000")[0]
    assert running_past == running, "the past TR may show it, too"
    assert (newest["stck_cntg_hour"], amounts(newest)) == ("105000", amounts(running))
    assert {*map(amounts, (*phantoms, at_now))} == {(0, amounts(last)[1])} and at_now["stck_cntg_hour"] == "103000"
    rows = make(behaviour=ServerBehaviour(phantoms="volume")).at("10:30:50").today(hour="105000")[:21]
    assert len({*map(amounts, rows)}) == 1 and amounts(rows[0])[0] > 0, "or rows with volume all the way"


@pytest.mark.skipif(not CAPTURED.exists(), reason="the captured answer is not at hand")
def test_that_is_the_form_of_a_captured_answer(make) -> None:
    """Of about 15:08, for 15:30."""
    theirs = json.loads(CAPTURED.read_text(encoding="utf-8"))["output2"]
    ours = make(behaviour=REAL).at("15:08:50").today(hour="153000")
    form = [[(row["stck_cntg_hour"], amounts(row)[0] > 0, row.keys()) for row in rows] for rows in (ours, theirs)]
    assert form[0] == form[1]
    for rows in (ours, theirs):
        assert len({row["acml_tr_pbmn"] for row in rows[1:23]}) == 1 < len({row["acml_tr_pbmn"] for row in rows[:23]})


def test_in_the_evening_the_days_candle_has_the_after_market_in_it_until_the_night(make) -> None:
    def candle(moment: datetime) -> dict[str, str]:
        return make(moment, behaviour=ServerBehaviour(evening_daily=True)).daily(FRIDAY)[0]

    session, evening = (candle(datetime(2026, 11, 20, hour, 45)) for hour in (15, 20))
    night, morning = (candle(datetime(2026, 11, 21, hour)) for hour in (1, 6))
    last_price = make().sim.market.day(LIQUID, FRIDAY).trades[-1][1]
    assert evening["stck_clpr"] == night["stck_clpr"] == str(last_price)
    assert morning["stck_clpr"] == session["stck_clpr"] and morning["stck_oprc"] == evening["stck_oprc"]
    assert int(evening["stck_hgpr"]) >= int(session["stck_hgpr"])
