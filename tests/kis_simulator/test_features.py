"""Answers that drip, several keys, master files, approvals that end: over a socket, as a client meets them."""

import io
import itertools
import zipfile
from datetime import date, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from kis_simulator.exchange.master_files import WIDTHS
from kis_simulator.simulator import Simulator

NOW = datetime(2026, 11, 20, 10)
TOKEN, APPROVAL = "/oauth2/tokenP", "/oauth2/Approval"


@pytest.fixture
def sim():
    with Simulator(now=lambda: NOW, rate=3) as simulator:
        yield simulator


def post(sim: Simulator, path: str = TOKEN, key: str = "key", **options) -> requests.Response:
    body = {"grant_type": "client_credentials", "appkey": key, "appsecret": "secret", "secretkey": "secret"}
    return requests.post(sim.url + path, json=body, timeout=5, **options)


def daily(sim: Simulator, key: str = "key") -> requests.Response:
    token = (
        post(sim, key=key).json().get("access_token", "") if key not in sim.tokens._live else sim.tokens._live[key][0]
    )
    headers = {"authorization": f"Bearer {token}", "appkey": key, "appsecret": "secret", "tr_id": "FHKST03010100"}
    day = f"{date(2026, 11, 18):%Y%m%d}"
    params = {
        "FID_COND_MRKT_DIV_CODE": "J", "FID_INPUT_ISCD": "Q500001", "FID_INPUT_DATE_1": day, "FID_INPUT_DATE_2": day,
        "FID_PERIOD_DIV_CODE": "D", "FID_ORG_ADJ_PRC": "1",
    }  # fmt: skip
    path = "/uapi/domestic-stock/v1/quotations/inquire-daily-itemchartprice"
    return requests.get(sim.url + path, params=params, headers=headers, timeout=5)


@pytest.mark.parametrize("path", [TOKEN, APPROVAL])
def test_an_answer_drips_byte_by_byte(sim: Simulator, path: str) -> None:
    sim.add_fault("drip", seconds=0.05)
    with post(sim, path, stream=True) as answer:
        first = list(itertools.islice(answer.iter_content(1), 3))
    assert [len(piece) for piece in first] == [1, 1, 1]
    sim.clear_faults()


def test_a_body_never_ends_or_is_huge(sim: Simulator) -> None:
    sim.add_fault("endless", times=1)
    with post(sim, APPROVAL, stream=True) as answer:
        assert sum(map(len, itertools.islice(answer.iter_content(4096), 20))) > 20_000
    sim.add_fault("huge", times=1)
    with post(sim, APPROVAL, stream=True) as answer:
        assert int(answer.headers["Content-Length"]) > 64_000_000


def test_the_date_header_is_wrong(sim: Simulator) -> None:
    sim.add_fault("wrong_date", seconds=7200, times=1)
    shown = [parsedate_to_datetime(post(sim, APPROVAL).headers["Date"]) for _ in range(2)]
    assert (shown[0] - shown[1]).total_seconds() == 7200


def test_each_key_has_its_own_limit_token_and_block(sim: Simulator) -> None:
    codes = [daily(sim, key).json()["msg_cd"] for key in ("a", "b") for _ in range(4)]
    assert codes == [*["MCA00000"] * 3, "EGW00201"] * 2
    assert sim.tokens.issued == 2
    assert (sim.busiest_second("a"), sim.busiest_second()) == (4, 8)
    sim.add_fault("egw00206", key="a")
    sim.rate = 100
    assert daily(sim, "a").status_code == 403
    assert daily(sim, "b").status_code == 200


def test_an_approval_ends_in_mid_session() -> None:
    with Simulator(now=lambda: NOW, ws=False) as sim:
        subscriptions = sim.stream.subscriptions
        subscriptions.rules.judges_always = True
        subscriptions.rules.approval_life = 3600
        approval = post(sim, APPROVAL).json()["approval_key"]
        from kis_simulator.ws.subscriptions import Session

        session = Session(1)
        text = (
            '{"header": {"approval_key": "%s", "tr_type": "1"}, '
            '"body": {"input": {"tr_id": "H0STCNT0", "tr_key": "%s"}}}'
        )
        codes = [
            subscriptions.answer(session, text % (approval, symbol), moment, 0.0)["body"]["msg_cd"]
            for symbol, moment in (("005930", NOW), ("000660", NOW.replace(hour=11)))
        ]
        assert codes == ["OPSP0000", "OPSP0011"]


@pytest.mark.parametrize(("market", "lines"), [("kospi", 1100), ("kosdaq", 1800)])
def test_master_files_have_the_published_layout(sim: Simulator, market: str, lines: int) -> None:
    answer = requests.get(f"{sim.url}/common/master/{market}_code.mst.zip", timeout=5)
    (text,) = (
        archive.read(name) for archive in [zipfile.ZipFile(io.BytesIO(answer.content))] for name in archive.namelist()
    )
    found = text.decode("cp949").splitlines()
    assert len(found) == lines
    assert len({line[:9] for line in found}) == lines
    assert {len(line.encode("cp949")) for line in found} == {61 + sum(WIDTHS[market])}
    assert sum(WIDTHS[market]) == {"kospi": 227, "kosdaq": 221}[market]
    assert requests.get(f"{sim.url}/common/master/konex_code.mst.zip", timeout=5).status_code == 404


def test_master_files_are_read_as_the_product_reads_them(sim: Simulator) -> None:
    universe = pytest.importorskip("minute_candles.config.universe")
    found = []
    for market in universe.Market:
        packed = requests.get(f"{sim.url}/common/master/{market}_code.mst.zip", timeout=5).content
        archive = zipfile.ZipFile(io.BytesIO(packed))
        found += universe.parse_master(archive.read(archive.namelist()[0]), market)
    counts = {name: len(universe.members(name, found)) for name in ("@kospi200", "@kosdaq150", "@etf", "@all")}
    assert counts == {"@kospi200": 200, "@kosdaq150": 150, "@etf": 100, "@all": 2860}
    assert {"005930": "삼성전자"}.items() <= universe.members("@kospi200", found).items()
