"""Redis where the user has one: the updater publishes as it stores, the backfill fills the sets once at its end.

Nothing here is imported, and nothing happens, without `REDIS_URL`.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.market.write_event import Stored
from minute_candles.storage.store import Store, open_reader

if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed
    from minute_candles.redis_feed.shared_state import Scripts

_log = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Raise `ConfigError` for a Redis that refuses us; wait for one that is away."""
    if url := settings.integrations.redis_url:
        from minute_candles.redis_feed import connection

        connection.check(url)


def shared_by(settings: Settings) -> "Scripts | None":
    """Return where several hosts share the key's token and call budget (`KIS_SHARED=redis`); None: files suffice."""
    if settings.integrations.shared != "redis":
        return None
    from minute_candles.redis_feed.shared_state import Scripts

    return Scripts(settings.integrations.redis_url)


@contextmanager
def feeding(settings: Settings, clock: Clock, store: Store, symbols: Iterable[str]) -> "Iterator[Feed | None]":
    """Publish each candle of the updater after its commit, on a thread of the feed's own."""
    if not settings.integrations.redis_url:
        yield None
        return
    from minute_candles.redis_feed.publisher import Feed

    redis, named = settings.integrations.redis_url, settings.integrations.redis_recent
    feed = Feed(redis, clock, symbols, lambda: open_reader(settings.database, clock), named)
    store.listeners.append(feed.on_write)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


@contextmanager
def caught_up(settings: Settings, clock: Clock, store: Store) -> Iterator[None]:
    """Fill the sets that the backfill touched at its end; stream and channel publish no past."""
    if not settings.integrations.redis_url:
        yield
        return
    touched: dict[str, None] = {}

    def on_write(stored: Stored) -> None:
        if stored.erased or stored.status or any(stored.candles.values()):
            touched[stored.symbol] = None

    store.listeners.append(on_write)
    try:
        yield
    finally:
        _fill(settings, clock, touched)


def _fill(settings: Settings, clock: Clock, symbols: Iterable[str]) -> None:
    """Fill the sets; a Redis or a table that is away costs a line: the updater fills them when it starts."""
    from minute_candles.redis_feed import connection
    from minute_candles.redis_feed.recent import recent
    from minute_candles.redis_feed.recent_symbols import RecentSymbols
    from minute_candles.redis_feed.writer import Writer

    redis = connection.library()
    try:
        with (
            connection.connect(settings.integrations.redis_url) as client,
            closing(open_reader(settings.database, clock)) as table,
        ):
            writer, kept = Writer(client), RecentSymbols(symbols, settings.integrations.redis_recent)
            kept.request(writer.requested())
            for symbol in kept.kept:
                writer.refill(symbol, partial(recent, table, symbol, clock.now()))
    except (redis.RedisError, OSError) as error:
        _log.warning("⚠️ Redis의 최근 캔들을 새로 채우지 못했습니다: %s.", connection.describe(error))
    except MinuteDataError as error:
        _log.warning("⚠️ Redis의 최근 캔들을 새로 채우지 못했습니다: %s", error)
