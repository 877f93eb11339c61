"""The tables of `forecast_candles.py` in Korean."""

from collections.abc import Iterable, Mapping, Sequence

from minute_candles.console import console
from minute_candles.forecast.evaluation import Evaluation
from minute_candles.forecast.features import Kind
from minute_candles.forecast.model_file import ModelFile
from minute_candles.forecast.service import Forecast

KINDS = {Kind.VOLUME: "거래량", Kind.RANGE: "고저폭", Kind.DIRECTION: "방향"}
BASELINES = {"last window": "직전 구간", "usual of this minute": "평소 이 시각", "profile x today": "평소 × 오늘"}
NO_SKILL = "기준선보다 낫지 않음"


def horizon_text(horizon: int) -> str:
    """Return a horizon in Korean."""
    return f"다음 {horizon}분" if horizon else "오늘 남은 시간"


def evaluation_table(evaluations: Iterable[Evaluation]) -> str:
    """Return one line a target: errors, skill with its 95 % interval, coverage of the 80 % band, cases, a verdict."""
    headers = [
        "대상",
        "구간",
        "오차",
        "기준선 오차",
        "기준선",
        "나은 정도",
        "95% 구간",
        "80% 띠에 든 비율",
        "경우",
        "판단",
    ]
    return console.table(headers, [_line(one) for one in evaluations])


def _line(one: Evaluation) -> list[object]:
    target = one.target
    baseline = "어느 쪽도 아님" if target.kind is Kind.DIRECTION else BASELINES[one.baseline]
    verdict = f"기준선보다 {one.skill:.0%} 정확" if one.has_skill else NO_SKILL
    interval = f"{one.low:+.1%} ~ {one.high:+.1%}"
    coverage = "-" if target.kind is Kind.DIRECTION else f"{one.coverage:.1%}"
    names = [KINDS[target.kind], horizon_text(target.horizon)]
    numbers = [f"{one.error:.3f}", f"{one.baseline_error:.3f}", baseline, f"{one.skill:+.1%}", interval, coverage]
    return [*names, *numbers, console.number(one.cases), verdict]


def forecast_table(forecasts: Sequence[Forecast], names: Mapping[str, str]) -> str:
    """Return the next windows: the band from 10 % to 90 %, volumes in shares, ranges in percent of the price."""
    headers = ["종목", "이름", "대상", "구간", "10%", "가운데", "90%", "기준선보다"]
    lines = []
    for one in forecasts:
        values = [_value(one, value) for value in (one.low, one.median, one.high)]
        where = [one.symbol, names.get(one.symbol, ""), KINDS[one.target], horizon_text(one.horizon)]
        lines.append([*where, *values, f"{one.skill:.0%} 정확"])
    return console.table(headers, lines)


def _value(one: Forecast, value: float) -> str:
    return f"{console.number(round(value))}주" if one.target is Kind.VOLUME else f"{value:.2f}%"


def summary(trained: ModelFile) -> str:
    """Return what the model learnt from and what of it is shown."""
    shown = [target for target, one in trained.targets.items() if one.evaluation.has_skill]
    shown = [target for target in shown if target.kind is not Kind.DIRECTION]
    what = ", ".join(f"{KINDS[target.kind]} {horizon_text(target.horizon)}" for target in shown) or "없음"
    return f"학습: {trained.first} ~ {trained.last} ({trained.sessions}거래일) · 보이는 예측: {what}"
