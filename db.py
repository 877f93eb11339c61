"""Minute candles in the database: read them into pandas, or open the store that the scripts write to.

    from db import read_candles
    frame = read_candles("005930", "5min", "2026-11-02", "2026-11-20")
    print(frame.between_time("09:00", "09:30"))

    from db import open_store
    store = open_store(settings.database, clock)

MySQL or MariaDB by the settings of `.env`, SQLite by `DB_URL=sqlite:///file`. Reading goes through
`minute_candles/frames/`, everything else through `minute_candles/storage/`, the only place that speaks SQL.
"""

from minute_candles.core.errors import IncompleteData, IncompleteWarning, SplitWarning
from minute_candles.frames.api import list_stored, read_candles, read_coverage
from minute_candles.storage.store import Store, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.forecast.api import read_forecast

__all__ = [
    "IncompleteData",
    "IncompleteWarning",
    "SplitWarning",
    "Store",
    "list_stored",
    "open_store",
    "read_candles",
    "read_coverage",
    "read_forecast",
]


def __getattr__(name: str) -> object:
    """Import `read_forecast` on first use: it brings numpy, which who only opens a store does not need."""
    if name != "read_forecast":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from minute_candles.forecast.api import read_forecast

    return read_forecast
