"""Store the most active symbols' trades, minute by minute, within a second of their proof.

    stream = StreamIngest(settings, clock, states, writer, server_clock, incidents)
    stream.on_running.append(callback)          # the running minutes, once a second, on the socket's thread
    stream.begin(session, symbols)              … stream.end()

Two threads: the socket's makes records into proven minutes (market/trade_chain.py) and puts them into a bounded queue,
the writer stores them. What is dropped, late, cut off or not proven costs only a lag: a round polls every symbol of
which the stream does not prove all ("The stream proves itself").
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from queue import Empty, Full, Queue
from statistics import median
from typing import TYPE_CHECKING

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError
from minute_candles.core.kst import KST
from minute_candles.live.minute_writer import MinuteWriter
from minute_candles.live.server_clock import ServerClock
from minute_candles.live.stream.streamed_symbol import StreamedSymbol
from minute_candles.live.symbol_state import SymbolStates
from minute_candles.market.calendar import CLOSING_AUCTION, Session
from minute_candles.market.rows import TradeTick
from minute_candles.market.trade_chain import Proven, RunningMinute
from minute_candles.monitoring.incidents import DATABASE, STREAM, STREAM_WRITER, Incidents
from minute_candles.monitoring.status_file import StreamStatus

if TYPE_CHECKING:
    from minute_candles.kis.ring_socket import RingSocket
    from minute_candles.kis.websocket import KisSocket

BEFORE_OPEN = timedelta(minutes=6)
"""The stream begins so long before the open: the opening cross comes seconds after it."""
FEW = 5
"""With fewer symbols a minute and a half without a trade is no fault."""
MOST_AHEAD = timedelta(minutes=1)
"""A trade stamped further ahead of the clock is garbled."""
_MINUTE = timedelta(minutes=1)
_QUEUE_LENGTH = 400
_STOP_SECONDS = 1.5
"""Each thread has so long to end; a stop request leaves four for everything (console/background.py)."""
_log = logging.getLogger(__name__)

OnRunning = Callable[[RunningMinute], None]
"""Must neither raise nor wait: trades stand behind it."""


class StreamIngest:
    """One session's stream at a time. `begin` and `end` are the service's; the rest is thread-safe."""

    def __init__(
        self, settings: Settings, clock: Clock, states: SymbolStates, writer: MinuteWriter, server_clock: ServerClock,
        incidents: Incidents,
    ) -> None:  # fmt: skip
        self.settings, self.clock, self.states, self.writer = settings, clock, states, writer
        self.server_clock, self.incidents = server_clock, incidents
        self.on_running: list[OnRunning] = []
        self.capacity = settings.integrations.stream_symbols if settings.integrations.ws_url else 0
        """How many symbols are streamed; 0 = no WebSocket."""
        self._session: IngestSession | None = None

    def needs_start(self, session: Session) -> bool:
        """Return whether a session is to be streamed and is not yet; a CSAT day never is (docs/dev/kis_http.md §6)."""
        runs = self._session is not None and self._session.session.day == session.day
        return self.capacity > 0 and not session.csat and not runs

    def begin(self, session: Session, symbols: Sequence[str]) -> None:
        """Stream these symbols in a session."""
        self.end()
        try:
            self._session = IngestSession(self, session, symbols)
        except ConfigError as error:
            _log.info("ℹ️ %s 그동안 매분 REST로만 갱신합니다.", error)
            self.capacity = 0

    def end(self) -> None:
        """Close the socket cleanly."""
        session, self._session = self._session, None
        self.states.attach({})
        if session:
            session.end()

    def line(self) -> str:
        """Return for the round's line how many minutes were stored since the last one, and their median lag."""
        lags = self._session.take_lags() if self._session else []
        return f" · 스트림 {len(lags):,}건 {median(lags):.1f}초" if lags else ""

    def status(self) -> StreamStatus | None:
        """Return the stream's part of the status file; None where nothing is streamed."""
        session = self._session
        if session is None:
            return None
        ongoing = self.incidents.current.get(STREAM)
        since = ongoing.since.isoformat(timespec="seconds") if ongoing else None
        return {
            "symbols": len(session.streamed), "registered": session.socket.registered, "stored": session.stored,
            "lag": session.last_lag, "problem": ongoing.text if ongoing else "", "since": since,
        }  # fmt: skip


class IngestSession:
    """A session of the stream: its socket, its chains, its two threads."""

    def __init__(self, stream: StreamIngest, session: Session, symbols: Sequence[str]) -> None:
        self._stream, self.session = stream, session
        self.streamed = {symbol: StreamedSymbol(symbol, session, number) for number, symbol in enumerate(symbols)}
        self._queue: Queue[Proven] = Queue(_QUEUE_LENGTH)
        self._lock = threading.Lock()
        self._lags: list[float] = []
        self.stored, self.last_lag = 0, 0.0
        self._over = threading.Event()
        self.socket: KisSocket | RingSocket = self._open_socket()
        stream.states.attach(self.streamed)
        self._threads = [
            threading.Thread(target=self.socket.run, args=(symbols,), name="stream", daemon=True),
            threading.Thread(target=self._write, name="stream-writer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _open_socket(self) -> "KisSocket | RingSocket":
        """Return the socket. Raises `ConfigError` without the package."""
        from minute_candles.kis.ring_socket import open_socket
        from minute_candles.kis.ws_session import Callbacks

        settings, clock = self._stream.settings, self._stream.clock
        callbacks = Callbacks(self._on_ticks, self._on_problem, self._on_second, self._expects_data, self._on_cut)
        return open_socket(settings, clock, callbacks)

    def end(self) -> None:
        """Close the socket and end both threads."""
        self._over.set()
        self.socket.stop()
        for thread in self._threads:
            thread.join(_STOP_SECONDS)

    def take_lags(self) -> list[float]:
        """Return the lags since the last call, seconds."""
        with self._lock:
            lags, self._lags = self._lags, []
        return lags

    # --- the socket's thread ---

    def _on_ticks(self, ticks: list[TradeTick]) -> None:
        latest = (self._stream.server_clock.latest_now() + MOST_AHEAD).replace(tzinfo=None)
        for tick in ticks:
            if tick.symbol in self.streamed and tick.at <= latest:
                self._add(tick)

    def _add(self, tick: TradeTick) -> None:
        for proven in self.streamed[tick.symbol].add(tick):
            self._enqueue(proven)

    def _enqueue(self, proven: Proven) -> None:
        """Hand a minute to the writer; where it is too far behind, the oldest is dropped: rounds bring it."""
        while True:
            try:
                return self._queue.put_nowait(proven)
            except Full:
                with suppress(Empty):
                    self._queue.get_nowait()

    def _on_second(self) -> None:
        for symbol in self.streamed.values():
            if running := symbol.take_running():
                for callback in self._stream.on_running:
                    callback(running)

    def _on_cut(self) -> None:
        for symbol in self.streamed.values():
            symbol.interrupt()

    def _expects_data(self) -> bool:
        """Return whether no data is a fault now: while trading is continuous, some symbol trades."""
        now = self._stream.server_clock.now()
        is_continuous = self.session.open + _MINUTE <= now < self.session.close - CLOSING_AUCTION
        return is_continuous and len(self.streamed) >= FEW

    def _on_problem(self, problem: str) -> None:
        if problem:
            self._stream.incidents.begin(STREAM, f"{problem}. 그동안 매분 라운드로 갱신합니다.")
        else:
            self._stream.incidents.end(STREAM)

    # --- the writer's thread ---

    def _write(self) -> None:
        incidents = self._stream.incidents
        with suppress(Stopped):
            while not self._over.is_set():
                try:
                    self._store(self._queue.get(timeout=0.5))
                except Empty:
                    continue
                except StoreError as error:
                    incidents.begin(DATABASE, str(error))
                except Stopped:
                    raise
                except Exception as error:  # noqa: BLE001 - a loop goes on; logged with its traceback
                    incidents.begin_unforeseen(STREAM_WRITER, error)

    def _store(self, proven: Proven) -> None:
        """Store a minute once it is over by this host's clock, too ("Closed candles only")."""
        stream, ended = self._stream, (proven.candle.timestamp + _MINUTE).replace(tzinfo=KST)
        stream.clock.sleep(max(0.0, (ended - stream.server_clock.now()).total_seconds()))
        with stream.states.exclusive(proven.symbol, brief=True) as state:
            if state is None or not self.streamed[proven.symbol].stands(proven):
                return
            if not stream.writer.store_proven(state, self.session, proven):
                return
        stream.incidents.end(DATABASE)
        self._note_lag((stream.clock.now() - ended).total_seconds())

    def _note_lag(self, lag: float) -> None:
        with self._lock:
            self._lags.append(lag)
        self.stored, self.last_lag = self.stored + 1, round(lag, 1)
