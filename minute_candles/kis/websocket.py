"""KIS's WebSocket: registered once, read for hours, opened again when it is lost (docs/dev/kis_websocket.md).

    socket = KisSocket(settings, Approval(settings, clock), clock, callbacks)
    Thread(target=socket.run, args=(symbols,), daemon=True).start()      … socket.stop()

KIS blocks a client that connects too often. The wait between two sessions grows from 1 to 60 s. It is short again
only after data have come for a while. One session a key: a lock next to the token file. The event loop lives in the
thread of `run`, session by session (ws_session.py).
"""

import asyncio
import logging
import random
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.core.extras import extra
from minute_candles.kis.approval import Approval
from minute_candles.kis.ws_session import Callbacks, Cut, Known, Pace, SocketSession
from minute_candles.market.rows import TradeTick

if TYPE_CHECKING:
    import filelock

REAL, VTS = Pace(), Pace(gap=0.5)
_STOPPED = "중지 요청을 받았습니다."
_log = logging.getLogger(__name__)


class KisSocket:
    """One session at a time for one key. Any thread may call `stop`.

    Raises `ConfigError` without the package websockets.
    """

    def __init__(
        self, settings: Settings, approval: Approval, clock: Clock, callbacks: Callbacks, pace: Pace | None = None
    ) -> None:
        extra("websockets", "실시간 스트림")
        self._settings, self._approval, self._clock = settings, approval, clock
        self._callbacks, self._pace = (
            replace(callbacks, on_ticks=self._on_ticks),
            pace or (REAL if settings.env == "real" else VTS),
        )
        self._pass_on = callbacks.on_ticks
        self._stopping = threading.Event()
        self._session: SocketSession | None = None
        self._lost = False
        self.known = Known()

    @property
    def registered(self) -> int:
        """Symbols whose trades the running session reports."""
        session = self._session
        return len(session.registered) if session else 0

    def run(self, symbols: Sequence[str]) -> None:
        """Listen to these symbols until `stop`."""
        import filelock

        lock = filelock.FileLock(f"{self._settings.token_file}.stream.lock", timeout=0, thread_local=False)
        with suppress(Stopped):
            self._take(lock)
            try:
                self._sessions(symbols)
            finally:
                lock.release()

    def stop(self) -> None:
        """End the session with a clean close."""
        self._stopping.set()
        if session := self._session:
            session.stop()

    def _take(self, lock: "filelock.BaseFileLock") -> None:
        """Take the lock of the key. Raises `Stopped`."""
        import filelock

        while True:
            try:
                lock.acquire()
                return
            except filelock.Timeout:
                self._report("이 컴퓨터의 다른 프로그램이 같은 키로 스트림을 쓰고 있습니다")
            except OSError as error:
                self._report(f"토큰 폴더에 쓸 수 없습니다 ({error.strerror})")
            self._rest(self._pace.in_use)

    def _sessions(self, symbols: Sequence[str]) -> None:
        """Run one session after another. Raises `Stopped`."""
        failures, renewed = 0, False
        while True:
            session = self._session = SocketSession(
                self._settings.integrations.ws_url, symbols, self.known, self._clock, self._callbacks, self._pace
            )
            cut = self._hold(session)
            self._session = None
            self._callbacks.on_cut()
            if session.lived >= self._pace.lived:
                failures, renewed = 0, False
            failures += 1
            if cut.is_bad_key and not renewed:
                self._approval.forget()
                renewed = True
            if failures > 1 or cut.least:
                self._report(cut.reason)
            pause = min(self._pace.most, self._pace.first * 2.0 ** min(failures - 1, 9))
            self._rest(max(pause, cut.least) * random.uniform(1.0, 1.5))

    def _hold(self, session: SocketSession) -> Cut:
        """Hold the session and return why it ended. Raises `Stopped`."""
        from websockets.exceptions import InvalidStatus, WebSocketException

        try:
            key = self._approval.get()
            self._check()
            asyncio.run(session.attend(key))
        except Cut as cut:
            return cut
        except Stopped:
            raise
        except MinuteDataError as error:
            return Cut(str(error))
        except InvalidStatus as error:  # 403 for a blocked address: who comes again soon is blocked for longer
            return Cut(f"KIS가 연결을 거절합니다 (HTTP {error.response.status_code})", self._pace.in_use)
        except (OSError, EOFError, ImportError, WebSocketException) as error:  # ImportError: a SOCKS proxy
            return Cut(f"연결이 끊겼습니다 ({type(error).__name__})")  # its text may quote what was sent
        except Exception as error:  # noqa: BLE001 - a loop goes on; logged with its traceback
            _log.warning("⚠️ 스트림: 예상하지 못한 오류 %s", type(error).__name__, exc_info=error)
            return Cut(f"예상하지 못한 오류 {type(error).__name__}")
        raise Stopped(_STOPPED)

    def _on_ticks(self, ticks: list[TradeTick]) -> None:
        if self._lost:
            self._report("")
        self._pass_on(ticks)

    def _report(self, problem: str) -> None:
        self._lost = bool(problem)
        self._callbacks.on_problem(problem)

    def _rest(self, seconds: float) -> None:
        """Wait. Raises `Stopped`."""
        until = self._clock.monotonic() + seconds
        while (left := until - self._clock.monotonic()) > 0:
            self._check(min(left, self._pace.look / 10))

    def _check(self, seconds: float = 0.0) -> None:
        if self._stopping.wait(seconds):
            raise Stopped(_STOPPED)
