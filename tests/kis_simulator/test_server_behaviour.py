"""Each of KIS's quirks in the simulator, switched on (kis_http.md §3, §5, §6, §7), and captured answers."""

import json
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import requests
from places import SHARED

from kis_simulator.auth import RefusalError
from kis_simulator.exchange.market import Market
from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.simulator import Simulator

FRIDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 18)
LIQUID, RARE = "005930", "222220"
CAPTURED = SHARED / "data" / "kis_today_future_hour_a.json"
Rows = list[dict[str, str]]


def simulator(hour: str = "10:30:40", day: date = FRIDAY, **options) -> Simulator:
    options.setdefault("behaviour", ServerBehaviour(fillers=True, late_rows=True))
    profiles = {LIQUID: "liquid", RARE: "illiquid", "000001": "suspended", "000002": "call_auction", "000003": "brisk"}
    moment = datetime.combine(day, datetime.strptime(hour, "%H:%M:%S").time())
    return Simulator(now=lambda: moment, profiles=profiles, **options)


def today(sim: Simulator, symbol: str = LIQUID, hour: str = "") -> Rows:
    return sim.endpoints.today(symbol, hour, sim.now())


def seen(row: dict[str, str]) -> tuple[str, int, int]:
    return row["stck_cntg_hour"][:4], int(row["cntg_vol"]), int(row["acml_tr_pbmn"])


def test_every_minute_without_a_trade_has_a_filler_at_the_price_and_turnover_before_it() -> None:
    sim = simulator("14:30:00", behaviour=ServerBehaviour(fillers=True, late_rows=False))
    rows = today(sim, RARE)
    assert [row["stck_cntg_hour"][:4] for row in rows] == [f"14{minute:02}" for minute in range(30, 0, -1)]
    traded = {f"{candle.timestamp:%H%M}" for candle in sim.truth(RARE, FRIDAY)}
    for before, row in pairwise(reversed(rows[1:])):
        if row["stck_cntg_hour"][:4] not in traded:
            assert seen(row)[1:] == (0, seen(before)[2])
            assert {row[name] for name in ("stck_oprc", "stck_hgpr", "stck_lwpr")} == {before["stck_prpr"]}


def test_before_the_first_trade_of_the_day_fillers_have_no_turnover_and_yesterdays_close() -> None:
    sim = simulator("09:10:00", oddities={(RARE, FRIDAY): "auction_only"})
    close = sim.market.last_price(RARE, date(2026, 11, 19))
    rows = today(sim, RARE)
    assert len(rows) == 11 and all(seen(row)[1:] == (0, 0) and row["stck_prpr"] == str(close) for row in rows)


def test_a_minute_shows_only_after_a_later_one_has_traded_and_its_turnover_in_the_fillers_after_it() -> None:
    """A name of the 30-minute call auction: its 10:30 print stays hidden until 11:00."""
    sim = simulator("10:59:59")
    truth = {f"{candle.timestamp:%H%M}": candle for candle in sim.truth("000002", FRIDAY)}
    rows = {row["stck_cntg_hour"][:4]: row for row in today(sim, "000002")}
    hidden, after, before = rows["1030"], rows["1031"], today(sim, "000002", "102959")[0]
    assert seen(hidden)[1:] == (0, seen(before)[2]) and hidden["stck_prpr"] == before["stck_prpr"]
    assert seen(after)[1] == 0 and seen(after)[2] - seen(before)[2] == truth["1030"].turnover
    late = simulator("11:00:59")
    (shown,) = [seen(row) for row in today(late, "000002", "103500") if row["stck_cntg_hour"] == "103000"]
    assert shown[1] == truth["1030"].volume


def test_the_last_minute_before_a_volatility_interruption_is_late() -> None:
    def row(at: str) -> tuple[str, int, int]:
        sim = simulator(at, oddities={(LIQUID, FRIDAY): "vi"})
        return next(seen(row) for row in today(sim) if row["stck_cntg_hour"] == "112900")

    assert row("11:32:50")[1] == 0 < row("11:33:50")[1]


def test_a_future_hour_brings_rows_of_volume_0_and_the_running_minute_under_its_label() -> None:
    sim = simulator("10:30:50")
    newest, *phantoms, at_now = today(sim, LIQUID, "105000")[:21]
    running = today(sim)[0]
    assert (newest["stck_cntg_hour"], seen(newest)[1:]) == ("105000", seen(running)[1:])
    assert {seen(row)[1:] for row in (*phantoms, at_now)} == {(0, seen(today(sim)[1])[2])}
    assert at_now["stck_cntg_hour"] == "103000"


@pytest.mark.skipif(not CAPTURED.exists(), reason="the captured answer is not at hand")
def test_that_is_the_form_of_a_captured_answer() -> None:
    """Asked at about 15:08 for 15:30."""
    theirs = json.loads(CAPTURED.read_text(encoding="utf-8"))["output2"]
    ours = today(simulator("15:08:50"), LIQUID, "153000")
    assert [row["stck_cntg_hour"] for row in ours] == [row["stck_cntg_hour"] for row in theirs]
    assert [int(row["cntg_vol"]) > 0 for row in ours] == [int(row["cntg_vol"]) > 0 for row in theirs]
    assert [row.keys() for row in ours] == [row.keys() for row in theirs]
    for rows in (ours, theirs):
        assert len({row["acml_tr_pbmn"] for row in rows[1:23]}) == 1 < len({row["acml_tr_pbmn"] for row in rows[:23]})


def test_or_rows_with_volume_all_the_way() -> None:
    rows = today(simulator("10:30:50", behaviour=ServerBehaviour(phantoms="volume")), LIQUID, "105000")
    assert len({seen(row)[1:] for row in rows[:21]}) == 1 and seen(rows[0])[1] > 0


def test_the_past_tr_shows_the_running_minute_half_way() -> None:
    sim = simulator("10:30:50", behaviour=ServerBehaviour(past_running=True))
    newest = sim.endpoints.past(LIQUID, FRIDAY, "153000", sim.now())[0]
    assert newest == today(sim)[0] and newest["stck_cntg_hour"] == "103000"
    assert len(sim.endpoints.past(LIQUID, FRIDAY, "153000", sim.now())) == 120


def test_the_first_row_holds_turnover_from_before_the_open_on_that_share_of_days() -> None:
    market = Market(1, FRIDAY, behaviour=ServerBehaviour(off_hours=0.23))
    days = [market.day(f"{number:06}", FRIDAY - timedelta(days=7 * week)) for number in range(60) for week in range(5)]
    traded = [day for day in days if day.rows]
    assert 0.15 < sum(day.before.volume > 0 for day in traded) / len(traded) < 0.31


def test_half_ticks_below_5000_are_printed_without_their_half_and_their_turnover_is_right() -> None:
    symbol = next(s for s in (f"{n:06}" for n in range(999)) if 2_500 < Market(1, FRIDAY).last_price(s, FRIDAY) < 4_500)
    sim = simulator(
        "20:30:00", behaviour=ServerBehaviour(cut_half_ticks=True), oddities={(symbol, FRIDAY): "half_tick"}
    )
    trades = sim.market.day(symbol, FRIDAY).trades
    cut = [trade for trade in trades if trade[1] % 5]
    assert cut and all(trade[3] == (trade[1] * 2 + 1) * trade[2] // 2 for trade in cut)
    assert all(trade[3] == trade[1] * trade[2] for trade in trades if not trade[1] % 5)


def test_in_the_evening_the_days_candle_has_the_after_market_in_it_until_the_night() -> None:
    def candle(sim: Simulator) -> dict[str, str]:
        return sim.endpoints.daily(LIQUID, FRIDAY, FRIDAY, sim.now())[0]

    behaviour = ServerBehaviour(evening_daily=True)
    session, evening = (
        candle(simulator("15:45:00", behaviour=behaviour)),
        candle(simulator("20:30:00", behaviour=behaviour)),
    )
    night, morning = (candle(simulator(at, date(2026, 11, 21), behaviour=behaviour)) for at in ("01:00:00", "06:00:00"))
    market = simulator().market.day(LIQUID, FRIDAY)
    assert evening["stck_clpr"] == night["stck_clpr"] == str(market.trades[-1][1])
    assert morning["stck_clpr"] == session["stck_clpr"] and morning["stck_oprc"] == evening["stck_oprc"]
    assert int(evening["stck_hgpr"]) >= int(session["stck_hgpr"])


@pytest.mark.parametrize("how", ["trap", "fault"])
def test_errors_may_come_with_a_key_without_quotes(how: str) -> None:
    sim = simulator(behaviour=ServerBehaviour(unquoted=how == "trap"))
    if how == "fault":
        sim.add_fault("egw00121", unquoted=True)
    with sim:
        path = "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice"
        headers = {"appkey": "key", "appsecret": "secret"}
        answer = requests.get(sim.url + path, headers=headers, timeout=5)
    assert answer.status_code == 500 and answer.text.startswith('{rt_cd:"1"') and '"msg_cd": "EGW00121"' in answer.text


@pytest.mark.parametrize("key", ["key", None], ids=["this key", "every key"])
def test_a_revoked_token_is_refused_and_the_next_comes_a_minute_after_the_last(key: str | None) -> None:
    moment = [datetime(2026, 11, 20, 10)]
    sim = Simulator(now=lambda: moment[0])
    tokens = {name: sim.tokens.issue(name, moment[0])[0] for name in ("key", "other")}
    sim.revoke_tokens(key)
    with pytest.raises(RefusalError, match="EGW00121"):
        sim.tokens.check(f"Bearer {tokens['key']}", "key", moment[0])
    assert ("other" in [owner for owner, _ in sim.tokens.known.values()]) == (key is not None)
    with pytest.raises(RefusalError, match="EGW00133"):
        sim.tokens.issue("key", moment[0])
    assert sim.tokens.issue("key", moment[0] + timedelta(seconds=61))[0] != tokens["key"]


@pytest.mark.parametrize(("oddity", "label"), [("late_open", "090234"), ("late_tick", "152001")])
def test_an_extended_opening_and_a_tick_after_1520(oddity: str, label: str) -> None:
    sim = simulator("20:00:00", oddities={(LIQUID, FRIDAY): oddity})
    seconds = [trade[0] for trade in sim.market.day(LIQUID, FRIDAY).trades]
    stamps = [f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}" for second in seconds]
    assert label in stamps and (oddity != "late_open" or stamps[0] == label)
    minutes = [row["stck_cntg_hour"] for row in today(sim, LIQUID, "152900")]
    assert len(set(minutes)) == len(minutes) == 30
    assert f"{label[:4]}" in {f"{candle.timestamp:%H%M}" for candle in sim.truth(LIQUID, FRIDAY)}


def test_a_lively_day_trades_in_every_few_seconds_of_its_session_and_moves_no_more_than_another() -> None:
    sim = simulator("20:00:00", oddities={(LIQUID, FRIDAY): "lively"})
    seconds = [trade[0] for trade in sim.market.day(LIQUID, FRIDAY).trades if 540 * 60 <= trade[0] < 920 * 60]
    assert max(after - before for before, after in pairwise(seconds)) <= 2
    assert {second // 60 for second in seconds if second % 60 == 0} == set(range(540, 920))
    steps = [abs(after.close - after.open) for after in sim.truth(LIQUID, FRIDAY)]
    assert 0 < sum(steps) / len(steps) < 300
