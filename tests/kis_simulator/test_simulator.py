"""The simulator tells the truth about KIS: behaviour of kis_http.md, limit, token, each kind of fault."""

import re
import subprocess
import sys
from collections import Counter
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import requests

from kis_simulator.faults.server_behaviour import ServerBehaviour

FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)  # Thursday is the CSAT day
BARE = ServerBehaviour(fillers=False, late_rows=False)


def hours(rows) -> list[str]:
    return [row["stck_cntg_hour"] for row in rows]


def as_candle(row) -> tuple[str, int, int, int, int, int]:
    prices = (int(row[name]) for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "cntg_vol"))
    return row["stck_cntg_hour"][:4], *prices


def true_candles(caller, symbol="005930", day=WEDNESDAY) -> list[tuple[str, int, int, int, int, int]]:
    return [(f"{candle.timestamp:%H%M}", *candle[1:6]) for candle in caller.truth(symbol, day)]


# --- the past TR, daily candles, holidays ---


@pytest.mark.parametrize("symbol", ["005930", "111110", "222220", "333330", "555550", "666660", "0001A0"])
def test_past_rows_equal_the_truth(evening, symbol: str) -> None:
    for day in (WEDNESDAY, FRIDAY, date(2026, 11, 16)):
        assert [as_candle(row) for row in evening.whole_day(symbol, day)] == true_candles(evening, symbol, day)


@pytest.mark.parametrize(("symbol", "oddity", "day", "first", "last", "count"), [
    ("005930", "plain", WEDNESDAY, "090000", "153000", 381), ("333330", "plain", WEDNESDAY, None, "153000", 120),
    ("444440", "plain", WEDNESDAY, None, "153000", 240), ("005930", "plain", THURSDAY, "100000", "163000", 381),
    ("005930", "plain", date(2026, 1, 2), "100000", "153000", 321),
    ("005930", "late", WEDNESDAY, "090000", "153200", 381), ("005930", "off_grid", WEDNESDAY, "090011", "153011", 381),
    ("005930", "halted", WEDNESDAY, None, None, 0),
])  # fmt: skip
def test_a_days_labels(make, symbol: str, oddity: str, day: date, first, last, count: int) -> None:
    caller = make(oddities={(symbol, day): oddity})
    end = "1640" if day == THURSDAY else "1540"
    rows = [row for row in caller.whole_day(symbol, day, "235959") if row["stck_cntg_hour"] < end]
    assert len(rows) == count and [as_candle(row) for row in rows] == true_candles(caller, symbol, day)
    if rows:
        assert hours(rows)[-1] == last and first in (None, hours(rows)[0])


def test_past_answers_have_120_rows_newest_first_cross_into_the_day_before_and_are_kept_a_year(evening) -> None:
    assert evening.past(day=date(2025, 11, 20)) != [] == evening.past(day=date(2025, 10, 31))
    assert evening.past("555550", date(2026, 11, 5)) == [], "before it was listed"
    rows = evening.past(hour="093000")
    stamps = [row["stck_bsop_date"] + row["stck_cntg_hour"] for row in rows]
    assert len(rows) == 120 and stamps == sorted(stamps, reverse=True)
    assert stamps[30] == "20261118090000" and stamps[31].startswith("20261117")


def test_a_rows_turnover_lies_between_low_and_high_times_volume_and_that_of_the_first_is_unknown(evening) -> None:
    for before, row in pairwise(evening.whole_day()):
        delta, volume = int(row["acml_tr_pbmn"]) - int(before["acml_tr_pbmn"]), int(row["cntg_vol"])
        assert int(row["stck_lwpr"]) * volume <= delta <= int(row["stck_hgpr"]) * volume
    for interval, windows in ((1, 381), (5, 77), (15, 27)):
        turnovers = [candle.turnover for candle in evening.truth("005930", WEDNESDAY, interval)]
        assert len(turnovers) == windows and turnovers[0] is None and None not in turnovers[1:]


def test_daily_candles_are_at_most_100_newest_first_and_cover_the_session_and_more(evening) -> None:
    rows = evening.daily(date(2026, 1, 1), FRIDAY)
    days = [row["stck_bsop_date"] for row in rows]
    assert len(days) == 100 and days == sorted(days, reverse=True) and days[0] == "20261120"
    for row in rows[1:6]:
        truth = evening.truth("005930", datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date())
        high, low = max(candle.high for candle in truth), min(candle.low for candle in truth)
        opened, highest, lowest, close = (int(row[f"stck_{name}"]) for name in ("oprc", "hgpr", "lwpr", "clpr"))
        assert (opened, close) == (truth[0].open, truth[-1].close) and lowest <= low < high <= highest
        assert int(row["acml_vol"]) > sum(candle.volume for candle in truth)


def test_holidays_tell_open_days_by_opnd_yn_and_trading_days_lie_on_saturdays(evening) -> None:
    days = {day["bass_dt"]: day for day in evening.rows("holiday", BASS_DT="20261224")}
    assert len(days) == 30 and days["20261224"]["opnd_yn"] == "Y"
    assert days["20261225"]["opnd_yn"] == days["20261231"]["opnd_yn"] == "N"
    assert (days["20261226"]["opnd_yn"], days["20261226"]["tr_day_yn"]) == ("N", "Y")


# --- today's TR ---


def test_today_answers_have_at_most_30_rows_newest_first_and_page_by_hour(evening) -> None:
    evening.at("10:30:40")
    first, second = hours(evening.today()), hours(evening.today(hour="100000"))
    assert (len(first), first[0], first[-1]) == (30, "103000", "100100")
    assert (len(second), second[0], second[-1]) == (30, "100000", "093100")


def test_before_the_open_and_on_off_days_today_is_the_session_before(make) -> None:
    for moment, day in ((datetime(2026, 11, 20, 8, 30), "20261119"), (datetime(2026, 11, 22, 12), "20261120")):
        for hour in ("", f"{moment:%H%M%S}"):
            assert {row["stck_bsop_date"] for row in make(moment).today(hour=hour)} == {day}


def test_the_newest_row_shows_the_volume_before_until_the_first_trade_then_part_of_the_minute(make) -> None:
    caller = make(behaviour=BARE).at("10:30:00")
    ghost, before = caller.today()[:2]
    assert ghost["stck_cntg_hour"] == "103000"
    assert (ghost["cntg_vol"], ghost["acml_tr_pbmn"]) == (before["cntg_vol"], before["acml_tr_pbmn"])
    volumes = [int(caller.at(f"10:30:{second:02}").today()[0]["cntg_vol"]) for second in range(25, 60)]
    closed = caller.at("10:31:59").today()[1]
    assert volumes == sorted(volumes) and int(closed["cntg_vol"]) == volumes[-1]
    assert as_candle(closed) in true_candles(caller, day=FRIDAY)


def test_the_closing_auction_is_doubled_in_todays_tr_and_right_in_its_turnover(evening) -> None:
    auction, filler = evening.at("15:41:00").today()[:2]
    volume = (int(auction["acml_tr_pbmn"]) - int(filler["acml_tr_pbmn"])) // int(auction["stck_prpr"])
    assert int(auction["cntg_vol"]) == volume * 2 == 2 * int(evening.past(day=FRIDAY)[0]["cntg_vol"])


def test_todays_rows_but_the_newest_are_the_truth_so_far_and_all_windows_end_ten_minutes_after_the_close(make) -> None:
    caller = make().at("09:29:30")
    served = [as_candle(row) for row in reversed(caller.today()[1:])]
    assert served == true_candles(caller, day=FRIDAY)[:29] and len(caller.sim.truth_now("005930")) == 29
    assert caller.at("15:39:59").sim.truth_now("005930", 15) == caller.truth("005930", FRIDAY, 15)[:-1]
    assert caller.at("15:40:00").sim.truth_now("005930", 15) == caller.truth("005930", FRIDAY, 15)


# --- keys, tokens, the limit ---


def test_tokens_once_a_minute_the_same_for_six_hours_then_another(evening) -> None:
    token = evening.token().content["access_token"]
    again = evening.token()
    assert (again.status, again.code) == (403, "EGW00133")
    evening.moment += timedelta(minutes=2)
    assert evening.token().content["access_token"] == token
    evening.moment += timedelta(hours=6)
    assert evening.token().content["access_token"] != token and evening.sim.tokens.issued == 2


def test_an_unknown_or_revoked_token_is_egw00121_and_an_old_one_egw00123(evening) -> None:
    assert evening.reply("past", headers={"authorization": "Bearer x"}).code == "EGW00121"
    evening.sim.revoke_tokens("key")
    assert (evening.reply("past").code, evening.token().code) == ("EGW00121", "EGW00133")
    evening.moment += timedelta(seconds=61)
    evening.headers["authorization"] = f"Bearer {evening.token().content['access_token']}"
    assert evening.past()
    evening.moment += timedelta(days=1, seconds=1)
    assert evening.reply("past").code == "EGW00123"


def test_only_known_keys_of_this_environment_get_in(make) -> None:
    caller = make(keys={"key": "secret"})
    assert caller.token(appkey="other").code == "EGW00103" and caller.token(appsecret="other").code == "EGW00105"
    assert caller.reply("past", headers={"appsecret": "other"}).code == "EGW00304"
    assert make(env="real", key_env="vts").reply("today").code == "EGW02004"
    assert make(env="vts", key_env="real").reply("today").code == "EGW02007"


def test_vts_offers_neither_history_nor_holidays(make) -> None:
    caller = make(env="vts")
    assert [caller.reply(name).code for name in ("past", "holiday")] == ["EGW02006"] * 2
    assert [caller.reply(name).code for name in ("today", "daily")] == ["MCA00000"] * 2
    assert make(env="vts", past_on_vts=True).reply("past").code == "MCA00000"


@pytest.mark.parametrize(("rate", "arrivals", "refused", "status"), [
    (3, [0.0, 0.2, 0.4, 0.9, 1.0, 1.3, 1.5], [3, 4, 5, 6], 500), (1, [0.0, 1.0, 2.05], [1], 429),
], ids=["any second", "both ends counted"])  # fmt: skip
def test_more_than_the_rate_within_any_second_is_egw00201(make, rate, arrivals, refused, status) -> None:
    ticks = iter([0.0, *arrivals])  # the first is the token's
    caller = make(rate=rate, limit_status=status, monotonic=lambda: next(ticks))
    replies = [caller.reply("today") for _ in arrivals]
    assert [number for number, reply in enumerate(replies) if reply.code == "EGW00201"] == refused
    assert {reply.status for reply in replies} == {200, status}


# --- faults ---


@pytest.mark.parametrize(("kind", "is_spoilt"), [
    ("negative_price", lambda right, wrong: any(int(row["stck_lwpr"]) < 0 for row in wrong)),
    ("absurd_price", lambda right, wrong: any(int(row["stck_hgpr"]) > 10_000_000 for row in wrong)),
    ("low_above_open", lambda right, wrong: any(int(row["stck_lwpr"]) > int(row["stck_oprc"]) for row in wrong)),
    ("duplicate_same", lambda right, wrong: len(wrong) == 121 and all(row in right for row in wrong)),
    ("duplicate_conflict", lambda right, wrong: list(Counter(hours(wrong)).values()).count(2) == 1),
    ("missing_rows", lambda right, wrong: 60 < len(wrong) < len(right)),
    ("shape_missing", lambda right, wrong: sum(map(len, wrong)) == sum(map(len, right)) - 1),
    ("shape_numbers", lambda right, wrong: wrong == [{name: int(row[name]) for name in row} for row in right]),
    ("shape_list", lambda right, wrong: not isinstance(wrong, list) or not isinstance(wrong[0], dict)),
    ("unordered", lambda right, wrong: wrong != right and sorted(hours(wrong)) == sorted(hours(right))),
    ("other_date", lambda right, wrong: sum(row["stck_bsop_date"] != "20261118" for row in wrong) == 3),
])  # fmt: skip
def test_rows_are_spoilt(evening, kind: str, is_spoilt) -> None:
    right = evening.past()
    evening.add_fault(kind, times=1)
    assert is_spoilt(right, evening.past()) and evening.past() == right


def test_faults_choose_their_calls_and_by_rate_strike_the_same_in_every_run(make) -> None:
    chosen, one, other = make(), make(), make()
    chosen.add_fault("empty", path="past", symbol="005930", day=WEDNESDAY, after=1, times=2)
    chosen.past(day=FRIDAY), chosen.past("000660"), chosen.daily()
    assert [len(chosen.past()) for _ in range(5)] == [120, 0, 0, 120, 120]
    for caller in (one, other):
        caller.add_fault("empty", path="past", rate=0.3)
    struck = [not one.past() for _ in range(20)]
    assert struck == [not other.past() for _ in range(20)] and {*struck} == {True, False}


def test_it_runs_as_a_process_of_its_own_and_is_steered_over_http() -> None:
    command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--at", "2026-11-20T20:30"]
    command += ["--latency-ms", "0", "--fault", "empty:path=past,times=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"}) as process:
        assert process.stdout is not None
        address = re.findall(rb"http://127\.0\.0\.1:\d+", process.stdout.readline())[0].decode()
        url = f"{address}/_sim/"
        truth = requests.get(url + "truth?symbol=005930&day=2026-11-18", timeout=5).json()
        assert truth[1]["timestamp"] == "2026-11-18T09:01:00" and truth[1]["turnover"] > 0
        for kind, status in (("reset", 200), ("earthquake", 400)):
            assert requests.post(url + "fault", json={"kind": kind}, timeout=5).status_code == status
        faults = requests.get(url + "stats", timeout=5).json()["faults"]
        assert [fault["kind"] for fault in faults] == ["empty", "reset"]
        requests.post(url + "down", json={"down": True}, timeout=5)
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{address}/oauth2/tokenP", json={}, timeout=5)
        process.terminate()
    assert process.returncode == 0
