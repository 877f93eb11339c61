"""One visit to KIS's WebSocket for the doctor: register one symbol, wait for trades, close cleanly."""

import threading
import time
from collections.abc import Callable

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.kis.approval import Approval
from minute_candles.kis.websocket import KisSocket
from minute_candles.kis.ws_session import Callbacks

_CONNECT_SECONDS = 12.0
"""Until the symbol is registered: the approval key, the handshake and the answer take a second or two."""
_TRADE_SECONDS = 20.0
"""In session; a symbol that trades more rarely is no fault."""


def visit(settings: Settings, clock: Clock, symbol: str, *, in_session: bool) -> tuple[bool, str]:
    """Return whether the stream is as expected, and what it showed (Korean).

    A failure is never an error: without the stream, rounds do everything.
    """
    if not settings.integrations.stream_symbols or not settings.integrations.ws_url:
        why = "KIS_WS_URL이 없어" if settings.integrations.stream_symbols else "STREAM_SYMBOLS=0이라"
        return False, f"{why} 보지 않았습니다. 매분 REST로만 갱신합니다."
    traded, problems = threading.Event(), list[str]()
    callbacks = Callbacks(
        lambda ticks: traded.set() if ticks else None, lambda problem: problems.append(problem) if problem else None
    )
    try:
        extra("websockets", "실시간 스트림")
        socket = KisSocket(settings, Approval(settings, clock), clock, callbacks)
    except ConfigError as error:
        return False, f"{error} 없어도 매분 REST로 갱신합니다."
    listening = threading.Thread(target=socket.run, args=([symbol],), name="doctor-stream", daemon=True)
    listening.start()
    try:
        registered = _until(lambda: socket.registered == 1 or bool(problems), _CONNECT_SECONDS) and not problems
        if registered and in_session:
            traded.wait(_TRADE_SECONDS)
    finally:
        socket.stop()
        listening.join(_CONNECT_SECONDS)
    if not registered:
        why = problems[0] if problems else f"{_CONNECT_SECONDS:.0f}초 안에 등록되지 않았습니다"
        return False, f"{why}. 그동안 매분 REST로 갱신합니다."
    if in_session and not traded.is_set():
        return False, f"등록됐지만 {_TRADE_SECONDS:.0f}초 동안 체결이 오지 않았습니다. 한산한 종목이면 정상입니다."
    return True, "등록되고 체결이 왔습니다." if in_session else "연결되고 등록됐습니다. 체결은 장중에 볼 수 있습니다."


def _until(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done() and time.monotonic() < end:
        time.sleep(0.05)
    return done()
