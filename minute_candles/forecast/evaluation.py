"""Walk forward over the sessions, and compare a model with the best baseline on the same cases. Pure.

Each session is forecast by a model fitted to the sessions before it. Skill = 1 − error ÷ error of the best baseline;
its 95 % interval comes from resampling whole sessions, since the cases of one session are not independent.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from minute_candles.forecast.features import BASELINES, Kind, Target
from minute_candles.forecast.model import Cases, fit, predict

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minute_candles.forecast.panel import Matrix

FIRST_JUDGED = 8
"""Sessions that are learnt from before the first one is judged."""
NEEDED = FIRST_JUDGED + 2
BLOCK, LONG = 5, 12
"""Sessions one model serves, where more than `LONG` are judged."""
SEED, SAMPLES = 20261130, 2000


class Evaluation(NamedTuple):
    """How good a target's forecasts were."""

    target: Target
    cases: int
    sessions: int
    error: float
    """Mean absolute error of the log; the Brier score of a direction."""
    baseline: str
    """The best of `BASELINES` on these cases."""
    baseline_error: float
    skill: float
    low: float
    high: float
    """The 95 % interval of the skill."""
    coverage: float
    """Share of cases inside the 80 % band."""

    @property
    def has_skill(self) -> bool:
        """Whether the interval lies above zero: only then is a forecast shown."""
        return self.low > 0


class Judged(NamedTuple):
    """Errors of each case of an evaluation."""

    minute: "NDArray[np.int64]"
    session: "NDArray[np.int64]"
    model: "Matrix"
    baselines: "Matrix"
    inside: "NDArray[np.bool_]"


def judge(target: Target, cases: Cases, first: int = FIRST_JUDGED) -> Judged:
    """Forecast the sessions from position `first` on by models of the sessions before them, and measure each case.

    A model serves `BLOCK` sessions of a long range, one of a short range.
    """
    last = int(cases.session.max(initial=-1))
    block = BLOCK if last + 1 - first > LONG else 1
    starts = [start for start in range(first, last + 1, block) if (cases.session < start).any()]
    parts = [_judged_block(target, cases, start, start + block) for start in starts]
    if not parts:
        none, number = np.empty(0, dtype=np.int64), np.empty(0)
        return Judged(none, none, number, np.empty((0, len(BASELINES))), none.astype(bool))
    return Judged(*(np.concatenate([part[at] for part in parts]) for at in range(len(Judged._fields))))


def _judged_block(target: Target, cases: Cases, start: int, end: int) -> Judged:
    earlier, here = cases.session < start, (cases.session >= start) & (cases.session < end)
    model = fit(cases, earlier)
    value, minute = cases.value[here], cases.minute[here]
    quantiles = predict(model, cases.features[here], minute)
    inside = (quantiles[:, 0] <= value) & (value <= quantiles[:, 2])
    point, baselines = quantiles[:, 1], cases.baselines[here]
    if target.kind is Kind.DIRECTION:
        point = np.clip(quantiles.mean(axis=1) - model.residuals.mean(), 0, 1)
        baselines = np.full(baselines.shape, cases.value[earlier].mean())
    return Judged(minute, cases.session[here], _errors(target, point, value), _errors(target, baselines, value), inside)


def _errors(target: Target, forecast: "Matrix", value: "Matrix") -> "Matrix":
    difference = forecast - (value if forecast.ndim == 1 else value[:, None])
    return np.asarray(difference**2 if target.kind is Kind.DIRECTION else np.abs(difference))


def evaluation_of(target: Target, judged: Judged) -> Evaluation | None:
    """Sum up what was judged; None where fewer than two sessions had a case.

    A price that never moves has no direction, so its target has no case.
    """
    if len(np.unique(judged.session)) < 2:
        return None
    best = int(judged.baselines.mean(axis=0).argmin())
    baseline = judged.baselines[:, best]
    low, high = _interval(judged.session, judged.model, baseline)
    error, reference = float(judged.model.mean()), float(baseline.mean())
    skill = 1 - error / reference if reference else 0.0
    sessions, cases = len(np.unique(judged.session)), len(judged.model)
    inside = float(judged.inside.mean())
    return Evaluation(target, cases, sessions, error, BASELINES[best], reference, skill, low, high, inside)


def _interval(session: "NDArray[np.int64]", model: "Matrix", baseline: "Matrix") -> tuple[float, float]:
    """Return the 95 % interval of the skill by resampling sessions, with a fixed seed."""
    _, code = np.unique(session, return_inverse=True)
    ours, theirs = np.bincount(code, model), np.bincount(code, baseline)
    picks = np.random.default_rng(SEED).integers(len(ours), size=(SAMPLES, len(ours)))
    skills = 1 - ours[picks].sum(axis=1) / np.maximum(theirs[picks].sum(axis=1), 1e-12)
    low, high = np.quantile(skills, (0.025, 0.975))
    return float(low), float(high)
