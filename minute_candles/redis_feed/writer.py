"""What is written to Redis, command by command (docs/redis.md): set, stream and channel in one MULTI.

Every method may raise redis-py's `RedisError` or `OSError`; repeated, it doubles a stream entry at most.
"""

import logging
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from minute_candles.market.candle_json import RUNNING as RUNS
from minute_candles.market.candle_json import status_of, table_text
from minute_candles.market.candles import Candle
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed.keys import (
    CANDLES,
    RECENT,
    REQUESTED,
    RUNNING,
    STREAM,
    recent_key,
    running_key,
    score,
    symbol_of,
)
from minute_candles.redis_feed.recent_symbols import RecentSymbols

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

STREAM_LENGTH, STREAM_LENGTH_EACH = 100_000, 500
"""Entries that the stream keeps at least, and for each symbol of many: its whole day; about 300 bytes each."""
RUNNING_SECONDS = 120
Recent = Mapping[int, Sequence[tuple[Candle, str]]]
"""The newest candles of a symbol, by interval, each with its status."""
_EACH = RecentSymbols(())
_log = logging.getLogger(__name__)


def stream_length_for(symbols: int) -> int:
    """Return how many entries the stream keeps, about."""
    return max(STREAM_LENGTH, STREAM_LENGTH_EACH * symbols)


class Writer:
    """Writes through one client, from one thread; remembers how large each set is, so that a loss shows.

    `recent`: the symbols whose sets are kept. Those of others are deleted: what stands there is current, or absent.
    """

    def __init__(self, client: "Redis", recent: Container[str] = _EACH, *, stream_length: int = STREAM_LENGTH) -> None:
        self._client, self._recent, self._stream_length = client, recent, stream_length
        self._sizes: dict[str, int] = {}
        self._connection: int | None = None

    def publish(self, news: Iterable[Stored]) -> None:
        """Write candles that were stored, in their order."""
        keys: dict[str, None] = {}
        with self._client.pipeline(transaction=True) as multi:
            for stored in news:
                for interval, candles in stored.candles.items():
                    self._publish(multi, stored, interval, candles)
                    if candles and stored.symbol in self._recent:
                        keys[recent_key(stored.symbol, interval)] = None
            for key in keys:
                multi.zremrangebyrank(key, 0, -RECENT - 1)
                multi.zcard(key)
            answers = multi.execute()
        sizes = answers[len(answers) - 2 * len(keys) + 1 :: 2] if keys else []
        for key, size in zip(keys, sizes, strict=True):
            self._sizes[key] = max(size, self._sizes.get(key, 0))  # one that shrank has lost some

    def _publish(self, multi: "Pipeline", stored: Stored, interval: int, candles: Sequence[Candle]) -> None:
        """Write set, stream and channel; replace what the set held of these windows."""
        key, status = recent_key(stored.symbol, interval), status_of(stored.status)
        is_kept = stored.symbol in self._recent
        if candles and not is_kept:
            multi.unlink(key)
        for candle in candles:
            text, start = table_text(stored.symbol, interval, candle, status), score(candle)
            if is_kept:
                multi.zremrangebyscore(key, start, start)
                multi.zadd(key, {text: start})
            multi.xadd(STREAM, {"candle": text}, maxlen=self._stream_length, approximate=True)
            multi.publish(CANDLES, text)

    def publish_running(self, minutes: Mapping[str, Candle]) -> None:
        """Write running minutes by symbol."""
        with self._client.pipeline(transaction=True) as multi:
            for symbol, minute in minutes.items():
                text = table_text(symbol, 1, minute, RUNS)
                multi.set(running_key(symbol), text, ex=RUNNING_SECONDS)
                multi.publish(RUNNING, text)
            multi.execute()

    def refill(self, symbol: str, read: Callable[[], Recent]) -> None:
        """Make a symbol's sets equal to the table; publish nothing.

        Watched before the table is read: a newer candle that is published meanwhile, by any process, wins.
        """
        keys = {interval: recent_key(symbol, interval) for interval in STORED_INTERVALS}
        self.clear_foreign(dict.fromkeys(keys.values(), "zset"))

        def fill(multi: "Pipeline") -> None:
            recent = read()
            multi.multi()
            for interval, key in keys.items():
                members = {
                    table_text(symbol, interval, candle, status): score(candle)
                    for candle, status in recent.get(interval, ())
                }
                self._sizes[key] = len(members)
                multi.delete(key)
                if members:
                    multi.zadd(key, members)

        self._client.transaction(fill, *keys.values())

    def clear_foreign(self, types: Mapping[str, str]) -> list[str]:
        """Delete and name those keys of ours that hold something else than their type; return them."""
        with self._client.pipeline(transaction=False) as request:
            for key in types:
                request.type(key)
            found = dict(zip(types, request.execute(), strict=True))
        foreign = [key for key in types if found[key] not in (types[key], "none")]
        for key in foreign:
            _log.warning("⚠️ Redis의 키 %s 에 다른 프로그램의 값(%s)이 있어 지우고 새로 씁니다.", key, found[key])
            self._client.delete(key)
        return foreign

    def rewrite_foreign(self, symbols: Iterable[str]) -> list[str] | None:
        """Clear the stream and the sets of these symbols where they hold another type.

        Return the symbols whose sets are to be filled again; None where every key is what it should be.
        """
        sets = [recent_key(symbol, interval) for symbol in symbols for interval in STORED_INTERVALS]
        foreign = self.clear_foreign({STREAM: "stream", REQUESTED: "set", **dict.fromkeys(sets, "zset")})
        return [symbol_of(key) for key in foreign if key not in (STREAM, REQUESTED)] if foreign else None

    def requested(self) -> set[str]:
        """Return the symbols whose sets readers have requested."""
        return {str(symbol) for symbol in self._client.smembers(REQUESTED)}

    def lost(self) -> set[str] | None:
        """Return the symbols whose sets are smaller than they were left; None on a new connection: nobody knows.

        A Redis that was restarted may hold sets of an hour ago, or none; a flushed or an evicting one lacks some.
        """
        sizes = dict(self._sizes)
        with self._client.pipeline(transaction=False) as request:
            request.client_id()
            for key in sizes:
                request.zcard(key)
            connection, *found = request.execute()
        known, self._connection = self._connection, connection
        if known != connection:
            return None
        return {symbol_of(key) for key, had, has in zip(sizes, sizes.values(), found, strict=True) if has < had}
