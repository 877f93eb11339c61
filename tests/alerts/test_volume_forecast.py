"""`volume_surge` with `against = "forecast"`: what a window was forecast to trade at most, as known when it began."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from forecast.test_forecast import candles, trained_model, with_skill

from minute_candles.alerts.engine import Engine
from minute_candles.alerts.rules import parse
from minute_candles.alerts.volume_forecast import VolumeForecast
from minute_candles.core.errors import ConfigError
from minute_candles.forecast.model_file import MODEL_FILE, write
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle

SYMBOL, START = "000003", datetime(2026, 11, 30, 10, 30)


class Reader:
    def candles(self, symbol: str, interval: int, first: datetime, last: datetime, limit: int) -> list[Candle]:
        assert (symbol, interval) == (SYMBOL, 1)
        return [one for one in candles(200) if first <= one.timestamp <= last][-limit:]


def forecast(folder: Path, low: float = 0.01) -> VolumeForecast:
    write(folder / MODEL_FILE, with_skill(trained_model(), low))
    return VolumeForecast(Reader(), TradingCalendar(), folder)


def test_a_window_above_its_forecast_rings_once(tmp_path: Path) -> None:
    most = forecast(tmp_path)(SYMBOL, 15, START)
    assert most and most > 0
    rules = parse('[[rule]]\nkind="volume_surge"\ntimes=1.01\nagainst="forecast"\ninterval=15', "f").market
    last = Candle(START + timedelta(minutes=14), 50_000, 50_100, 49_900, 50_000, 500, None, None)
    for volume, count in ((int(most * 1.01) + 2, 1), (int(most) - 1, 0)):
        engine = Engine(rules, {}, lambda *_: [], lambda *_: {}, TradingCalendar(), forecast(tmp_path))
        windows = {1: [last], 15: [last._replace(timestamp=START, volume=volume)]}
        assert len(engine.judge(SYMBOL, windows, "PROVISIONAL")) == count


def test_without_model_or_skill_or_enough_of_the_day_nothing_rings(tmp_path: Path) -> None:
    assert VolumeForecast(Reader(), TradingCalendar(), tmp_path)(SYMBOL, 15, START) is None
    assert forecast(tmp_path, low=-0.01)(SYMBOL, 15, START) is None
    assert forecast(tmp_path)(SYMBOL, 15, datetime(2026, 11, 30, 9, 0)) is None
    with pytest.raises(ConfigError, match="interval = 5 나 15"):  # one-minute windows are not forecast
        parse('[[rule]]\nkind = "volume_surge"\ntimes = 2\nagainst = "forecast"', "f")
