"""What is forecast now, read from the model file and today's stored candles: for notebooks, the script and the page."""

from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from minute_candles.config import symbols_file
from minute_candles.core.clock import Clock
from minute_candles.forecast.model_file import ModelFile
from minute_candles.forecast.running_day import forecast_at
from minute_candles.forecast.service import Forecast, forecast_frame, load
from minute_candles.frames.calendar import calendar_of
from minute_candles.frames.request import Reader

if TYPE_CHECKING:
    import pandas as pd

    from minute_candles.config.settings import Settings


def read_forecast(
    symbols: str | Sequence[str], *, settings: "Settings | None" = None, clock: Clock | None = None
) -> "pd.DataFrame":
    """Return what is forecast now: one row a symbol, target and horizon; empty outside a session or without skill.

    Columns: symbol, made_at (Asia/Seoul), target ("volume": shares, "range": percent of the price), horizon (minutes,
    0 = rest of the day), low, median, high (the 80 % band), skill (share by which the error is below the best
    baseline's). Train first: `python forecast_candles.py --train`. Raises `ConfigError`, `StoreError`.
    """
    settings, clock = Reader.of(settings, clock)
    wanted = symbols_file.choose(symbols if isinstance(symbols, str) else ",".join(symbols), None)
    trained = load(settings.log_dir)
    return forecast_frame(current(trained, list(wanted), settings, clock) if trained else [])


def current(trained: ModelFile, symbols: Sequence[str], settings: "Settings", clock: Clock) -> list[Forecast]:
    """Return the forecasts of the running session for these symbols."""
    from minute_candles.storage.store import open_reader

    with closing(open_reader(settings.database, clock)) as reader:
        return forecast_at(clock.now(), trained, reader, symbols, calendar_of(settings, clock))
