"""A KIS server on loopback, for `--demo` and the tests: the paths, fields, limits and traps of kis_api.md.

    python -m simulator --port 9443                # then KIS_BASE_URL=http://127.0.0.1:9443 and any key in .env

    with Simulator(now=lambda: moment) as sim: …   # in a test: `sim.url`, and `sim.truth()` = what tables must hold

What trades is made in market.py, what KIS makes of it in answers.py, who is let in is up to gate.py,
what goes wrong to faults.py, the wire is http.py. Nothing here is shared with the collector: this is the independent
oracle.
"""

import json
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self

from simulator import faults
from simulator.answers import Answers
from simulator.faults import Fault
from simulator.gate import (
    TRS,
    CallLimit,
    Refusal,
    Tokens,
    Tr,
    check_call,
    check_environment,
    check_keys,
    parse_date,
    path_name,
)
from simulator.http import Call, LoopbackServer, Reply
from simulator.market import LATE_MINUTES, Market, TruthCandle

KST = timezone(timedelta(hours=9))
REMEMBERED = 200_000


class Request(NamedTuple):
    """A call that was answered or cut off: `at` in monotonic seconds, HTTP `status` (0 = no answer), KIS `code`."""

    at: float
    path: str
    tr_id: str
    params: dict[str, str]
    status: int
    code: str
    fault: str = ""


class Simulator:
    """A KIS server; see the module. Attributes such as `rate`, `latency` and `tokens` may be changed while it runs.

    `now` = its clock (aware, or naive KST), `latency` + up to `jitter` seconds pass after a call is counted, up to
    `way_jitter` before. `keys` = the app keys known, with their secrets (default: any). `key_env` = the environment
    the caller's keys belong to. `skew` shifts the Date header.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
        rate: float = 18,
        latency: float = 0,
        jitter: float = 0,
        way_jitter: float = 0,
        env: str = "real",
        seed: int = 1,
        keys: Mapping[str, str] | None = None,
        key_env: str | None = None,
        past_on_vts: bool = False,
        limit_status: int = 500,
        skew: timedelta = timedelta(0),
        past_today: str = "closed",
        history: int = 250,
        replay: Path | str | None = None,
        profiles: Mapping[str, str] | None = None,
        oddities: Mapping[tuple[str, date], str] | None = None,
        listed: Mapping[str, date] | None = None,
    ) -> None:
        recorded_at = datetime(2025, 8, 26, 16)
        self._now = now or (running_clock(recorded_at) if replay else lambda: datetime.now(KST))
        self.monotonic, self.rate, self.env, self.seed = monotonic, rate, env, seed
        self.latency, self.jitter, self.way_jitter = latency, jitter, way_jitter
        self.keys, self.key_env = dict(keys) if keys is not None else None, key_env or env
        self.past_on_vts, self.limit_status, self.skew = past_on_vts, limit_status, skew
        self.replay = json.loads(Path(replay).read_text(encoding="utf-8")) if replay else None
        self.market = Market(seed, self.now().date(), profiles=profiles, oddities=oddities, listed=listed)
        self.answers = Answers(self.market, history=history, past_today=past_today)
        self.tokens = Tokens(seed)
        self.faults: list[Fault] = []
        self.url = ""
        self.is_down = False
        self.stopping = threading.Event()
        self._lock = threading.Lock()
        self._dice = Random(seed)
        self._limit = CallLimit()
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)
        self._server: LoopbackServer | None = None

    # --- life ---

    def start(self, port: int = 0) -> str:
        """Serve on loopback in a thread (port 0 = any free one); the base URL."""
        self.stopping.clear()
        self._server = LoopbackServer(port, self.answer, now=self._date_header, stopping=self.stopping)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="kis-simulator", daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        return self.url

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self.stopping.set()
        if self._server:
            self._server.shutdown()
            self._server.close_all()
            self._server = None

    def __enter__(self) -> Self:
        if not self._server:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def now(self) -> datetime:
        """Naive KST on the simulator's clock."""
        moment = self._now()
        return moment.astimezone(KST).replace(tzinfo=None) if moment.tzinfo else moment

    def _date_header(self) -> datetime:
        return self.now().replace(tzinfo=KST) + self.skew

    # --- what tests ask ---

    @property
    def requests(self) -> list[Request]:
        """The calls so far, oldest first (the last 200,000)."""
        with self._lock:
            return list(self._requests)

    def calls(self, name: str | None = None) -> int:
        """How many calls came: all, or those of one TR (past, today, daily, holiday, token)."""
        return sum(name in (None, path_name(request.path)) for request in self.requests)

    def busiest_second(self) -> int:
        """The most data calls that came within any one second."""
        arrivals = sorted(request.at for request in self.requests if request.path in TRS)
        most, start = 0, 0
        for end, at in enumerate(arrivals):
            while at - arrivals[start] > 1.0:
                start += 1
            most = max(most, end - start + 1)
        return most

    def shortest_gap(self) -> float:
        """The least time in seconds between two data calls."""
        arrivals = sorted(request.at for request in self.requests if request.path in TRS)
        return min((later - earlier for earlier, later in pairwise(arrivals)), default=float("inf"))

    def truth(self, symbol: str, day: date, interval: int = 1) -> list[TruthCandle]:
        """What traded in the regular session of a day, per window, ascending (a day to come included)."""
        return self.market.truth(symbol, day, interval)

    def truth_now(self, symbol: str, interval: int = 1, day: date | None = None) -> list[TruthCandle]:
        """The truth of today (or `day`) up to now: the windows that are over; all of them from close + 10 minutes."""
        now = self.now()
        day = day or now.date()
        close = self.market.calendar.session(day).close + LATE_MINUTES
        end = datetime.combine(day, datetime.min.time()) + timedelta(minutes=close)
        window = timedelta(minutes=interval)
        return [candle for candle in self.truth(symbol, day, interval) if min(candle.timestamp + window, end) <= now]

    # --- what tests do to it ---

    def add_fault(self, kind: str, **options: Any) -> Fault:
        """From now on calls meet this fault; options are the fields of `Fault` (rate, times, path, symbol, day, …)."""
        fault = Fault(kind, **{"seed": self.seed, **options})
        with self._lock:
            self.faults.append(fault)
        return fault

    def clear_faults(self) -> None:
        with self._lock:
            self.faults.clear()

    def down(self, is_down: bool = True) -> None:
        """Maintenance: every call is reset until `down(False)`."""
        self.is_down = is_down

    def expire_tokens(self) -> None:
        """Every token issued so far is over (EGW00123); tokenP issues a new one."""
        with self._lock:
            self.tokens.expire()

    # --- answering ---

    def answer(self, call: Call) -> Reply:
        """One call, from its arrival to what is sent back."""
        if call.path.startswith("/_sim/"):
            return self.control(call.path, call.params)
        self._pause(self.way_jitter and self._random() * self.way_jitter)
        arrival = self.monotonic()
        with self._lock:
            reply = self._reply(call, arrival)
            status = 0 if reply.wire in ("reset", "reset_amid", "hang") else reply.status
            tr_id, params = call.headers.get("tr_id", ""), {**call.params}
            params.pop("appsecret", "")
            self._requests.append(Request(arrival, call.path, tr_id, params, status, reply.code, reply.fault))
        self._pause(self.latency + (self.jitter and self._random() * self.jitter))
        return reply

    def _reply(self, call: Call, arrival: float) -> Reply:
        if self.is_down:
            return Reply(0, None, wire="reset", fault="down")
        name = path_name(call.path)
        if not name or (call.method == "POST") != (name == "token"):
            return Reply(404, None)
        try:
            if name != "token" and self._limit.is_over(call.headers.get("appkey", ""), arrival, self.rate):
                raise Refusal("EGW00201")
            return self._answer(name, call)
        except Refusal as refusal:
            code, message, status = refusal.args
            return self._error(name, code, message, self.limit_status if code == "EGW00201" else status)

    def _answer(self, name: str, call: Call) -> Reply:
        """A call within the limit: struck by a fault, or answered, and then perhaps spoilt."""
        fault = self._strike(name, call.params, (*faults.WIRE, *faults.CODES))
        if fault and fault.kind in faults.CODES:
            code, message, status = faults.code(fault.kind, on_data=name != "token")
            return self._error(name, code, message, fault.status or status)._replace(fault=fault.kind)
        if fault and fault.kind in ("reset", "hang", "non_json"):  # it never got as far as an answer
            return Reply(200, None, fault.kind, fault.kind, fault.seconds)
        content = self._token(call.params) if name == "token" else self._data(TRS[call.path], call)
        if fault:
            return Reply(200, content, fault.kind, fault.kind, fault.seconds)
        return self._spoilt(name, call.params, content)

    def _error(self, name: str, code: str, message: str, status: int) -> Reply:
        if name == "token":
            return Reply(status, {"error_code": code, "error_description": message})
        return Reply(status, {"rt_cd": "1", "msg_cd": code, "msg1": message})

    def _strike(self, name: str, params: dict[str, str], kinds: Sequence[str]) -> Fault | None:
        """The first fault of these kinds that strikes this call."""
        symbol, days = params.get("FID_INPUT_ISCD"), self._days(name, params)
        fitting = (fault for fault in self.faults if fault.kind in kinds and fault.matches(name, symbol, days))
        return next((fault for fault in fitting if fault.strikes()), None)

    def _spoilt(self, name: str, params: dict[str, str], content: dict[str, Any]) -> Reply:
        """A successful answer, after the fault of family ROWS that strikes it if any."""
        field, kinds = ("output", faults.HOLIDAY_ROWS) if name == "holiday" else ("output2", tuple(faults.ROWS))
        fault = self._strike(name, params, kinds) if content.get(field) else None
        if not fault:
            return Reply(200, content)
        rows = content[field]
        if fault.kind == "wrong_day":
            rows = self._session_before(name, params)
        return Reply(200, {**content, field: fault.spoil(rows)}, fault=fault.kind)

    def _session_before(self, name: str, params: dict[str, str]) -> list[dict[str, str]]:
        """The rows of the session before the one asked for."""
        symbol, days = params.get("FID_INPUT_ISCD", ""), self._days(name, params)
        before = self.market.calendar.before(days[0] if days else self.now().date())
        if name == "today":
            return self.answers.today(symbol, "", datetime.combine(before + timedelta(days=1), datetime.min.time()))
        if name == "daily":
            return self.answers.daily(symbol, before, before, self.now())
        rows = self.answers.past(symbol, before, "235959", self.now())
        return [row for row in rows if row["stck_bsop_date"] == f"{before:%Y%m%d}"]

    def _days(self, name: str, params: dict[str, str]) -> tuple[date, date] | None:
        """The first and the last day a call asks for."""
        if name in ("past", "daily"):
            first = parse_date(params.get("FID_INPUT_DATE_1", ""))
            last = parse_date(params.get("FID_INPUT_DATE_2", "")) if name == "daily" else first
            return (first, last) if first and last else None
        return (self.now().date(),) * 2

    def _token(self, body: dict[str, str]) -> dict[str, Any]:
        key = body.get("appkey", "")
        if body.get("grant_type") != "client_credentials":
            raise Refusal("EGW00101", "유효하지 않은 요청입니다.", 403)
        check_keys(key, body.get("appsecret", ""), self.keys, on_data=False)
        now = self.now()
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
        success = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다."}
        if tr.name == "holiday":
            first = parse_date(params["BASS_DT"]) or self.now().date()
            return {"ctx_area_nk": "", "ctx_area_fk": "", "output": self.answers.open_days(first), **success}
        if self.replay:
            return self._recorded(tr.name, params)
        symbol, now = params["FID_INPUT_ISCD"], self.now()
        rows = self._rows(tr.name, symbol, params, now)
        return {"output1": self.answers.quote(symbol, now), "output2": rows, **success}

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: datetime) -> list[dict[str, str]]:
        days = self._days(name, params) or (now.date(), now.date())
        if name == "today":
            return self.answers.today(symbol, params["FID_INPUT_HOUR_1"], now)
        if name == "past":
            return self.answers.past(symbol, days[0], params["FID_INPUT_HOUR_1"], now)
        return self.answers.daily(symbol, *days, now)

    def _recorded(self, name: str, params: dict[str, str]) -> dict[str, Any]:
        """The recorded answer of a symbol; nothing was recorded but today's TR."""
        recording = self.replay or {}
        recorded = recording["symbols"].get(params["FID_INPUT_ISCD"], {"output1": {}, "output2": []})
        hour = params.get("FID_INPUT_HOUR_1") or "999999"
        rows = [row for row in recorded["output2"] if row["stck_cntg_hour"] <= hour] if name == "today" else []
        return {"output1": recorded["output1"], "output2": rows, **recording["envelope"]}

    def _random(self) -> float:
        with self._lock:
            return self._dice.random()

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self.stopping.wait(seconds)

    # --- /_sim: the same over HTTP, for a simulator in another process ---

    def control(self, path: str, body: dict[str, Any]) -> Reply:
        """GET stats, requests, truth; POST fault, clear, down, expire."""
        actions: dict[str, Callable[[dict[str, Any]], Any]] = {
            "stats": lambda _: self.stats(),
            "requests": lambda body: [request._asdict() for request in self.requests[int(body.get("since", 0)) :]],
            "truth": self._told_truth,
            "fault": lambda body: asdict(self.add_fault(**body)),
            "clear": lambda _: self.clear_faults(),
            "down": lambda body: self.down(body.get("down", True)),
            "expire": lambda _: self.expire_tokens(),
        }
        action = actions.get(path.removeprefix("/_sim/"))
        if not action:
            return Reply(404, None)
        try:
            return Reply(200, action(body))
        except (KeyError, TypeError, ValueError) as error:
            return Reply(400, {"error": str(error)})

    def stats(self) -> dict[str, Any]:
        """Counts of the calls by TR and by code, the busiest second, the tokens issued, the faults."""
        requests = self.requests
        return {
            "now": self.now().isoformat(),
            "calls": Counter(path_name(request.path) for request in requests),
            "codes": Counter(request.code for request in requests),
            "busiest_second": self.busiest_second(),
            "tokens_issued": self.tokens.issued,
            "down": self.is_down,
            "faults": [asdict(fault) for fault in self.faults],
        }

    def _told_truth(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        truth = self.truth(query["symbol"], date.fromisoformat(query["day"]), int(query.get("interval", 1)))
        return [{**candle._asdict(), "timestamp": candle.timestamp.isoformat()} for candle in truth]


def running_clock(start: datetime) -> Callable[[], datetime]:
    """A clock that stands at `start` now and runs (naive = KST)."""
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)
