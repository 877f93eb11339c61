"""Candles into Redis, beside the collector and never in its way (law 15).

    feed = Feed(url, clock, symbols, lambda: open_reader(settings.database, clock))
    store.listeners.append(feed.hear)             # told after each commit
    feed.start()                                  # a thread of its own; the sets are filled from the table
    feed.run_minute("005930", candle)             # the stream's running minute
    feed.close()

A Redis that is dead, slow, full or read-only costs a warning when it begins and a line when it ends; what was stored
meanwhile is told then, as far as it was kept, and the sets are read from the table again.
"""

import logging
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from datetime import date, datetime
from functools import partial
from typing import Any

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import connection as redis_link
from minute_candles.redis_feed.backlog import Backlog
from minute_candles.redis_feed.recent import Open, Table, recent
from minute_candles.redis_feed.writer import Writer

AT_ONCE = 500
"""Candles of one MULTI, about: Redis does nothing else meanwhile (some 5 ms)."""
LOOK_SECONDS, RUN_SECONDS, LONGEST_PAUSE = 5.0, 1.0, 10.0
BREATH = 0.03
"""Seconds between two symbols that are read again: filling all sets shall not keep a round's threads from the core."""
_log = logging.getLogger(__name__)


class Feed:
    """Tells Redis of every candle that is stored, and keeps the sets of `symbols` equal to the table."""

    def __init__(self, url: str, clock: Clock, symbols: Iterable[str], table: Open) -> None:
        self._url, self._clock, self._symbols, self._open = url, clock, tuple(symbols), table
        self._redis = redis_link.library()
        self._client = redis_link.connect(url)
        self._writer = Writer(self._client)
        self._table: Table | None = None
        self._backlog = Backlog()
        self._day_status: dict[str, tuple[date, str | None]] = {}
        self._down, self._pause = False, 0.0
        self._connected, self._problem = False, ""
        self._since: datetime | None = None
        self._told_at: datetime | None = None
        self._looked = self._ran = self._read_again_at = float("-inf")
        self._closing = threading.Event()
        self._until = float("inf")
        self._thread = threading.Thread(target=self._work, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float = 2.0) -> None:
        """Tell what is left, for so long at the most, and end."""
        self._until = time.monotonic() + seconds
        self._closing.set()
        self._backlog.something.set()
        if self._thread.is_alive():
            self._thread.join(seconds + 1)

    # --- called by those who must not wait ---

    def hear(self, stored: Stored) -> None:
        """A write and its commit: today's candles are told; of other days only the sets may change.

        So may the sets of a day that is now known better: what is equal is not told again, its status is.
        """
        was, self._day_status[stored.symbol] = self._day_status.get(stored.symbol), (stored.day, stored.status)
        today = stored.day == self._clock.now().date()
        settled = was is not None and was[0] == stored.day and was[1] != stored.status
        if any(stored.candles.values()) and today:
            self._backlog.add(stored)
        if stored.erased or settled or (any(stored.candles.values()) and not today):
            self._backlog.mark([stored.symbol])

    def run_minute(self, symbol: str, minute: Candle) -> None:
        """The minute that runs, as often as anybody likes: Redis hears of it once a second."""
        self._backlog.run(symbol, minute)

    def hear_running(self, running: RunningMinute) -> None:
        """The stream's: a minute whose open, or some of whose volume, is not known is not told."""
        if running.is_whole:
            self.run_minute(running.symbol, running.candle)

    def status(self) -> dict[str, Any]:
        """For the status file; times are ISO 8601, no secret in it."""
        return {
            "place": redis_link.place(self._url), "connected": self._connected, "published": _text(self._told_at),
            "waiting": len(self._backlog), "problem": self._problem, "since": _text(self._since),
        }  # fmt: skip

    # --- the thread ---

    def _work(self) -> None:
        try:
            while not self._is_over():
                self._turn()
        except Exception:  # the thread's boundary: whatever it was, candles are stored without a feed, too
            _log.exception("❌ Redis 알림이 예상하지 못한 오류로 멈췄습니다. 캔들 저장은 계속됩니다.")
        finally:
            with suppress(self._redis.RedisError, OSError):
                self._client.close()
            self._forget_table()

    def _is_over(self) -> bool:
        if not self._closing.is_set():
            return False
        waits = time.monotonic() < self._read_again_at
        return self._down or waits or not self._backlog or time.monotonic() > self._until

    def _turn(self) -> None:
        """Whatever there is to do, or a rest."""
        try:
            self._look()
            self._run()
            self._tell()
            busy = self._refill_one()
        except (self._redis.RedisError, OSError) as error:
            self._lose(error)
            return
        self._find()
        if not busy:
            self._backlog.something.wait(RUN_SECONDS)
            self._backlog.something.clear()

    def _look(self) -> None:
        """Every few seconds: is it still the Redis we filled? Then only what it lost is read from the table again."""
        if time.monotonic() - self._looked < LOOK_SECONDS:
            return
        lost = self._writer.lost()
        self._looked, self._connected = time.monotonic(), True
        if lost is None:
            self._backlog.mark(self._symbols)
        elif lost:
            self._backlog.mark({key.split(":")[2] for key in lost})

    def _run(self) -> None:
        if time.monotonic() - self._ran >= RUN_SECONDS and (minutes := self._backlog.running()):
            self._ran = time.monotonic()
            self._writer.run(minutes)

    def _tell(self) -> None:
        while news := self._backlog.take(AT_ONCE):
            try:
                self._writer.tell(news)
                self._told_at = self._clock.now()
            except (self._redis.RedisError, OSError):
                self._backlog.put_back(news)
                raise

    def _refill_one(self) -> bool:
        """One symbol, so that news wait for no more than that; False: none, or the database is lost for now."""
        if time.monotonic() < self._read_again_at or (symbol := self._backlog.marked()) is None:
            return False
        try:
            self._table = self._table or self._open()
            self._writer.refill(symbol, partial(recent, self._table, symbol, self._clock.now()))
            self._closing.wait(BREATH)
            return True
        except MinuteDataError as error:  # Stopped, too
            _log.debug("Redis: 테이블을 읽지 못했습니다: %s", error)
            self._forget_table()
            self._backlog.mark([symbol])
            self._read_again_at = time.monotonic() + LOOK_SECONDS
            return False
        except (self._redis.RedisError, OSError):
            self._backlog.mark([symbol])
            raise

    def _forget_table(self) -> None:
        table, self._table = self._table, None
        if table is not None:
            table.close()

    # --- outages ---

    def _lose(self, error: Exception) -> None:
        """Told once; tried again 1 → 10 s later."""
        self._connected, self._problem = False, redis_link.trouble(error)
        if not self._down:
            self._down, self._pause, self._since = True, 0.5, self._clock.now()
            _log.warning(
                "⚠️ Redis 문제 시작: %s (%s). 캔들 저장은 그대로 계속됩니다.",
                self._problem,
                redis_link.place(self._url),
            )
        self._looked = float("-inf")
        self._pause = min(LONGEST_PAUSE, self._pause * 2)
        self._closing.wait(self._pause)

    def _find(self) -> None:
        if self._down and not self._backlog:
            self._down, self._problem, self._since = False, "", None
            _log.info("✅ Redis 복구: 밀린 캔들을 알리고, 최근 캔들을 테이블에서 다시 채웠습니다.")


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat(timespec="seconds") if moment else None
