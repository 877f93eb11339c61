"""Answers that drip, several keys, master files: over a socket, as a client meets them."""

import io
import itertools
import zipfile
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from kis_simulator.exchange.master_files import WIDTHS
from kis_simulator.simulator import Simulator
from minute_candles.config import universe

APPROVAL = "/oauth2/Approval"


@pytest.fixture
def sim():
    with Simulator(now=lambda: datetime(2026, 11, 20, 10)) as simulator:
        yield simulator


def post(sim: Simulator, **options) -> requests.Response:
    body = {"grant_type": "client_credentials", "appkey": "key", "secretkey": "secret"}
    return requests.post(sim.url + APPROVAL, json=body, timeout=5, **options)


def test_an_answer_drips_never_ends_or_is_huge(sim: Simulator) -> None:
    sim.add_fault("drip", seconds=0.05)
    with post(sim, stream=True) as answer:
        assert [len(piece) for piece in itertools.islice(answer.iter_content(1), 3)] == [1, 1, 1]
    sim.clear_faults()
    sim.add_fault("endless", times=1)
    with post(sim, stream=True) as answer:
        assert sum(map(len, itertools.islice(answer.iter_content(4096), 20))) > 20_000
    sim.add_fault("huge", times=1)
    with post(sim, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) > 64_000_000


def test_the_date_header_is_wrong_and_an_error_without_quotes(sim: Simulator) -> None:
    sim.add_fault("wrong_date", seconds=7200, times=1)
    shown = [parsedate_to_datetime(post(sim).headers["Date"]) for _ in range(2)]
    assert (shown[0] - shown[1]).total_seconds() == 7200
    sim.add_fault("egw00121", unquoted=True)
    url = sim.url + "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice"
    answer = requests.get(url, headers={"appkey": "key"}, timeout=5)
    assert answer.status_code == 500 and answer.text.startswith('{rt_cd:"1"') and '"msg_cd": "EGW00121"' in answer.text


def test_each_key_has_its_own_limit_token_and_block(make) -> None:
    caller = make(rate=3, monotonic=lambda: 0.0)

    def codes(key: str, count: int) -> list[str]:
        caller.headers = {"appkey": key, "appsecret": "secret", "custtype": "P"}
        caller.headers["authorization"] = f"Bearer {caller.token(appkey=key).content.get('access_token')}"
        return [caller.reply("daily").code for _ in range(count)]

    assert codes("a", 4) == codes("b", 4) == [*["MCA00000"] * 3, "EGW00201"] and caller.sim.tokens.issued == 2
    assert (caller.sim.busiest_second("a"), caller.sim.busiest_second()) == (4, 8)
    caller.add_fault("egw00206", key="a")
    caller.sim.rate = 100
    assert codes("b", 1) != ["EGW00206"] == codes("a", 1)


def test_master_files_have_the_published_layout_and_are_read_as_the_product_reads_them(sim: Simulator) -> None:
    found = []
    for market, lines, width in ((universe.Market.KOSPI, 1100, 227), (universe.Market.KOSDAQ, 1800, 221)):
        packed = requests.get(f"{sim.url}/common/master/{market}_code.mst.zip", timeout=5).content
        archive = zipfile.ZipFile(io.BytesIO(packed))
        raw = archive.read(archive.namelist()[0])
        texts = raw.decode("cp949").splitlines()
        assert len(texts) == len({text[:9] for text in texts}) == lines and sum(WIDTHS[market]) == width
        assert {len(text.encode("cp949")) for text in texts} == {61 + width}
        found += universe.parse_master(raw, market)
    counts = {name: len(universe.members(name, found)) for name in ("@kospi200", "@kosdaq150", "@etf", "@all")}
    assert counts == {"@kospi200": 200, "@kosdaq150": 150, "@etf": 100, "@all": 2860}
    assert universe.members("@kospi200", found)["005930"] == "삼성전자"
