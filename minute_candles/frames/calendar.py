"""The trading calendar in force: the package's, the user's CSAT days, and KIS's last word."""

from minute_candles.config import holiday_cache
from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar, known_calendar


def calendar_of(settings: Settings, clock: Clock) -> TradingCalendar:
    """Return the calendar that every command goes by."""
    return known_calendar(settings.csat_days, holiday_cache.said(settings, clock.now().date()))
