"""Who wires the jobs to Redis, where the user has one: the updater tells as it stores, the backfill once at its end.

Nothing here is imported, and nothing happens, without `REDIS_URL`.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.market.write_event import Stored
from minute_candles.storage.store import Store, open_reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed
    from minute_candles.redis_feed.shared_state import Scripts


def check(settings: Settings) -> None:
    """A Redis that refuses us is a mistake in the settings now (`ConfigError`); one that is away is waited for."""
    if url := settings.wings.redis_url:
        from minute_candles.redis_feed import connection as redis_link

        redis_link.check(url)


def shared_by(settings: Settings) -> "Scripts | None":
    """Where several hosts share the key's token and call budget (`KIS_SHARED=redis`); None: the files suffice."""
    if settings.wings.shared != "redis":
        return None
    from minute_candles.redis_feed.shared_state import Scripts

    return Scripts(settings.wings.redis_url)


@contextmanager
def feeding(settings: Settings, clock: Clock, store: Store, symbols: Iterable[str]) -> "Iterator[Feed | None]":
    """The updater's: each candle after its commit, on a thread of the feed's own (law 15)."""
    if not settings.wings.redis_url:
        yield None
        return
    from minute_candles.redis_feed.publisher import Feed

    feed = Feed(settings.wings.redis_url, clock, symbols, lambda: open_reader(settings.database, clock))
    store.listeners.append(feed.hear)
    feed.start()
    try:
        yield feed
    finally:
        feed.close()


@contextmanager
def caught_up(settings: Settings, clock: Clock, store: Store) -> Iterator[None]:
    """The backfill's: the past changes no feed but the sets of the newest candles, read again at the end."""
    if not settings.wings.redis_url:
        yield
        return
    from minute_candles.redis_feed.catch_up import catch_up

    touched: dict[str, None] = {}

    def hear(stored: Stored) -> None:
        if stored.erased or stored.status or any(stored.candles.values()):
            touched[stored.symbol] = None

    store.listeners.append(hear)
    try:
        yield
    finally:
        catch_up(settings.wings.redis_url, clock, touched, lambda: open_reader(settings.database, clock))
