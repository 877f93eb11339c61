"""How much volume a window was forecast to have at most, for `volume_surge` rules with `against = "forecast"`."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar

if TYPE_CHECKING:
    from minute_candles.forecast.model_file import ModelFile
    from minute_candles.forecast.running_day import Reader


class VolumeForecast:
    """Forecasts a window as it was known when it began. The model file is read once a day."""

    def __init__(self, reader: "Reader", calendar: TradingCalendar, folder: Path) -> None:
        self._reader, self._calendar, self._folder = reader, calendar, folder
        self._model: tuple[datetime, ModelFile | None] | None = None

    def __call__(self, symbol: str, interval: int, start: datetime) -> float | None:
        """Return the 90 % quantile of a window's volume, shares; None without a model, skill, or enough of the day.

        `start`: naive KST; `interval`: 5 or 15 minutes.
        """
        from minute_candles.forecast.features import Kind
        from minute_candles.forecast.running_day import forecast_at

        trained = self._trained(start)
        if trained is None:
            return None
        found = forecast_at(start.replace(tzinfo=KST), trained, self._reader, [symbol], self._calendar)
        highs = [one.high for one in found if one.target is Kind.VOLUME and one.horizon == interval]
        return highs[0] if highs else None

    def _trained(self, start: datetime) -> "ModelFile | None":
        from minute_candles.forecast.service import load

        day = start.replace(hour=0, minute=0)
        if self._model is None or self._model[0] != day:
            self._model = day, load(self._folder)
        return self._model[1]
