"""`GET /api/forecast`: what is forecast of a symbol's next windows, and how far that beats a baseline.

The model file is read again when it changes; the day's 1-minute candles come from the table.
"""

from collections.abc import Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import TradingCalendar

if TYPE_CHECKING:
    from minute_candles.forecast.evaluation import Evaluation
    from minute_candles.forecast.model_file import ModelFile
    from minute_candles.forecast.running_day import Reader


class ForecastAnswers:
    """Answers as plain data, ready for JSON. Any thread may ask."""

    def __init__(
        self, reader: "Reader", names: Mapping[str, str], calendar: TradingCalendar, clock: Clock, folder: Path
    ) -> None:
        self._reader, self._names, self._calendar, self._clock, self._folder = reader, names, calendar, clock, folder
        self._lock = Lock()
        self._read_at: int | None = None
        self._trained: ModelFile | None = None

    def forecast(self, symbol: str) -> dict[str, Any]:
        """Return the forecasts with skill (volume in shares, range in percent) and the evaluation of every target."""
        trained = self._model()
        answer: dict[str, Any] = {"symbol": symbol, "name": self._names.get(symbol, ""), "made_at": None}
        if trained is None:
            return answer | {"trained": None, "forecasts": [], "evaluation": []}
        learnt = {"first": str(trained.first), "last": str(trained.last), "sessions": trained.sessions}
        evaluation = [evaluation_json(one.evaluation) for one in trained.targets.values()]
        return answer | {"trained": learnt, "evaluation": evaluation} | self._current(trained, symbol)

    def _current(self, trained: "ModelFile", symbol: str) -> dict[str, Any]:
        from minute_candles.forecast.running_day import forecast_at

        found = forecast_at(self._clock.now(), trained, self._reader, [symbol], self._calendar)
        names = ("target", "horizon", "low", "median", "high", "skill")
        made_at = found[0].made_at.isoformat() if found else None
        return {
            "made_at": made_at,
            "forecasts": [{name: _plain(getattr(one, name)) for name in names} for one in found],
        }

    def _model(self) -> "ModelFile | None":
        from minute_candles.forecast import service
        from minute_candles.forecast.model_file import MODEL_FILE

        try:
            changed_at = (self._folder / MODEL_FILE).stat().st_mtime_ns
        except OSError:
            return None
        with self._lock:
            if changed_at != self._read_at:
                self._read_at, self._trained = changed_at, service.load(self._folder)
            return self._trained


def evaluation_json(one: "Evaluation") -> dict[str, Any]:
    """Return a target's evaluation with the names of the contract."""
    target = {"target": str(one.target.kind), "horizon": one.target.horizon, "shown": one.has_skill}
    numbers = {
        name: _plain(getattr(one, name)) for name in ("skill", "low", "high", "error", "baseline_error", "coverage")
    }
    return target | numbers | {"baseline": one.baseline, "cases": one.cases, "sessions": one.sessions}


def _plain(value: object) -> object:
    return round(float(value), 6) if isinstance(value, float) else str(value) if isinstance(value, str) else value
