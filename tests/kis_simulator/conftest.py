"""A caller of the simulated KIS that knows its parameters and nothing else; its clock is the simulator's."""

from datetime import date, datetime, timedelta

import pytest

from kis_simulator.http import Call, Reply
from kis_simulator.simulator import Simulator

QUOTATIONS = "/uapi/domestic-stock/v1/quotations/"
TRS = {
    "past": ("inquire-time-dailychartprice", "FHKST03010230"),
    "today": ("inquire-time-itemchartprice", "FHKST03010200"),
    "daily": ("inquire-daily-itemchartprice", "FHKST03010100"), "holiday": ("chk-holiday", "CTCA0903R"),
}  # fmt: skip
PROFILES = {
    "005930": "liquid", "000660": "liquid", "111110": "medium", "222220": "illiquid", "333330": "exact120",
    "444440": "exact240", "555550": "listed", "666660": "halted", "000001": "suspended", "000002": "call_auction",
}  # fmt: skip
Rows = list[dict[str, str]]


class Caller:
    """Calls without a socket; Friday evening at first: the day is over, the after-market too."""

    def __init__(self, moment: datetime = datetime(2026, 11, 20, 20, 30), **options) -> None:
        self.moment = moment
        self.sim = Simulator(now=lambda: self.moment, **{"rate": 1e6, "profiles": PROFILES, **options})
        self.headers = {"appkey": "key", "appsecret": "secret", "custtype": "P"}
        self.add_fault, self.clear_faults, self.truth = self.sim.add_fault, self.sim.clear_faults, self.sim.truth

    def at(self, text: str) -> "Caller":
        self.moment = datetime.combine(self.moment.date(), datetime.strptime(text, "%H:%M:%S").time())
        return self

    def token(self, **body: str) -> Reply:
        body = {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret", **body}
        return self.sim.answer(Call("POST", "/oauth2/tokenP", {}, body))

    def reply(self, name: str, symbol: str = "005930", headers: dict[str, str] | None = None, **params: str) -> Reply:
        """The answer to one call, by default for Wednesday up to its end."""
        if "authorization" not in self.headers:
            self.headers["authorization"] = f"Bearer {self.token().content['access_token']}"
        path, tr_id = TRS[name]
        days = {"INPUT_DATE_1": "20261118", "INPUT_DATE_2": "20261118", "PERIOD_DIV_CODE": "D", "ORG_ADJ_PRC": "1"}
        rest = {"ETC_CLS_CODE": "", "FAKE_TICK_INCU_YN": "", "PW_DATA_INCU_YN": "N", "INPUT_HOUR_1": "153900"}
        wanted = {"COND_MRKT_DIV_CODE": "J", "INPUT_ISCD": symbol, **days, **rest, **params}
        query = {f"FID_{field}": value for field, value in wanted.items()}
        query |= {"BASS_DT": params.get("BASS_DT", "20261118"), "CTX_AREA_FK": "", "CTX_AREA_NK": ""}
        return self.sim.answer(
            Call("GET", QUOTATIONS + path, {**self.headers, "tr_id": tr_id, **(headers or {})}, query)
        )

    def rows(self, name: str, **params: str) -> Rows:
        content = self.reply(name, **params).content
        assert content["rt_cd"] == "0", content
        return content["output" if name == "holiday" else "output2"]

    def past(self, symbol: str = "005930", day: date = date(2026, 11, 18), hour: str = "153900") -> Rows:
        return self.rows("past", INPUT_ISCD=symbol, INPUT_DATE_1=f"{day:%Y%m%d}", INPUT_HOUR_1=hour)

    def today(self, symbol: str = "005930", hour: str = "") -> Rows:
        return self.rows("today", INPUT_ISCD=symbol, INPUT_HOUR_1=hour)

    def daily(self, first: date = date(2026, 11, 18), last: date | None = None, **more: str) -> Rows:
        return self.rows("daily", INPUT_DATE_1=f"{first:%Y%m%d}", INPUT_DATE_2=f"{last or first:%Y%m%d}", **more)

    def whole_day(self, symbol: str = "005930", day: date = date(2026, 11, 18), hour: str = "153900") -> Rows:
        """Every row of one day from the past TR, oldest first, paged as kis_http.md §6 says."""
        rows: Rows = []
        while True:
            page = self.past(symbol, day, hour)
            same = [row for row in page if row["stck_bsop_date"] == f"{day:%Y%m%d}"]
            rows += same
            if len(same) < len(page) or len(page) < 120:
                return rows[::-1]
            oldest = datetime.strptime(rows[-1]["stck_cntg_hour"], "%H%M%S") - timedelta(minutes=1)
            hour = f"{oldest:%H%M%S}"


@pytest.fixture
def make():
    """Make a caller with options."""
    return Caller


@pytest.fixture
def evening() -> Caller:
    return Caller()
