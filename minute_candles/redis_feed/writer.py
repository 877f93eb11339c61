"""What is written to Redis, command by command (design.md, "The feed"): set, stream and channel in one MULTI.

Every method may raise redis-py's `RedisError` or `OSError`; told again, nothing but a doubled stream entry comes of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from minute_candles.market.candles import Candle
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed import serialization as wire

STREAM_LENGTH = 100_000
RUNNING_SECONDS = 120
Recent = Mapping[int, Sequence[tuple[Candle, str]]]
"""The newest candles of a symbol, by interval, each with its status."""


class Writer:
    """Writes through one client, from one thread; remembers how large each set is, so that a loss shows."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sizes: dict[str, int] = {}
        self._connection: int | None = None

    def tell(self, news: Iterable[Stored]) -> None:
        """Candles that were stored, in the order in which they were."""
        keys: dict[str, None] = {}
        with self._client.pipeline(transaction=True) as multi:
            for stored in news:
                status = wire.status_of(stored.status)
                for interval, candles in stored.candles.items():
                    for candle in candles:
                        keys[wire.recent_key(stored.symbol, interval)] = None
                        _tell(multi, stored.symbol, interval, candle, status)
            for key in keys:
                multi.zremrangebyrank(key, 0, -wire.RECENT - 1)
                multi.zcard(key)
            answers = multi.execute()
        sizes = answers[len(answers) - 2 * len(keys) + 1 :: 2] if keys else []
        self._sizes.update(zip(keys, sizes, strict=True))

    def run(self, minutes: Mapping[str, Candle]) -> None:
        """Running minutes by symbol."""
        with self._client.pipeline(transaction=True) as multi:
            for symbol, minute in minutes.items():
                text = wire.written(symbol, 1, minute, "RUNNING")
                multi.set(wire.running_key(symbol), text, ex=RUNNING_SECONDS)
                multi.publish(wire.RUNNING, text)
            multi.execute()

    def refill(self, symbol: str, read: Callable[[], Recent]) -> None:
        """Make a symbol's sets equal to the table, and tell nobody.

        Watched before the table is read: who tells of a newer candle meanwhile, in this process or in another, wins.
        """
        keys = {interval: wire.recent_key(symbol, interval) for interval in wire.NAMES}

        def fill(multi: Any) -> None:
            recent = read()
            multi.multi()
            for interval, key in keys.items():
                members = {
                    wire.written(symbol, interval, candle, status): wire.score(candle)
                    for candle, status in recent.get(interval, ())
                }
                self._sizes[key] = len(members)
                multi.delete(key)
                if members:
                    multi.zadd(key, members)

        self._client.transaction(fill, *keys.values())

    def lost(self) -> list[str] | None:
        """The sets that are smaller than they were left; None where nobody knows, for the connection is a new one.

        A Redis that was restarted may hold sets of an hour ago, or none; a flushed or an evicting one lacks some.
        """
        sizes = dict(self._sizes)
        with self._client.pipeline(transaction=False) as asked:
            asked.client_id()
            for key in sizes:
                asked.zcard(key)
            connection, *found = asked.execute()
        known, self._connection = self._connection, connection
        if known != connection:
            return None
        return [key for key, had, has in zip(sizes, sizes.values(), found, strict=True) if has < had]


def _tell(multi: Any, symbol: str, interval: int, candle: Candle, status: str) -> None:
    """Set, stream and channel; what the set held of this window goes."""
    text, key = wire.written(symbol, interval, candle, status), wire.recent_key(symbol, interval)
    score = wire.score(candle)
    multi.zremrangebyscore(key, score, score)
    multi.zadd(key, {text: score})
    multi.xadd(wire.STREAM, {"candle": text}, maxlen=STREAM_LENGTH, approximate=True)
    multi.publish(wire.CANDLES, text)
