"""Indicators against pandas, written independently, warm-up and first values included; running equals batch."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pandas as pd
import pytest

from kis_simulator.simulator import Simulator
from minute_candles.core.errors import ConfigError
from minute_candles.indicators.indicators import NAMES, TABLE, Running, lines, needed, outputs
from minute_candles.market.candles import Candle

DAY = datetime(2026, 11, 20)


@pytest.fixture(scope="module")
def candles() -> list[Candle]:
    """A simulated day of 005930 with the turnover of each minute but the first."""
    truth = Simulator(now=lambda: DAY + timedelta(hours=20)).truth("005930", DAY.date())
    return [Candle(*row[:6], row.turnover if index else None, None) for index, row in enumerate(truth)]


@pytest.fixture(scope="module")
def frame(candles: Sequence[Candle]) -> pd.DataFrame:
    return pd.DataFrame([c[:6] for c in candles], columns=["time", "open", "high", "low", "close", "volume"])


def same(line: Sequence[float | None], expected: pd.Series) -> None:
    known = [value is not None for value in line]
    assert known == list(expected.notna())
    assert [value for value in line if value is not None] == pytest.approx(list(expected.dropna()), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("n", [5, 20, 60, 120, 7, 240])
def test_simple_averages(candles, frame, n):
    same(lines([f"sma{n}"], candles)[f"sma{n}"], frame["close"].rolling(n).mean())


def seeded_ema(values: pd.Series, n: int, factor: float) -> pd.Series:
    """Seeded with the simple average of the first n values."""
    known = values.dropna()
    seed = known.iloc[:n].mean()
    rest = pd.concat([pd.Series([seed], index=[known.index[n - 1]]), known.iloc[n:]])
    return rest.ewm(alpha=factor, adjust=False).mean().reindex(values.index)


@pytest.mark.parametrize("n", [5, 20])
def test_exponential_averages(candles, frame, n):
    same(lines([f"ema{n}"], candles)[f"ema{n}"], seeded_ema(frame["close"].astype(float), n, 2 / (n + 1)))


def test_rsi_is_wilders(candles, frame):
    moved = frame["close"].diff()
    gain, loss = (seeded_ema(moved.clip(**edge).abs(), 14, 1 / 14) for edge in ({"lower": 0}, {"upper": 0}))
    same(lines(["rsi14"], candles)["rsi14"], 100 * gain / (gain + loss))


def test_macd(candles, frame):
    close = frame["close"].astype(float)
    slow = seeded_ema(close, 26, 2 / 27)
    late = close.copy()
    late[:14] = float("nan")  # TA-Lib lets both averages begin so that they speak first at the same candle
    macd = seeded_ema(late, 12, 2 / 13) - slow
    signal = seeded_ema(macd, 9, 2 / 10)
    found = lines(["macd"], candles)
    same(found["macd"], macd.where(signal.notna()))
    same(found["macd_signal"], signal)
    same(found["macd_hist"], macd - signal)


def test_bollinger_bands(candles, frame):
    middle, width = frame["close"].rolling(20).mean(), 2 * frame["close"].rolling(20).std(ddof=0)
    for name, times in (("bbands", 1.0), ("bbands20_2.5", 1.25)):
        found = lines([name], candles)
        same(found[f"{name}_middle"], middle)
        same(found[f"{name}_upper"], middle + times * width)
        same(found[f"{name}_lower"], middle - times * width)


@pytest.mark.parametrize("name", ["sma1", "sma401", "sma05", "sma٥", "bbands20", "bbands20_22", "macd3", "vwap5"])
def test_parameters_out_of_their_range_name_no_indicator(name):
    with pytest.raises(ConfigError):
        outputs(name)


def test_average_true_range(candles, frame):
    before = frame["close"].shift()
    ranges = pd.concat(
        [frame["high"] - frame["low"], (frame["high"] - before).abs(), (frame["low"] - before).abs()], axis=1
    ).max(axis=1)
    ranges[0] = float("nan")
    same(lines(["atr14"], candles)["atr14"], seeded_ema(ranges, 14, 1 / 14))


def test_stochastic(candles, frame):
    low, high = frame["low"].rolling(14).min(), frame["high"].rolling(14).max()
    slow_k = (100 * (frame["close"] - low) / (high - low)).rolling(3).mean()
    found = lines(["stoch"], candles)
    same(found["stoch_d"], slow_k.rolling(3).mean())
    same(found["stoch_k"], slow_k.where(slow_k.rolling(3).mean().notna()))


def test_on_balance_volume(candles, frame):
    sign = frame["close"].diff().pipe(lambda moved: (moved > 0).astype(int) - (moved < 0).astype(int))
    sign[0] = 1
    same(lines(["obv"], candles)["obv"], (sign * frame["volume"]).cumsum())


def test_vwap_is_turnover_over_volume_since_the_open_and_begins_anew_each_day(candles):
    again = [c._replace(timestamp=c.timestamp + timedelta(days=3)) for c in candles]
    line = lines(["vwap"], [*candles, *again])["vwap"]
    assert line[0] is None and line[len(candles)] is None
    turnover = sum(c.turnover for c in candles[1:])
    assert line[len(candles) - 1] == line[-1] == turnover / sum(c.volume for c in candles[1:])


def test_vwap_says_nothing_from_an_unproven_candle_on(candles):
    doubted = [*candles[:100], candles[100]._replace(turnover=None), *candles[101:]]
    line = lines(["vwap"], doubted)["vwap"]
    assert line[99] is not None and set(line[100:]) == {None}


@pytest.mark.parametrize("name", TABLE)
def test_it_speaks_from_the_candle_it_needs_on(candles, name):
    for line in lines([name], candles).values():
        assert [value is not None for value in line].index(True) + 1 == needed(name)


@pytest.mark.parametrize("name", TABLE)
def test_running_and_batch_agree_to_the_last_bit(candles, name):
    found = lines([name], candles)
    running = Running(name, candles[:3])
    for index, candle in enumerate(candles[3:], 3):
        value = running.update(candle)
        expected = {output: found[output][index] for output in outputs(name)}
        assert (value or dict.fromkeys(outputs(name))) == expected


def test_nothing_of_nothing():
    assert all(line == [] for line in lines(NAMES, []).values())


def test_an_unknown_name_is_told_with_what_there_is(candles):
    with pytest.raises(ConfigError, match="sma20.*vwap"):
        lines(["sma20x"], candles)


def test_short_names_mean_the_usual_ones():
    assert set(lines(["atr", "rsi"], [])) == {"atr14", "rsi14"}
