"""Hear what is told through Redis (design.md, "The feed"): candles that were stored, minutes that run.

    Thread(target=Listener(url, hear, clock).run, daemon=True).start()

Redis only wakes: who needs truth asks the table. A Redis that is gone costs a warning when it begins and a line when it
ends (law 15), and is asked again, 1 → 30 s apart.
"""

import json
import logging
from collections.abc import Callable

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.extras import extra
from minute_candles.market.candles import Candle
from minute_candles.redis_feed.serialization import CANDLES, RUNNING, candle_of

LONGEST_PAUSE = 30.0
_log = logging.getLogger(__name__)

Hear = Callable[[str, str, Candle], None]
"""Channel, symbol, candle."""


class Listener:
    """One subscription to both channels."""

    def __init__(self, url: str, hear: Hear, clock: Clock) -> None:
        self._redis, self._url, self._hear, self._clock = extra("redis", "Redis 알림"), url, hear, clock
        self._lost = False

    def run(self) -> None:
        """Until a stop is asked for."""
        pause = 1.0
        try:
            while True:
                try:
                    self._listen()
                    pause = 1.0
                except (self._redis.RedisError, OSError) as error:
                    self._lose(type(error).__name__)
                self._clock.sleep(pause)
                pause = min(LONGEST_PAUSE, pause * 2)
        except Stopped:
            return

    def _listen(self) -> None:
        """A blocked read has no timeout: between two candles a night may pass; a dead server ends it by keepalive."""
        client = self._redis.Redis.from_url(
            self._url, socket_connect_timeout=2, socket_timeout=None, socket_keepalive=True, decode_responses=True
        )
        with client, client.pubsub(ignore_subscribe_messages=True) as channels:
            channels.subscribe(CANDLES, RUNNING)
            while True:
                self._clock.check()
                message = channels.get_message(timeout=1.0)
                if self._lost and channels.subscribed:
                    self._lost = False
                    _log.info("✅ Redis: 다시 듣습니다.")
                if message is not None:
                    self._tell(message["channel"], message["data"])

    def _tell(self, channel: str, text: str) -> None:
        """What is no candle of a minute is passed over."""
        try:
            told = json.loads(text)
            if told["minute_interval"] == "ONE_MINUTE":
                self._hear(channel, str(told["stock_symbol"]), candle_of(told))
        except (ValueError, KeyError, TypeError):
            _log.debug("Redis: 읽을 수 없는 소식을 건너뜁니다.")

    def _lose(self, name: str) -> None:
        if not self._lost:
            _log.warning("⚠️ Redis를 들을 수 없습니다 [%s]. 테이블을 1초마다 읽으며 다시 시도합니다.", name)
        self._lost = True
