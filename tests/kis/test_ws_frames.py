"""Text on KIS's WebSocket: every captured frame is what it says, and each code asks of the client what it should."""

import json

import pytest
from ticks_testing import captured, records_of

from kis_simulator.ws.subscriptions import WORDS, said
from minute_candles.kis.ws_frames import Verdict, answer, records, registration


@pytest.mark.parametrize("frame", captured("0|H0STCNT0|"))
def test_each_captured_frame_of_trades_is_as_many_records_as_it_counts(frame: str) -> None:
    found = records(frame)
    assert found == records_of(frame) and len(found) == int(frame.split("|")[2])
    assert {len(fields) for fields in found} <= {46, 47}
    assert all(len(fields[0]) == 6 and fields[0].isdecimal() and len(fields[33]) == 8 for fields in found)


@pytest.mark.parametrize("frame", [line for line in captured("0|") if not line.startswith("0|H0STCNT0|")])
def test_captured_frames_of_other_trs_are_no_trades(frame: str) -> None:
    assert records(frame) == []


@pytest.mark.parametrize("frame", captured("{"))
def test_each_captured_control_message_asks_what_its_code_means(frame: str) -> None:
    told = answer(frame)
    message = json.loads(frame)
    header, body = message.get("header", {}), message.get("body", {})
    assert told and told.code == body.get("msg_cd", "")
    assert told.symbol == header.get("tr_key", "")
    expected = {
        "": Verdict.PINGPONG, "OPSP0000": Verdict.TAKEN, "OPSP0001": Verdict.GONE, "OPSP0002": Verdict.TAKEN,
        "OPSP0003": Verdict.GONE, "OPSP0008": Verdict.FULL, "OPSP0011": Verdict.BAD_KEY, "OPSP0017": Verdict.NEVER,
        "OPSP8996": Verdict.IN_USE,
    }  # fmt: skip
    assert told.verdict is expected[told.code]


@pytest.mark.parametrize("code", WORDS)
def test_every_code_of_the_table_is_judged_whatever_its_header_names(code: str) -> None:
    told = answer(json.dumps(said(code, "H0STCNT0", "005930")))
    nameless = answer(json.dumps({"body": {**said(code, "", "")["body"], "msg1": "  "}, "header": {"tr_id": None}}))
    assert told and told.symbol == "005930" and nameless and nameless.symbol == ""
    group = {"OPSP0007": "LATER", "OPSP0009": "LATER", "OPSP8999": "LATER", "OPSP9995": "LATER", "OPSP0010": "BAD_KEY"}
    if code in group:
        assert told.verdict is nameless.verdict is Verdict[group[code]]
    elif code.startswith(("OPSP899", "OPSP999")) and code != "OPSP8996":
        assert told.verdict is Verdict.NEVER


def test_rt_cd_is_judged_before_the_code_and_an_unknown_refusal_is_asked_again_later() -> None:
    def of(rt_cd: str, code: str, words: str = "") -> Verdict:
        told = answer(json.dumps({"header": {}, "body": {"rt_cd": rt_cd, "msg_cd": code, "msg1": words}}))
        assert told
        return told.verdict

    assert of("0", "OPSP7777", "SUBSCRIBE SUCCESS") is Verdict.TAKEN
    assert of("0", "OPSP7777", "UNSUBSCRIBE SUCCESS") is Verdict.GONE
    assert of("1", "OPSP7777") is of("9", "") is Verdict.LATER


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '"x"', "{}", '{"header": []}', '{"body": "x"}', "[" * 100_000])
def test_what_cannot_be_read_is_no_answer(text: str) -> None:
    assert answer(text) is None


@pytest.mark.parametrize("change", [
    ("0|", "1|"), ("H0STCNT0", "H0STASP0"), ("|004|", "|005|"), ("|004|", "|000|"), ("|004|", "|x|"), ("|004|", "|٤|"),
    ("^", "\ufffd"),
])  # fmt: skip
def test_a_frame_that_is_misshapen_encrypted_or_of_another_tr_has_no_records(change: tuple[str, str]) -> None:
    frame = captured("0|H0STCNT0|004|005930^151938")[0]
    assert len(records(frame)) == 4
    assert records(frame.replace(*change, 1)) == [] and records(frame[:300]) == []


def test_a_wider_record_keeps_its_fields() -> None:
    frame = captured("0|H0STCNT0|001|005930^150746")[0] + "^appended^more"
    assert len(records(frame)[0]) == 49


def test_a_registration_is_as_kis_wants_it() -> None:
    assert json.loads(registration("key", "005930")) == {
        "header": {"approval_key": "key", "custtype": "P", "tr_type": "1", "content-type": "utf-8"},
        "body": {"input": {"tr_id": "H0STCNT0", "tr_key": "005930"}},
    }
