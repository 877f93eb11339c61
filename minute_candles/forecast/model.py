"""Ridge regression on logs, one model a target: coefficients as data, so that a model file cannot run code.

`benchmarks/bench_forecast.py` measures it against scikit-learn's gradient boosting. The band lies between the 10 % and
90 % quantiles of the training residuals, by third of the session.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minute_candles.forecast.features import (
    FIRST_MINUTE,
    STEP,
    Sums,
    Target,
    baselines_of,
    features_of,
    sums_of,
    target_of,
    usual_at,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minute_candles.forecast.panel import Matrix, Panel

PENALTY = 3.0
QUANTILES = (0.1, 0.5, 0.9)
THIRDS = (130, 255)
"""Minutes of the session at which its second and its last third begin."""


class Cases(NamedTuple):
    """Forecast situations of a panel for one target; every array has one entry a case."""

    features: "NDArray[np.float32]"
    """Shape (cases, features); half the memory of a year's cases."""
    minute: "NDArray[np.int64]"
    session: "NDArray[np.int64]"
    row: "NDArray[np.int64]"
    """The panel's row."""
    value: "Matrix"
    """What the target became."""
    baselines: "Matrix"
    """Shape (cases, 3); a baseline that does not exist is the last window."""


class Model(NamedTuple):
    """A fitted target. Every array is one-dimensional but `residuals`: (3 thirds, 3 quantiles)."""

    center: "Matrix"
    scale: "Matrix"
    coefficients: "Matrix"
    times: "Matrix"
    """The intercept of each minute FIRST_MINUTE, FIRST_MINUTE + STEP, …"""
    residuals: "Matrix"


def minutes_of(target: Target, last: int) -> range:
    """Return the minutes at which a target is forecast, up to `last` minutes of continuous trading."""
    step = target.horizon or 15
    return range(FIRST_MINUTE, last - max(target.horizon, 15) + 1, max(step, STEP))


def cases_of(panel: "Panel", target: Target) -> Cases:
    """Return every situation of whole days in which the target is known afterwards, ordered by minute."""
    sums = sums_of(panel)
    minutes = minutes_of(target, int(panel.continuous.max(initial=0)))
    return _joined([_cases_at(panel, sums, target, minute) for minute in minutes])


def matrix_of(panel: "Panel", sums: Sums, minute: int, usual: "Matrix") -> "Matrix":
    """Return the features of every row at a minute, shape (rows, features)."""
    return np.column_stack(list(features_of(panel, sums, minute, usual).values()))


def _cases_at(panel: "Panel", sums: Sums, target: Target, minute: int) -> Cases:
    value = target_of(panel, sums, target, minute)
    baselines = baselines_of(panel, sums, target, minute)
    baselines = np.where(np.isfinite(baselines), baselines, baselines[:, :1])
    row = np.flatnonzero(np.isfinite(value) & np.isfinite(sums.price[:, minute]))
    features = matrix_of(panel, sums, minute, usual_at(panel, sums, minute)).astype(np.float32)
    return Cases(features[row], np.full(len(row), minute), panel.session[row], row, value[row], baselines[row])


def _joined(parts: Sequence[Cases]) -> Cases:
    return Cases(*(np.concatenate([part[at] for part in parts]) for at in range(len(Cases._fields))))


def fit(cases: Cases, chosen: "NDArray[np.bool_]") -> Model:
    """Fit one target to the chosen cases. A feature that a case lacks counts as its mean.

    Each minute of the session has an intercept of its own: features and values are centred by minute first.
    """
    minute, value = cases.minute[chosen], cases.value[chosen]
    standard = cases.features[chosen].astype(np.float64)
    center, scale = _moments(standard)
    _standardise(standard, center, scale)
    slot = (minute - FIRST_MINUTE) // STEP
    slots = int(slot.max()) + 1
    usual, level = _means(standard, slot, slots), _means(value[:, None], slot, slots)[:, 0]
    _subtract(standard, usual, slot)
    square = standard.T @ standard + PENALTY * np.eye(standard.shape[1])
    weights = np.asarray(np.linalg.solve(square, standard.T @ (value - level[slot])), dtype=np.float64)
    residuals = _quantiles(value - level[slot] - standard @ weights, minute)
    return Model(center, scale, weights, level - usual @ weights, residuals)


def _moments(features: "Matrix") -> tuple["Matrix", "Matrix"]:
    """Return mean and standard deviation of the finite values of each column."""
    finite = np.isfinite(features)
    count = np.maximum(finite.sum(axis=0), 1)
    center = np.where(finite, features, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(finite, (features - center) ** 2, 0.0).sum(axis=0) / count)
    scale[scale < 1e-6] = 1.0  # a feature that never changes
    return center, scale


def _standardise(features: "Matrix", center: "Matrix", scale: "Matrix") -> None:
    features -= center
    features /= scale
    np.nan_to_num(features, copy=False, nan=0.0, posinf=0.0, neginf=0.0)


def _means(values: "Matrix", slot: "NDArray[np.int64]", slots: int) -> "Matrix":
    """Return the mean of each column by slot, the overall mean where a slot has no case: shape (slots, columns)."""
    count = np.bincount(slot, minlength=slots)
    total = np.column_stack([np.bincount(slot, column, minlength=slots) for column in values.T])
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], values.mean(axis=0))


def _subtract(values: "Matrix", means: "Matrix", slot: "NDArray[np.int64]") -> None:
    for at in np.unique(slot):
        values[slot == at] -= means[at]


def _third(minute: "NDArray[np.int64]") -> "NDArray[np.int64]":
    return np.searchsorted(np.array(THIRDS), minute, side="right")


def _quantiles(residuals: "Matrix", minute: "NDArray[np.int64]") -> "Matrix":
    third = _third(minute)
    parts = [residuals[third == at] if (third == at).any() else residuals for at in range(len(THIRDS) + 1)]
    return np.array([np.quantile(part, QUANTILES) for part in parts])


def predict(model: Model, features: "Matrix | NDArray[np.float32]", minute: "NDArray[np.int64]") -> "Matrix":
    """Return the 10 %, 50 % and 90 % quantiles of each case, shape (cases, 3), in the target's logs."""
    standard = features.astype(np.float32).astype(np.float64)
    _standardise(standard, model.center, model.scale)
    slot = np.clip((minute - FIRST_MINUTE) // STEP, 0, len(model.times) - 1)
    point = standard @ model.coefficients + model.times[slot]
    return np.asarray(point[:, None] + model.residuals[_third(minute)])
