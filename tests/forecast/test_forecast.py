"""The forecast: nothing of the future, skill only where there is some, models as checked data."""

import json
import logging
import sys
from datetime import date, datetime, timedelta
from functools import cache

import numpy as np
import pytest
from places import SHARED

from minute_candles.core.kst import KST
from minute_candles.forecast import service
from minute_candles.forecast.background import BackgroundTraining
from minute_candles.forecast.evaluation import FIRST_JUDGED, NEEDED
from minute_candles.forecast.features import TARGETS, Kind, Target, sums_of, usual_at
from minute_candles.forecast.model import cases_of, matrix_of, predict
from minute_candles.forecast.model_file import MODEL_FILE, BadModelError, ModelFile, read, write
from minute_candles.forecast.panel import WIDTH, Panel, panel_of_rows
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle

CAPTURED = SHARED / "data" / "kis_minutes_2025-10-31_2025-11-28.csv.gz"
VOLUME, RANGE, DIRECTION = Target(Kind.VOLUME, 15), Target(Kind.RANGE, 15), Target(Kind.DIRECTION, 15)
LENGTH, SESSIONS = 380, 12
NOW = datetime(2026, 11, 30, 16, tzinfo=KST)


@cache
def trained_model() -> ModelFile:
    return service.train(market(days=SESSIONS, symbols=4), NOW)


def with_skill(model: ModelFile, low: float) -> ModelFile:
    """Return the model with this lower end of each target's interval: shown where it is above zero."""
    targets = {name: one._replace(evaluation=one.evaluation._replace(low=low)) for name, one in model.targets.items()}
    return model._replace(targets=targets)


@cache
def market(*, days: int = 14, symbols: int = 12) -> Panel:
    """Return a made-up market whose volume follows the symbol's level, the minute and the last half hour."""
    dice = np.random.default_rng(7)
    rows, shape = days * symbols, (days * symbols, LENGTH)
    quarter = np.arange(LENGTH) // 15
    level = np.tile(dice.normal(6, 1, symbols), days)[:, None]
    wave = np.cumsum(dice.normal(0, 0.4, (rows, quarter.max() + 1)), axis=1) * 0.5
    daily = 1.2 * np.cos(np.arange(LENGTH) / LENGTH * 2 * np.pi)
    mean = level + daily + wave[:, quarter]
    volume = np.floor(np.exp(mean + dice.normal(0, 0.3, shape)))
    price = 50_000 * np.exp(np.cumsum(dice.normal(0, 4e-4, shape), axis=1))
    width = np.abs(dice.normal(0, 5e-4, shape)) * price
    wide = [np.full((rows, WIDTH), np.nan) for _ in range(4)] + [np.zeros((rows, WIDTH))]
    for matrix, values in zip(wide, (price, price + width, price - width, price, volume), strict=True):
        matrix[:, :LENGTH] = values
    dates = tuple(date(2026, 11, 1) + timedelta(days=n) for n in range(days))
    names = np.tile([f"{n:06}" for n in range(symbols)], days)
    return Panel(names, dates, np.repeat(np.arange(days), symbols), np.full(rows, LENGTH), *wide)


def features_at(panel: Panel, minute: int) -> np.ndarray:
    sums = sums_of(panel)
    return matrix_of(panel, sums, minute, usual_at(panel, sums, minute))


@pytest.mark.parametrize("minute", [15, 350])
def test_a_shuffled_future_gives_the_same_forecast_to_the_bit(minute: int) -> None:
    panel = market()
    last, future = panel.session == len(panel.days) - 2, panel.session == len(panel.days) - 1
    names, dice = ("open", "high", "low", "close", "volume"), np.random.default_rng(1)
    changed = panel._replace(**{name: getattr(panel, name).copy() for name in names})
    for matrix in (getattr(changed, name) for name in names):
        matrix[last, minute:] = dice.permuted(matrix[last, minute:], axis=1) * 3
        matrix[future] = dice.permuted(matrix[future], axis=0)
    before, after = features_at(panel, minute)[last], features_at(changed, minute)[last]
    assert np.array_equal(before, after, equal_nan=True)
    model, at = trained_model().targets[VOLUME].model, np.full(len(before), minute)
    assert np.array_equal(predict(model, before, at), predict(model, after, at))


def test_a_planted_pattern_is_found_and_its_band_holds_shuffled_returns_have_no_direction() -> None:
    found = service.evaluate(market(days=16), [VOLUME, DIRECTION])
    evaluation, judged = found[VOLUME]
    assert evaluation.has_skill and evaluation.skill > 0.1 and 0.76 <= evaluation.coverage <= 0.84
    assert judged.session.min() == FIRST_JUDGED
    assert not found[DIRECTION][0].has_skill and not trained_model().targets[DIRECTION].evaluation.has_skill


def test_too_few_days_are_refused_and_a_symbol_without_history_is_forecast_all_the_same() -> None:
    with pytest.raises(service.TooFewDaysError, match=rf"{NEEDED}일 이상 .*지금 3일") as caught:
        service.learnable(market(days=3))
    assert caught.value.exit_code == 1
    unknown = market()._replace(symbols=np.array([f"X{n:05}" for n in range(len(market().symbols))]))
    assert np.isfinite(cases_of(unknown, VOLUME).baselines).all()


def test_a_model_file_gives_the_same_forecasts(tmp_path) -> None:
    trained = trained_model()
    write(tmp_path / MODEL_FILE, trained)
    again = read(tmp_path / MODEL_FILE)
    assert again is not None and again[:4] == trained[:4] and again.targets.keys() == set(TARGETS)
    features, at = features_at(market(), 60), np.full(len(market().symbols), 60)
    for target in TARGETS:
        ours, theirs = trained.targets[target], again.targets[target]
        assert ours.evaluation == theirs.evaluation
        assert np.allclose(predict(ours.model, features, at), predict(theirs.model, features, at), atol=1e-5)


def test_a_broken_or_foreign_model_is_one_line_and_counts_as_none(tmp_path, caplog) -> None:
    path = tmp_path / MODEL_FILE
    write(path, trained_model())
    text = path.read_text(encoding="utf-8")
    no_center = json.dumps(json.loads(text) | {"targets": {"volume_15": {"center": [None]}}})
    newer, longer = text.replace('"version": 1', '"version": 9'), text.replace('"scale": [', '"scale": [0.0, ', 1)
    for number, broken in enumerate([text[: len(text) // 2], '{"format": "another"}', newer, longer, no_center]):
        path.write_text(broken, encoding="utf-8")
        with pytest.raises(BadModelError):
            read(path)
        assert service.load(tmp_path) is None and len(caplog.records) == number + 1


def candles(count: int) -> list[Candle]:
    times = [datetime(2026, 11, 30, 9) + timedelta(minutes=n) for n in range(count)]
    return [Candle(at, 50_000, 50_100, 49_900, 50_000, 500, None, None) for at in times]


@pytest.mark.parametrize(("clock", "targets"), [((9, 10), 0), ((10, 30), 6), ((15, 10), 4), ((15, 19), 0)])
def test_what_has_skill_is_forecast_while_its_window_fits(clock: tuple[int, int], targets: int) -> None:
    session, now = TradingCalendar().session(date(2026, 11, 30)), datetime(2026, 11, 30, *clock, tzinfo=KST)
    rows = {"000003": candles((clock[0] - 9) * 60 + clock[1])}
    found = service.forecast_rows(with_skill(trained_model(), 0.01), session, rows, now)
    assert len(found) == targets and not [one for one in found if one.target is Kind.DIRECTION]
    assert all(0 <= one.low <= one.median <= one.high for one in found)
    assert service.forecast_rows(with_skill(trained_model(), -0.01), session, rows, now) == []
    for none in ({}, {"000003": []}):
        assert service.forecast_rows(with_skill(trained_model(), 0.01), session, none, now) == []


@pytest.mark.slow
@pytest.mark.skipif(not CAPTURED.exists(), reason="the captured minutes are not at hand")
def test_real_sessions_of_november_2025_walked_forward() -> None:
    from real_days import load

    calendar, rows, days = TradingCalendar(), {}, load()
    for day, symbols in days.items():
        opened = calendar.session(day).open.replace(tzinfo=None)
        for symbol, real in symbols.items():
            minutes = [((row.minute - opened) // timedelta(minutes=1), *map(float, row[1:6])) for row in real.rows]
            rows[day, symbol] = minutes
    panel = service.learnable(panel_of_rows(rows, dict.fromkeys(days, LENGTH)))
    assert (len(panel.days), len(panel.symbols)) == (18, 541)
    found = {target: evaluation for target, (evaluation, _) in service.evaluate(panel).items()}
    for target, least in ((VOLUME, 0.12), (RANGE, 0.10)):
        assert found[target].skill >= least and 0.76 <= found[target].coverage <= 0.84
    assert not found[DIRECTION].has_skill


def test_one_training_runs_at_a_time_its_end_is_one_line_and_it_ends_with_the_updater(caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    made = BackgroundTraining(["005930", "000660"])
    assert made._command[-4:] == ["--train", "--quiet", "--symbols", "005930,000660"]
    for code in ("", "raise SystemExit(1)"):
        made._command = [sys.executable, "-c", code]
        made.start()
        made._process.wait(20)
        made.report_end()
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.WARNING]
    made._command = [sys.executable, "-c", "import time; time.sleep(60)"]
    made.start()
    first = made._process
    made.start()
    assert made._process is first
    made.end()
    assert first.poll() not in (None, 0), "ended, not waited for"
