"""Receive what is published through Redis (docs/redis.md): candles that were stored, minutes that run.

    Thread(target=Listener(url, on_candle, clock).run, daemon=True).start()

Redis only wakes: the table is the truth. A Redis that is gone costs a warning at first and a line at the end
(rule "Readers hold nobody up"). It is tried again, 1 → 30 s apart.
"""

import logging
from collections.abc import Callable

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.market.candle_json import parse_table_text
from minute_candles.market.candles import Candle
from minute_candles.market.windows import STORED_INTERVALS
from minute_candles.redis_feed import connection
from minute_candles.redis_feed.keys import CANDLES, RUNNING

LONGEST_PAUSE = 30.0
_log = logging.getLogger(__name__)

OnCandle = Callable[[str, str, Candle], None]
"""Called with channel, symbol and 1-minute candle."""


class Listener:
    """One subscription to both channels. Raises `ConfigError` for an address that is none."""

    def __init__(self, url: str, on_candle: OnCandle, clock: Clock) -> None:
        self._redis, self._on_candle, self._clock = connection.library(), on_candle, clock
        self._client = connection.connect_to_listen(url)
        self._lost = False

    def run(self) -> None:
        """Listen until a stop is requested."""
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
            self._client.close()

    def _listen(self) -> None:
        with self._client.pubsub(ignore_subscribe_messages=True) as channels:  # type: ignore[no-untyped-call] # redis-py forgot one
            channels.subscribe(CANDLES, RUNNING)
            while True:
                self._clock.check()
                message = channels.get_message(timeout=1.0)
                if self._lost and channels.subscribed:
                    self._lost = False
                    _log.info("✅ Redis: 다시 듣습니다.")
                if message is not None:
                    self._receive(message["channel"], message["data"])

    def _receive(self, channel: str, text: str) -> None:
        """Hand a 1-minute candle over; pass over anything else."""
        try:
            symbol, interval, candle = parse_table_text(text)
        except ValueError:
            _log.debug("Redis: a message that is no candle")
            return
        if interval == STORED_INTERVALS[1]:
            self._on_candle(channel, symbol, candle)

    def _lose(self, name: str) -> None:
        if not self._lost:
            _log.warning("⚠️ Redis를 들을 수 없습니다 [%s]. 테이블을 1초마다 읽으며 다시 시도합니다.", name)
        self._lost = True
