"""The WebSocket of the simulated KIS: trades as they happen to whoever registered for them (kis_websocket.md §2–§4).

    with Simulator(ws=True) as sim: …    # `sim.ws_url`; `sim.stream.behaviour`, `sim.stream.form` say how it behaves

One event loop in one thread: subscriptions.py decides who receives what, publisher.py sends it.
Faults whose kind begins with `ws_` or `opsp` strike here. Needs `websockets`, imported only when a stream starts.
"""

import asyncio
import json
import threading
import time
from collections import deque
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from kis_simulator.exchange.market import Market
from kis_simulator.exchange.ticks import TickForm
from kis_simulator.faults.active import ActiveFaults
from kis_simulator.faults.faults import CUTTING, STREAM_CODES
from kis_simulator.ws.publisher import Listener, Publisher, StreamBehaviour
from kis_simulator.ws.subscriptions import Subscriptions

if TYPE_CHECKING:
    from websockets.asyncio.server import Server, ServerConnection
    from websockets.http11 import Request, Response


class Stream:
    """Serves the WebSocket of one market."""

    def __init__(self, seed: int, now: Callable[[], datetime], market: Market, active: ActiveFaults) -> None:
        self.behaviour, self.form = StreamBehaviour(), TickForm()
        self._now, self._active = now, active
        self.subscriptions = Subscriptions(seed, self.behaviour)
        self.publisher = Publisher(now, market, active, self.behaviour, self.form)
        self.listeners: list[Listener] = []
        self.connects = self.cuts = 0
        self.messages: deque[dict[str, Any]] = deque(maxlen=10_000)
        self._arrivals: deque[float] = deque()
        self._blocked_until = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._over: asyncio.Event | None = None
        self._thread: threading.Thread | None = None
        self._port: int = 0
        self._problem: OSError | None = None

    # --- life ---

    def start(self, port: int = 0) -> str:
        """Serve on loopback in a thread; return the URL. Raises `ImportError` without websockets, `OSError`."""
        import websockets  # noqa: F401

        self._problem, ready = None, threading.Event()
        self._thread = threading.Thread(target=self._run, args=(port, ready), name="kis-stream", daemon=True)
        self._thread.start()
        ready.wait()
        if self._problem:
            raise self._problem
        return f"ws://127.0.0.1:{self._port}"

    def stop(self) -> None:
        """Close every connection and stop serving."""
        if self._loop and self._over and self._thread:
            self._call(self._over.set)
            self._thread.join(5)
            self._loop = None

    def cut(self) -> None:
        """End every connection now, without a close frame."""
        for listener in tuple(self.listeners):
            self._call(partial(self._cut, listener))

    def _call(self, what: Callable[[], Any]) -> None:
        if self._loop:
            self._loop.call_soon_threadsafe(what)

    def _run(self, port: int, ready: threading.Event) -> None:
        try:
            asyncio.run(self._serve(port, ready))
        except OSError as error:
            self._problem = error
        finally:
            ready.set()

    async def _serve(self, port: int, ready: threading.Event) -> None:
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        async with await self._server(port) as server:
            self._port = next(iter(server.sockets)).getsockname()[1]
            ready.set()
            telling, over = asyncio.create_task(self._tell_always()), asyncio.create_task(self._over.wait())
            await asyncio.wait((telling, over), return_when=asyncio.FIRST_COMPLETED)
            if telling.done():
                telling.result()
            telling.cancel()

    async def _server(self, port: int) -> "Server":
        from websockets.asyncio.server import ServerConnection, serve
        from websockets.frames import Frame, Opcode
        from websockets.protocol import Event

        stream = self

        class Socket(ServerConnection):
            """Sees what the library keeps to itself: pings, and pongs that answer no ping."""

            def process_event(self, event: Event) -> None:
                if isinstance(event, Frame) and event.opcode in (Opcode.PING, Opcode.PONG):
                    stream._control_frame(self, is_ping=event.opcode is Opcode.PING)
                super().process_event(event)

        return await serve(
            self._attend, "127.0.0.1", port, create_connection=Socket, compression=None, ping_interval=None,
            close_timeout=1, process_request=self._forbid,
        )  # fmt: skip

    # --- one connection ---

    def _forbid(self, socket: "ServerConnection", _: "Request") -> "Response | None":
        """Refuse a handshake where a fault says so."""
        return socket.respond(403, "Forbidden\n") if self._active.strike(("ws_forbidden",), "ws") else None

    async def _attend(self, socket: "ServerConnection") -> None:
        from websockets.exceptions import ConnectionClosed

        self.connects += 1
        listener = Listener(self.connects, socket=socket)
        if self._is_blocked():
            return self._cut(listener)
        self.listeners.append(listener)
        try:
            async for message in socket:
                await self._answer(listener, message if isinstance(message, str) else message.decode(errors="replace"))
        except ConnectionClosed:
            pass
        finally:
            self.listeners.remove(listener)
            cleanly = socket.protocol.close_rcvd is not None and socket.close_code in (1000, 1001, 1005)
            self.subscriptions.leave(listener, time.monotonic(), cleanly=cleanly)

    def _is_blocked(self) -> bool:
        now, most = time.monotonic(), self.behaviour.most_connects
        self._arrivals.append(now)
        while now - self._arrivals[0] > 60:
            self._arrivals.popleft()
        if most and len(self._arrivals) > most:
            self._blocked_until = now + self.behaviour.block
        return now < self._blocked_until

    async def _answer(self, listener: Listener, text: str) -> None:
        if '"PINGPONG"' in text:
            listener.unanswered_since = 0.0
            return
        refusal = self._active.strike(STREAM_CODES, "ws", key=listener.key)
        code = refusal.kind.upper() if refusal else ""
        answer = self.subscriptions.answer(listener, text, self._now(), time.monotonic(), code)
        code = answer["body"]["msg_cd"]
        header = answer["header"]
        self.messages.append({"session": listener.number, "code": code, **header})
        if code == "OPSP0000":
            self.publisher.begin(listener, header["tr_key"])
        if code == "OPSP0011" and self.behaviour.refuses_silently:
            return
        await self.publisher.send(listener, json.dumps(answer, ensure_ascii=False).encode())
        if code in CUTTING:
            await asyncio.sleep(0.01)  # what was said is on its way
            self._cut(listener)

    def _control_frame(self, socket: "ServerConnection", *, is_ping: bool) -> None:
        for listener in self.listeners:
            if listener.socket is socket:
                listener.unanswered_since = 0.0
                if is_ping and self.behaviour.hates_pings:
                    self._cut(listener)

    def _cut(self, listener: Listener) -> None:
        self.cuts += 1
        if listener.socket:
            listener.socket.transport.abort()

    async def _tell_always(self) -> None:
        while True:
            await asyncio.sleep(self.behaviour.look)
            for listener in tuple(self.listeners):
                if not await self.publisher.tell(listener):
                    self._cut(listener)
