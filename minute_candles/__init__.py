"""Minute candles of Korean stocks from the KIS Open API, stored as traded.

    from minute_candles import read_candles
    frame = read_candles("005930", "5min", "2026-11-02", "2026-11-20")

Layers, imports go down only: `backfill`, `live`, `doctor`, `chart`, `demo` → `verification`, `monitoring`, `alerts` →
`frames`, `export`, `redis_feed` → `kis`, `storage`, `indicators` → `market` → `config`, `console`, `core`.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.frames.api import list_stored, read_candles, read_coverage
    from minute_candles.storage.store import open_store

__all__ = ["list_stored", "open_store", "read_candles", "read_coverage"]


def __getattr__(name: str) -> object:
    """Import the public functions on first use: the scripts start without them."""
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = "minute_candles.storage.store" if name == "open_store" else "minute_candles.frames.api"
    return getattr(import_module(module), name)
