"""The stream beside the rounds: the most active symbols' trades, their minutes stored within a second of their proof.

    stream = Stream(settings, clock, updater)
    stream.running_listeners.append(hear)       # the running minutes, once a second, on the socket's thread
    stream.begin(session)                       … stream.end()

Two threads: the socket's turns records into proven minutes (minute_candles/market/trade_chain.py) and hands them over through a bounded
queue, the writer stores them (`Updater.take`). What is dropped, late, cut off or not proven is nobody's loss: a round
visits every symbol that is not known to the last minute (law 14).
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from queue import Empty, Full, Queue
from statistics import median
from typing import TYPE_CHECKING, Any

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, Stopped, StoreError
from minute_candles.core.kst import KST
from minute_candles.live.stream.rest_cross_check import Comparison
from minute_candles.market.calendar import LATE_PRINTS, Session
from minute_candles.market.candles import Candle
from minute_candles.market.intraday import Watermark, floor
from minute_candles.market.trade_chain import Chain, Proven, RunningMinute, Tick, read_tick
from minute_candles.monitoring.incidents import Troubles

if TYPE_CHECKING:
    from minute_candles.kis.websocket import KisSocket
    from minute_candles.live.session import Updater

BEFORE_OPEN = timedelta(minutes=6)
"""So long before the open it is there: the opening cross comes seconds after it."""
FEW = 5
"""With fewer symbols a minute and a half without a trade is no fault."""
_MINUTE = timedelta(minutes=1)
_WAITING = 400
_LAST_WORDS = 1.5
"""Seconds each thread has to end; a stop request leaves four for everything (minute_candles/console/background.py)."""
_KEY = "스트림"
_log = logging.getLogger(__name__)

Hear = Callable[[RunningMinute], None]
"""Must neither raise nor wait: trades stand behind it."""


class Stream:
    """One session's stream at a time. `begin` and `end` are the service's; the rest is thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, updater: "Updater") -> None:
        self._settings, self._clock, self._updater = settings, clock, updater
        self.running_listeners: list[Hear] = []
        self._most = settings.wings.stream_symbols if settings.wings.ws_url else 0
        self.troubles = Troubles(clock)
        self._run: _Run | None = None

    def begin(self, session: Session) -> None:
        """Take up a session, with those who are the most active by now; once a session, however often it is asked."""
        if self._run and self._run.session.day == session.day:
            return
        self.end()
        if not self._most or session.csat:  # on a CSAT day KIS labels its minutes differently (kis_http.md §6)
            return
        symbols = self._updater.most_active(session.day, self._most)
        try:
            self._run = _Run(self, session, symbols)
        except ConfigError as error:
            _log.info("ℹ️ %s 그동안 매분 REST로만 갱신합니다.", error)
            self._most = 0

    def end(self) -> None:
        """Close the socket cleanly."""
        run, self._run = self._run, None
        self._updater.visits.beside = None
        if run:
            run.end()

    def line(self) -> str:
        """For the round's line: how many minutes came by the stream since the last one, and how late in the median."""
        lags = self._run.take_lags() if self._run else []
        return f" · 스트림 {len(lags)}건 {median(lags):.1f}초" if lags else ""

    def status(self) -> dict[str, Any] | None:
        """For the status file; None where nothing is streamed."""
        run = self._run
        if run is None:
            return None
        since, problem = self.troubles.current.get(_KEY, (None, ""))
        return {
            "symbols": len(run.symbols), "registered": run.socket.registered, "stored": run.stored,
            "lag": run.last_lag, "problem": problem, "since": since and since.isoformat(timespec="seconds"),
        }  # fmt: skip


class _Run:
    """A session of the stream: its socket, its chains, its two threads."""

    def __init__(self, stream: Stream, session: Session, symbols: Sequence[str]) -> None:
        self._stream, self.session, self.symbols = stream, session, symbols
        self._clock, self._updater = stream._clock, stream._updater
        self._chains = {symbol: Chain(symbol, session) for symbol in symbols}
        self._comparison = Comparison(symbols)
        self._lock = threading.Lock()
        self._queue: Queue[Proven] = Queue(_WAITING)
        self._moved: set[str] = set()
        self._lags: list[float] = []
        self.stored, self.last_lag = 0, 0.0
        self._over = threading.Event()
        self.socket: KisSocket = self._open_socket()
        self._updater.visits.beside = self
        self._threads = [
            threading.Thread(target=self.socket.run, args=(symbols,), name="stream", daemon=True),
            threading.Thread(target=self._write, name="stream-writer", daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _open_socket(self) -> "KisSocket":
        """Raises `ConfigError` without the package."""
        from minute_candles.kis.approval import Approval
        from minute_candles.kis.websocket import KisSocket
        from minute_candles.kis.ws_session import Ears

        settings = self._stream._settings
        ears = Ears(self._hear, self._tell, self._each_second, self._expects_data)
        return KisSocket(settings, Approval(settings, self._clock), self._clock, ears)

    def end(self) -> None:
        self._over.set()
        self.socket.stop()
        for thread in self._threads:
            thread.join(_LAST_WORDS)

    # --- the socket's thread ---

    def _hear(self, records: list[list[str]]) -> None:
        for fields in records:
            tick = read_tick(fields)
            if tick and tick.symbol in self._chains:
                self._add(tick)

    def _add(self, tick: Tick) -> None:
        with self._lock:
            proven = self._chains[tick.symbol].add(tick)
            self._moved.add(tick.symbol)
        for one in proven:
            self._hand_over(one)

    def _hand_over(self, proven: Proven) -> None:
        """To the writer; where it is too far behind, the oldest goes: rounds bring it."""
        self._comparison.say(proven)
        while self._comparison.is_believed(proven.symbol):
            try:
                return self._queue.put_nowait(proven)
            except Full:
                with suppress(Empty):
                    self._queue.get_nowait()

    def _each_second(self) -> None:
        with self._lock:
            moved, self._moved = self._moved, set()
            minutes = [self._chains[symbol].running for symbol in moved]
        for running in minutes:
            if running:
                for hear in self._stream.running_listeners:
                    hear(running)

    def _expects_data(self) -> bool:
        """While trading is continuous somebody trades."""
        now = self._updater.now()
        is_continuous = self.session.open + _MINUTE <= now < self.session.close - LATE_PRINTS
        return is_continuous and len(self.symbols) >= FEW

    def _tell(self, problem: str) -> None:
        if problem:
            self._stream.troubles.begin(_KEY, f"{problem}. 그동안 매분 라운드로 갱신합니다.")
        else:
            self._stream.troubles.end(_KEY)

    # --- the writer's thread ---

    def _write(self) -> None:
        with suppress(Stopped):
            while not self._over.is_set():
                try:
                    self._store(self._queue.get(timeout=0.5))
                except Empty:
                    continue
                except StoreError as error:
                    self._updater.troubles.begin("DB", str(error))
                except Stopped:
                    raise
                except Exception as error:  # a thread's boundary: the rounds store what this could not
                    self._updater.troubles.begin("스트림 저장", f"예상하지 못한 오류 {type(error).__name__}", error)

    def _store(self, proven: Proven) -> None:
        """Store it once the minute is over by this host's clock, too (law 3)."""
        ended = (proven.candle.timestamp + _MINUTE).replace(tzinfo=KST)
        self._clock.sleep(max(0.0, (ended - self._updater.now()).total_seconds()))
        session = self._updater.calendar.session(self.session.day)
        if not session.csat and self._updater.visits.take(proven, session):
            lag = (self._clock.now() - ended).total_seconds()
            with self._lock:
                self._lags.append(lag)
            self.stored, self.last_lag = self.stored + 1, round(lag, 1)

    def take_lags(self) -> list[float]:
        with self._lock:
            lags, self._lags = self._lags, []
        return lags

    # --- the rounds' threads ---

    def spares(self, symbol: str, read: datetime, now: datetime) -> bool:
        """Known to the last minute, believed, and not due to be compared."""
        return read >= floor(now) and self._comparison.is_believed(symbol) and not self._comparison.is_due(symbol, now)

    def compare(self, symbol: str, candles: Sequence[Candle], seen: Watermark) -> None:
        """A page: what it says of minutes that the stream told too, and where its turnover proves the chain."""
        self._comparison.visited(symbol, self._updater.now(), candles)
        chain = self._chains.get(symbol)
        if chain and seen.turnover is not None:
            with self._lock:
                proven = chain.confirm(seen.read - _MINUTE, seen.turnover)
                self._moved.add(symbol)
            for one in proven:
                self._hand_over(one)
