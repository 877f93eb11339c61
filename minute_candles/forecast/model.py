"""Ridge regression on logs, one model a target: coefficients as data, so that a model file cannot run code.

`benchmarks/bench_forecast.py` measures it against scikit-learn's gradient boosting. The band is what the training
residuals were between their 10 % and 90 % quantiles, by third of the session.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minute_candles.forecast.features import (
    FIRST_MINUTE,
    STEP,
    TARGETS,
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

    features: "Matrix"
    """Shape (cases, features)."""
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


def cases_of(panel: "Panel", targets: Sequence[Target] = TARGETS) -> dict[Target, Cases]:
    """Return every situation of whole days in which each target is known afterwards."""
    sums = sums_of(panel)
    last = int(panel.continuous.max(initial=0))
    minutes = sorted({minute for target in targets for minute in minutes_of(target, last)})
    features = {minute: matrix_of(panel, sums, minute, usual_at(panel, sums, minute)) for minute in minutes}
    return {
        target: _joined(
            [_cases_at(panel, sums, target, minute, features[minute]) for minute in minutes_of(target, last)]
        )
        for target in targets
    }


def matrix_of(panel: "Panel", sums: Sums, minute: int, usual: "Matrix") -> "Matrix":
    """Return the features of every row at a minute, shape (rows, features)."""
    return np.column_stack(list(features_of(panel, sums, minute, usual).values()))


def _cases_at(panel: "Panel", sums: Sums, target: Target, minute: int, features: "Matrix") -> Cases:
    value = target_of(panel, sums, target, minute)
    baselines = baselines_of(panel, sums, target, minute)
    baselines = np.where(np.isfinite(baselines), baselines, baselines[:, :1])
    row = np.flatnonzero(np.isfinite(value) & np.isfinite(sums.price[:, minute]))
    at = np.full(len(row), minute)
    return Cases(features[row], at, panel.session[row], row, value[row], baselines[row])


def _joined(parts: Sequence[Cases]) -> Cases:
    return Cases(*(np.concatenate([part[at] for part in parts]) for at in range(len(Cases._fields))))


def fit(cases: Cases, chosen: "NDArray[np.bool_]") -> Model:
    """Fit one target to the chosen cases. A feature that a case lacks counts as its mean."""
    features, minute, value = cases.features[chosen], cases.minute[chosen], cases.value[chosen]
    finite = np.isfinite(features)
    count = np.maximum(finite.sum(axis=0), 1)
    center = np.where(finite, features, 0.0).sum(axis=0) / count
    scale = np.sqrt(np.where(finite, (features - center) ** 2, 0.0).sum(axis=0) / count)
    scale[scale < 1e-6] = 1.0  # a feature that never changes
    slots = int((minute.max() - FIRST_MINUTE) // STEP) + 1
    design = _design(features, center, scale, minute, slots)
    penalty = np.full(design.shape[1], PENALTY)
    weights = np.linalg.solve(design.T @ design + np.diag(penalty), design.T @ (value - value.mean()))
    predicted = design @ weights + value.mean()
    names = features.shape[1]
    times = weights[names:] + value.mean()
    return Model(center, scale, weights[:names], times, _quantiles(value - predicted, minute))


def _design(features: "Matrix", center: "Matrix", scale: "Matrix", minute: "NDArray[np.int64]", slots: int) -> "Matrix":
    standard = np.where(np.isfinite(features), (features - center) / scale, 0.0)
    slot = np.clip((minute - FIRST_MINUTE) // STEP, 0, slots - 1)
    return np.concatenate([standard, np.eye(slots)[slot]], axis=1)


def _third(minute: "NDArray[np.int64]") -> "NDArray[np.int64]":
    return np.searchsorted(np.array(THIRDS), minute, side="right")


def _quantiles(residuals: "Matrix", minute: "NDArray[np.int64]") -> "Matrix":
    third = _third(minute)
    parts = [residuals[third == at] if (third == at).any() else residuals for at in range(len(THIRDS) + 1)]
    return np.array([np.quantile(part, QUANTILES) for part in parts])


def predict(model: Model, features: "Matrix", minute: "NDArray[np.int64]") -> "Matrix":
    """Return the 10 %, 50 % and 90 % quantiles of each case, shape (cases, 3), in the target's logs."""
    design = _design(features, model.center, model.scale, minute, len(model.times))
    point = design @ np.concatenate([model.coefficients, model.times])
    return np.asarray(point[:, None] + model.residuals[_third(minute)])
