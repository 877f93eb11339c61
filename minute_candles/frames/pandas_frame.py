"""Candles and coverage as pandas frames: shapes as `read_candles` and `read_coverage` promise them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.frames.day_states import STATUSES
from minute_candles.frames.symbol_candles import WHAT, SymbolCandles
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

SEOUL = "Asia/Seoul"


def candle_columns(found: Sequence[SymbolCandles]) -> "dict[str, NDArray[Any]]":
    """Return open … vwap, codes of the status, proven and start (naive KST in µs), one symbol below the other."""
    import numpy as np

    proven = np.concatenate([one.proven() for one in found])
    known = np.concatenate([one.turnover_known() for one in found])
    traded = np.concatenate([one.columns.vwap for one in found]) != UNPROVEN
    prices = [np.concatenate(columns) for columns in zip(*[one.prices() for one in found], strict=True)]
    turnover = np.concatenate([one.columns.turnover for one in found])
    return {
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        "volume": np.concatenate([one.volume() for one in found]),
        "turnover": np.where(known, turnover, np.nan),
        "vwap": np.where(traded, np.concatenate([one.vwap() for one in found]), np.nan),
        "status": np.concatenate([one.status for one in found]),
        "proven": proven,
        **_against_previous(found, prices[3]),
        "start": np.concatenate([one.columns.start for one in found]),
    }


def _against_previous(found: Sequence[SymbolCandles], close: "NDArray[Any]") -> "dict[str, NDArray[Any]]":
    """Return the previous close and the change against it in percent, of frames of days alone."""
    import numpy as np

    if any(one.previous_close is None for one in found):
        return {}
    previous = np.concatenate([one.previous() for one in found])
    return {"previous_close": previous, "change_percent": (close / previous - 1) * 100}


def pandas_frame(
    found: Sequence[SymbolCandles], *, tz: str | None, is_flat: bool, names: Mapping[str, str] | None
) -> "pd.DataFrame":
    """Return the candles of the symbols (one at least); a column is copied once."""
    import numpy as np

    pandas = extra("pandas", WHAT)
    data: dict[str, Any] = candle_columns(found)
    start = data.pop("start")
    data["status"] = pandas.Categorical.from_codes(data["status"], [str(status) for status in STATUSES])
    counts = [len(one.status) for one in found]
    if names is not None:
        words = [names.get(one.symbol, "") for one in found]
        categories = list(dict.fromkeys(words))
        codes = np.repeat([categories.index(word) for word in words], counts)
        data["name"] = pandas.Categorical.from_codes(codes, categories)
    if is_flat:
        index: Any = moments(start, tz).rename("timestamp")
    else:
        times, codes = np.unique(start, return_inverse=True)
        levels = [pandas.CategoricalIndex([one.symbol for one in found]), moments(times, tz)]
        numbers = np.repeat(np.arange(len(found)), counts)
        index = pandas.MultiIndex(levels, [numbers, codes], names=["symbol", "timestamp"], verify_integrity=False)
    frame: pd.DataFrame = pandas.DataFrame(data, index=index, copy=False)
    return frame


def moments(start: "NDArray[np.int64]", tz: str | None = SEOUL) -> "pd.DatetimeIndex":
    """Return naive KST in µs as times of a zone, or naive where `tz` is None. Raises `ConfigError`.

    Seoul has been nine hours ahead of UTC since 1988.
    """
    import pandas as pd

    if tz is None:
        return pd.DatetimeIndex(start.astype("datetime64[us]"))
    utc = pd.DatetimeIndex((start - 9 * 60 * MINUTE).astype("datetime64[us]")).tz_localize("UTC")
    try:
        return utc.tz_convert(tz)
    except (KeyError, ValueError, TypeError, OSError):
        raise ConfigError(
            f"tz {particle(repr(str(tz)[:30]), '은/는')} 시간대가 아닙니다(예: 'Asia/Seoul', 'UTC', None)."
        ) from None
