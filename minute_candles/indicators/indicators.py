"""Indicators over stored candles: names, TA-Lib behind them, our own VWAP; batch and running agree to the bit.

    lines(["sma20", "macd"], candles)     # {"sma20": […], "macd": […], "macd_signal": […], "macd_hist": […]}
    lines(["sma7", "bbands60_2.5"], …)    # with lengths (and widths) of the user's own
    running = Running("rsi14", candles)   # then running.update(closed)

An indicator runs over the candles as they are stored: a minute without a trade has none, and nothing is filled in. It
is None until there are as many candles as it needs. `vwap` is exact: turnover ÷ volume of the session so far ("Turnover
proves volume"), without its first candle, which nothing proves; None from the first other unproven candle on. In KRW.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.market.candles import Candle
from minute_candles.market.intervals import turnover_of

if TYPE_CHECKING:
    import pandas as pd

WHAT = "지표"
ENOUGH = 500
"""Candles to feed before the first one that counts: RSI and EMA depend on every candle before."""
Line = list[float | None]


@dataclass(frozen=True)
class Indicator:
    """A function of TA-Lib; `outputs` are the names of its lines, the first its own, in the order it answers them."""

    function: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: dict[str, int | float] = field(default_factory=dict)

    def arrays(self, candles: Sequence[Candle]) -> list[Any]:
        """Return its inputs as arrays of float64."""
        return [np.array([getattr(candle, name) for candle in candles], dtype=np.float64) for name in self.inputs]

    def needs(self) -> int:
        """Return how many candles it needs before its first value."""
        function = extra("talib.abstract", WHAT).Function(self.function)
        function.parameters = dict(self.parameters)
        return int(function.lookback) + 1


def _of_close(function: str, name: str, **parameters: float) -> Indicator:
    return Indicator(function, ("close",), (name,), parameters)


TABLE: dict[str, Indicator] = {
    **{f"sma{n}": _of_close("SMA", f"sma{n}", timeperiod=n) for n in (5, 10, 20, 60, 120)},
    **{f"ema{n}": _of_close("EMA", f"ema{n}", timeperiod=n) for n in (5, 10, 12, 20, 26, 60, 120)},
    "rsi14": _of_close("RSI", "rsi14", timeperiod=14),
    "macd": Indicator(
        "MACD", ("close",), ("macd", "macd_signal", "macd_hist"),
        {"fastperiod": 12, "slowperiod": 26, "signalperiod": 9},
    ),
    "bbands": Indicator(
        "BBANDS", ("close",), ("bbands_upper", "bbands_middle", "bbands_lower"),
        {"timeperiod": 20, "nbdevup": 2.0, "nbdevdn": 2.0},
    ),
    "stoch": Indicator(
        "STOCH", ("high", "low", "close"), ("stoch_k", "stoch_d"),
        {"fastk_period": 14, "slowk_period": 3, "slowd_period": 3},
    ),
    "atr14": Indicator("ATR", ("high", "low", "close"), ("atr14",), {"timeperiod": 14}),
    "obv": Indicator("OBV", ("close", "volume"), ("obv",)),
}  # fmt: skip
ALIASES = {"atr": "atr14", "rsi": "rsi14", "ema": "ema20", "sma": "sma20"}
NAMES = (*TABLE, "vwap")
LONGEST = 400
"""Candles of a length of the user's own: fewer than `ENOUGH`."""
_OWN = re.compile(r"(sma|ema|rsi)([1-9]\d{0,2})|bbands([1-9]\d{0,2})_([0-9](?:\.\d)?)", re.ASCII)

_LABELS = {
    "price": "종가", "vwap": "VWAP", "macd": "MACD", "macd_signal": "MACD 시그널", "macd_hist": "MACD 오실레이터",
    "bbands_upper": "볼린저 상단", "bbands_middle": "볼린저 중심", "bbands_lower": "볼린저 하단",
    "stoch_k": "스토캐스틱 K", "stoch_d": "스토캐스틱 D", "rsi14": "RSI(14)", "atr14": "ATR(14)", "obv": "OBV",
}  # fmt: skip


def label(line: str) -> str:
    """Return a line's name as people call it: sma20 → "20이평"."""
    if line.startswith(("sma", "ema")):
        return f"{line[3:]}{'이평' if line.startswith('sma') else '지수이평'}"
    return _LABELS[line]


def known(name: str) -> str:
    """Return the table's name of what a user means. Raises `ConfigError` naming what there is."""
    found = ALIASES.get(name, name)
    if found not in NAMES and own_indicator(found) is None:
        raise ConfigError(f"지표 {particle(repr(name[:20]), '은/는')} 없습니다. 쓸 수 있는 지표: {', '.join(NAMES)}")
    return found


@lru_cache
def own_indicator(name: str) -> Indicator | None:
    """Return the indicator of a name with parameters: "sma7", "ema9", "rsi9", "bbands60_2.5"; None for another name."""
    parts = _OWN.fullmatch(name)
    if parts is None or not 2 <= int(parts[2] or parts[3]) <= LONGEST:
        return None
    if parts[1]:
        return _of_close(parts[1].upper(), name, timeperiod=int(parts[2]))
    width = float(parts[4])
    parameters = {"timeperiod": int(parts[3]), "nbdevup": width, "nbdevdn": width}
    return Indicator("BBANDS", ("close",), tuple(f"{name}_{line}" for line in ("upper", "middle", "lower")), parameters)


def _indicator(name: str) -> Indicator:
    """Return the indicator of a known name other than "vwap"."""
    return TABLE.get(name) or own_indicator(name) or TABLE[name]


def outputs(name: str) -> tuple[str, ...]:
    """Return the names of an indicator's lines."""
    return ("vwap",) if known(name) == "vwap" else _indicator(known(name)).outputs


@lru_cache
def needed(name: str) -> int:
    """Return how many candles an indicator needs before its first value."""
    return 1 if known(name) == "vwap" else _indicator(known(name)).needs()


def lines(names: Sequence[str], candles: Sequence[Candle]) -> dict[str, Line]:
    """Return each line of these indicators, one value a candle; `candles` oldest first, of one symbol and interval."""
    found: dict[str, Line] = {}
    for name in map(known, names):
        if name == "vwap":
            found["vwap"] = list(session_vwap(candles))
        else:
            found |= _batch(_indicator(name), candles)
    return found


def of_frame(names: Sequence[str], frame: "pd.DataFrame") -> "pd.DataFrame":
    """Return the same lines of a frame of one symbol (`read_candles(…).loc["005930"]`), NaN where there is no value."""
    columns = [frame[name].tolist() for name in ("open", "high", "low", "close", "volume")]
    turnovers = frame["turnover"].tolist() if "turnover" in frame else [math.nan] * len(frame)
    candles = [
        Candle._make([when.to_pydatetime(), *row[:-1], None if math.isnan(row[-1]) else int(row[-1]), None])
        for when, row in zip(frame.index, zip(*columns, turnovers, strict=True), strict=True)
    ]
    found: pd.DataFrame = extra("pandas", WHAT).DataFrame(lines(names, candles), index=frame.index, dtype="float64")
    return found


def _batch(indicator: Indicator, candles: Sequence[Candle]) -> dict[str, Line]:
    if not candles:
        return {name: [] for name in indicator.outputs}
    answer = getattr(extra("talib", WHAT), indicator.function)(*indicator.arrays(candles), **indicator.parameters)
    arrays = answer if isinstance(answer, tuple) else (answer,)
    return {name: _line(array) for name, array in zip(indicator.outputs, arrays, strict=True)}


def _line(array: Iterable[float]) -> Line:
    return [None if value != value else float(value) for value in array]


def session_vwap(candles: Iterable[Candle]) -> Iterator[float | None]:
    """Yield it cumulated within each session. The first candle of a day, never proven, stands outside the sums."""
    day: date | None = None
    turnover = volume = 0
    proven = True
    for candle in candles:
        moved, begins = turnover_of(candle), candle.timestamp.date() != day
        if begins:
            day, turnover, volume, proven = candle.timestamp.date(), 0, 0, True
        proven = proven and (moved is not None or begins)
        if moved is not None:
            turnover, volume = turnover + moved, volume + candle.volume
        yield turnover / volume if proven and volume else None


class Running:
    """One indicator carried forward candle by candle: what `lines` returns for the same candles, to the last bit.

    A handle does not outlive its process: after a restart it is opened anew on stored candles.
    """

    def __init__(self, name: str, candles: Sequence[Candle]) -> None:
        self._name = known(name)
        self._indicator = _indicator(self._name)
        self._history = list(candles)
        self._handle: Any = None
        self._open()

    def _open(self) -> None:
        """With enough candles the history is TA-Lib's to remember."""
        talib = extra("talib", WHAT)
        opener = getattr(extra("talib.stream", WHAT), self._indicator.function)
        if not self._history:
            return
        try:
            self._handle = opener(*self._indicator.arrays(self._history), **self._indicator.parameters)
            self._history = []
        except talib.InsufficientHistory:
            self._handle = None

    @property
    def value(self) -> dict[str, float] | None:
        """Return the values at the last closed candle, by line; None while there are too few."""
        return None if self._handle is None else self._named(self._handle.value)

    def update(self, candle: Candle) -> dict[str, float] | None:
        """Take a closed candle; return the values at it."""
        if self._handle is None:
            self._history.append(candle)
            self._open()
            return self.value
        return self._named(self._handle.update(*self._bar(candle)))

    def _bar(self, candle: Candle) -> list[float]:
        return [float(getattr(candle, name)) for name in self._indicator.inputs]

    def _named(self, value: float | tuple[float, ...]) -> dict[str, float]:
        values = value if isinstance(value, tuple) else (value,)
        return dict(zip(self._indicator.outputs, map(float, values), strict=True))
