"""Train on the stored table, evaluate on it, and forecast the running session.

A forecast is shown only where its evaluation on this very table has skill (`Evaluation.has_skill`); a direction that
has none is evaluated and never shown.
"""

import logging
import warnings
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minute_candles.core.errors import IncompleteWarning, MinuteDataError
from minute_candles.core.kst import KST
from minute_candles.forecast.evaluation import FIRST_JUDGED, NEEDED, Evaluation, Judged, evaluation_of, judge
from minute_candles.forecast.features import FIRST_MINUTE, STEP, TARGETS, Kind, Target, sums_of, usual_at
from minute_candles.forecast.model import Cases, cases_of, fit, matrix_of, predict
from minute_candles.forecast.model_file import MODEL_FILE, BadModelError, ModelFile, Trained, read, write
from minute_candles.forecast.panel import PAUSE, Panel, panel_of, panel_of_rows, whole

if TYPE_CHECKING:
    import pandas as pd

    from minute_candles.config.settings import Settings
    from minute_candles.core.clock import Clock
    from minute_candles.forecast.panel import Matrix
    from minute_candles.market.calendar import Session, TradingCalendar
    from minute_candles.market.candles import Candle

TRAINING_SESSIONS = 60
_log = logging.getLogger(__name__)


class TooFewDaysError(MinuteDataError):
    """The table holds too few whole sessions to learn from and to judge."""

    exit_code = 1

    def __init__(self, found: int) -> None:
        super().__init__(
            f"예측에는 온전히 확인된(COMPLETE) 거래일이 {NEEDED}일 이상 필요합니다 (지금 {found}일). "
            "먼저 채우세요: python fetch_minute_data.py"
        )


class Forecast(NamedTuple):
    """One forecast: volumes in shares, ranges in percent of the price; `low` to `high` is the 80 % band."""

    symbol: str
    made_at: datetime
    """The minute up to which candles were known, aware KST."""
    target: Kind
    horizon: int
    """Minutes; 0 = the rest of the day."""
    low: float
    median: float
    high: float
    skill: float
    """How much smaller the error was than the best baseline's on this table."""


def training_panel(
    symbols: Sequence[str], first: date, last: date, settings: "Settings", clock: "Clock", calendar: "TradingCalendar"
) -> Panel:
    """Read the whole, verified sessions from `first` to `last`. Raises `TooFewDaysError`, `MinuteDataError`."""
    from minute_candles.frames.api import read_candles

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteWarning)
        frame = read_candles(list(symbols), 1, first, last, settings=settings, clock=clock)
    frame = frame[frame["status"] == "COMPLETE"]
    return learnable(panel_of(frame, calendar))


def learnable(panel: Panel) -> Panel:
    """Return the rows that a model may learn from, sessions renumbered. Raises `TooFewDaysError`."""
    panel = panel.rows(whole(panel))
    kept, session = np.unique(panel.session, return_inverse=True)
    if len(kept) < NEEDED:
        raise TooFewDaysError(len(kept))
    return panel._replace(days=tuple(panel.days[at] for at in kept), session=session.astype(np.int64))


def evaluate(panel: Panel, targets: Sequence[Target] = TARGETS) -> dict[Target, tuple[Evaluation, Judged]]:
    """Walk forward over the panel's sessions, from the ninth on."""
    judged = {target: judge(target, cases_of(panel, target)) for target in targets}
    found = {target: (evaluation_of(target, errors), errors) for target, errors in judged.items()}
    return {target: (evaluation, errors) for target, (evaluation, errors) in found.items() if evaluation}


def train(panel: Panel, now: datetime) -> ModelFile:
    """Fit every target to all sessions of the panel, judge each by walking forward over its last third."""
    first = max(FIRST_JUDGED, len(panel.days) - max(len(panel.days) // 3, 2))
    found = {target: _trained(target, cases_of(panel, target), first) for target in TARGETS}
    targets = {target: trained for target, trained in found.items() if trained}
    return ModelFile(now.astimezone(KST), panel.days[0], panel.days[-1], len(panel.days), targets, _usual(panel))


def _trained(target: Target, cases: Cases, first: int) -> Trained | None:
    evaluation = evaluation_of(target, judge(target, cases, first))
    everything = np.ones(len(cases.value), dtype=bool)
    return Trained(fit(cases, everything), evaluation) if evaluation else None


def _usual(panel: Panel) -> dict[str, "Matrix"]:
    """Return what is usual of each symbol as the next session will see it: at each step of the session."""
    symbols = np.unique(panel.symbols)
    blank = np.full((len(symbols), panel.volume.shape[1]), np.nan)
    after = np.full(len(symbols), len(panel.days), dtype=np.int64)
    longest = np.full(len(symbols), panel.continuous.max(), dtype=np.int64)
    more = Panel(symbols, panel.days, after, longest, blank, blank, blank, blank, np.zeros(blank.shape))
    joined = [
        np.concatenate([ours, theirs]) for ours, theirs in zip(panel, more, strict=True) if ours is not panel.days
    ]
    both = Panel(joined[0], (*panel.days, date.max), *joined[1:])
    sums, minutes = sums_of(both), range(FIRST_MINUTE, int(panel.continuous.max()), STEP)
    values = np.stack([usual_at(both, sums, minute)[-len(symbols) :] for minute in minutes], axis=1)
    return {str(symbol): values[at] for at, symbol in enumerate(symbols)}


def retrain(symbols: Sequence[str], settings: "Settings", clock: "Clock", calendar: "TradingCalendar") -> ModelFile:
    """Train on the last sessions of the table and replace the model file. The old one stays until the new is whole."""
    last = calendar.last_closed(clock.now())
    first = last - timedelta(days=TRAINING_SESSIONS * 7 // 5 + 14)
    trained = train(training_panel(symbols, first, last, settings, clock, calendar), clock.now())
    write(settings.log_dir / MODEL_FILE, trained)
    return trained


def load(folder: Path) -> ModelFile | None:
    """Return the model file of a folder; a broken or foreign one is one warning and counts as none."""
    try:
        return read(folder / MODEL_FILE)
    except BadModelError as error:
        _log.warning("⚠️ 예측 모델 파일을 읽을 수 없어 다시 학습해야 합니다 (%s): %s", error, folder / MODEL_FILE)
        return None


def forecast_rows(
    trained: ModelFile, session: "Session", rows: Mapping[str, Sequence["Candle"]], now: datetime
) -> list[Forecast]:
    """Forecast the next windows of the running session from its 1-minute candles so far, by symbol.

    Nothing before a quarter of an hour has traded, nor when the last window no longer fits; only targets with skill.
    """
    opened = session.open_label
    minute = int((min(now, session.close) - session.open).total_seconds()) // 60
    length = int((session.close - session.open).total_seconds()) // 60 - PAUSE
    if not FIRST_MINUTE <= minute <= length - STEP:
        return []
    flat = {
        (session.day, symbol): [
            (int((one.timestamp - opened).total_seconds()) // 60, one.open, one.high, one.low, one.close, one.volume)
            for one in candles
        ]
        for symbol, candles in rows.items()
    }
    panel = panel_of_rows(flat, {session.day: length})
    made_at = session.open + timedelta(minutes=minute)
    return _forecasts(trained, panel, minute, length, made_at)


def _forecasts(trained: ModelFile, panel: Panel, minute: int, length: int, made_at: datetime) -> list[Forecast]:
    features = matrix_of(panel, sums_of(panel), minute, _remembered(trained, panel, minute))
    found = []
    for target, (model, evaluation) in trained.targets.items():
        if not evaluation.has_skill or target.kind is Kind.DIRECTION or minute + target.horizon > length:
            continue
        bands = shown(target.kind, predict(model, features, np.full(len(features), minute)))
        for symbol, (low, median, high) in zip(panel.symbols, bands, strict=True):
            found.append(
                Forecast(str(symbol), made_at, target.kind, target.horizon, low, median, high, evaluation.skill)
            )
    return sorted(found, key=lambda one: (one.symbol, one.target, one.horizon or 999))


def _remembered(trained: ModelFile, panel: Panel, minute: int) -> "Matrix":
    """Return what is usual at the last remembered step up to this minute."""
    blank = np.full(3, np.nan)
    step = (minute - FIRST_MINUTE) // STEP
    known = (trained.usual.get(str(symbol)) for symbol in panel.symbols)
    return np.array([blank if one is None or step >= len(one) else one[step] for one in known]).reshape(-1, 3)


def shown(kind: Kind, logs: "Matrix") -> "Matrix":
    """Return the values people read: shares, or percent of the price."""
    values = np.exp(logs) - 1 if kind is Kind.VOLUME else (np.exp(logs) - 5) / 100
    return np.maximum(values, 0.0)


def forecast_frame(forecasts: Sequence[Forecast]) -> "pd.DataFrame":
    """Return forecasts as a frame with the columns of `Forecast`."""
    import pandas as pd

    return pd.DataFrame(forecasts, columns=list(Forecast._fields))
