"""What goes over KIS's WebSocket, as text: data frames into records, registrations, and what answers mean. Pure.

A frame is `0|TR|NNN|f^f^…`; a record has as many fields as fields ÷ count (docs/dev/kis_websocket.md §2).
An error may name neither TR nor symbol, so `rt_cd` is judged first. Its message is not passed on: it may hold the key.
"""

import json
from collections.abc import Mapping
from enum import Enum, auto
from typing import Any, NamedTuple

TICKS = "H0STCNT0"
NARROWEST = 46


class ReplyKind(Enum):
    """What an answer means for the client."""

    TAKEN = auto()
    GONE = auto()
    FULL = auto()
    LATER = auto()
    NEVER = auto()
    BAD_KEY = auto()
    IN_USE = auto()
    PINGPONG = auto()


_BY_CODE: Mapping[str, ReplyKind] = {
    "OPSP0000": ReplyKind.TAKEN, "OPSP0002": ReplyKind.TAKEN,
    "OPSP0001": ReplyKind.GONE, "OPSP0003": ReplyKind.GONE,
    "OPSP0008": ReplyKind.FULL,
    "OPSP0007": ReplyKind.LATER, "OPSP0009": ReplyKind.LATER, "OPSP8999": ReplyKind.LATER, "OPSP9995": ReplyKind.LATER,
    "OPSP0010": ReplyKind.BAD_KEY, "OPSP0011": ReplyKind.BAD_KEY,
    "OPSP8996": ReplyKind.IN_USE,
    "OPSP0017": ReplyKind.NEVER,
}  # fmt: skip
_MALFORMED = ("OPSP899", "OPSP999")
"""Everything else that begins so says that the request was wrong."""


class Answer(NamedTuple):
    """A control message: what it asks of us, its code, and the symbol it is about, "" where it names none."""

    kind: ReplyKind
    code: str
    symbol: str


def records(text: str) -> list[list[str]]:
    """Return the records of a frame of trades, oldest first; none where it is of another TR, encrypted or misshapen."""
    parts = text.split("|", 3)
    if len(parts) < 4 or parts[0] != "0" or parts[1] != TICKS or not (parts[2].isascii() and parts[2].isdecimal()):
        return []
    fields, count = parts[3].split("^"), int(parts[2])
    width, rest = divmod(len(fields), count) if count else (0, 1)
    if rest or width < NARROWEST:
        return []
    return [fields] if count == 1 else [fields[at : at + width] for at in range(0, len(fields), width)]


def registration(approval_key: str, symbol: str) -> str:
    """Return the request for a symbol's trades."""
    header = {"approval_key": approval_key, "custtype": "P", "tr_type": "1", "content-type": "utf-8"}
    return json.dumps({"header": header, "body": {"input": {"tr_id": TICKS, "tr_key": symbol}}})


def answer(text: str) -> Answer | None:
    """Return a control message; None where it is none that can be read."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        return None
    header, body = _part(message, "header"), _part(message, "body")
    if header.get("tr_id") == "PINGPONG":
        return Answer(ReplyKind.PINGPONG, "", "")
    if not body:
        return None
    code, symbol = str(body.get("msg_cd") or "").strip(), str(header.get("tr_key") or "").strip()
    if str(body.get("rt_cd") or "").strip() == "0":
        gone = str(body.get("msg1") or "").startswith("UNSUB")
        return Answer(ReplyKind.GONE if gone else ReplyKind.TAKEN, code, symbol)
    return Answer(_refusal(code), code, symbol)


def _refusal(code: str) -> ReplyKind:
    """Return what a refusal asks for; a code that is not in the table may be a passing fault."""
    return _BY_CODE.get(code) or (ReplyKind.NEVER if code.startswith(_MALFORMED) else ReplyKind.LATER)


def _part(message: object, name: str) -> Mapping[str, Any]:
    part = message.get(name) if isinstance(message, dict) else None
    return part if isinstance(part, dict) else {}
