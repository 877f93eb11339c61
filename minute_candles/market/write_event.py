"""What a write changed, passed on after its commit: Redis, alerts. Pure."""

from collections.abc import Callable
from datetime import date
from typing import NamedTuple

from minute_candles.market.candles import Candles


class Stored(NamedTuple):
    """The new or changed candles of a symbol-day, by interval; `status` is the day's now, `erased` rows went away."""

    symbol: str
    day: date
    candles: Candles
    erased: int
    status: str | None


Listener = Callable[[Stored], None]
"""Must neither raise nor wait: the next write stands behind it (rule "Readers hold nobody up")."""
