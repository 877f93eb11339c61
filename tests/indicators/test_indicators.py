"""Indicators against pandas, warm-up and first values included; running equals batch; textbook candle patterns."""

from datetime import datetime, timedelta

import pandas as pd
import pytest

from kis_simulator.simulator import Simulator
from minute_candles.core.errors import ConfigError
from minute_candles.indicators import patterns
from minute_candles.indicators.indicators import NAMES, TABLE, Running, lines, needed, outputs
from minute_candles.market.candles import Candle

DAY = datetime(2026, 11, 20)


@pytest.fixture(scope="module")
def candles() -> list[Candle]:
    """A simulated day of 005930 with the turnover of each minute but the first."""
    truth = Simulator(now=lambda: DAY + timedelta(hours=20)).truth("005930", DAY.date())
    return [Candle(*row[:6], row.turnover if index else None, None) for index, row in enumerate(truth)]


def seeded_ema(values: pd.Series, n: int, factor: float) -> pd.Series:
    """Seeded with the simple average of the first n values."""
    known = values.dropna()
    rest = pd.concat([pd.Series([known.iloc[:n].mean()], index=[known.index[n - 1]]), known.iloc[n:]])
    return rest.ewm(alpha=factor, adjust=False).mean().reindex(values.index)


def expected(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Every line, of the definitions."""
    close = frame["close"].astype(float)
    found = {f"sma{n}": close.rolling(n).mean() for n in (5, 10, 20, 60, 120, 7, 240)}
    found |= {f"ema{n}": seeded_ema(close, n, 2 / (n + 1)) for n in (5, 10, 12, 20, 26, 60, 120)}
    moved = close.diff()
    gain, loss = (seeded_ema(moved.clip(**edge).abs(), 14, 1 / 14) for edge in ({"lower": 0}, {"upper": 0}))
    found["rsi14"] = 100 * gain / (gain + loss)
    late = close.where(close.index >= 14)  # TA-Lib lets both averages begin so that they speak first at one candle
    macd = seeded_ema(late, 12, 2 / 13) - seeded_ema(close, 26, 2 / 27)
    signal = seeded_ema(macd, 9, 2 / 10)
    found |= {"macd": macd.where(signal.notna()), "macd_signal": signal, "macd_hist": macd - signal}
    middle, width = close.rolling(20).mean(), 2 * close.rolling(20).std(ddof=0)
    for name, wide in (("bbands", width), ("bbands20_2.5", 1.25 * width)):
        found |= {f"{name}_middle": middle, f"{name}_upper": middle + wide, f"{name}_lower": middle - wide}
    edges = (frame["high"] - frame["low"], (frame["high"] - close.shift()).abs(), (frame["low"] - close.shift()).abs())
    ranges = pd.concat(edges, axis=1).max(axis=1).where(close.index >= 1)
    found["atr14"] = seeded_ema(ranges, 14, 1 / 14)
    low, high = frame["low"].rolling(14).min(), frame["high"].rolling(14).max()
    slow_k = (100 * (close - low) / (high - low)).rolling(3).mean()
    found["stoch_d"] = slow_k.rolling(3).mean()
    found["stoch_k"] = slow_k.where(found["stoch_d"].notna())
    sign = (moved > 0).astype(int) - (moved < 0).astype(int)
    sign[0] = 1
    found["obv"] = (sign * frame["volume"]).cumsum()
    return found


def test_every_line_is_that_of_its_definition(candles):
    frame = pd.DataFrame([c[:6] for c in candles], columns=["time", "open", "high", "low", "close", "volume"])
    names = [name for name in (*NAMES, "sma7", "sma240", "bbands20_2.5") if name != "vwap"]
    found, wanted = lines(names, candles), expected(frame)
    assert found.keys() == wanted.keys()
    for name, line in found.items():
        assert [value is not None for value in line] == list(wanted[name].notna()), name
        known = [value for value in line if value is not None]
        assert known == pytest.approx(list(wanted[name].dropna()), rel=1e-9, abs=1e-6), name


def test_vwap_is_turnover_over_volume_since_the_open_until_an_unproven_candle(candles):
    """It begins anew each day."""
    again = [c._replace(timestamp=c.timestamp + timedelta(days=3)) for c in candles]
    line = lines(["vwap"], [*candles, *again])["vwap"]
    assert line[0] is None and line[len(candles)] is None
    turnover = sum(c.turnover for c in candles[1:])
    assert line[len(candles) - 1] == line[-1] == turnover / sum(c.volume for c in candles[1:])
    line = lines(["vwap"], [*candles[:100], candles[100]._replace(turnover=None), *candles[101:]])["vwap"]
    assert line[99] is not None and set(line[100:]) == {None}


@pytest.mark.parametrize("name", TABLE)
def test_running_and_batch_agree_to_the_last_bit_and_speak_from_the_candle_it_needs_on(candles, name):
    found, running = lines([name], candles), Running(name, candles[:3])
    assert {[value is not None for value in line].index(True) + 1 for line in found.values()} == {needed(name)}
    for index, candle in enumerate(candles[3:], 3):
        value = running.update(candle)
        assert (value or dict.fromkeys(outputs(name))) == {output: found[output][index] for output in outputs(name)}


def test_names_and_their_parameters():
    assert all(line == [] for line in lines(NAMES, []).values())
    assert set(lines(["atr", "rsi"], [])) == {"atr14", "rsi14"}, "short names mean the usual ones"
    with pytest.raises(ConfigError, match="sma20.*vwap"):
        lines(["sma20x"], [])
    for wrong in ("sma1", "sma401", "sma05", "sma٥", "bbands20", "bbands20_22", "macd3", "vwap5"):
        with pytest.raises(ConfigError):
            outputs(wrong)
    with pytest.raises(ConfigError, match="망치형"):
        patterns.found([], ["hamer"])


CASES = [
    ("hammer", -200, "up", [(95_900, 96_000, 94_500, 95_980)]),
    ("engulfing", -200, "up", [(96_000, 96_050, 95_700, 95_750), (95_700, 96_400, 95_650, 96_350)]),
    ("shooting_star", 200, "down", [(104_200, 105_700, 104_190, 104_250)]),
    ("three_black_crows", 200, "down", [(104_300, 104_310, 103_890, 103_900), (104_100, 104_110, 103_590, 103_600),
                                        (103_800, 103_810, 103_290, 103_300)]),
    ("doji", -200, "none", [(96_000, 96_300, 95_700, 96_000)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "step", "direction", "last"), CASES)
def test_a_textbook_pattern_is_found(name, step, direction, last):
    prices = [(100_000 + step * n, 100_000 + step * (n + 1)) for n in range(20)]  # a trend
    rows = [*((o, max(o, c) + 50, min(o, c) - 50, c) for o, c in prices), *last]
    candles = [Candle(DAY + timedelta(minutes=n), *row, 100, None, None) for n, row in enumerate(rows)]
    mark = patterns.Mark(candles[-1].timestamp, name, patterns.TABLE[name].label, direction)
    assert mark in patterns.found(candles, [name]) and patterns.found([]) == []
    marks = patterns.found(candles)
    assert marks == sorted(marks) and {mark.name for mark in marks} <= set(patterns.NAMES)
    assert {mark.name for mark in patterns.found(candles, ["doji"])} <= {"doji"}
