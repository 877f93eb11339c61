"""What is forecast now, read from the model file and today's stored candles: for notebooks, the script and the page."""

import os
from collections.abc import Sequence
from contextlib import closing
from typing import TYPE_CHECKING

from minute_candles.config import holiday_cache, symbols_file
from minute_candles.config import settings as user_settings
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.core.clock import Clock
from minute_candles.forecast.model_file import ModelFile
from minute_candles.forecast.running_day import forecast_at
from minute_candles.forecast.service import Forecast, forecast_frame, load
from minute_candles.market.calendar import TradingCalendar, known_calendar

if TYPE_CHECKING:
    import pandas as pd

    from minute_candles.config.settings import Settings


def calendar_of(settings: "Settings", clock: Clock) -> TradingCalendar:
    """Return the calendar in force."""
    return known_calendar(settings.csat_days, holiday_cache.said(settings, clock.now().date()))


def read_forecast(
    symbols: str | Sequence[str], *, settings: "Settings | None" = None, clock: Clock | None = None
) -> "pd.DataFrame":
    """Return what is forecast now: one row a symbol, target and horizon; empty outside a session or without skill.

    Columns: symbol, made_at (Asia/Seoul), target ("volume": shares, "range": percent of the price), horizon (minutes,
    0 = rest of the day), low, median, high (the 80 % band), skill (share by which the error is below the best
    baseline's). Train first: `python forecast_candles.py --train`. Raises `ConfigError`, `StoreError`.
    """
    clock = clock or Clock()
    settings = settings or user_settings.load(os.environ, PROJECT_FOLDER, needs_key=False)
    wanted = symbols_file.choose(symbols if isinstance(symbols, str) else ",".join(symbols), None)
    trained = load(settings.log_dir)
    return forecast_frame(current(trained, list(wanted), settings, clock) if trained else [])


def current(trained: ModelFile, symbols: Sequence[str], settings: "Settings", clock: Clock) -> list[Forecast]:
    """Return the forecasts of the running session for these symbols."""
    from minute_candles.storage.store import open_reader

    with closing(open_reader(settings.database, clock)) as reader:
        return forecast_at(clock.now(), trained, reader, symbols, calendar_of(settings, clock))
