"""Candles as a polars frame: the columns of the pandas one, `symbol` and `timestamp` in front, null where unproven."""

from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.frames.day_states import STATUSES
from minute_candles.frames.pandas_frame import candle_columns
from minute_candles.frames.symbol_candles import SymbolCandles
from minute_candles.storage.minute_columns import MINUTE

if TYPE_CHECKING:
    import polars as pl

_OF_DAYS = ("previous_close", "change_percent")
_FLOATS = ("turnover", "vwap", *_OF_DAYS)


def polars_frame(found: Sequence[SymbolCandles], *, tz: str | None, names: Mapping[str, str] | None) -> "pl.DataFrame":
    """Return the candles of the symbols (one at least). Raises `ConfigError` for a zone that is none."""
    polars = extra("polars", "polars로 읽기")
    frames = [_frame_of(polars, one, tz, names) for one in found]
    symbols = polars.Enum([one.symbol for one in found])
    whole: pl.DataFrame = polars.concat(
        [frame.insert_column(0, polars.Series("symbol", [one.symbol], dtype=symbols).new_from_index(0, frame.height))
         for frame, one in zip(frames, found, strict=True)]
    )  # fmt: skip
    return whole


def _frame_of(
    polars: ModuleType, one: SymbolCandles, tz: str | None, names: Mapping[str, str] | None
) -> "pl.DataFrame":
    data = candle_columns([one])
    start, status = data.pop("start"), data.pop("status")
    proven = data.pop("proven")
    times = polars.Series("timestamp", start if tz is None else start - 9 * 60 * MINUTE).cast(polars.Datetime("us"))
    if tz is not None:
        try:
            times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(tz)
        except polars.exceptions.PolarsError:
            raise ConfigError(
                f"tz {particle(repr(tz[:30]), '은/는')} 시간대가 아닙니다(예: 'Asia/Seoul', 'UTC', None)."
            ) from None
    columns = {name: polars.Series(name, values) for name, values in data.items()}
    columns |= {name: columns[name].fill_nan(None) for name in _FLOATS if name in columns}
    if one.gaps is not None:
        columns |= {name: columns[name].fill_nan(None) for name in ("open", "high", "low", "close")}
    words = [str(status) for status in STATUSES]
    codes = polars.Series("status", words, dtype=polars.Enum(words)).gather(status.astype("uint32"))
    days = [columns.pop(name) for name in _OF_DAYS if name in columns]
    series = [times, *columns.values(), codes, polars.Series("proven", proven), *days]
    frame: pl.DataFrame = polars.DataFrame(series)
    return frame if names is None else frame.with_columns(name=polars.lit(names.get(one.symbol, "")))
