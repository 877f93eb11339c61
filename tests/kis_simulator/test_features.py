"""Answers that drip, several keys: over a socket, as a client meets them."""

import itertools
from datetime import datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from kis_simulator.simulator import Simulator

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
