"""`--replay`: answers of the real KIS, recorded one JSON object a line, are served again."""

import json
from datetime import datetime
from pathlib import Path

import pytest
import requests

from kis_simulator import __main__ as command
from kis_simulator.recording import Recording
from kis_simulator.simulator import Simulator

TODAY = "/uapi/domestic-stock/v1/quotations/inquire-time-itemchartprice"
DATE = "Fri, 20 Nov 2026 01:30:00 GMT"


def line(path: str = TODAY, *, body: object, status: int = 200, **params: str) -> str:
    record = {
        "method": "GET", "path": path, "tr_id": "FHKST03010200", "params": params, "status": status,
        "headers": {"Date": DATE}, "body": body,
    }  # fmt: skip
    return json.dumps(record, ensure_ascii=False)


def rows(*hours: str) -> dict[str, object]:
    return {"rt_cd": "0", "output2": [{"stck_cntg_hour": hour} for hour in hours]}


@pytest.fixture
def replayed(tmp_path: Path):
    """A simulator that replays these lines, and what it answers to today's TR."""
    running = []

    def make(*lines: str) -> tuple[Simulator, object]:
        file = tmp_path / "record.jsonl"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        sim = Simulator(replay=file)
        sim.start()
        running.append(sim)

        def asked(symbol: str, hour: str = "") -> requests.Response:
            params = {"FID_INPUT_ISCD": symbol, "FID_INPUT_HOUR_1": hour}
            return requests.get(sim.url + TODAY, params=params, timeout=5)

        return sim, asked

    yield make
    for sim in running:
        sim.stop()


def test_a_call_is_answered_by_the_record_most_like_it(replayed) -> None:
    sim, asked = replayed(
        line(body=rows("a"), FID_INPUT_ISCD="005930", FID_INPUT_HOUR_1="103000"),
        line(body=rows("b"), fid_input_iscd="005930", fid_input_hour_1="100000"),
        line(body=rows("c"), FID_INPUT_ISCD="000660", FID_INPUT_HOUR_1="103000"),
    )
    told = [asked(*call).json() for call in (("005930", "100000"), ("005930", "103000"), ("000660", "110000"))]
    assert told == [rows("b"), rows("a"), rows("c")]
    assert sim.now().replace(microsecond=0, second=0) == datetime(2026, 11, 20, 10, 30)


def test_the_same_call_again_gets_the_next_record_and_in_the_end_the_last(replayed) -> None:
    _, asked = replayed(*(line(body=rows(name), FID_INPUT_ISCD="005930") for name in "ab"))
    assert [asked("005930").json() for _ in range(4)] == [rows("a"), rows("b"), rows("b"), rows("b")]


def test_status_and_a_body_that_is_no_json_come_as_they_came(replayed) -> None:
    _, asked = replayed(line(body='{rt_cd:"1"}', status=500, FID_INPUT_ISCD="005930"))
    answer = asked("005930")
    assert (answer.status_code, answer.text) == (500, '{rt_cd:"1"}')
    assert asked("111111").json()["msg_cd"] == "SIM00404"


def test_tokens_are_the_simulators_own_unless_kis_refused(replayed) -> None:
    body = {"grant_type": "client_credentials", "appkey": "key", "appsecret": "secret"}
    sim, _ = replayed(line("/oauth2/tokenP", body={"access_token": "***"}))
    assert requests.post(sim.url + "/oauth2/tokenP", json=body, timeout=5).json()["access_token"] != "***"
    sim, _ = replayed(line("/oauth2/tokenP", body={"error_code": "EGW00103"}, status=403))
    answer = requests.post(sim.url + "/oauth2/tokenP", json=body, timeout=5)
    assert (answer.status_code, answer.json()) == (403, {"error_code": "EGW00103"})


def test_a_line_that_is_no_record_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="line 2"):
        Recording.read(line(body={}) + "\n{}\n")
    (tmp_path / "record").write_text("[]\n", encoding="utf-8")
    assert command.main(["--replay", str(tmp_path / "record")]) == command.main(["--replay", "/nowhere"]) == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 2 and all("--replay 파일을 읽을 수 없습니다" in one for one in told)
