"""A KIS server on loopback, for `--demo` and the tests: the paths, fields, limits and traps of kis_api.md.

    python kis_simulator.py --port 9443            # then KIS_BASE_URL=http://127.0.0.1:9443 and any key in .env

    with Simulator(now=lambda: moment) as url: …   # in a test; `truth()` says what the tables must hold

What trades is made by kis_simulated_market.py, what KIS makes of it by kis_simulated_answers.py, what goes wrong by
kis_simulated_faults.py. Nothing here is shared with the collector: this is the independent oracle.
"""

import argparse
import json
import os
import signal
import socket
import socketserver
import struct
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, urlsplit

import kis_simulated_faults as faults
from kis_simulated_answers import Answers
from kis_simulated_faults import Fault
from kis_simulated_market import LATE_MINUTES, Market, TruthCandle

KST = timezone(timedelta(hours=9))
QUOTATIONS = "/uapi/domestic-stock/v1/quotations/"
TOKEN_PATH = "/oauth2/tokenP"
MINUTES = ("FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD", "FID_INPUT_HOUR_1", "FID_PW_DATA_INCU_YN")
DAYS = ("FID_COND_MRKT_DIV_CODE", "FID_INPUT_ISCD", "FID_INPUT_DATE_1", "FID_INPUT_DATE_2")
TOKEN_LIFE, SAME_TOKEN, TOKEN_PAUSE = timedelta(hours=24), timedelta(hours=6), timedelta(minutes=1)
REMEMBERED = 200_000


class Tr(NamedTuple):
    """A quotation: its short name here, its TR id and the parameters it cannot do without."""

    name: str
    tr_id: str
    needs: tuple[str, ...]


TRS = {
    QUOTATIONS + "inquire-time-itemchartprice": Tr("today", "FHKST03010200", (*MINUTES, "FID_ETC_CLS_CODE")),
    QUOTATIONS + "inquire-time-dailychartprice": Tr(
        "past", "FHKST03010230", (*MINUTES, "FID_INPUT_DATE_1", "FID_FAKE_TICK_INCU_YN")
    ),
    QUOTATIONS + "inquire-daily-itemchartprice": Tr(
        "daily", "FHKST03010100", (*DAYS, "FID_PERIOD_DIV_CODE", "FID_ORG_ADJ_PRC")
    ),
    QUOTATIONS + "chk-holiday": Tr("holiday", "CTCA0903R", ("BASS_DT", "CTX_AREA_FK", "CTX_AREA_NK")),
}


class Request(NamedTuple):
    """A call that was answered or cut off: `at` in monotonic seconds, HTTP `status` (0 = no answer), KIS `code`."""

    at: float
    path: str
    tr_id: str
    params: dict[str, str]
    status: int
    code: str
    fault: str = ""


class Reply(NamedTuple):
    """An answer on its way: the JSON to send, and what happens to it on the wire (a kind of faults.WIRE)."""

    status: int
    content: Any
    wire: str = ""
    fault: str = ""
    seconds: float = 0.0

    @property
    def code(self) -> str:
        content = self.content if isinstance(self.content, dict) else {}
        return str(content.get("msg_cd") or content.get("error_code") or "")


class Refusal(Exception):
    """The call is answered with an error: KIS's code, its message, the HTTP status."""

    def __init__(self, code: str, message: str = "", status: int = 500) -> None:
        known = faults.CODES.get(code.lower(), (code, message, status))
        super().__init__(*known)


class Tokens:
    """Access tokens: valid a day, the same one within six hours, one request a minute for a key."""

    def __init__(self, seed: int) -> None:
        self.issued = 0
        self._seed = seed
        self._asked: dict[str, datetime] = {}
        self._live: dict[str, tuple[str, datetime, datetime]] = {}
        self._known: dict[str, tuple[str, datetime]] = {}

    def issue(self, key: str, now: datetime) -> tuple[str, datetime]:
        """The token of a key and its expiry; Refusal EGW00133 within a minute of the request before."""
        if key in self._asked and now - self._asked[key] < TOKEN_PAUSE:
            raise Refusal("EGW00133")
        self._asked[key] = now
        token, born, expiry = self._live.get(key, ("", datetime.min, datetime.min))
        if not token or now - born >= SAME_TOKEN:
            self.issued += 1
            digits = Random(f"{self._seed}/{key}/{self.issued}").getrandbits(256)
            token, expiry = f"eyJ0eXAi.{digits:064x}", now + TOKEN_LIFE
            self._live[key], self._known[token] = (token, now, expiry), (key, expiry)
        return token, expiry

    def check(self, header: str, key: str, now: datetime) -> None:
        """Refusal EGW00121 for a token of nobody or of another key, EGW00123 for one that is over."""
        kind, _, token = header.partition(" ")
        owner, expiry = self._known.get(token, ("", now))
        if kind != "Bearer" or owner != key or not key:
            raise Refusal("EGW00121")
        if now >= expiry:
            raise Refusal("EGW00123")

    def expire(self) -> None:
        """Every token is over; the next request, at once if need be, brings a new one."""
        self._known = {token: (key, datetime.min) for token, (key, _) in self._known.items()}
        self._live.clear()
        self._asked.clear()


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
        self._arrivals: dict[str, deque[float]] = {}
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)
        self._server: _Server | None = None

    # --- life ---

    def start(self, port: int = 0) -> str:
        """Serve on loopback in a thread (port 0 = any free one); the base URL."""
        self.stopping.clear()
        self._server = _Server(self, port)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="kis-simulator", daemon=True).start()
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

    def serve(self, path: str, headers: Mapping[str, str], params: dict[str, str]) -> Reply:
        """One call, from its arrival to what is sent back."""
        self._pause(self.way_jitter and self._random() * self.way_jitter)
        arrival = self.monotonic()
        with self._lock:
            reply = self._reply(path, headers, params, arrival)
            status = 0 if reply.wire in ("reset", "reset_amid", "hang") else reply.status
            tr_id = headers.get("tr_id") or ""
            self._requests.append(Request(arrival, path, tr_id, dict(params), status, reply.code, reply.fault))
        self._pause(self.latency + (self.jitter and self._random() * self.jitter))
        return reply

    def _reply(self, path: str, headers: Mapping[str, str], params: dict[str, str], arrival: float) -> Reply:
        if self.is_down:
            return Reply(0, None, wire="reset", fault="down")
        name = path_name(path)
        if not name:
            return Reply(404, None)
        over_limit = name != "token" and self._is_over_limit(headers.get("appkey") or "", arrival)
        try:
            if over_limit:
                raise Refusal("EGW00201")
            return self._answer(name, path, headers, params)
        except Refusal as refusal:
            code, message, status = refusal.args
            return self._error(name, code, message, self.limit_status if code == "EGW00201" else status)

    def _answer(self, name: str, path: str, headers: Mapping[str, str], params: dict[str, str]) -> Reply:
        """A call within the limit: struck by a fault, or answered, and then perhaps spoilt."""
        fault = self._strike(name, params, (*faults.WIRE, *faults.CODES))
        if fault and fault.kind in faults.CODES:
            code, message, status = faults.CODES[_data_code(fault.kind) if name != "token" else fault.kind]
            return self._error(name, code, message, fault.status or status)._replace(fault=fault.kind)
        if fault and fault.kind in ("reset", "hang", "non_json"):  # it never got as far as an answer
            return Reply(200, None, fault.kind, fault.kind, fault.seconds)
        content = self._token(params) if name == "token" else self._data(TRS[path], headers, params)
        if fault:
            return Reply(200, content, fault.kind, fault.kind, fault.seconds)
        return Reply(200, *self._spoilt(name, params, content))

    def _error(self, name: str, code: str, message: str, status: int) -> Reply:
        if name == "token":
            return Reply(status, {"error_code": code, "error_description": message})
        return Reply(status, {"rt_cd": "1", "msg_cd": code, "msg1": message})

    def _strike(self, name: str, params: dict[str, str], kinds: Sequence[str]) -> Fault | None:
        """The first fault of these kinds that strikes this call."""
        symbol, days = params.get("FID_INPUT_ISCD"), self._days(name, params)
        fitting = (fault for fault in self.faults if fault.kind in kinds and fault.matches(name, symbol, days))
        return next((fault for fault in fitting if fault.strikes()), None)

    def _spoilt(self, name: str, params: dict[str, str], content: dict[str, Any]) -> tuple[dict[str, Any], str, str]:
        """A successful answer after the fault of family ROWS that strikes it, if any: content, "", the fault's kind."""
        field = "output" if name == "holiday" else "output2"
        fault = self._strike(name, params, tuple(faults.ROWS)) if content.get(field) else None
        if not fault:
            return content, "", ""
        rows = content[field]
        if fault.kind == "wrong_day":
            rows = self._session_before(name, params)
        return {**content, field: fault.spoil(rows)}, "", fault.kind

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
            first = _date(params.get("FID_INPUT_DATE_1", ""))
            last = _date(params.get("FID_INPUT_DATE_2", "")) if name == "daily" else first
            return (first, last) if first and last else None
        return (self.now().date(),) * 2

    def _is_over_limit(self, key: str, arrival: float) -> bool:
        """More than `rate` arrivals of a key within any second, both ends counted; a refused call counts too."""
        arrivals = self._arrivals.setdefault(key, deque())
        arrivals.append(arrival)
        while arrival - arrivals[0] > 1.0:
            arrivals.popleft()
        return len(arrivals) > self.rate

    def _token(self, body: dict[str, str]) -> dict[str, Any]:
        key, secret = body.get("appkey", ""), body.get("appsecret", "")
        if body.get("grant_type") != "client_credentials":
            raise Refusal("EGW00101", "유효하지 않은 요청입니다.", 403)
        if not key or (self.keys is not None and key not in self.keys):
            raise Refusal("EGW00103")
        if not secret or (self.keys is not None and self.keys[key] != secret):
            raise Refusal("EGW00105")
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

    def _data(self, tr: Tr, headers: Mapping[str, str], params: dict[str, str]) -> dict[str, Any]:
        self._check_caller(headers)
        self._check_call(tr, headers, params)
        success = {"rt_cd": "0", "msg_cd": "MCA00000", "msg1": "정상처리 되었습니다."}
        if tr.name == "holiday":
            first = _date(params["BASS_DT"]) or self.now().date()
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

    def _check_caller(self, headers: Mapping[str, str]) -> None:
        key, secret = headers.get("appkey") or "", headers.get("appsecret") or ""
        if not key:
            raise Refusal("EGW00103")
        if not secret or (self.keys is not None and self.keys.get(key) != secret):
            raise Refusal("EGW00304")
        if self.key_env != self.env:
            raise Refusal("EGW02004" if self.env == "real" else "EGW02007")
        self.tokens.check(headers.get("authorization") or "", key, self.now())

    def _check_call(self, tr: Tr, headers: Mapping[str, str], params: dict[str, str]) -> None:
        if self.env == "vts" and (tr.name == "holiday" or (tr.name == "past" and not self.past_on_vts)):
            raise Refusal("EGW02006")
        if headers.get("tr_id") != tr.tr_id:
            raise Refusal("OPSQ0002", "없는 서비스 코드 입니다")
        if headers.get("custtype") not in ("P", "B"):
            raise Refusal("OPSQ2001", "ERROR INPUT FIELD NOT FOUND [custtype]")
        missing = [name for name in tr.needs if name not in params]
        if missing:
            raise Refusal("OPSQ2001", f"ERROR INPUT FIELD NOT FOUND [{missing[0]}]")
        wrong = [name for name, value in params.items() if not _is_sound(name, value)]
        if wrong:
            raise Refusal("OPSQ2002", f"ERROR INVALID INPUT [{wrong[0]}]")

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


class _Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    allow_reuse_address = os.name != "nt"
    request_queue_size = 256

    def __init__(self, simulator: Simulator, port: int) -> None:
        self.simulator = simulator
        self._open: set[socket.socket] = set()
        super().__init__(("127.0.0.1", port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Close only: the shutdown before it would send a FIN where a fault wants a reset."""
        self._open.discard(request)
        self.close_request(request)

    def close_all(self) -> None:
        self.server_close()
        for connection in tuple(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that went away is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._answer(url.path, dict(parse_qsl(url.query, keep_blank_values=True)), is_post=False)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            content = json.loads(body or b"{}")
        except ValueError:
            content = {}
        self._answer(urlsplit(self.path).path, content if isinstance(content, dict) else {}, is_post=True)

    def _answer(self, path: str, params: dict[str, str], *, is_post: bool) -> None:
        simulator = self.server.simulator
        if path.startswith("/_sim/"):
            reply = simulator.control(path, params)
        else:
            right = is_post == (path == TOKEN_PATH)
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = simulator.serve(path if right else path + " (wrong method)", headers, params)
        self._send(reply)

    def _send(self, reply: Reply) -> None:
        if reply.wire == "hang":
            self.server.simulator.stopping.wait(reply.seconds)
        if reply.wire in ("reset", "hang"):
            return self._reset()
        body = b"" if reply.status == 404 else json.dumps(reply.content, ensure_ascii=False).encode()
        if reply.wire == "truncated":
            body = body[: len(body) // 2]
        if reply.wire == "non_json":
            body = "<html><body>시스템 점검 중입니다.</body></html>".encode()
        sent = self._head(reply, len(body)) + body
        self.wfile.write(sent[: len(sent) - len(body) // 2 - 1] if reply.wire == "reset_amid" else sent)
        if reply.wire == "reset_amid":
            self._reset()
        return None

    def _head(self, reply: Reply, length: int) -> bytes:
        simulator = self.server.simulator
        moment = simulator.now().replace(tzinfo=KST) + simulator.skew
        kind = "text/html; charset=utf-8" if reply.wire == "non_json" else "application/json; charset=utf-8"
        lines = (
            f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}",
            f"Date: {format_datetime(moment.astimezone(UTC), usegmt=True)}",
            f"Content-Type: {kind}",
            f"Content-Length: {length}",
        )
        return "\r\n".join((*lines, "", "")).encode("ascii")

    def _reset(self) -> None:
        """Close with a RST instead of a FIN, as a firewall or a dying server does."""
        linger = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing: `requests` remembers."""


def path_name(path: str) -> str:
    """The short name of a path (past, today, daily, holiday, token), "" for one KIS does not have."""
    return "token" if path == TOKEN_PATH else TRS[path].name if path in TRS else ""


def running_clock(start: datetime) -> Callable[[], datetime]:
    """A clock that stands at `start` now and runs (naive = KST)."""
    begun = time.monotonic()
    return lambda: start + timedelta(seconds=time.monotonic() - begun)


def _data_code(kind: str) -> str:
    """A wrong secret has another code on a data call than on tokenP."""
    return "egw00304" if kind == "egw00105" else kind


def _is_sound(name: str, value: str) -> bool:
    """Whether a parameter has the form KIS takes."""
    if name == "FID_INPUT_ISCD":
        return len(value) == 6 and value.isascii() and value.isalnum()
    if name == "FID_INPUT_HOUR_1":
        return not value or (len(value) == 6 and value.isdigit() and value[2] < "6" and value[4] < "6" and value < "24")
    if name in ("FID_INPUT_DATE_1", "FID_INPUT_DATE_2", "BASS_DT"):
        return _date(value) is not None
    return name not in ("FID_COND_MRKT_DIV_CODE", "FID_PERIOD_DIV_CODE") or value in ("J", "D")


def _date(text: str) -> date | None:
    try:
        return datetime.strptime(text, "%Y%m%d").date()
    except ValueError:
        return None


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="KIS Open API 모의 서버 (127.0.0.1)")
    parser.add_argument("--port", type=int, default=9443)
    parser.add_argument("--env", choices=("real", "vts"), default="real")
    parser.add_argument("--rate", type=float, help="초당 허용 호출 수 (기본: real 18, vts 1)")
    parser.add_argument("--latency-ms", type=float, default=50)
    parser.add_argument("--jitter-ms", type=float, default=0)
    parser.add_argument("--at", type=datetime.fromisoformat, help="시작 시각(KST), 예: 2026-11-20T10:00")
    parser.add_argument("--replay", type=Path, help="녹화된 응답 파일")
    parser.add_argument("--fault", action="append", default=[], help="예: empty:rate=0.015,path=past")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    rate = args.rate or (18 if args.env == "real" else 1)
    simulator = Simulator(
        now=running_clock(args.at) if args.at else None, rate=rate, latency=args.latency_ms / 1000,
        jitter=args.jitter_ms / 1000, env=args.env, seed=args.seed, replay=args.replay,
    )  # fmt: skip
    for spec in args.fault:
        simulator.add_fault(**faults.parse(spec))
    url = simulator.start(args.port)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    print(f"KIS 모의 서버: {url} ({args.env}, 초당 {rate:g}건, 서버 시각 {simulator.now():%Y-%m-%d %H:%M}, 끝 Ctrl-C)")
    print(f".env에 적을 것: KIS_ENV={args.env} KIS_BASE_URL={url} KIS_APP_KEY=demo KIS_APP_SECRET=demo", flush=True)
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    while not stop.wait(1):
        pass
    simulator.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
