"""Other people's KIS clients against the simulator: what they read equals the truth (issue 12 point 7).

They were written against the real KIS, so what they refuse is a fault of the simulator. Each keeps its own name for an
address; that alone is changed here. Run in an environment of its own: `make test-clients`.
"""

from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path

import mojito
import pytest
from cluefin_openapi.kis._auth import Auth
from cluefin_openapi.kis._http_client import HttpClient
from kis_trader import KISClient
from kis_trader._internal import _endpoints
from pydantic import SecretStr

from kis_simulator.simulator import Simulator

FRIDAY, WEDNESDAY = date(2026, 11, 20), date(2026, 11, 18)
SYMBOL = "005930"
Candle = tuple[str, int, int, int, int, int]


@pytest.fixture
def sim(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Simulator]:
    """KIS on Friday evening; the clients keep their files in a folder of the test."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    moment = datetime(2026, 11, 20, 15, 50)
    with Simulator(now=lambda: moment, rate=1e6, profiles={SYMBOL: "liquid"}) as simulator:
        yield simulator


def true_candles(sim: Simulator, day: date) -> list[Candle]:
    return [(f"{one.timestamp:%H%M}", *one[1:6]) for one in sim.truth(SYMBOL, day)]


def candles(rows: Iterable[dict[str, str]], day: date) -> list[Candle]:
    """Rows as KIS names them, each minute once, those of the session, ascending; the doubled auction halved."""
    found = {}
    for row in rows:
        if row["stck_bsop_date"] == f"{day:%Y%m%d}" and row["stck_cntg_hour"] < "1540" and int(row["cntg_vol"]):
            prices = (int(row[name]) for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr"))
            found[row["stck_cntg_hour"]] = (row["stck_cntg_hour"][:4], *prices, int(row["cntg_vol"]))
    return [found[hour] for hour in sorted(found)]


def halved(rows: list[Candle]) -> list[Candle]:
    """Today's TR tells the auction's volume twice."""
    *session, auction = rows
    return [*session, (*auction[:5], auction[5] // 2)]


def test_mojito_reads_the_whole_day(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but its first minute: it stops paging at 09:01 whatever KIS answers."""
    monkeypatch.setattr(mojito.KoreaInvestment, "set_base_url", lambda self, mock: setattr(self, "base_url", sim.url))
    broker = mojito.KoreaInvestment(api_key="key", api_secret="secret", acc_no="12345678-01")
    answer = broker.fetch_today_1m_ohlcv(SYMBOL, to="153000")
    assert halved(candles(answer["output2"], FRIDAY)) == true_candles(sim, FRIDAY)[1:]


@pytest.fixture
def cluefin(sim: Simulator) -> HttpClient:
    auth = Auth("key", SecretStr("secret"), cache_dir=".")
    auth.url = sim.url
    client = HttpClient(auth.generate().access_token, "key", "secret", rate_limit_requests_per_second=1e6)
    client.base_url = sim.url
    return client


def test_cluefin_reads_minutes_into_its_typed_models_and_is_given_an_approval_key(
    sim: Simulator, cluefin: HttpClient
) -> None:
    today, past, quotes = [], [], cluefin.domestic_basic_quote
    for hour in (f"{hour:02}{minute}" for hour in range(9, 16) for minute in ("2900", "5900")):
        answer = quotes.get_stock_today_minute_chart("J", SYMBOL, hour, "N", "")
        assert (answer.header.tr_id, answer.header.tr_cont) == ("FHKST03010200", "") and answer.header.gt_uid
        assert answer.body.output1 and answer.body.output1.hts_kor_isnm == "삼성전자"
        today += [row.model_dump() for row in answer.body.output2]
    for hour in ("153900", "133900", "113900", "095900"):
        answer = quotes.get_stock_daily_minute_chart("J", SYMBOL, hour, "20261118", "N")
        past += [row.model_dump() for row in answer.body.output2]
    assert halved(candles(today, FRIDAY)) == true_candles(sim, FRIDAY)
    assert candles(past, WEDNESDAY) == true_candles(sim, WEDNESDAY)
    auth = Auth("key", SecretStr("secret"), cache_dir=".")
    auth.url = sim.url
    assert len(auth.approve().approval_key) == 36


def test_kis_trader_reads_a_past_day(sim: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_endpoints._BASE_URL_BY_ENVIRONMENT, "real", sim.url)
    kis = KISClient(
        app_key="key", app_secret="secret", account="12345678-01", environment="real", token_cache_dir=".",
        throttle=False,
    )  # fmt: skip
    bars = kis.domestic.stock(SYMBOL, exchange="KRX").minute_bars_on(WEDNESDAY)
    read = [
        (f"{bar.timestamp:%H%M}", *map(int, (bar.open, bar.high, bar.low, bar.close)), bar.volume)
        for bar in bars
        if bar.timestamp.date() == WEDNESDAY and f"{bar.timestamp:%H%M}" < "1540"
    ]
    assert read == true_candles(sim, WEDNESDAY)
