"""Error by minute of the session, the model next to the best baseline, as a picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.forecast.evaluation import Evaluation, Judged
from minute_candles.forecast.features import BASELINES, Kind, Target


def write_plot(path: Path, evaluated: Mapping[Target, tuple[Evaluation, Judged]]) -> None:
    """Draw one panel a target, but for the direction. Raises `ConfigError` where the file cannot be written."""
    figures = extra("matplotlib.figure", "예측의 그림")
    shown = {target: found for target, found in evaluated.items() if target.kind is not Kind.DIRECTION}
    figure = figures.Figure(figsize=(11, 3 * len(shown) / 2 + 1), layout="constrained")
    axes = figure.subplots((len(shown) + 1) // 2, 2, squeeze=False).flat
    for axis, (target, (evaluation, judged)) in zip(axes, shown.items(), strict=False):
        minutes = np.unique(judged.minute)
        best = judged.baselines[:, BASELINES.index(evaluation.baseline)]
        for errors, label in ((judged.model, "model"), (best, evaluation.baseline)):
            axis.plot(minutes, [errors[judged.minute == minute].mean() for minute in minutes], label=label)
        axis.set(title=target.name, xlabel="minutes after the open", ylabel="mean absolute log error")
        axis.legend()
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"그림을 쓸 수 없습니다 ({error}): {path}") from error
