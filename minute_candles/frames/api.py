"""Reading stored candles into pandas: `read_candles` and `read_coverage`, the public names of `db.py`."""

from collections.abc import Sequence
from datetime import date

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.storage.store import open_store

TYPE_CHECKING = False
if TYPE_CHECKING:
    import pandas as pd


def read_candles(
    symbols: str | Sequence[str],
    interval: int | str = "5min",
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    settings: Settings | None = None,
    adjusted: bool = False,
    strict: bool = False,
    clock: Clock | None = None,
) -> "pd.DataFrame":
    """Candles of 1, 3, 5, 10, 15, 30, 60 minutes ("5min", "5", 5) or "day" of whole days, both included.

        from db import read_candles
        frame = read_candles(["005930", "000660"], "5min", "2026-11-02", "2026-11-20")
        print(frame.loc["005930"].between_time("09:00", "09:30"))

    Index (symbol, timestamp as Asia/Seoul: the window's start): the symbols in the order asked for, the rows of each
    ascending. Columns: open, high, low, close (int64, KRW), volume (int64, shares), turnover (float64, KRW), vwap
    (float64, KRW), status (category: what is known of the day) and proven (bool: whether turnover proves the candle;
    else turnover and vwap are NaN). The table keeps a minute's VWAP to 0.01 KRW and no turnover: turnover is
    round(vwap × volume), exact to 0.005 KRW × volume a minute, a derived VWAP to 0.01 KRW.

    Without `start` thirty days up to `end`, without `end` up to today. `settings`: those of `.env`; no KIS key is
    needed. Warns (`IncompleteWarning`) and names the days that are missing, unproven or provisional; `strict` raises
    `IncompleteData` instead. `adjusted`: prices (float64) and volumes as if today's shares had always been, by the
    factors that `export_candles.py --adjusted` asked KIS for on the day in `frame.attrs["adjusted_to"]`, by symbol;
    `IncompleteData` where they are unknown, `SplitWarning` for a split since the range began, or where one may be.
    Raises `ConfigError` for what cannot be asked or read, `StoreError` for a lost database.
    """
    from minute_candles.frames import request as reading
    from minute_candles.market.intervals import parse

    wanted, shown = reading.symbols_of(symbols), parse(interval)
    with reading.opened(open_store, settings, clock, start, end) as (store, asked):
        from minute_candles.frames.frames import candles_frame

        return candles_frame(store, wanted, shown, asked, adjusted=adjusted, strict=strict)


def read_coverage(
    symbols: str | Sequence[str],
    start: date | str | None = None,
    end: date | str | None = None,
    *,
    settings: Settings | None = None,
    clock: Clock | None = None,
) -> "pd.DataFrame":
    """What is known of each symbol-day: index (symbol, date); arguments and errors as in `read_candles`.

    Columns: count_1min, count_5min, count_15min (int64, rows in the table now), status (COMPLETE, NO_TRADES, UNPROVEN,
    PROVISIONAL, or MISSING for a closed trading day without rows), note (the reason, Korean), verified_at (Asia/Seoul).
    """
    from minute_candles.frames import request as reading

    wanted = reading.symbols_of(symbols)
    with reading.opened(open_store, settings, clock, start, end) as (store, asked):
        from minute_candles.frames.frames import coverage_frame

        return coverage_frame(store, wanted, asked)
