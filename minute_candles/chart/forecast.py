"""`GET /api/forecast`: what is forecast of a symbol's next windows, and how far that beats a baseline.

The model file is read again when it changes; the day's 1-minute candles come from the table.
"""

from collections.abc import Mapping
from datetime import datetime, time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.candles import Candle

if TYPE_CHECKING:
    from minute_candles.forecast.evaluation import Evaluation
    from minute_candles.forecast.model_file import ModelFile

MOST_MINUTES = 500


class Reader(Protocol):
    """Where the day's candles come from (`storage.reader.CandleReader`)."""

    def candles(self, symbol: str, interval: int, first: datetime, last: datetime, limit: int) -> list[Candle]:
        """Return the newest stored candles of a range."""


class ForecastAnswers:
    """Answers as plain data, ready for JSON. Any thread may ask."""

    def __init__(
        self, reader: Reader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock, folder: Path
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
        from minute_candles.forecast.service import forecast_rows

        now = self._clock.now()
        session = self._session(now)
        rows = self._rows(symbol, session) if session else []
        found = forecast_rows(trained, session, {symbol: rows}, now) if session and rows else []
        names = ("target", "horizon", "low", "median", "high", "skill")
        made_at = found[0].made_at.isoformat() if found else None
        return {
            "made_at": made_at,
            "forecasts": [{name: _plain(getattr(one, name)) for name in names} for one in found],
        }

    def _session(self, now: datetime) -> Session | None:
        return self._calendar.session(now.date()) if self._calendar.is_trading_day(now.date()) else None

    def _rows(self, symbol: str, session: Session) -> list[Candle]:
        first, last = datetime.combine(session.day, time()), session.end.replace(tzinfo=None)
        return self._reader.candles(symbol, 1, first, last, MOST_MINUTES)

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
