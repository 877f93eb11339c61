"""Approval keys, one session a key, 41 registrations, and KIS's answer to each request (kis_websocket.md §2).

Pure but for what it remembers: moments are naive KST, `clock` monotonic seconds. One subscriptions serves all sessions.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

TICKS = "H0STCNT0"
SILENT = ("H0STASP0", "H0STANC0", "H0STMKO0", "H0STOUP0", "H0STOAC0", "H0UNCNT0", "H0NXCNT0")
"""TRs that are registered with success and never send anything here."""
WORDS: dict[str, tuple[str, str]] = {
    "OPSP0000": ("0", "SUBSCRIBE SUCCESS"),
    "OPSP0001": ("0", "UNSUBSCRIBE SUCCESS"),
    "OPSP0002": ("1", "ALREADY IN SUBSCRIBE"),
    "OPSP0003": ("1", "UNSUBSCRIBE ERROR(not found!)"),
    "OPSP0007": ("1", "SUBSCRIBE INTERNAL ERROR"),
    "OPSP0008": ("1", "MAX SUBSCRIBE OVER"),
    "OPSP0009": ("1", "SUBSCRIBE ERROR : mci send failed"),
    "OPSP0010": ("1", "SUBSCRIBE WARNING : invalid appkey"),
    "OPSP0011": ("1", "invalid approval : NOT FOUND"),
    "OPSP8991": ("1", "invalid tr_id "),
    "OPSP8992": ("1", "invalid tr_key "),
    "OPSP8993": ("1", "JSON PARSING ERROR : invalid"),
    "OPSP8996": ("9", "ALREADY IN USE appkey"),
    "OPSP8997": ("9", "JSON PARSING ERROR : tr_type not found"),
    "OPSP8998": ("9", "JSON PARSING ERROR : custtype not found"),
    "OPSP8999": ("9", "resource not available"),
    "OPSP9990": ("9", "JSON PARSING ERROR : tr_key not found"),
    "OPSP9991": ("9", "JSON PARSING ERROR : input not found"),
    "OPSP9992": ("9", "JSON PARSING ERROR : body not found"),
    "OPSP9995": ("9", "resource not available"),
    "OPSP9998": ("9", "JSON PARSING ERROR : header not found"),
    "OPSP9999": ("9", "JSON PARSING ERROR : invalid json"),
}
"""rt_cd and msg1 of each code."""


@dataclass
class SubscriptionRules:
    """What a key may do.

    `limit` = registrations of a key. `approval_life` = seconds an approval key is valid; with `judges_always` it is
    checked at every registration, not only the first. `linger` = seconds a slot stays taken after an abnormal end.
    `uuid_told` = OPSP0011 names the key instead of saying NOT FOUND; `refuses_silently` = nothing is said instead.
    """

    limit: int = 41
    approval_life: float = 86_400.0
    judges_always: bool = False
    linger: float = 15.0
    uuid_told: bool = False
    refuses_silently: bool = False


@dataclass
class Session:
    """A connection: whose it is once its first registration was taken, and what it listens to, as (tr_id, symbol)."""

    number: int
    key: str = ""
    registered: set[tuple[str, str]] = field(default_factory=set)
    secrets: dict[str, str] = field(default_factory=dict)


class Subscriptions:
    """Approval keys and the slots of app keys."""

    def __init__(self, seed: int, rules: SubscriptionRules) -> None:
        self.rules, self.approvals_issued = rules, 0
        self._dice = Random(f"{seed}/approval")
        self._approvals: dict[str, tuple[str, datetime]] = {}
        self._slots: dict[str, Session] = {}
        self._taken_until: dict[str, float] = {}

    def approve(self, key: str, now: datetime) -> str:
        """Return a new approval key of an app key; those before it live on until they are a day old."""
        self.approvals_issued += 1
        approval = str(UUID(int=self._dice.getrandbits(128), version=4))
        self._approvals[approval] = (key, now + timedelta(seconds=self.rules.approval_life))
        return approval

    def expire(self) -> None:
        """End every approval key (OPSP0011)."""
        self._approvals.clear()

    def answer(self, session: Session, text: str, now: datetime, clock: float, refusal: str = "") -> dict[str, Any]:
        """Return what KIS says to a control message; `refusal` = the code to answer instead."""
        tr_id, tr_key = "(null)", ""
        try:
            header, wanted = _parts(text)
            tr_id, tr_key = wanted
            if refusal:
                raise RefusedError(refusal)
            self._admit(session, header["approval_key"], now, clock)
            code = self._register(session, header["tr_type"], *wanted)
        except RefusedError as refused:
            code = refused.code
            if code in ("OPSP8996", "OPSP0011") or code.startswith(("OPSP899", "OPSP999")):
                tr_id, tr_key = "(null)", ""
            return said(code, tr_id, tr_key, message=refused.message)
        return said(code, tr_id, tr_key, session.secrets if code == "OPSP0000" else None)

    def leave(self, session: Session, clock: float, *, cleanly: bool) -> None:
        """End a session: its slot is free at once after a clean close, else it lingers."""
        if session.key and self._slots.get(session.key) is session:
            del self._slots[session.key]
            if not cleanly:
                self._taken_until[session.key] = clock + self.rules.linger

    def _admit(self, session: Session, approval: str, now: datetime, clock: float) -> None:
        """Judge the key at the first registration, not at the handshake. Raises `RefusedError`."""
        if session.key and not self.rules.judges_always:
            return
        key, expiry = self._approvals.get(approval, ("", now))
        if now >= expiry:
            raise RefusedError("OPSP0011", f"invalid approval : {approval}" if self.rules.uuid_told else "")
        if session.key:
            return
        if key in self._slots or clock < self._taken_until.get(key, clock):
            raise RefusedError("OPSP8996")
        session.key, self._slots[key] = key, session
        session.secrets = {
            "iv": f"{self._dice.getrandbits(64):016x}",
            "key": "".join(self._dice.choices("abcdefghijklmnopqrstuvwxyz", k=32)),
        }

    def _register(self, session: Session, kind: str, tr_id: str, tr_key: str) -> str:
        wanted = (tr_id, tr_key)
        if kind == "2":
            if wanted not in session.registered:
                return "OPSP0003"
            session.registered.discard(wanted)
            return "OPSP0001"
        if wanted in session.registered:
            return "OPSP0002"
        if len(session.registered) >= self.rules.limit:
            return "OPSP0008"
        session.registered.add(wanted)
        return "OPSP0000"


class RefusedError(Exception):
    """The request is answered with this code."""

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


def said(code: str, tr_id: str, tr_key: str, output: dict[str, str] | None = None, message: str = "") -> dict[str, Any]:
    """Return a control message of KIS."""
    verdict, words = WORDS[code]
    body: dict[str, Any] = {"rt_cd": verdict, "msg_cd": code, "msg1": message or words}
    if output:
        body["output"] = output
    return {"header": {"tr_id": tr_id, "tr_key": tr_key, "encrypt": "N"}, "body": body}


def _parts(text: str) -> tuple[dict[str, str], tuple[str, str]]:
    """Return header and (tr_id, tr_key) of a registration. Raises `RefusedError`."""
    try:
        message = json.loads(text)
    except ValueError:
        raise RefusedError("OPSP9999") from None
    header = _part(message, "header", "OPSP9998")
    wanted = _part(_part(message, "body", "OPSP9992"), "input", "OPSP9991")
    header = {name.lower(): str(value) for name, value in header.items()}
    if header.get("tr_type") not in ("1", "2"):
        raise RefusedError("OPSP8997")
    if header.get("custtype", "P") not in ("P", "B"):
        raise RefusedError("OPSP8998")
    if "tr_key" not in wanted:
        raise RefusedError("OPSP9990")
    tr_id, tr_key = str(wanted.get("tr_id")), str(wanted["tr_key"])
    if tr_id != TICKS and tr_id not in SILENT:
        raise RefusedError("OPSP8991")
    if not (len(tr_key) in (6, 7) and tr_key.isascii() and tr_key.isalnum()):
        raise RefusedError("OPSP8992")
    return {"approval_key": "", **header}, (tr_id, tr_key)


def _part(message: object, name: str, code: str) -> dict[str, Any]:
    part = message.get(name) if isinstance(message, dict) else None
    if not isinstance(part, dict):
        raise RefusedError(code)
    return part
