"""What is forecast now, read from the model file and today's stored candles: for notebooks, the script and the page."""

import os
from collections.abc import Sequence
from datetime import datetime, time
from typing import TYPE_CHECKING

from minute_candles.config import holiday_cache, symbols_file
from minute_candles.config import settings as user_settings
from minute_candles.config.database_url import must_exist
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.core.clock import Clock
from minute_candles.forecast.model_file import ModelFile
from minute_candles.forecast.service import Forecast, forecast_frame, forecast_rows, load
from minute_candles.market.calendar import TradingCalendar, known_calendar

if TYPE_CHECKING:
    import pandas as pd

    from minute_candles.config.settings import Settings
    from minute_candles.market.candles import Candle
    from minute_candles.storage.store import Store

_PATIENCE = 10.0


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
    from minute_candles.storage.store import open_store

    must_exist(settings.database)
    store = open_store(settings.database, clock, patience=_PATIENCE)
    try:
        return forecast_with(trained, store, symbols, calendar_of(settings, clock), clock.now())
    finally:
        store.close()


def forecast_with(
    trained: ModelFile, store: "Store", symbols: Sequence[str], calendar: TradingCalendar, now: datetime
) -> list[Forecast]:
    """Forecast from an open store."""
    if not calendar.is_trading_day(now.date()):
        return []
    session = calendar.session(now.date())
    first, last = datetime.combine(session.day, time()), session.end.replace(tzinfo=None)
    rows: dict[str, list[Candle]] = {symbol: store.candles(symbol, 1, first, last) for symbol in symbols}
    return forecast_rows(trained, session, {symbol: found for symbol, found in rows.items() if found}, now)
