"""`--replay`: answers of the real KIS, recorded one JSON object a line, are served again."""

import json
from datetime import datetime

import pytest

from kis_simulator import __main__ as command
from kis_simulator.http import Call
from kis_simulator.recording import Recording
from kis_simulator.simulator import Simulator

TODAY, TOKEN = "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice", "/oauth2/tokenP"


def line(path: str = TODAY, *, body: object, status: int = 200, **params: str) -> str:
    record = {
        "method": "GET", "path": path, "tr_id": "FHKST03010200", "params": params, "status": status,
        "headers": {"Date": "Fri, 20 Nov 2026 01:30:00 GMT"}, "body": body,
    }  # fmt: skip
    return json.dumps(record, ensure_ascii=False) + "\n"


LINES = [
    line(body={"a": 1}, FID_INPUT_ISCD="005930", FID_INPUT_HOUR_1="103000"),
    line(body={"b": 1}, fid_input_iscd="005930", fid_input_hour_1="100000"),
    line(body={"c": 1}, FID_INPUT_ISCD="000660", FID_INPUT_HOUR_1="103000"),
    line(body={"d": 1}, FID_INPUT_ISCD="000660", FID_INPUT_HOUR_1="103000"),
    line(body='{rt_cd:"1"}', status=500, FID_INPUT_ISCD="000990"),
    line(TOKEN, body={"access_token": "***"}),
]


def test_a_call_is_answered_by_the_record_most_like_it_and_in_the_end_by_the_last(tmp_path) -> None:
    """Status and a body that is no JSON come as they came; tokens are the simulator's own unless KIS refused."""
    (tmp_path / "record").write_text("".join(LINES), encoding="utf-8")
    sim = Simulator(replay=tmp_path / "record")

    def answer(symbol: str, hour: str = ""):
        return sim.answer(Call("GET", TODAY, {}, {"FID_INPUT_ISCD": symbol, "FID_INPUT_HOUR_1": hour}))

    calls = [("005930", "100000"), ("005930", "103000"), *[("000660", "103000")] * 3]
    assert [[*answer(*call).content] for call in calls] == [["b"], ["a"], ["c"], ["d"], ["d"]]
    assert answer("000990")[:2] == (500, b'{rt_cd:"1"}') and answer("111111").code == "SIM00404"
    assert sim.now().replace(microsecond=0, second=0) == datetime(2026, 11, 20, 10, 30)
    call = Call("POST", TOKEN, {}, {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret"})
    assert len(sim.answer(call).content["access_token"]) > 3
    (tmp_path / "record").write_text(line(TOKEN, body={"error_code": "EGW00103"}, status=403), encoding="utf-8")
    assert Simulator(replay=tmp_path / "record").answer(call)[:2] == (403, {"error_code": "EGW00103"})


def test_a_line_that_is_no_record_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match="line 2"):
        Recording.read(line(body={}) + "{}\n")
    (tmp_path / "record").write_text("[]\n", encoding="utf-8")
    assert command.main(["--replay", str(tmp_path / "record")]) == command.main(["--replay", "/nowhere"]) == 2
