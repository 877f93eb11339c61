"""After a backfill: the sets of what it touched are read from the table once; stream and channel hear of no past."""

import logging
from collections.abc import Iterable

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.redis_feed import connection as redis_link
from minute_candles.redis_feed.recent import Open, recent
from minute_candles.redis_feed.writer import Writer

_log = logging.getLogger(__name__)


def catch_up(url: str, clock: Clock, symbols: Iterable[str], table: Open) -> None:
    """A Redis (or a table) that is away costs a line: the updater fills the sets when it starts."""
    redis = redis_link.library()
    try:
        with redis_link.connect(url) as client:
            writer, view = Writer(client), table()
            try:
                for symbol in symbols:
                    writer.refill(symbol, lambda symbol=symbol: recent(view, symbol, clock.now()))  # type: ignore[misc]
            finally:
                view.close()
    except (redis.RedisError, OSError) as error:
        _log.warning("⚠️ Redis의 최근 캔들을 새로 채우지 못했습니다: %s.", redis_link.trouble(error))
    except MinuteDataError as error:
        _log.warning("⚠️ Redis의 최근 캔들을 새로 채우지 못했습니다: %s", error)
