"""What is known of a symbol at a minute of the session, and what is forecast of it. Pure arrays.

Every feature at minute `t` looks at minutes before `t` of the day and at earlier sessions only; `test_forecast.py`
shuffles the future and gets the same numbers to the bit. Logs of volumes are log(shares + 1), ranges log(basis points
of the low + 5): five basis points are about a tick.
"""

from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from minute_candles.forecast.panel import Matrix, Panel

FIRST_MINUTE, STEP = 15, 5
"""Forecasts start a quarter of an hour after the open, every five minutes."""
HISTORY = 20
"""Sessions of a symbol's own past that count."""
REST = 0
"""The horizon that ends with the day."""
HORIZONS = (5, 15, REST)


class Kind(StrEnum):
    """What is forecast."""

    VOLUME = "volume"
    """Shares traded in the window."""
    RANGE = "range"
    """Highest minus lowest price of the window, in basis points of the lowest."""
    DIRECTION = "direction"
    """Whether the window ends above the price it began at."""


class Target(NamedTuple):
    """A kind and its horizon in minutes (`REST` = until the end of the day)."""

    kind: Kind
    horizon: int

    @property
    def name(self) -> str:
        """Return the target's name in model files, frames and JSON."""
        return f"{self.kind}_{self.horizon or 'rest'}"


TARGETS = (
    *(Target(Kind.VOLUME, horizon) for horizon in HORIZONS),
    *(Target(Kind.RANGE, horizon) for horizon in HORIZONS),
    Target(Kind.DIRECTION, 15),
)
BASELINES = ("last window", "usual of this minute", "profile x today")


class Sums(NamedTuple):
    """Running sums and filled prices of a panel, computed once."""

    shares: "Matrix"
    """Σ volume before each minute, shape (rows, WIDTH + 1)."""
    price: "Matrix"
    """The last price before each minute, KRW; NaN before the day's first trade."""
    order: "NDArray[np.int64]"
    """The panel's rows by symbol, then session."""
    begin: "NDArray[np.int64]"
    """Where, in that order, each row's last `HISTORY` earlier sessions of the same symbol begin."""


def sums_of(panel: "Panel") -> Sums:
    """Return the running sums of a panel."""
    shares = np.concatenate([np.zeros((len(panel.session), 1)), panel.volume.cumsum(axis=1)], axis=1)
    price = np.concatenate([np.full((len(panel.session), 1), np.nan), panel.close], axis=1)
    at = np.where(np.isnan(price), 0, np.arange(price.shape[1]))
    np.maximum.accumulate(at, axis=1, out=at)
    order = np.lexsort((panel.session, panel.symbols))
    symbols = panel.symbols[order]
    starts = np.flatnonzero(np.concatenate([[True], symbols[1:] != symbols[:-1]])) if len(order) else order
    group = starts[np.searchsorted(starts, np.arange(len(order)), side="right") - 1] if len(order) else order
    begin = np.maximum(np.arange(len(order)) - HISTORY, group)
    return Sums(shares, np.take_along_axis(price, at, axis=1), order, begin)


def log_volume(sums: Sums, begin: int, end: int, *, per: float = 1.0) -> "Matrix":
    """Return log(shares / `per` + 1) traded in [begin, end)."""
    return np.log((sums.shares[:, end] - sums.shares[:, max(begin, 0)]) / per + 1)


def log_range(panel: "Panel", begin: int, end: int) -> "Matrix":
    """Return log(high–low range in basis points + 5) of [begin, end); 0 basis points where nothing traded."""
    begin = max(begin, 0)
    high = np.fmax.reduce(panel.high[:, begin:end], axis=1, initial=-np.inf)
    low = np.fmin.reduce(panel.low[:, begin:end], axis=1, initial=np.inf)
    empty = ~np.isfinite(high)
    points = np.where(empty, 0.0, (high - low) / np.where(empty, 1.0, low) * 1e4)
    return np.asarray(np.log(points + 5))


def _move(sums: Sums, begin: int, end: int) -> "Matrix":
    """Return the log return from `begin` to `end`."""
    return np.log(sums.price[:, end] / sums.price[:, max(begin, 1)])


def target_of(panel: "Panel", sums: Sums, target: Target, minute: int) -> "Matrix":
    """Return what the target became, shape (rows,); NaN where the window does not fit into continuous trading."""
    end = minute + target.horizon if target.horizon else panel.volume.shape[1]
    if target.kind is Kind.VOLUME:
        value = log_volume(sums, minute, end)
    elif target.kind is Kind.RANGE:
        value = log_range(panel, minute, end)
    else:
        move = _move(sums, minute, end)
        value = np.where(move == 0, np.nan, (move > 0).astype(float))
    return np.where(minute + target.horizon <= panel.continuous, value, np.nan)


def baselines_of(panel: "Panel", sums: Sums, target: Target, minute: int) -> "Matrix":
    """Return the three baselines as in `BASELINES`, shape (rows, 3); NaN where one does not exist.

    The last window; the usual value of this minute over the symbol's last sessions; that value times what today has
    been against usual so far. Direction has one baseline only: neither way.
    """
    if target.kind is Kind.DIRECTION:
        return np.full((len(panel.session), 3), 0.5)
    last, so_far = _last_and_today(panel, sums, target, minute)
    usual = usual_of(sums, target_of(panel, sums, target, minute))
    return np.column_stack([last, usual, usual + so_far - usual_of(sums, so_far)])


def _last_and_today(panel: "Panel", sums: Sums, target: Target, minute: int) -> tuple["Matrix", "Matrix"]:
    length = target.horizon or 15
    if target.kind is Kind.RANGE:
        return log_range(panel, minute - length, minute), log_range(panel, 0, minute)
    windows = 1 if target.horizon else np.maximum(panel.continuous - minute, length) / length
    return log_volume(sums, minute - length, minute) + np.log(windows), log_volume(sums, 0, minute)


def usual_of(sums: Sums, values: "Matrix") -> "Matrix":
    """Return the mean of `values` over each symbol's last `HISTORY` earlier sessions; NaN where it has none."""
    ordered = values[sums.order]
    finite = np.isfinite(ordered)
    total, count = np.zeros(len(ordered)), np.zeros(len(ordered))
    position = np.arange(len(ordered))
    for lag in range(1, HISTORY + 1):  # added up anew for each row: what others did later changes not a bit
        known = (position - lag >= sums.begin) & finite[position - lag]
        total += np.where(known, ordered[position - lag], 0.0)
        count += known
    result = np.full(values.shape, np.nan)
    result[sums.order] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return result


USUAL = (Target(Kind.VOLUME, 15), Target(Kind.RANGE, 15))
"""What a symbol's earlier sessions are remembered by: these targets at the same minute, and the day's volume so far."""


def usual_at(panel: "Panel", sums: Sums, minute: int) -> "Matrix":
    """Return what is usual for each row's symbol at this minute, shape (rows, 3); NaN without earlier sessions."""
    past = [usual_of(sums, target_of(panel, sums, target, minute)) for target in USUAL]
    return np.column_stack([*past, usual_of(sums, log_volume(sums, 0, minute))])


def features_of(panel: "Panel", sums: Sums, minute: int, usual: "Matrix") -> dict[str, "NDArray[np.float64]"]:
    """Return the features of every row at a minute, by name, each of shape (rows,); NaN where one does not exist.

    `usual`: of `usual_at`, for the running day what the model file remembers.
    """
    found = {f"volume_{length}": log_volume(sums, minute - length, minute) for length in (1, 3, 5, 15)}
    found |= {
        "volume_before": log_volume(sums, minute - 30, minute - 15),
        "volume_hour": log_volume(sums, minute - 60, minute, per=min(minute, 60) / 15),
        "volume_today": log_volume(sums, 0, minute, per=minute / 15),
        "busiest": np.log(panel.volume[:, minute - 15 : minute].max(axis=1) + 1),
        "active": (panel.volume[:, minute - 15 : minute] > 0).mean(axis=1),
        "range_5": log_range(panel, minute - 5, minute),
        "range_15": log_range(panel, minute - 15, minute),
        "range_before": log_range(panel, minute - 30, minute - 15),
        "range_hour": log_range(panel, minute - 60, minute),
        "range_today": log_range(panel, 0, minute),
        "move": _move(sums, minute - 15, minute),
        "move_size": np.abs(_move(sums, minute - 15, minute)),
        "price": np.log(sums.price[:, minute]),
        "turnover": np.log(sums.price[:, minute] * (sums.shares[:, minute] + 1)),
    }
    found |= {
        "usual_volume": usual[:, 0],
        "usual_range": usual[:, 1],
        "against_usual": log_volume(sums, 0, minute) - usual[:, 2],
    }
    found["market"] = _by_session(panel, found["volume_15"] - found["volume_today"])
    found["market_range"] = _by_session(panel, found["range_15"] - found["range_today"])
    return found


def _by_session(panel: "Panel", values: "Matrix") -> "Matrix":
    """Return the mean over all symbols of the same session: what the market does."""
    finite = np.isfinite(values)
    total = np.bincount(panel.session, np.where(finite, values, 0.0), minlength=len(panel.days))
    count = np.bincount(panel.session, finite, minlength=len(panel.days))
    return np.asarray((total / np.maximum(count, 1))[panel.session])
