"""The simulator tells the truth about KIS: behaviour of kis_http.md, limit, token, each fault, over a socket."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import pairwise

import pytest
import requests
from places import SHARED

from kis_simulator.faults.faults import ROWS
from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.simulator import Simulator

CAPTURED = SHARED / "data" / "kis_today_20250826.json"
QUOTATIONS = "/uapi/domestic-stock/v1/quotations/"
FRIDAY, THURSDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 19), date(2026, 11, 18)  # Thursday is the CSAT day
MONDAY = date(2026, 11, 23)
CSAT_2025 = date(2025, 11, 13)
BARE = ServerBehaviour(fillers=False, late_rows=False)
PROFILES = {
    "005930": "liquid", "000660": "liquid", "111110": "medium", "222220": "illiquid", "333330": "exact120",
    "444440": "exact240", "555550": "listed", "666660": "halted",
}  # fmt: skip


class Caller:
    """A caller that knows KIS's parameters and nothing else; its clock is the simulator's."""

    def __init__(self, moment: datetime, **options) -> None:
        self.moment = moment
        options = {"rate": 1e6, "profiles": PROFILES, **options}
        self.sim = Simulator(now=lambda: self.moment, **options)
        self.sim.start()
        self.http = requests.Session()
        self.headers = {"appkey": "key", "appsecret": "secret", "custtype": "P"}

    def close(self) -> None:
        self.http.close()
        self.sim.stop()

    def at(self, text: str) -> "Caller":
        self.moment = datetime.combine(self.moment.date(), datetime.strptime(text, "%H:%M:%S").time())
        return self

    def ask_token(self, **body) -> requests.Response:
        body = {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret", **body}
        return self.http.post(self.sim.url + "/oauth2/tokenP", json=body, timeout=5)

    def get(self, path: str, tr_id: str, headers: dict[str, str] | None = None, **params: str) -> requests.Response:
        if "authorization" not in self.headers:
            self.headers["authorization"] = "Bearer " + self.ask_token().json()["access_token"]
        headers = {**self.headers, "tr_id": tr_id, **(headers or {})}
        return self.http.get(self.sim.url + QUOTATIONS + path, headers=headers, params=params, timeout=5)

    def past(self, symbol: str, day: date, hour: str = "153900", **more) -> requests.Response:
        return self.get(
            "inquire-time-dailychartprice", "FHKST03010230", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=symbol,
            FID_INPUT_DATE_1=f"{day:%Y%m%d}", FID_INPUT_HOUR_1=hour, FID_PW_DATA_INCU_YN="N",
            FID_FAKE_TICK_INCU_YN="", **more,
        )  # fmt: skip

    def today(self, symbol: str, hour: str = "") -> requests.Response:
        return self.get(
            "inquire-time-itemchartprice", "FHKST03010200", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=symbol,
            FID_INPUT_HOUR_1=hour, FID_PW_DATA_INCU_YN="N", FID_ETC_CLS_CODE="",
        )  # fmt: skip

    def daily(self, symbol: str, first: date, last: date) -> requests.Response:
        return self.get(
            "inquire-daily-itemchartprice", "FHKST03010100", FID_COND_MRKT_DIV_CODE="J", FID_INPUT_ISCD=symbol,
            FID_INPUT_DATE_1=f"{first:%Y%m%d}", FID_INPUT_DATE_2=f"{last:%Y%m%d}", FID_PERIOD_DIV_CODE="D",
            FID_ORG_ADJ_PRC="1",
        )  # fmt: skip

    def holidays(self, day: date) -> requests.Response:
        params = {"BASS_DT": f"{day:%Y%m%d}", "CTX_AREA_FK": "", "CTX_AREA_NK": ""}
        return self.get("chk-holiday", "CTCA0903R", **params)

    def whole_day(self, symbol: str, day: date, hour: str = "153900") -> list[dict[str, str]]:
        """Every row of one day from the past TR, newest first, paged as kis_http.md §6 says."""
        rows: list[dict[str, str]] = []
        while True:
            page = rows_of(self.past(symbol, day, hour))
            same = [row for row in page if row["stck_bsop_date"] == f"{day:%Y%m%d}"]
            rows += same
            if len(same) < len(page) or len(page) < 120:
                return rows
            oldest = datetime.strptime(rows[-1]["stck_cntg_hour"], "%H%M%S") - timedelta(minutes=1)
            hour = f"{oldest:%H%M%S}"


@pytest.fixture
def evening() -> Iterator[Caller]:
    """Friday evening: the day is over, the after-market too."""
    caller = Caller(datetime(2026, 11, 20, 20, 30))
    yield caller
    caller.close()


@pytest.fixture
def make() -> Iterator[object]:
    """A maker of callers with options."""
    callers: list[Caller] = []

    def maker(moment: datetime = datetime(2026, 11, 20, 20, 30), **options) -> Caller:
        callers.append(Caller(moment, **options))
        return callers[-1]

    yield maker
    for caller in callers:
        caller.close()


def rows_of(response: requests.Response) -> list[dict[str, str]]:
    assert response.json()["rt_cd"] == "0", response.text
    return response.json()["output2"]


def hours(rows: list[dict[str, str]]) -> list[str]:
    return [row["stck_cntg_hour"] for row in rows]


def as_candle(row: dict[str, str]) -> tuple[str, int, int, int, int, int]:
    prices = (int(row[name]) for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "cntg_vol"))
    return row["stck_cntg_hour"][:4], *prices


def true_candles(caller: Caller, symbol: str, day: date) -> list[tuple[str, int, int, int, int, int]]:
    return [(f"{candle.timestamp:%H%M}", *candle[1:6]) for candle in caller.sim.truth(symbol, day)]


def regular(rows: list[dict[str, str]], end: str = "1540") -> list[dict[str, str]]:
    return [row for row in rows if row["stck_cntg_hour"] < end]


# --- the past TR ---


@pytest.mark.parametrize("symbol", ["005930", "111110", "222220", "333330", "444440", "555550", "666660", "0001A0"])
def test_past_rows_equal_the_truth(evening: Caller, symbol: str) -> None:
    for day in (WEDNESDAY, FRIDAY, date(2026, 11, 16)):
        served = [as_candle(row) for row in reversed(evening.whole_day(symbol, day))]
        assert served == true_candles(evening, symbol, day)


def test_past_answers_have_at_most_120_rows_newest_first_and_cross_into_the_day_before(evening: Caller) -> None:
    rows = rows_of(evening.past("005930", WEDNESDAY, "093000"))
    stamps = [row["stck_bsop_date"] + row["stck_cntg_hour"] for row in rows]
    assert len(rows) == 120 and stamps == sorted(stamps, reverse=True)
    assert stamps[30] == "20261118090000" and stamps[31].startswith("20261117")


def test_every_row_has_its_turnover_between_low_and_high_times_volume(evening: Caller) -> None:
    rows = list(reversed(evening.whole_day("005930", WEDNESDAY)))
    for before, row in pairwise(rows):
        delta, volume = int(row["acml_tr_pbmn"]) - int(before["acml_tr_pbmn"]), int(row["cntg_vol"])
        assert int(row["stck_lwpr"]) * volume <= delta <= int(row["stck_hgpr"]) * volume


def test_true_turnover_is_unknown_for_the_windows_of_the_first_minute_only(evening: Caller) -> None:
    for interval, windows in ((1, 381), (5, 77), (15, 27)):
        turnovers = [candle.turnover for candle in evening.sim.truth("005930", WEDNESDAY, interval)]
        assert len(turnovers) == windows and turnovers[0] is None and None not in turnovers[1:]


def test_truth_of_five_minutes_adds_up_to_that_of_one(evening: Caller) -> None:
    ones, fives = (evening.sim.truth("222220", WEDNESDAY, interval) for interval in (1, 5))
    for five in fives:
        inside = [one for one in ones if five.timestamp <= one.timestamp < five.timestamp + timedelta(minutes=5)]
        assert (five.open, five.close) == (inside[0].open, inside[-1].close)
        assert (five.high, five.low) == (max(one.high for one in inside), min(one.low for one in inside))
        assert five.volume == sum(one.volume for one in inside)


def test_labels_a_minute_early_leave_the_after_market_where_it_is(make) -> None:
    """Else its first row, 16:40, would say 16:39 and fall into the session (kis_http.md §6)."""
    symbol = "100132"  # trades in that very minute
    caller = make(oddities={(symbol, THURSDAY): "shifted"})
    labels = hours(caller.whole_day(symbol, THURSDAY, "235959"))
    assert "164000" in labels and not [label for label in labels if "163000" <= label < "164000"]
    assert f"{caller.sim.truth(symbol, THURSDAY)[-1].timestamp:%H:%M}" == "16:29"


def test_illiquid_days_have_few_bars_late_starts_and_auctions_only(evening: Caller) -> None:
    days = [date(2026, 7, 20) + timedelta(days=count) for count in range(120)]
    starts = [min(truth).timestamp for day in days if (truth := evening.sim.truth("222220", day))]
    assert any(f"{start:%H%M}" > "1000" for start in starts) and any(f"{start:%H%M}" == "1530" for start in starts)


def test_about_250_trading_days_are_kept(evening: Caller) -> None:
    assert rows_of(evening.past("005930", date(2025, 11, 20))) != []
    answer = evening.past("005930", date(2025, 10, 31)).json()
    assert (answer["rt_cd"], answer["output2"]) == ("0", [])


def test_a_lately_listed_symbol_has_nothing_before_its_first_day(evening: Caller) -> None:
    listing = evening.sim.market.listing("555550")
    assert listing == date(2026, 11, 6)
    assert rows_of(evening.past("555550", listing - timedelta(days=1))) == []
    rows = rows_of(evening.daily("555550", date(2026, 10, 1), FRIDAY))
    assert min(row["stck_bsop_date"] for row in rows) == "20261106"


@pytest.mark.parametrize(("oddity", "volumes"), [("halted", ["0"]), ("halted_no_daily", [])])
def test_a_halted_day_has_no_minutes_and_a_daily_row_of_zero_or_none(make, oddity: str, volumes: list[str]) -> None:
    caller = make(oddities={("005930", WEDNESDAY): oddity})
    assert caller.whole_day("005930", WEDNESDAY) == []
    assert [row["acml_vol"] for row in rows_of(caller.daily("005930", WEDNESDAY, WEDNESDAY))] == volumes


# --- daily candles, holidays, the quote ---


def test_daily_candles_are_at_most_100_newest_first_and_cover_the_session_and_more(evening: Caller) -> None:
    rows = rows_of(evening.daily("005930", date(2026, 1, 1), FRIDAY))
    days = [row["stck_bsop_date"] for row in rows]
    assert len(days) == 100 and days == sorted(days, reverse=True) and days[0] == "20261120"
    for row in rows[1:12]:
        truth = evening.sim.truth("005930", datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date())
        assert int(row["stck_oprc"]) == truth[0].open and int(row["stck_clpr"]) == truth[-1].close
        assert int(row["stck_hgpr"]) >= max(candle.high for candle in truth)
        assert int(row["stck_lwpr"]) <= min(candle.low for candle in truth)
        assert int(row["acml_vol"]) > sum(candle.volume for candle in truth)


def test_holidays_tell_open_days_by_opnd_yn_and_trading_days_lie_on_saturdays(evening: Caller) -> None:
    days = {day["bass_dt"]: day for day in evening.holidays(date(2026, 12, 24)).json()["output"]}
    assert len(days) == 30 and days["20261224"]["opnd_yn"] == "Y"
    assert days["20261225"]["opnd_yn"] == days["20261231"]["opnd_yn"] == "N"
    assert (days["20261226"]["opnd_yn"], days["20261226"]["tr_day_yn"]) == ("N", "Y")


# --- today's TR ---


def test_today_answers_have_at_most_30_rows_newest_first_and_page_by_hour(make) -> None:
    caller = make().at("10:30:40")
    first = hours(rows_of(caller.today("005930")))
    second = hours(rows_of(caller.today("005930", "100000")))
    assert (len(first), first[0], first[-1]) == (30, "103000", "100100")
    assert (len(second), second[0], second[-1]) == (30, "100000", "093100")


@pytest.mark.parametrize(
    ("moment", "day"), [(datetime(2026, 11, 20, 8, 30), "20261119"), (datetime(2026, 11, 22, 12), "20261120")]
)
def test_before_the_open_and_on_off_days_today_is_the_session_before(make, moment: datetime, day: str) -> None:
    caller = make(moment)
    for hour in ("", f"{moment:%H%M%S}"):
        assert {row["stck_bsop_date"] for row in rows_of(caller.today("005930", hour))} == {day}


def test_the_newest_row_shows_the_volume_before_until_the_first_trade_then_part_of_the_minute(make) -> None:
    caller = make(behaviour=BARE).at("10:30:00")
    ghost, before = rows_of(caller.today("005930"))[:2]
    assert ghost["stck_cntg_hour"] == "103000"
    assert (ghost["cntg_vol"], ghost["acml_tr_pbmn"]) == (before["cntg_vol"], before["acml_tr_pbmn"])
    volumes = [int(rows_of(caller.at(f"10:30:{second:02}").today("005930"))[0]["cntg_vol"]) for second in range(25, 60)]
    assert volumes == sorted(volumes)
    closed = rows_of(caller.at("10:31:59").today("005930"))[1]
    assert int(closed["cntg_vol"]) == volumes[-1] and as_candle(closed) in true_candles(caller, "005930", FRIDAY)


def test_without_fillers_a_minute_without_a_trade_leaves_no_row(make) -> None:
    caller = make(behaviour=BARE).at("15:19:59")
    labels = {row["stck_cntg_hour"][:4] for row in rows_of(caller.today("222220", "151800"))}
    truth = {f"{candle.timestamp:%H%M}" for candle in caller.sim.truth("222220", FRIDAY)}
    assert labels <= truth


@pytest.mark.parametrize("symbol", ["005930", "222220"])
def test_the_ten_minutes_before_the_auction_are_filler(make, symbol: str) -> None:
    caller = make(oddities={("222220", FRIDAY): "auction_only"}).at("15:30:00")
    rows = [row for row in rows_of(caller.today(symbol, "152959")) if row["stck_cntg_hour"] >= "152000"]
    assert len(rows) == 10 and {row["cntg_vol"] for row in rows} == {"0"}
    assert len({(row["stck_prpr"], row["stck_hgpr"], row["acml_tr_pbmn"]) for row in rows}) == 1


def test_the_closing_auction_is_doubled_in_todays_tr_and_right_in_its_turnover(make) -> None:
    caller = make().at("15:41:00")
    auction, filler = rows_of(caller.today("005930"))[:2]
    volume = (int(auction["acml_tr_pbmn"]) - int(filler["acml_tr_pbmn"])) // int(auction["stck_prpr"])
    assert int(auction["cntg_vol"]) == volume * 2
    assert int(rows_of(caller.past("005930", FRIDAY))[0]["cntg_vol"]) == volume


def test_todays_rows_but_the_newest_are_the_truth_so_far_and_all_windows_end_ten_minutes_after_the_close(make) -> None:
    caller = make().at("09:29:30")
    served = [as_candle(row) for row in reversed(rows_of(caller.today("005930"))[1:])]
    assert served == true_candles(caller, "005930", FRIDAY)[:29] and len(caller.sim.truth_now("005930")) == 29
    assert caller.at("15:39:59").sim.truth_now("005930", 15) == caller.sim.truth("005930", FRIDAY, 15)[:-1]
    assert caller.at("15:40:00").sim.truth_now("005930", 15) == caller.sim.truth("005930", FRIDAY, 15)


def test_a_symbol_halted_today_answers_with_an_earlier_day_or_nothing(make) -> None:
    oddities = {("005930", FRIDAY): "halted", ("000660", FRIDAY): "halted_no_daily"}
    caller = make(oddities=oddities, behaviour=BARE).at("11:00:00")
    assert {row["stck_bsop_date"] for row in rows_of(caller.today("005930"))} == {"20261119"}
    assert rows_of(caller.today("000660")) == []


# --- the gate ---


def test_tokens_once_a_minute_the_same_for_six_hours_then_another(evening: Caller) -> None:
    token = evening.ask_token().json()["access_token"]
    again = evening.ask_token()
    assert (again.status_code, again.json()["error_code"]) == (403, "EGW00133")
    evening.moment += timedelta(minutes=2)
    assert evening.ask_token().json()["access_token"] == token
    evening.moment += timedelta(hours=6)
    assert evening.ask_token().json()["access_token"] != token and evening.sim.tokens.issued == 2


def test_an_unknown_token_is_egw00121_and_an_old_one_egw00123(evening: Caller) -> None:
    assert evening.past("005930", WEDNESDAY, headers={"authorization": "Bearer x"}).json()["msg_cd"] == "EGW00121"
    evening.moment += timedelta(days=1, seconds=1)
    assert evening.past("005930", WEDNESDAY).json()["msg_cd"] == "EGW00123"


def test_only_known_keys_get_in_where_keys_are_given(make) -> None:
    caller = make(keys={"key": "secret"})
    assert caller.ask_token(appkey="other").json()["error_code"] == "EGW00103"
    refused = caller.ask_token(appsecret="other")
    assert (refused.status_code, refused.json()["error_code"]) == (403, "EGW00105")
    assert caller.past("005930", WEDNESDAY, headers={"appsecret": "other"}).json()["msg_cd"] == "EGW00304"


@pytest.mark.parametrize(("env", "key_env", "code"), [("real", "vts", "EGW02004"), ("vts", "real", "EGW02007")])
def test_a_key_of_the_other_environment_is_refused(make, env: str, key_env: str, code: str) -> None:
    assert make(env=env, key_env=key_env).today("005930").json()["msg_cd"] == code


def test_vts_offers_neither_history_nor_holidays(make) -> None:
    caller = make(env="vts")
    assert caller.past("005930", WEDNESDAY).json()["msg_cd"] == "EGW02006"
    assert caller.holidays(FRIDAY).json()["msg_cd"] == "EGW02006"
    assert caller.today("005930").json()["rt_cd"] == caller.daily("005930", FRIDAY, FRIDAY).json()["rt_cd"] == "0"
    assert make(env="vts", past_on_vts=True).past("005930", WEDNESDAY).json()["rt_cd"] == "0"


@pytest.mark.parametrize("headers", [{"tr_id": "FHKST03010200"}, {"custtype": ""}, {"appkey": ""}, {"appsecret": ""}])
def test_a_call_without_its_headers_is_refused(evening: Caller, headers: dict[str, str]) -> None:
    assert evening.past("005930", WEDNESDAY, headers=headers).json()["rt_cd"] == "1"


def test_a_call_without_its_parameters_or_with_odd_ones_is_refused(evening: Caller) -> None:
    bare = evening.get("inquire-time-dailychartprice", "FHKST03010230", FID_INPUT_ISCD="005930")
    assert bare.json()["msg_cd"] == "OPSQ2001"
    assert evening.past("5930", WEDNESDAY).json()["msg_cd"] == "OPSQ2002"
    assert evening.past("005930", WEDNESDAY, "9:00").json()["msg_cd"] == "OPSQ2002"


def test_what_real_clients_send_is_taken(evening: Caller) -> None:
    """Parameter names in any case, no custtype, more parameters than asked for, two slashes (kis_http.md §5)."""
    del evening.headers["custtype"]
    evening.past("005930", FRIDAY)  # and the token
    params = {
        "fid_cond_mrkt_div_code": "J", "Fid_Input_Iscd": "005930", "fid_input_hour_1": "153000",
        "fid_pw_data_incu_yn": "Y", "fid_etc_cls_code": "", "whatever": "1",
    }  # fmt: skip
    headers = {**evening.headers, "tr_id": "FHKST03010200"}
    url = evening.sim.url + "/" + QUOTATIONS + "inquire-time-itemchartprice"
    assert rows_of(evening.http.get(url, headers=headers, params=params, timeout=5)) == rows_of(
        evening.today("005930", "153000")
    )


# --- the limit ---


@pytest.mark.parametrize(
    ("rate", "arrivals", "refused"),
    [(3, [0.0, 0.2, 0.4, 0.9, 1.0, 1.3, 1.5], [3, 4, 5, 6]), (1, [0.0, 1.0, 2.05], [1])],
    ids=["any second", "both ends counted"],
)
def test_more_than_the_rate_within_any_second_is_egw00201(make, rate: int, arrivals, refused) -> None:
    ticks = iter([0.0, *arrivals])  # the first is the token's
    caller = make(rate=rate, monotonic=lambda: next(ticks))
    codes = [caller.today("005930").json()["msg_cd"] for _ in arrivals]
    assert [number for number, code in enumerate(codes) if code == "EGW00201"] == refused


@pytest.mark.parametrize("status", [500, 200, 429])
def test_the_limit_comes_with_any_status(make, status: int) -> None:
    answer = make(rate=0, limit_status=status).today("005930")
    assert (answer.status_code, answer.json()["msg_cd"]) == (status, "EGW00201")


def test_latency_comes_after_the_count(make) -> None:
    caller = make(latency=0.1)
    begun = time.monotonic()
    caller.today("005930")  # and the token
    assert 0.2 <= time.monotonic() - begun < 1


# --- faults ---


def spoilt(caller: Caller, kind: str, **options) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """The rows of a call without and with a fault."""
    right = rows_of(caller.past("005930", WEDNESDAY))
    caller.sim.add_fault(kind, **options)
    return right, rows_of(caller.past("005930", WEDNESDAY))


def test_prices_below_zero_beyond_reason_and_inside_out(evening: Caller) -> None:
    assert any(int(row["stck_lwpr"]) < 0 for row in spoilt(evening, "negative_price", times=1)[1])
    assert any(int(row["stck_hgpr"]) > 10_000_000 for row in spoilt(evening, "absurd_price", times=1)[1])
    wrong = spoilt(evening, "low_above_open", times=1)[1]
    assert any(int(row["stck_lwpr"]) > int(row["stck_oprc"]) for row in wrong)


def test_duplicates_equal_or_in_conflict(evening: Caller) -> None:
    right, wrong = spoilt(evening, "duplicate_same", times=1)
    assert len(wrong) == 121 and [row for row, after in pairwise(wrong) if row != after] + wrong[-1:] == right
    _, wrong = spoilt(evening, "duplicate_conflict", times=1)
    twice = [label for label, count in Counter(hours(wrong)).items() if count == 2]
    pair = [row for row in wrong if row["stck_cntg_hour"] in twice]
    assert len(twice) == 1 and pair[0]["cntg_vol"] != pair[1]["cntg_vol"]


def test_missing_rows_at_random_or_always_the_same(evening: Caller) -> None:
    right, wrong = spoilt(evening, "missing_rows", share=0.1)
    assert 60 < len(wrong) < len(right) and rows_of(evening.past("005930", WEDNESDAY)) != wrong
    evening.sim.clear_faults()
    _, wrong = spoilt(evening, "missing_rows", share=0.1, persistent=True)
    assert len(wrong) < len(right) and rows_of(evening.past("005930", WEDNESDAY)) == wrong


def test_faults_choose_their_calls(evening: Caller) -> None:
    evening.sim.add_fault("empty", path="past", symbol="005930", day=WEDNESDAY, after=1, times=2)
    evening.past("005930", FRIDAY), evening.past("000660", WEDNESDAY), evening.daily("005930", WEDNESDAY, FRIDAY)
    sizes = [len(rows_of(evening.past("005930", WEDNESDAY))) for _ in range(5)]
    assert sizes == [120, 0, 0, 120, 120]


def test_faults_by_rate_are_the_same_in_every_run(make) -> None:
    def struck() -> list[int]:
        caller = make()
        caller.sim.add_fault("empty", path="past", rate=0.3)
        return [len(rows_of(caller.past("005930", WEDNESDAY))) for _ in range(20)]

    assert struck() == struck() and 0 < struck().count(0) < 20


@pytest.mark.parametrize("kind", sorted(ROWS))
def test_every_fault_of_rows_can_strike_every_tr(evening: Caller, kind: str) -> None:
    evening.sim.add_fault(kind)
    for seen in range(1, 4):
        answers = (
            evening.past("222220", WEDNESDAY), evening.today("005930"),
            evening.daily("005930", date(2026, 11, 2), FRIDAY), evening.holidays(FRIDAY),
        )  # fmt: skip
        assert {answer.json()["rt_cd"] for answer in answers} == {"0"}
        assert evening.sim.faults[0].seen >= 3 * seen


# --- determinism, the record, replay, a process of its own ---


@pytest.mark.skipif(not CAPTURED.exists(), reason="the captured answers are not at hand")
def test_replay_serves_what_was_recorded() -> None:
    sim = Simulator(replay=CAPTURED)
    caller = Caller(datetime(2025, 8, 26, 16), replay=CAPTURED)
    try:
        assert f"{sim.now():%Y-%m-%d %H:%M}" == "2025-08-26 16:00"
        answer = caller.today("005930").json()
        assert (answer["output2"][0]["cntg_vol"], len(answer["output2"])) == ("5901378", 30)
        assert answer["output1"]["hts_kor_isnm"] == "삼성전자"
        assert len(rows_of(caller.today("005930", "151000"))) == 10
        assert rows_of(caller.today("005930", "150000")) == rows_of(caller.today("111111")) == []
    finally:
        caller.close()


def test_it_runs_as_a_process_of_its_own_and_is_steered_over_http() -> None:
    command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--at", "2026-11-20T20:30"]
    command += ["--latency-ms", "0", "--fault", "empty:path=past,times=1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={"PYTHONIOENCODING": "ascii"}) as process:
        assert process.stdout is not None
        address = re.findall(rb"http://127\.0\.0\.1:\d+", process.stdout.readline())[0].decode()
        url = f"{address}/_sim/"
        truth = requests.get(url + "truth", params={"symbol": "005930", "day": "2026-11-18"}, timeout=5).json()
        assert truth[1]["timestamp"] == "2026-11-18T09:01:00" and truth[1]["turnover"] > 0
        assert requests.post(url + "fault", json={"kind": "reset", "day": "2026-11-18"}, timeout=5).status_code == 200
        assert requests.post(url + "fault", json={"kind": "earthquake"}, timeout=5).status_code == 400
        assert [fault["kind"] for fault in requests.get(url + "stats", timeout=5).json()["faults"]] == [
            "empty",
            "reset",
        ]
        requests.post(url + "down", json={"down": True}, timeout=5)
        with pytest.raises(requests.ConnectionError):
            requests.post(f"{address}/oauth2/tokenP", json={}, timeout=5)
        process.terminate()
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("symbol", "oddity", "day", "first", "last", "count"),
    [
        ("005930", "plain", WEDNESDAY, "090000", "153000", 381), ("333330", "plain", WEDNESDAY, None, "153000", 120),
        ("444440", "plain", WEDNESDAY, None, "153000", 240), ("005930", "plain", THURSDAY, "100000", "163000", 381),
        ("005930", "plain", date(2026, 1, 2), "100000", "153000", 321),
        ("005930", "late", WEDNESDAY, "090000", "153200", 381),
        ("005930", "off_grid", WEDNESDAY, "090011", "153011", 381),
    ],
)  # fmt: skip
def test_a_days_labels(make, symbol: str, oddity: str, day: date, first: str | None, last: str, count: int) -> None:
    caller = make(oddities={(symbol, day): oddity})
    rows = regular(caller.whole_day(symbol, day, "235959"), "1640" if day == THURSDAY else "1540")
    assert (len(rows), rows[0]["stck_cntg_hour"]) == (count, last)
    assert first in (None, rows[-1]["stck_cntg_hour"])
    assert [as_candle(row) for row in reversed(rows)] == true_candles(caller, symbol, day)


@pytest.mark.parametrize(
    ("kind", "path", "code", "status"),
    [
        ("http500_empty", "past", "", 500), ("egw00201", "past", "EGW00201", 500),
        ("egw00316", "past", "EGW00316", 500),
        ("90020000", "past", "90020000", 500), ("expired_token", "past", "EGW00123", 500),
        ("egw00122", "past", "EGW00122", 500), ("egw00206", "past", "EGW00206", 403),
        ("egw00207", "past", "EGW00207", 403),
        ("bad_secret", "past", "EGW00304", 500), ("bad_secret", "token", "EGW00105", 403),
        ("egw00133", "token", "EGW00133", 403),
    ],
)  # fmt: skip
def test_error_codes(evening: Caller, kind: str, path: str, code: str, status: int) -> None:
    evening.past("005930", WEDNESDAY)
    evening.sim.add_fault(kind, path=path)
    answer = evening.past("005930", WEDNESDAY) if path == "past" else evening.ask_token()
    assert (answer.status_code, answer.json()["msg_cd" if path == "past" else "error_code"]) == (status, code)


def test_rows_of_another_shape_order_and_date(evening: Caller) -> None:
    right, wrong = spoilt(evening, "shape_missing", times=1)
    assert sum(map(len, wrong)) == sum(map(len, right)) - 1
    assert spoilt(evening, "shape_numbers", times=1)[1] == [
        {name: int(text) for name, text in row.items()} for row in right
    ]
    wrong = spoilt(evening, "unordered", times=1)[1]
    assert wrong != right and sorted(hours(wrong)) == sorted(hours(right))
    wrong = spoilt(evening, "other_date", times=1)[1]
    other = [row for row in wrong if row["stck_bsop_date"] != "20261118"]
    assert (len(other), {row["cntg_vol"] for row in other}, wrong[-1]) == (3, {"999999999"}, right[-1])
    evening.sim.add_fault("shape_list")
    seen = [rows_of(evening.past("005930", WEDNESDAY)) for _ in range(10)]
    assert all(not isinstance(rows, list) or not isinstance(rows[0], dict) for rows in seen)
