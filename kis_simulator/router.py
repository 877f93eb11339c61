"""One call in, its reply out: refused, struck by a fault, or answered and perhaps spoilt.

No socket and no pause here: simulator.py serves it.
"""

import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

from kis_simulator.auth import (
    KEY_NAMES,
    TRS,
    CallLimit,
    RefusalError,
    Tokens,
    Tr,
    check_call,
    check_environment,
    check_keys,
    parse_date,
    path_name,
)
from kis_simulator.endpoints import Endpoints
from kis_simulator.exchange.market import Market, TruthCandle
from kis_simulator.exchange.master_files import master_file
from kis_simulator.faults import faults
from kis_simulator.faults.active import ActiveFaults
from kis_simulator.faults.faults import Fault
from kis_simulator.faults.inconsistencies import unproven_minutes
from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.http import Call, Reply
from kis_simulator.recording import load
from kis_simulator.ws.server import Stream

KST = timezone(timedelta(hours=9))
RECORDED_AT = datetime(2025, 8, 26, 16)
SUCCESS = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다."}


class MarketOptions(TypedDict, total=False):
    """What trades: see `Market`."""

    profiles: Mapping[str, str] | None
    oddities: Mapping[tuple[str, date], str] | None
    listed: Mapping[str, date] | None
    csat: Collection[date]
    days_kept: int


class Router:
    """Answers calls; attributes such as `rate`, `keys` and `tokens` may be changed at any time.

    `now` = its clock (aware, or naive KST). `keys` = the app keys known, with their secrets (default: any). `key_env` =
    the environment the caller's keys belong to. `history` = trading days kept, `past_today` = see `Answers`.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        rate: float = 18,
        env: str = "real",
        seed: int = 1,
        keys: Mapping[str, str] | None = None,
        key_env: str | None = None,
        past_on_vts: bool = False,
        limit_status: int = 500,
        past_today: str = "closed",
        history: int = 250,
        replay: Path | str | None = None,
        behaviour: ServerBehaviour | None = None,
        **market: Unpack[MarketOptions],
    ) -> None:
        self.recording, self.replay = load(replay) if replay else (None, None)
        recorded = (self.recording and self.recording.begun) or RECORDED_AT
        self._now = now or (running_clock(recorded) if replay else lambda: datetime.now(KST))
        self.rate, self.env, self.seed = rate, env, seed
        self.keys, self.key_env = dict(keys) if keys is not None else None, key_env or env
        self.past_on_vts, self.limit_status = past_on_vts, limit_status
        self.behaviour = behaviour or ServerBehaviour()
        self.market = Market(seed, self.now().date(), behaviour=self.behaviour, **market)
        self.endpoints = Endpoints(self.market, history=history, past_today=past_today, behaviour=self.behaviour)
        self.tokens = Tokens(seed)
        self.active = ActiveFaults(seed)
        self.faults, self.inconsistencies = self.active.faults, self.active.inconsistencies
        self.stream = Stream(seed, self.now, self.market, self.active)
        self.is_down, self._answered = False, 0
        self._limit = CallLimit()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return naive KST on the simulator's clock."""
        moment = self._now()
        return moment.astimezone(KST).replace(tzinfo=None) if moment.tzinfo else moment

    def truth(self, symbol: str, day: date, interval: int = 1, *, opening: bool = False) -> list[TruthCandle]:
        """Return what traded in the regular session of a day, per window, ascending (a day to come included).

        A minute that KIS always tells as impossible is not in it, a turnover it always tells wrong is None; so is that
        of the day's first minute without `opening`: only fillers before it prove it.
        """
        unproven, impossible = unproven_minutes(self.inconsistencies, self.market, symbol, day)
        return self.market.truth(symbol, day, interval, unproven=unproven, without=impossible, opening=opening)

    def _reply(self, call: Call, arrival: float) -> Reply:
        name = path_name(call.path)
        if not name or name in KEY_NAMES:
            return self._judged(name, call, arrival)
        self._answered += 1
        headers = (("tr_id", TRS[call.path].tr_id), ("tr_cont", ""), ("gt_uid", f"{self._answered:032d}"))
        params = {parameter.upper(): value for parameter, value in call.params.items()}
        return self._judged(name, call._replace(params=params), arrival)._replace(headers=headers)

    def _judged(self, name: str, call: Call, arrival: float) -> Reply:
        if self.is_down:
            return Reply(0, None, wire="reset", fault="down")
        if call.method == "GET" and (packed := master_file(call.path)):
            return Reply(200, packed)
        if not name or (call.method == "POST") != (name in KEY_NAMES):
            return Reply(404, None)
        try:
            if name not in KEY_NAMES and self._limit.is_over(call.key, arrival, self.rate):
                raise RefusalError("EGW00201")
            return self._answer(name, call)
        except RefusalError as refusal:
            code, message, status = refusal.args
            return self._error(name, code, message, self.limit_status if code == "EGW00201" else status)

    def _answer(self, name: str, call: Call) -> Reply:
        """Return a call within the limit: struck by a fault, or answered, and then perhaps spoilt."""
        fault = self._struck(name, call, (*faults.WIRE, *faults.CODES))
        if fault and fault.kind in faults.CODES:
            code, message, status = faults.code(fault.kind, on_data=name not in KEY_NAMES)
            reply = self._error(name, code, message, fault.status or status)._replace(fault=fault.kind)
            return reply._replace(wire="unquoted") if fault.unquoted else reply
        if fault and fault.kind in ("reset", "hang", "non_json"):  # it never got as far as an answer
            return Reply(200, None, fault.kind, fault.kind, fault.seconds)
        if self.recording and (recorded := self.recording.reply(call, only_refusals=name in KEY_NAMES)):
            return recorded
        content = self._key(name, call.params) if name in KEY_NAMES else self._data(TRS[call.path], call)
        if fault:
            return Reply(200, content, fault.kind, fault.kind, fault.seconds)
        return self._spoilt(name, call, content)

    def _error(self, name: str, code: str, message: str, status: int) -> Reply:
        if name in KEY_NAMES:
            return Reply(status, {"error_code": code, "error_description": message})
        content = {"rt_cd": "1", "msg1": message, "msg_cd": code}
        return Reply(status, content, wire="unquoted" if self.behaviour.unquoted else "")

    def _struck(self, name: str, call: Call, kinds: Sequence[str]) -> Fault | None:
        days = self._days(name, call.params)
        return self.active.strike(kinds, name, call.params.get("FID_INPUT_ISCD"), days=days, key=call.key)

    def _spoilt(self, name: str, call: Call, content: dict[str, Any]) -> Reply:
        """Return a successful answer, after the fault of family ROWS that strikes it if any."""
        field, kinds = ("output", faults.HOLIDAY_ROWS) if name == "holiday" else ("output2", tuple(faults.ROWS))
        fault = self._struck(name, call, kinds) if content.get(field) else None
        if not fault:
            return Reply(200, content)
        rows = content[field]
        if fault.kind == "wrong_day":
            rows = self._session_before(name, call.params)
        return Reply(200, {**content, field: fault.spoil(rows)}, fault=fault.kind)

    def _session_before(self, name: str, params: dict[str, str]) -> list[dict[str, str]]:
        """Return the rows of the session before the requested one."""
        symbol, days = params.get("FID_INPUT_ISCD", ""), self._days(name, params)
        before = self.market.calendar.before(days[0] if days else self.now().date())
        if name == "today":
            return self.endpoints.today(symbol, "", datetime.combine(before + timedelta(days=1), datetime.min.time()))
        if name == "daily":
            return self.endpoints.daily(symbol, before, before, self.now())
        rows = self.endpoints.past(symbol, before, "235959", self.now())
        return [row for row in rows if row["stck_bsop_date"] == f"{before:%Y%m%d}"]

    def _days(self, name: str, params: dict[str, str]) -> tuple[date, date] | None:
        """Return the first and the last day a call asks for."""
        if name in ("past", "daily"):
            first = parse_date(params.get("FID_INPUT_DATE_1", ""))
            last = parse_date(params.get("FID_INPUT_DATE_2", "")) if name == "daily" else first
            return (first, last) if first and last else None
        return (self.now().date(),) * 2

    def _key(self, name: str, body: dict[str, str]) -> dict[str, Any]:
        """Return an access token, or the approval key of the WebSocket, whose field is `secretkey`."""
        key = body.get("appkey", "")
        if body.get("grant_type") != "client_credentials":
            raise RefusalError("EGW00101", "유효하지 않은 요청입니다.", 403)
        check_keys(key, body.get("appsecret" if name == "token" else "secretkey", ""), self.keys, on_data=False)
        now = self.now()
        if name == "approval":
            return {"approval_key": self.stream.subscriptions.approve(key, now)}
        token, expiry = self.tokens.issue(key, now)
        seconds = int((expiry - now).total_seconds())
        expires = f"{expiry:%Y-%m-%d %H:%M:%S}"
        return {
            "access_token": token,
            "access_token_token_expired": expires,
            "token_type": "Bearer",
            "expires_in": seconds,
        }

    def _data(self, tr: Tr, call: Call) -> dict[str, Any]:
        headers, params, key = call.headers, call.params, call.headers.get("appkey", "")
        check_keys(key, headers.get("appsecret", ""), self.keys, on_data=True)
        check_environment(tr, self.env, self.key_env, past_on_vts=self.past_on_vts)
        self.tokens.check(headers.get("authorization", ""), key, self.now())
        check_call(tr, headers, params)
        if tr.name == "holiday":
            first = parse_date(params["BASS_DT"]) or self.now().date()
            return {"ctx_area_nk": "", "ctx_area_fk": "", "output": self.endpoints.open_days(first), **SUCCESS}
        if self.replay:
            return self._recorded(tr.name, params)
        symbol, now = params["FID_INPUT_ISCD"], self.now()
        rows = self._rows(tr.name, symbol, params, now)
        return {"output1": self.endpoints.quote(symbol, now), "output2": rows, **SUCCESS}

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: datetime) -> list[dict[str, str]]:
        days = self._days(name, params) or (now.date(), now.date())
        shown = partial(self.active.shown, name, symbol, now=now)
        if name == "today":
            rows = self.endpoints.today(symbol, params["FID_INPUT_HOUR_1"], now)
        elif name == "past":
            rows = self.endpoints.past(symbol, days[0], params["FID_INPUT_HOUR_1"], now, shown)
        else:
            rows = self.endpoints.daily(symbol, *days, now, shown)
        is_adjusted = name == "past" or params.get("FID_ORG_ADJ_PRC") == "0"
        return self.active.reported(name, symbol, rows, now, self.market, adjusted=is_adjusted)

    def _recorded(self, name: str, params: dict[str, str]) -> dict[str, Any]:
        """Return the recorded answer of a symbol; nothing was recorded but today's TR."""
        recording = self.replay or {}
        recorded = recording["symbols"].get(params["FID_INPUT_ISCD"], {"output1": {}, "output2": []})
        hour = params.get("FID_INPUT_HOUR_1") or "999999"
        rows = [row for row in recorded["output2"] if row["stck_cntg_hour"] <= hour] if name == "today" else []
        return {"output1": recorded["output1"], "output2": rows, **recording["envelope"]}


def running_clock(start: datetime) -> Callable[[], datetime]:
    """Return a clock that stands at `start` now and runs (naive = KST)."""
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)
