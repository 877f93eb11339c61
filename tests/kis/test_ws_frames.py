"""Text on KIS's WebSocket: every captured frame is what it says, and each code asks of the client what it should."""

import json

import pytest
from ticks_testing import captured, records_of

from kis_simulator.ws.subscriptions import WORDS, said
from minute_candles.kis.ws_frames import ReplyKind, answer, records, registration


@pytest.mark.parametrize("start", ["0|", "{"])
def test_each_captured_frame_is_read_as_what_it_is(start: str) -> None:
    kinds = {
        "": "PINGPONG", "OPSP0000": "TAKEN", "OPSP0001": "GONE", "OPSP0002": "TAKEN", "OPSP0003": "GONE",
        "OPSP0008": "FULL", "OPSP0011": "BAD_KEY", "OPSP0017": "NEVER", "OPSP8996": "IN_USE",
    }  # fmt: skip
    for frame in captured(start):
        if frame.startswith("{"):
            read, message = answer(frame), json.loads(frame)
            header, body = message.get("header", {}), message.get("body", {})
            assert read and (read.code, read.symbol) == (body.get("msg_cd", ""), header.get("tr_key", ""))
            assert read.kind is ReplyKind[kinds[read.code]]
        elif frame.startswith("0|H0STCNT0|"):
            found = records(frame)
            assert found == records_of(frame) and len(found) == int(frame.split("|")[2])
            assert all(len(fields) in (46, 47) and len(fields[0]) == 6 and len(fields[33]) == 8 for fields in found)
        else:
            assert records(frame) == [], "another TR"


GROUPS = {"OPSP0007": "LATER", "OPSP0009": "LATER", "OPSP8999": "LATER", "OPSP9995": "LATER", "OPSP0010": "BAD_KEY"}


@pytest.mark.parametrize("code", WORDS)
def test_every_code_of_the_table_is_judged_whatever_its_header_names(code: str) -> None:
    read = answer(json.dumps(message := said(code, "H0STCNT0", "005930")))
    nameless = answer(json.dumps(message | {"header": {"tr_id": None}}))
    assert read and read.symbol == "005930" and nameless and nameless.symbol == ""
    if code in GROUPS:
        assert read.kind is nameless.kind is ReplyKind[GROUPS[code]]
    elif code.startswith(("OPSP899", "OPSP999")) and code != "OPSP8996":
        assert read.kind is ReplyKind.NEVER


def test_rt_cd_is_judged_before_an_unknown_code_and_what_cannot_be_read_is_no_answer() -> None:
    for rt_cd, text, verdict in (("0", "SUBSCRIBE", "TAKEN"), ("0", "UNSUBSCRIBE", "GONE"), ("1", "", "LATER")):
        body = {"rt_cd": rt_cd, "msg_cd": "OPSP7777", "msg1": f"{text} SUCCESS"}
        read = answer(json.dumps({"header": {}, "body": body}))
        assert read and read.kind is ReplyKind[verdict]
    for text in ("", "{", "[]", "null", '"x"', "{}", '{"header": []}', '{"body": "x"}', "[" * 100_000):
        assert answer(text) is None


FRAME = f"0|H0STCNT0|004|{'^'.join([*('005930' + '^1' * 46 for _ in range(4))])}"


@pytest.mark.parametrize("change", [
    ("0|", "1|"), ("H0STCNT0", "H0STASP0"), ("|004|", "|005|"), ("|004|", "|000|"), ("|004|", "|x|"), ("|004|", "|٤|"),
    ("^", "\ufffd"),
])  # fmt: skip
def test_a_frame_that_is_misshapen_encrypted_or_of_another_tr_has_no_records(change: tuple[str, str]) -> None:
    assert len(records("0|H0STCNT0|001|005930" + "^1" * 48)[0]) == 49, "a wider record keeps its fields"
    assert [len(fields) for fields in records(FRAME)] == [47] * 4
    assert records(FRAME.replace(*change, 1)) == [] and records(FRAME[:300]) == []


def test_a_registration_is_as_kis_wants_it() -> None:
    assert json.loads(registration("key", "005930")) == {
        "header": {"approval_key": "key", "custtype": "P", "tr_type": "1", "content-type": "utf-8"},
        "body": {"input": {"tr_id": "H0STCNT0", "tr_key": "005930"}},
    }
