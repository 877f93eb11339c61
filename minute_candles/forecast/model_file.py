"""The trained models as JSON: numbers that are checked when they are read, and nothing that could run.

    {"format": "minute-candles-forecast", "version": 1, "trained_at": "2026-11-30T16:05:00+09:00",
     "first": "2026-10-30", "last": "2026-11-30", "sessions": 22,
     "targets": {"volume_15": {"center": […], "scale": […], "coefficients": […], "times": […],
                               "residuals": [[…], […], […]], "evaluation": {…}}},
     "usual": {"005930": [[…], …]}}

`usual`: per symbol one row a minute (FIRST_MINUTE, FIRST_MINUTE + STEP, …), three columns as in `features.USUAL`.
"""

import json
import math
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minute_candles.core import files
from minute_candles.forecast.evaluation import Evaluation
from minute_candles.forecast.features import TARGETS, Target
from minute_candles.forecast.model import Model

if TYPE_CHECKING:
    from minute_candles.forecast.panel import Matrix

MODEL_FILE = "forecast_model.json"
FORMAT, VERSION = "minute-candles-forecast", 1
MOST_BYTES = 64 * 1024 * 1024
_NAMES = {target.name: target for target in TARGETS}


class BadModelError(ValueError):
    """The file is not a model of ours: it is retrained."""


class Trained(NamedTuple):
    """A fitted target and how good it was."""

    model: Model
    evaluation: Evaluation


class ModelFile(NamedTuple):
    """Everything a forecast needs besides today's candles."""

    trained_at: datetime
    """Aware KST."""
    first: date
    last: date
    """The sessions it learnt from."""
    sessions: int
    targets: dict[Target, Trained]
    usual: dict[str, "Matrix"]


def write(path: Path, content: ModelFile) -> None:
    """Replace the model file, whole or not at all. Raises `OSError`."""
    text = json.dumps(
        {
            "format": FORMAT,
            "version": VERSION,
            "trained_at": content.trained_at.isoformat(),
            "first": content.first.isoformat(),
            "last": content.last.isoformat(),
            "sessions": content.sessions,
            "targets": {target.name: _target_json(trained) for target, trained in content.targets.items()},
            "usual": {symbol: _numbers(values) for symbol, values in content.usual.items()},
        },
        allow_nan=False,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    files.atomic_write(path, text)


def _target_json(trained: Trained) -> dict[str, Any]:
    arrays = {name: _numbers(value) for name, value in trained.model._asdict().items()}
    evaluation = {name: value for name, value in trained.evaluation._asdict().items() if name != "target"}
    return {**arrays, "evaluation": evaluation}


def _numbers(values: "Matrix") -> list[object]:
    """Return nested lists of rounded numbers; NaN becomes null."""
    return [
        _numbers(value) if isinstance(value, np.ndarray) else (round(float(value), 8) if math.isfinite(value) else None)
        for value in values
    ]


def read(path: Path) -> ModelFile | None:
    """Return the model file, None where there is none. Raises `BadModelError` for one that is not ours or broken."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise BadModelError("too large")
        content = json.loads(path.read_text(encoding="utf-8"))
        return _checked(content)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise BadModelError(str(error)) from error


def _checked(content: dict[str, Any]) -> ModelFile:
    if content["format"] != FORMAT or content["version"] != VERSION:
        raise BadModelError("another format")
    targets = {_NAMES[name]: _trained(_NAMES[name], value) for name, value in content["targets"].items()}
    usual = {str(symbol): _array(rows, 2, missing=True) for symbol, rows in content["usual"].items()}
    if any(rows.shape[1] != 3 for rows in usual.values()):
        raise BadModelError("usual values have three columns")
    trained_at = datetime.fromisoformat(content["trained_at"])
    if trained_at.tzinfo is None:
        raise BadModelError("a moment without zone")
    days = [date.fromisoformat(content[name]) for name in ("first", "last")]
    return ModelFile(trained_at, days[0], days[1], int(content["sessions"]), targets, usual)


def _trained(target: Target, value: dict[str, Any]) -> Trained:
    center, scale, coefficients, times = (_array(value[name], 1) for name in Model._fields[:4])
    model = Model(center, scale, coefficients, times, _array(value["residuals"], 2))
    if len({len(model.center), len(model.scale), len(model.coefficients)}) != 1 or model.residuals.shape != (3, 3):
        raise BadModelError("arrays of different lengths")
    if not (model.scale > 0).all() or not len(model.times):
        raise BadModelError("a scale that is not positive")
    return Trained(model, Evaluation(target, **value["evaluation"]))


def _array(values: object, dimensions: int, *, missing: bool = False) -> "Matrix":
    array = np.array(values, dtype=np.float64)
    if array.ndim != dimensions or not (missing or np.isfinite(array).all()):
        raise BadModelError("numbers are missing")
    return array
