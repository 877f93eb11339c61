"""Everybody who watches, fed by one look into the table a second for all of them together.

The table is the truth: what Redis (or a demo) tells only wakes the hub earlier and brings the running minute. A client
keeps the newest candle of each window it has not taken yet, and no more: a slow one skips, its memory stays flat
(law 15). One event loop, one thread; the table is read on a worker thread.
"""

import asyncio
import json
import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime, time, timedelta
from time import monotonic
from typing import Any

from minute_candles.chart.board import Board
from minute_candles.chart.running import RunningMinutes
from minute_candles.chart.serialization import is_running, status_of
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.market.calendar import TradingCalendar, midnight
from minute_candles.market.candle_json import page_json, time_text
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import Interval
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import CandleReader

Pair = tuple[str, Interval]

LOOK_SECONDS = PRICE_SECONDS = 1.0
MOST_CLIENTS, MOST_PAIRS, MOST_WAITING = 500, 100, 10
_WHOLE_SECONDS, _BACK = 15.0, timedelta(minutes=5)
_DAYS_BACK = timedelta(days=7)
"""So many days before the newest are settled or proven later than they were stored: until the week's last recheck."""
_TOGETHER = 0.25
"""Seconds between being woken and looking, at least: what is stored together is read together."""
_log = logging.getLogger(__name__)


class Client:
    """What one page asked for, and what it has not taken yet: pair → window → text, the newest few."""

    def __init__(self) -> None:
        self.pairs: frozenset[Pair] = frozenset()
        self.wants_prices = False
        self.ready = asyncio.Event()
        self._waiting: dict[object, dict[str, str]] = {}

    def offer(self, key: object, window: str, text: str) -> bool:
        """False where an older window had to go for it."""
        waiting = self._waiting.setdefault(key, {})
        waiting[window] = text
        if len(waiting) > MOST_WAITING:
            del waiting[next(iter(waiting))]
            self.ready.set()
            return False
        self.ready.set()
        return True

    def take(self) -> list[str]:
        """All that waits, oldest first."""
        waiting, self._waiting = self._waiting, {}
        self.ready.clear()
        return [text for windows in waiting.values() for text in windows.values()]


class Hub:
    """`names`: the symbols one may ask for."""

    def __init__(
        self,
        view: CandleReader,
        names: Mapping[str, str],
        calendar: TradingCalendar,
        clock: Clock,
        running: RunningMinutes | None = None,
    ) -> None:
        self._view, self.names, self._calendar, self._clock = view, names, calendar, clock
        self._running = running or RunningMinutes(clock)
        self.clients: set[Client] = set()
        self._boards: dict[str, Board] = {}
        self._watched: dict[Pair, set[Client]] = {}
        self._whole_at = self._looked_at = float("-inf")
        self._is_awaited = False
        self._lost = False
        self._wake = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def run(self) -> None:
        """For ever: look, tell, wait a second or until woken."""
        self._loop = asyncio.get_running_loop()
        while True:
            try:
                await self._look()
            except Exception as error:  # the loop's boundary: whatever it was, the next look is another try
                if not self._lost:
                    _log.error("❌ 차트: 예상하지 못한 오류로 다시 시도합니다. %s", type(error).__name__)
                self._lost = True
            try:
                await asyncio.wait_for(self._wake.wait(), LOOK_SECONDS)
                rest = 0 if self._is_awaited else self._looked_at + LOOK_SECONDS - monotonic()
                await asyncio.sleep(max(_TOGETHER, rest))
            except TimeoutError:
                pass
            self._wake.clear()
            self._is_awaited = False

    def enter(self) -> Client | None:
        """A new client; None where there are too many."""
        if len(self.clients) >= MOST_CLIENTS:
            return None
        client = Client()
        self.clients.add(client)
        return client

    def leave(self, client: Client) -> None:
        self.subscribe(client, frozenset())
        self.clients.discard(client)

    def subscribe(self, client: Client, pairs: frozenset[Pair]) -> None:
        """The whole list; the newest candle of each new pair is told at once, or with the next look."""
        new = pairs - client.pairs
        for pair in client.pairs - pairs:
            self._watched[pair].discard(client)
            if not self._watched[pair]:
                del self._watched[pair]
        client.pairs = pairs
        for pair in new:
            self._watched.setdefault(pair, set()).add(client)
        symbols = {symbol for symbol, _ in self._watched}
        for symbol in [*self._boards]:
            if symbol not in symbols:
                del self._boards[symbol]
        for symbol, interval in new:
            if (board := self._boards.get(symbol)) and (last := board.last()):
                self._tell(symbol, board, interval, [last], [client])
            elif not board:
                self._is_awaited = True  # somebody looks at an empty chart
                self._wake.set()

    def wake(self, symbol: str) -> None:
        """Something of this symbol was stored; from any thread. Of one that nobody watches it is nothing."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake_for, symbol)

    def _wake_for(self, symbol: str) -> None:
        if any(watched == symbol for watched, _ in self._watched):
            self._wake.set()

    def run_minute(self, symbol: str, minute: Candle) -> None:
        """The running minute of a symbol; from any thread."""
        if symbol in self.names and self._running.add(symbol, minute) and self._loop and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._run_minute, symbol, minute)

    def _run_minute(self, symbol: str, minute: Candle) -> None:
        board = self._boards.get(symbol)
        if board is not None and board.run(minute):
            self._tell_all(symbol, board, [minute.timestamp])

    def _send_prices(self) -> None:
        """Send whoever shows the list the prices that moved since the last call."""
        moved = self._running.take_moved()
        clients = [client for client in self.clients if client.wants_prices]
        if not moved or not clients:
            return
        rows = [{"symbol": s, "price": one.close, "time": time_text(one.timestamp)} for s, one in moved.items()]
        text = _text({"type": "prices", "rows": rows})
        for client in clients:
            client.offer("prices", str(monotonic()), text)

    async def run_prices(self) -> None:
        """Send the prices that moved, once a second, for ever."""
        while True:
            await asyncio.sleep(PRICE_SECONDS)
            self._send_prices()

    async def _look(self) -> None:
        symbols = {symbol for symbol, _ in self._watched}
        if not symbols:
            return
        self._looked_at = monotonic()
        due = self._looked_at - self._whole_at >= _WHOLE_SECONDS
        if due:
            self._whole_at = self._looked_at
        whole = symbols if due else {s for s in symbols if s not in self._boards}
        days = {symbol: self._boards[symbol].newest() for symbol in symbols - whole}
        try:
            found = await asyncio.to_thread(self._read, whole, days)
        except MinuteDataError as error:
            if not self._lost:
                _log.warning("⚠️ 차트: 데이터베이스를 읽지 못해 다시 시도합니다. %s", error)
            self._lost = True
            return
        if self._lost:
            _log.info("✅ 차트: 데이터베이스를 다시 읽습니다.")
        self._lost = False
        for symbol, (minutes, known) in found.items():
            if any(pair[0] == symbol for pair in self._watched):
                self._take(symbol, minutes, known, whole=symbol in whole)
        self._tell_ended()

    def _read(
        self, whole: Collection[str], days: Mapping[str, datetime | None]
    ) -> dict[str, tuple[list[Candle], dict[date, CoverageRow]]]:
        """On a worker thread: of `whole` all of its newest day and what is known of the week before, of the others what
        may have changed lately.
        """
        today = midnight(self._clock.now().date())
        newest = self._view.last_before([(symbol, today + timedelta(days=1)) for symbol in whole])
        since: dict[datetime, list[str]] = defaultdict(list)
        for symbol in whole:
            since[midnight(newest[symbol].timestamp.date()) if symbol in newest else today].append(symbol)
        for symbol, at in days.items():
            since[at - _BACK if at else today].append(symbol)
        minutes: dict[str, list[Candle]] = {}
        for start, symbols in _few(since).items():
            minutes |= self._view.minutes_of(symbols, start)
        dates = [one[-1].timestamp.date() for one in minutes.values() if one]
        known: dict[str, dict[date, CoverageRow]] = defaultdict(dict)
        if dates:
            first = min(dates) - (_DAYS_BACK if whole else timedelta())
            for (symbol, day), row in self._view.coverage([*minutes], first, max(dates)).items():
                known[symbol][day] = row
        return {symbol: (some, known[symbol]) for symbol, some in minutes.items()}

    def _take(self, symbol: str, minutes: list[Candle], known: dict[date, CoverageRow], *, whole: bool) -> None:
        board = self._boards.get(symbol)
        first = board is None
        if first and not whole:  # nobody watched it while it was read: the last minutes are no day
            self._wake.set()
            return
        board = self._boards.setdefault(symbol, Board())
        day = board.day
        changed, gone = board.take(minutes, whole=whole)
        today = known.pop(board.day, None) if board.day else None
        if minutes and (status := status_of(today, len(board.minutes))) != board.status:
            board.status, gone = status, True
        if first:
            last = board.last()
            changed, gone = [last] if last else [], False
        self._tell_all(symbol, board, changed)
        if gone and day == board.day and not first:
            self._tell_day(symbol, board)
        for earlier in board.learn(known) if whole else ():
            self._tell_day(symbol, board, earlier)

    def _tell_all(self, symbol: str, board: Board, touched: list[datetime]) -> None:
        if touched:
            for (watched, interval), clients in [*self._watched.items()]:
                if watched == symbol:
                    self._tell(symbol, board, interval, touched, clients)

    def _tell(
        self, symbol: str, board: Board, interval: Interval, touched: list[datetime], clients: Iterable[Client]
    ) -> None:
        now, late = self._clock.now(), list[Client]()
        for candle in board.windows(interval, touched):
            running = is_running(candle.timestamp, interval, self._calendar, now) or (
                board.running is not None and candle.timestamp <= board.running.timestamp == touched[-1]
            )
            (board.open.add if running else board.open.discard)((interval, candle.timestamp))
            data = page_json(candle, "RUNNING" if running else board.status)
            text = _text({"type": "candle", "symbol": symbol, "interval": interval, **data})
            late += [client for client in clients if not client.offer((symbol, interval), data["time"], text)]
        if late:
            self._tell_day(symbol, board, clients=set(late))

    def _tell_ended(self) -> None:
        """Windows that were told as running and are over since, though nothing traded in their last minutes."""
        now = self._clock.now()
        for (symbol, interval), clients in [*self._watched.items()]:
            if (board := self._boards.get(symbol)) and (over := board.ended(interval, self._calendar, now)):
                self._tell(symbol, board, interval, over, clients)

    def _tell_day(
        self, symbol: str, board: Board, earlier: date | None = None, *, clients: Iterable[Client] | None = None
    ) -> None:
        """The newest day, or an `earlier` one, is known better now (settled, corrected), or one of these `clients`
        lacks windows of it: whoever shows it reads it anew.
        """
        day = earlier or board.day
        assert day is not None
        status = status_of(board.earlier[day]) if earlier else board.status
        text = _text({"type": "day", "symbol": symbol, "day": day.isoformat(), "status": status})
        everybody = {one for pair, some in self._watched.items() if pair[0] == symbol for one in some}
        for client in everybody if clients is None else clients:
            client.offer(("day", symbol), day.isoformat(), text)


def _text(message: Mapping[str, Any]) -> str:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":"))


def _few(since: Mapping[datetime, list[str]]) -> dict[datetime, list[str]]:
    """Lately traded symbols differ by a minute or two: those of one day are read together, from the earliest on."""
    days: dict[tuple[object, bool], list[datetime]] = defaultdict(list)
    for start in since:
        days[(start.date(), start.time() == time())].append(start)
    return {min(starts): [symbol for start in starts for symbol in since[start]] for starts in days.values()}
