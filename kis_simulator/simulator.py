"""A KIS server on loopback, for `--demo` and the tests: the paths, fields, limits and habits of KIS.

    python -m kis_simulator --port 9443                # then KIS_BASE_URL=http://127.0.0.1:9443 and any key in .env

    python -m kis_simulator --replay FILE              # what the real KIS once answered: recording.py has the form

    with Simulator(now=lambda: moment) as sim: …   # in a test: `sim.url`, and `sim.truth()` = what tables must hold

exchange/ makes what trades, endpoints.py what KIS reports of it, auth.py decides who may call, faults/ what goes wrong.
router.py makes a reply to a call, http.py carries it, ws/ streams, control.py steers from another process. Nothing
here is shared with the collector: this is the independent oracle.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Self

from kis_simulator import call_log as record
from kis_simulator.auth import path_name
from kis_simulator.call_log import REMEMBERED, Request
from kis_simulator.control import PREFIX, as_json, control
from kis_simulator.exchange.calendar import LATE_MINUTES
from kis_simulator.exchange.market import TruthCandle
from kis_simulator.faults.active import AnyFault
from kis_simulator.http import Call, LoopbackServer, Reply
from kis_simulator.router import KST, Router, running_clock

__all__ = ["Request", "Simulator", "running_clock"]


class Simulator(Router):
    """A KIS server; see the module, and `Router` for more options. Attributes may be changed while it runs.

    `latency` + up to `jitter` seconds pass after a call is counted, up to `way_jitter` before. `skew` shifts the Date
    header. `ws` = serve the WebSocket too, at `ws_url`; `stream.behaviour` and `stream.form` say how it behaves.
    """

    def __init__(
        self,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        latency: float = 0,
        jitter: float = 0,
        way_jitter: float = 0,
        skew: timedelta = timedelta(0),
        ws: bool = False,
        **router: Any,  # noqa: ANN401 - the arguments of Router
    ) -> None:
        super().__init__(**router)
        self.monotonic, self.skew = monotonic, skew
        self.latency, self.jitter, self.way_jitter = latency, jitter, way_jitter
        self.has_stream, self.url, self.ws_url = ws, "", ""
        self.stopping = threading.Event()
        self._dice = Random(self.seed)
        self._requests: deque[Request] = deque(maxlen=REMEMBERED)
        self._server: LoopbackServer | None = None

    # --- life ---

    def start(self, port: int = 0, ws_port: int | None = None) -> str:
        """Serve on loopback in a thread (port 0 = any free one), the WebSocket a port higher; return the base URL."""
        self.stopping.clear()
        self._server = LoopbackServer(port, self.answer, now=self._date_header, stopping=self.stopping)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), name="kis-simulator", daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        if self.has_stream:
            self.ws_url = self.stream.start(ws_port if ws_port is not None else port and port + 1)
        return self.url

    def stop(self) -> None:
        """Stop serving and close every connection."""
        self.stopping.set()
        self.stream.stop()
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

    def _date_header(self) -> datetime:
        return self.now().replace(tzinfo=KST) + self.skew

    # --- what tests read ---

    @property
    def requests(self) -> list[Request]:
        """Return the calls so far, oldest first (the last 200,000)."""
        with self._lock:
            return list(self._requests)

    def calls(self, name: str | None = None) -> int:
        """Return how many calls came: all, or those of one TR (past, today, daily, holiday, token)."""
        return sum(name in (None, path_name(request.path)) for request in self.requests)

    def busiest_second(self, key: str | None = None) -> int:
        """Return the most data calls that came within any one second, all or those of one app key."""
        return record.busiest_second(request for request in self.requests if key in (None, request.key))

    def shortest_gap(self) -> float:
        """Return the least time in seconds between two data calls."""
        return record.shortest_gap(self.requests)

    def truth_now(self, symbol: str, interval: int = 1, day: date | None = None) -> list[TruthCandle]:
        """Return the truth of today (or `day`) up to now: the windows that are over (all from close + 10 minutes)."""
        now = self.now()
        day = day or now.date()
        close = self.market.calendar.session(day).close + LATE_MINUTES
        end = datetime.combine(day, datetime.min.time()) + timedelta(minutes=close)
        window = timedelta(minutes=interval)
        return [candle for candle in self.truth(symbol, day, interval) if min(candle.timestamp + window, end) <= now]

    # --- what tests do to it ---

    def add_fault(self, kind: str, **options: Any) -> AnyFault:  # noqa: ANN401 - the class of the fault checks them
        """Let calls meet this fault, or symbol-days this inconsistency or corporate action, from now on."""
        with self._lock:
            return self.active.add(kind, **options)

    def clear_faults(self) -> None:
        """Let everything be right again."""
        with self._lock:
            self.active.clear()

    def down(self, is_down: bool = True) -> None:
        """Reset every call, as in maintenance, until `down(False)`."""
        self.is_down = is_down

    def expire_tokens(self) -> None:
        """End every token issued so far (EGW00123); tokenP issues a new one."""
        with self._lock:
            self.tokens.expire()

    def revoke_tokens(self, key: str | None = None) -> None:
        """Revoke a key's token (None: all): EGW00121, and EGW00133 until a minute after the last issue."""
        with self._lock:
            self.tokens.revoke(key)

    # --- answering ---

    def answer(self, call: Call) -> Reply:
        """Return one call, from its arrival to what is sent back."""
        if call.path.startswith(PREFIX):
            return control(self._actions(), call.path, call.params)
        self._pause(self.way_jitter and self._random() * self.way_jitter)
        arrival = self.monotonic()
        with self._lock:
            reply = self._reply(call, arrival)
            status = 0 if reply.wire in ("reset", "reset_amid", "hang") else reply.status
            tr_id, params = call.headers.get("tr_id", ""), {**call.params}
            for secret in ("appsecret", "secretkey"):
                params.pop(secret, "")
            self._requests.append(Request(arrival, call.path, tr_id, params, status, reply.code, reply.fault, call.key))
        self._pause(self.latency + (self.jitter and self._random() * self.jitter))
        return reply

    def _random(self) -> float:
        """Return the next number; one C call, so without the lock: who answers would hold up who arrives."""
        return self._dice.random()

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self.stopping.wait(seconds)

    # --- steering ---

    def _actions(self) -> dict[str, Callable[[dict[str, Any]], Any]]:
        return {
            "stats": lambda _: self._stats(),
            "requests": lambda body: [request._asdict() for request in self.requests[int(body.get("since", 0)) :]],
            "truth": self._truth,
            "fault": lambda body: as_json(self.add_fault(**body)),
            "clear": lambda _: self.clear_faults(),
            "down": lambda body: self.down(is_down=body.get("down", True)),
            "revoke": lambda body: self.revoke_tokens(body.get("key")),
            "expire": lambda _: self.expire_tokens(),
            "expire_approvals": lambda _: self.stream.subscriptions.expire(),
        }

    def _stats(self) -> dict[str, Any]:
        """Return counts of the calls by TR, code and key, the busiest second, the tokens issued, the faults."""
        requests = self.requests
        return {
            "now": self.now().isoformat(),
            "calls": Counter(path_name(request.path) for request in requests),
            "codes": Counter(request.code for request in requests),
            "keys": Counter(request.key for request in requests),
            "busiest_second": self.busiest_second(),
            "tokens_issued": self.tokens.issued,
            "down": self.is_down,
            "faults": [as_json(fault) for fault in self.active.all()],
        }

    def _truth(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        truth = self.truth(query["symbol"], date.fromisoformat(query["day"]), int(query.get("interval", 1)))
        return [{**candle._asdict(), "timestamp": candle.timestamp.isoformat()} for candle in truth]
