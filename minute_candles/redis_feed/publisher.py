"""Publish candles into Redis without holding the collector up (rule "Readers hold nobody up").

    feed = Feed(url, clock, symbols, lambda: open_reader(settings.database, clock))
    store.listeners.append(feed.on_write)         # called after each commit
    feed.start()                                  # a thread of its own; the sets are filled from the table
    feed.on_running(running)                      # the stream's running minute
    feed.close()

A Redis that is dead, slow, full or read-only costs a warning at first and a line at the end. What was stored
meanwhile is published then, as far as it was kept. The sets are filled from the table again.
"""

import logging
import threading
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Any

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import connection
from minute_candles.redis_feed.backlog import Backlog, most_for
from minute_candles.redis_feed.recent import Open, recent
from minute_candles.redis_feed.recent_symbols import RecentSymbols
from minute_candles.redis_feed.refill_pause import RefillPause
from minute_candles.redis_feed.writer import Writer, stream_length_for
from minute_candles.storage.reader import CandleReader

AT_ONCE = 500
"""Candles of one MULTI, about: Redis does nothing else meanwhile (some 5 ms)."""
CHECK_SECONDS, RUN_SECONDS, LONGEST_PAUSE = 5.0, 1.0, 10.0
BREATH, BREATHS = 0.03, 5.0
"""Seconds between two symbols that are filled: filling all sets shall not keep a round's threads from the core.

At most so many seconds for all: sets that wait are of no use.
"""
_log = logging.getLogger(__name__)


class Feed:
    """Publishes every candle that is stored, and keeps sets of `symbols` equal to the table.

    `named`: the symbols of REDIS_RECENT, whose sets are kept in any case (`RecentSymbols`).
    """

    def __init__(
        self, url: str, clock: Clock, symbols: Iterable[str], table: Open, named: Collection[str] = ()
    ) -> None:  # fmt: skip
        self._url, self._clock, self._symbols, self._open = url, clock, tuple(symbols), table
        self._recent = RecentSymbols(self._symbols, named)
        self._redis = connection.library()
        self._client = connection.connect(url)
        self._writer = Writer(self._client, self._recent, stream_length=stream_length_for(len(self._symbols)))
        self._table: CandleReader | None = None
        self._backlog = Backlog(most_for(len(self._symbols)))
        self._day_status: dict[str, tuple[date, str | None]] = {}
        self._down, self._pause = False, 0.0
        self._connected, self._problem = False, ""
        self._since: datetime | None = None
        self._published_at: datetime | None = None
        self._checked = self._ran = self._read_again_at = float("-inf")
        self._refill_pause = RefillPause(time.monotonic)
        self._closing = threading.Event()
        self._until = float("inf")
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)

    def start(self) -> None:
        """Begin to publish."""
        self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Publish what is left, for so long at the most, and end."""
        self._until = time.monotonic() + seconds
        self._closing.set()
        self._backlog.something.set()
        if self._thread.is_alive():
            self._thread.join(seconds + 1)

    # --- called by those who must not wait ---

    def on_write(self, stored: Stored) -> None:
        """Take a write after its commit: today's candles are published; of other days only the sets may change.

        So may the sets of a day whose status changed: what is equal is not published again.
        """
        before, self._day_status[stored.symbol] = self._day_status.get(stored.symbol), (stored.day, stored.status)
        today = stored.day == self._clock.now().date()
        settled = before is not None and before[0] == stored.day and before[1] != stored.status
        if any(stored.candles.values()) and today:
            self._backlog.add(stored)
        if stored.erased or settled or (any(stored.candles.values()) and not today):
            self._backlog.mark([stored.symbol])

    def on_running(self, running: RunningMinute) -> None:
        """Take the stream's running minute, published once a second; not one whose open or volume is unknown."""
        if running.is_whole:
            self._backlog.run(running.symbol, running.candle)

    def status(self) -> dict[str, Any]:
        """Return what the status file shows; times are ISO 8601, no secret in it."""
        return {
            "place": connection.place(self._url), "connected": self._connected, "published": _text(self._published_at),
            "waiting": len(self._backlog), "problem": self._problem, "since": _text(self._since),
        }  # fmt: skip

    # --- the thread ---

    def _work(self) -> None:
        try:
            while not self._is_over():
                self._work_once()
        except Exception:  # noqa: BLE001 - the thread's boundary: whatever it was, candles are stored without a feed, too
            _log.exception("❌ Redis 알림이 예상하지 못한 오류로 멈췄습니다. 캔들 저장은 계속됩니다.")
        finally:
            with suppress(self._redis.RedisError, OSError):
                self._client.close()
            self._close_table()

    def _is_over(self) -> bool:
        if not self._closing.is_set():
            return False
        return self._down or self._rests() or not self._backlog or time.monotonic() > self._until

    def _work_once(self) -> None:
        """Do whatever there is to do, or rest."""
        try:
            self._check()
            self._publish_running()
            self._publish()
            busy = self._refill_one()
        except (self._redis.RedisError, OSError) as error:
            if not self._repair(error):
                self._begin_outage(error)
            return
        self._end_outage()
        if not busy:
            self._backlog.something.wait(RUN_SECONDS)
            self._backlog.something.clear()

    def _check(self) -> None:
        """Check every few seconds whether Redis still has what was filled in, and mark what it lost."""
        if time.monotonic() - self._checked < CHECK_SECONDS:
            return
        lost = self._writer.lost()
        self._checked, self._connected = time.monotonic(), True
        if lost is not None:
            self._refill_pause.note(lost=bool(lost))
        self._backlog.mark(self._recent.request(self._writer.requested()))
        self._backlog.mark(self._recent.kept if lost is None else lost)

    def _publish_running(self) -> None:
        if time.monotonic() - self._ran >= RUN_SECONDS and (minutes := self._backlog.running()):
            self._ran = time.monotonic()
            self._writer.publish_running(minutes)

    def _publish(self) -> None:
        while news := self._backlog.take(AT_ONCE):
            try:
                self._writer.publish(news)
                self._published_at = self._clock.now()
            except (self._redis.RedisError, OSError):
                self._backlog.put_back(news)
                raise

    def _rests(self) -> bool:
        """Return whether no set is to be filled now: the database was lost, or Redis evicts what is filled."""
        return time.monotonic() < self._read_again_at or self._refill_pause.holds

    def _refill_one(self) -> bool:
        """Fill one symbol's sets, so that news wait for no more than that; whether there was one."""
        if self._rests() or (symbol := self._backlog.marked()) is None:
            return False
        if symbol not in self._recent:
            return True
        try:
            self._table = self._table or self._open()
            self._writer.refill(symbol, partial(recent, self._table, symbol, self._clock.now()))
            self._closing.wait(min(BREATH, BREATHS / len(self._recent.kept)))
        except MinuteDataError as error:  # Stopped, too
            _log.debug("Redis: the table was not read: %s", error)
            self._close_table()
            self._backlog.mark([symbol])
            self._read_again_at = time.monotonic() + CHECK_SECONDS
            return False
        except (self._redis.RedisError, OSError):
            self._backlog.mark([symbol])
            raise
        return True

    def _close_table(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            table.close()

    # --- outages ---

    def _repair(self, error: Exception) -> bool:
        """Rewrite our keys where another program has put a value of another type; whether that was what failed."""
        if connection.code(error) != connection.WRONG_TYPE:
            return False
        with suppress(self._redis.RedisError, OSError):
            symbols = self._writer.rewrite_foreign({*self._symbols, *self._day_status})
            self._backlog.mark(symbols or ())
            return symbols is not None
        return False

    def _begin_outage(self, error: Exception) -> None:
        """Log it once; pause 1 → 10 s before the next try."""
        self._connected, self._problem = False, connection.describe(error)
        if not self._down:
            self._down, self._pause, self._since = True, 0.5, self._clock.now()
            place = connection.place(self._url)
            _log.warning("⚠️ Redis 문제 시작: %s (%s). 캔들 저장은 그대로 계속됩니다.", self._problem, place)
        self._checked = float("-inf")
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        self._closing.wait(self._pause)

    def _end_outage(self) -> None:
        if self._down and (not self._backlog or self._refill_pause.holds):
            self._down, self._problem, self._since = False, "", None
            _log.info("✅ Redis 복구: 밀린 캔들을 알리고, 최근 캔들을 테이블에서 다시 채웠습니다.")


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
