"""Reading stored candles into frames: the public names of `minute_candles` and `db.py`.

from minute_candles import list_stored, read_candles, read_coverage
"""

import warnings
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, TypedDict, Unpack, overload

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.storage.store import Store, open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import polars as pl

    Moment = date | str | np.datetime64 | None

    from minute_candles.frames.day_states import DayState
    from minute_candles.frames.intervals import FrameInterval
    from minute_candles.frames.range import Range
    from minute_candles.frames.symbol_candles import SymbolCandles

Symbols = str | int | Iterable[str | int]
Fill = Literal["gaps", "previous"]
_FILLS = (None, "gaps", "previous")
_ADJUSTMENTS = (False, True, "total")


class Options(TypedDict, total=False):
    """The keywords of `read_candles` that both engines take."""

    tz: str | None
    fill: Fill | None
    names: bool
    adjusted: bool | Literal["total"]
    strict: bool
    settings: Settings | None
    clock: Clock | None


@overload
def read_candles(
    symbols: Symbols,
    interval: int | str = ...,
    start: "Moment" = ...,
    end: "Moment" = ...,
    *,
    engine: Literal["pandas"] = ...,
    **options: Unpack[Options],
) -> "pd.DataFrame": ...
@overload
def read_candles(
    symbols: Symbols,
    interval: int | str = ...,
    start: "Moment" = ...,
    end: "Moment" = ...,
    *,
    engine: Literal["polars"],
    **options: Unpack[Options],
) -> "pl.DataFrame": ...
def read_candles(
    symbols: Symbols,
    interval: int | str = "5min",
    start: "Moment" = None,
    end: "Moment" = None,
    *,
    engine: Literal["pandas", "polars"] = "pandas",
    tz: str | None = "Asia/Seoul",
    fill: Fill | None = None,
    names: bool = False,
    adjusted: bool | Literal["total"] = False,
    strict: bool = False,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> "pd.DataFrame | pl.DataFrame":
    """Return the candles of one symbol or many, from `start` to `end`, as a frame.

        from minute_candles import read_candles
        print(read_candles("005930", "5min", "2026-11-19", "2026-11-20").between_time("09:00", "09:30"))
        both = read_candles(["005930", "삼성전자", "000660.KS"], "1h", "2026-11-19", "2026-11-20 15:00", names=True)
        print(both.loc["000660"])

    Symbols: "005930", 5930, "005930.KS", a Korean name, "@kospi200" and its like, "all" (whatever is stored), or a list
    of them. One by itself gives a frame by timestamp, the start of its window; all else one by (symbol, timestamp).

    Interval: 5, "5m", "5min", "5T", "1h", "60m", "1d", "week", "1mo": minutes that divide a day, floored from midnight,
    or whole sessions. A week is labelled by its Monday, a month by its first; those that the range cuts are left out.

    Range: `date`, ISO text, `datetime`, `pandas.Timestamp`, `numpy.datetime64`; naive means KST, others are converted.
    With a time of day, a window belongs to it that begins at or after `start` and ends at or before `end`. Without one,
    or at midnight, the whole day, both included. Without `start` thirty days up to `end`, without `end` up to today.

    Columns: open, high, low, close (int64, KRW; float64 where adjusted or filled), volume (int64, shares), turnover and
    vwap (float64, KRW; turnover is round(vwap × volume), exact to 0.005 KRW × volume a minute), status (category: what
    is known of the day) and proven (bool: whether turnover proves the candle; else vwap is NaN, and turnover but for
    days: theirs is that of KIS's daily candle, off-hours trades included). Days: previous_close, change_percent, too.

    `tz`: a zone, or None for naive KST. `fill`: "gaps" adds the windows of each session that had no trade (prices NaN,
    volume 0). "previous" gives them the close before. A missing day stays missing. `names` adds the Korean name.
    `engine`: "polars" gives columns symbol and timestamp, null where unproven. `adjusted`: as if today's shares had
    always been, by the factors that `export_candles.py --adjusted` has fetched; "total" without the steps of what funds
    distributed, too; `frame.attrs["adjusted_to"]` names the day. `settings`: those of `.env`; no KIS key is needed.

    Warns (`IncompleteWarning`) of days that are missing, unproven or provisional, of a range in the future, without a
    trading day, or that cuts a window; `strict` raises `IncompleteData` instead. Warns (`SplitWarning`) of a split in
    an adjusted range. Raises `ConfigError` for what cannot be requested or read, `IncompleteData` for unknown factors,
    `StoreError` for a lost database.
    """
    from minute_candles.frames.intervals import parse_interval
    from minute_candles.frames.request import Reader

    shown = parse_interval(interval)
    _check_options(engine, fill, adjusted)
    reader = Reader.of(settings, clock)
    request, period = reader.symbols_of(symbols), reader.range_of(start, end, shown)
    with reader.opened(open_store) as store:
        chosen = store.symbols() if request.symbols is None else request.symbols
        _check_any(chosen)
        found, adjusted_to = _read(store, chosen, shown, period, fill, adjusted=adjusted)
    _warn_of_candles(found, period, strict=strict)
    if adjusted_to is not None:
        _warn_of_splits(found, adjusted_to, period)
    named = reader.names() if names else None
    if engine == "polars":
        from minute_candles.frames.polars_frame import polars_frame

        return polars_frame(found, tz=tz, names=named)
    from minute_candles.frames.pandas_frame import pandas_frame

    frame = pandas_frame(found, tz=tz, is_flat=request.is_single, names=named)
    if adjusted_to is not None:  # as text: pandas writes attributes into a Parquet file as JSON
        frame.attrs["adjusted_to"] = {symbol: day.isoformat() for symbol, day in adjusted_to.items()}
    return frame


def _read(
    store: Store, symbols: Sequence[str], interval: "FrameInterval", period: "Range", fill: Fill | None, *,
    adjusted: bool | Literal["total"],
) -> "tuple[list[SymbolCandles], dict[str, date] | None]":  # fmt: skip
    """Return the candles, and where they are adjusted the day of each one's factors. Raises `IncompleteData`."""
    from minute_candles.frames.adjusted import adjusted_candles
    from minute_candles.frames.symbol_candles import read_all

    found = list(read_all(store, symbols, interval, period, fill))
    if not adjusted:
        return found, None
    first = period.first
    made = [adjusted_candles(one, store.factors(one.symbol), first, interval, adjusted=adjusted) for one in found]
    return made, store.factors_checked(symbols)


def read_coverage(
    symbols: Symbols,
    start: "Moment" = None,
    end: "Moment" = None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> "pd.DataFrame":
    """Return what is known of each symbol-day: index (symbol, date); arguments and errors as in `read_candles`.

    Columns: count_1min, count_5min, count_15min (int64, rows in the table now), status (COMPLETE, NO_TRADES, UNPROVEN,
    PROVISIONAL, or MISSING for a closed trading day without rows), note (the reason, Korean), verified_at (Asia/Seoul).
    """
    from minute_candles.frames.request import Reader

    extra("pandas", "DataFrame으로 읽기")
    reader = Reader.of(settings, clock)
    request, period = reader.symbols_of(symbols), reader.range_of(start, end)
    with reader.opened(open_store) as store:
        from minute_candles.frames.coverage import coverage_frame

        return coverage_frame(store, store.symbols() if request.symbols is None else request.symbols, period)


def list_stored(*, settings: Settings | None = None, clock: Clock | None = None) -> "pd.DataFrame":
    """Return what the table holds, a line a symbol: name, first and last candle, days by state, rows of 1 minute.

        from minute_candles import list_stored
        print(list_stored()[["name", "first", "last", "complete", "missing"]])

    Index symbol; columns name (str), first, last (Asia/Seoul), complete, no_trades, unproven, provisional, missing
    (int64, days from the first candle to today) and rows (int64). It counts every day: seconds for a full table.
    """
    from minute_candles.frames.request import Reader

    extra("pandas", "DataFrame으로 읽기")
    reader = Reader.of(settings, clock)
    with reader.opened(open_store) as store:
        from minute_candles.frames.coverage import stored_frame

        return stored_frame(store, reader.range_of(None, None), reader.names())


def _check_options(engine: str, fill: str | None, adjusted: object) -> None:
    """Raise `ConfigError` for an engine, a fill or an adjustment that does not exist, or is not installed."""
    if adjusted not in _ADJUSTMENTS:
        raise ConfigError(
            f"adjusted {particle(repr(str(adjusted)[:20]), '은/는')} 없습니다. True, False, 'total' 가운데 고르세요."
        )
    if engine not in ("pandas", "polars"):
        raise ConfigError(
            f"engine {particle(repr(str(engine)[:20]), '은/는')} 없습니다. 'pandas' 나 'polars' 를 쓰세요."
        )
    if fill not in _FILLS:
        raise ConfigError(
            f"fill {particle(repr(str(fill)[:20]), '은/는')} 없습니다. 'gaps', 'previous', None 가운데 고르세요."
        )
    extra("numpy", "DataFrame으로 읽기")
    extra(engine, "DataFrame으로 읽기")


def _check_any(symbols: Sequence[str]) -> None:
    if not symbols:
        raise ConfigError("종목코드가 하나도 없습니다. 저장된 종목이 없으면 먼저 채우세요: python fetch_minute_data.py")


def _warn_of_candles(found: "Sequence[SymbolCandles]", period: "Range", *, strict: bool) -> None:
    """Warn of whatever the frame lacks. Raises `IncompleteData` where `strict`."""
    from minute_candles.core.errors import IncompleteData, IncompleteWarning
    from minute_candles.frames.folding import fold_days, remedy

    doubtful: list[DayState] = [state for one in found for state in one.states if state.is_doubtful]
    lines = period.oddities()
    if cut := sorted({label for one in found for label in one.cut}):
        lines.append(f"범위가 자른 봉은 뺐습니다: {', '.join(map(str, cut))}")
    if doubtful:
        lines.append(fold_days(doubtful, period.calendar))
    if not lines:
        return
    text = "; ".join(lines)
    if strict:
        raise IncompleteData(f"빠졌거나 확인되지 않은 날이 있습니다: {text}")
    help_ = f" ({', '.join(filter(None, ['모두 보기: read_coverage', remedy(doubtful, period)]))})" if doubtful else ""
    warnings.warn(f"{text}{help_}", IncompleteWarning, stacklevel=3)


def _warn_of_splits(found: "Sequence[SymbolCandles]", adjusted_to: "dict[str, date]", period: "Range") -> None:
    from minute_candles.core.errors import SplitWarning
    from minute_candles.frames.adjusted import outdated_factors

    if split := [text for one in found for text in one.splits]:
        warnings.warn(f"수정주가: {', '.join(split)}", SplitWarning, stacklevel=3)
    if outdated := outdated_factors(adjusted_to, period):
        warnings.warn(outdated, SplitWarning, stacklevel=3)
