"""Measure the forecast: seconds and memory to train on 97 symbols x 60 sessions and to forecast all 97.

Ridge is compared with boosting, too.
Boosting is compared on the captured days of ../shared/data, where they are at hand.
"""

import os
import resource
import subprocess
import sys
import time
from datetime import date, datetime, timedelta

import numpy as np
from harness import ROOT, Line, keep, load, quick, spread, timed

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parent.parent / "tests"))

from forecast.test_forecast import CAPTURED, LENGTH, RANGE, VOLUME, market

from minute_candles.core.kst import KST
from minute_candles.forecast import service
from minute_candles.forecast.background import NICE
from minute_candles.forecast.evaluation import FIRST_JUDGED
from minute_candles.forecast.model import Cases, cases_of
from minute_candles.forecast.panel import panel_of_rows
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle

NOW = datetime(2026, 11, 30, 16, tzinfo=KST)


def captured() -> dict[object, Cases]:
    from real_days import load as load_days

    calendar, rows, lengths = TradingCalendar(), {}, {}
    for day, symbols in load_days().items():
        opened = calendar.session(day).open_label
        lengths[day] = LENGTH
        for symbol, real in symbols.items():
            rows[day, symbol] = [
                (int((r.minute - opened).total_seconds()) // 60, *map(float, r[1:6])) for r in real.rows
            ]
    panel = service.learnable(panel_of_rows(rows, lengths))
    return {target: cases_of(panel, target) for target in (VOLUME, RANGE)}


def boosting_error(cases: Cases) -> float:
    """Mean absolute log error of gradient boosting on the absolute error, walked forward as the ridge is."""
    from sklearn.ensemble import HistGradientBoostingRegressor

    errors = []
    for session in np.unique(cases.session[cases.session >= FIRST_JUDGED]):
        train, test = cases.session < session, cases.session == session
        features = np.column_stack([cases.features, cases.minute])
        model = HistGradientBoostingRegressor(loss="absolute_error", max_iter=100, min_samples_leaf=60, random_state=0)
        model.fit(features[train], cases.value[train] - cases.baselines[train, 0])
        errors.append(np.abs(model.predict(features[test]) + cases.baselines[test, 0] - cases.value[test]))
    return float(np.concatenate(errors).mean())


def running_session(symbols: int) -> dict[str, list[Candle]]:
    opened = datetime(2026, 11, 30, 9)
    minutes = [opened + timedelta(minutes=n) for n in range(200)]
    return {
        f"{n:06}": [Candle(m, 50_000, 50_100, 49_900, 50_000, 500, None, None) for m in minutes] for n in range(symbols)
    }


def round_work() -> float:
    """Seconds of what a round computes for 97 symbols: a day's windows of each."""
    from bench_aggregate import SESSION, minutes

    from minute_candles.market.windows import aggregate

    day = minutes(SESSION)
    return timed(lambda: [aggregate(day, interval) for _ in range(97) for interval in (5, 15)])


def rounds_during_training() -> tuple[list[float], list[float]]:
    """Milliseconds of a round's work alone, and while a training runs at low priority as the updater starts it."""
    alone = [round_work() * 1000 for _ in range(9)]
    code = (
        "import sys; sys.path[:0] = ['.', 'tests']\n"
        "from forecast.test_forecast import NOW, market\nfrom minute_candles.forecast import service\n"
        "while True: service.train(market(days=12, symbols=97), NOW)"
    )
    command = ["nice", "-n", str(NICE), sys.executable, "-c", code]
    process = subprocess.Popen(
        command, cwd=ROOT, env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    )
    time.sleep(8)
    beside = [round_work() * 1000 for _ in range(9)]
    process.kill()
    process.wait()
    return alone, beside


def main() -> None:
    began = load()
    days = 12 if quick() else 60
    panel = market(days=days, symbols=97)
    seconds = timed(lambda: service.train(panel, NOW))
    trained = service.train(panel, NOW)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    session, rows = TradingCalendar().session(date(2026, 11, 30)), running_session(97)
    moment = session.open + timedelta(minutes=200)
    now = [timed(lambda: service.forecast_rows(trained, session, rows, moment)) * 1000 for _ in range(9)]
    lines = [
        Line(f"97종목 × {days}거래일 학습 (초)", f"{seconds:.1f}", "≤ 60", seconds <= 60),
        Line("학습의 메모리 (MB)", f"{peak:.0f}", "≤ 600", peak <= 600),
        Line("97종목 예측 (ms)", str(spread(now)), "≤ 200", spread(now).median <= 200),
    ]
    alone, beside = rounds_during_training()
    lines.append(Line("한 라운드의 계산 97종목 (ms)", str(spread(alone))))
    later = spread(beside).median - spread(alone).median
    lines.append(Line("학습이 도는 동안 더 걸린 시간 (ms)", f"{later:.1f}"))
    if CAPTURED.exists() and not quick():
        cases = captured()
        for target, name in ((VOLUME, "거래량 15분"), (RANGE, "고저폭 15분")):
            ridge = float(service.judge(target, cases[target]).model.mean())
            lines.append(
                Line(f"{name}: 그래디언트 부스팅 ÷ 능형 회귀의 오차", f"{boosting_error(cases[target]) / ridge:.3f}")
            )
    keep("forecast", "예측", lines, began_at_load=began)


if __name__ == "__main__":
    main()
