"""The candles of one symbol, of any interval, with the state of every day: what frames and exports are made of.

A symbol is read after the other, so that a long export stays small.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from minute_candles.core.extras import extra
from minute_candles.frames.daily_values import previous_closes, with_daily_turnover
from minute_candles.frames.day_states import STATUSES, DayState, day_states, days_of_other_hours
from minute_candles.frames.grid import filled_prices, session_grid, with_gaps
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range
from minute_candles.frames.windows import (
    DAY,
    EPOCH,
    day_of,
    is_cut,
    rows_of_sessions,
    shown_columns,
    take,
    windows_in_range,
    without_proof,
    worst_codes,
)
from minute_candles.market.adjustment import Factor
from minute_candles.market.calendar import Session
from minute_candles.market.day_status import DayStatus
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.daily_table import StoredDaily
from minute_candles.storage.minute_columns import UNPROVEN, Columns, Minutes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from minute_candles.storage.minute_columns import Numbers

WHAT = "DataFrame으로 읽기"
_BEFORE = timedelta(days=14)
"""So far back the session before the first day may lie."""
Fill = Literal["gaps", "previous"]


class Table(Protocol):
    """What candles are read from (`storage.Store`)."""

    def coverage(self, symbols: Sequence[str], first: date, last: date) -> Mapping[tuple[str, date], CoverageRow]:
        """Return the coverage rows of these days."""
        ...

    def counts(
        self, symbols: Sequence[str], sessions: Sequence[Session]
    ) -> Mapping[tuple[str, date], tuple[int, int, int]]:
        """Return the rows stored of each symbol-day."""
        ...

    def minutes(self) -> Minutes:
        """Return the reader of 1-minute candles."""
        ...

    def daily(self, symbols: Sequence[str], first: date, last: date) -> Mapping[tuple[str, date], StoredDaily]:
        """Return what the daily TR said of these days."""
        ...

    def factors(self, symbol: str) -> list[Factor]:
        """Return what split-adjusted prices are multiplied by."""
        ...

    def factors_checked(self, symbols: Sequence[str]) -> Mapping[str, date]:
        """Return the day on which KIS reported each one's factors."""
        ...


class SymbolCandles(NamedTuple):
    """The candles of one symbol, the position in `STATUSES` of each one's day, and the state of every day.

    `ratio`: what each candle's prices are multiplied and divided by, where they are adjusted for splits. `gaps`: which
    rows are windows without a trade (`fill`). `cut`: weeks and months that the range cut, and that are left out.
    """

    symbol: str
    columns: Columns
    status: "NDArray[np.int8]"
    states: list[DayState]
    ratio: "tuple[Numbers, Numbers] | None" = None
    splits: tuple[str, ...] = ()
    gaps: "NDArray[np.bool_] | None" = None
    fill: Fill | None = None
    cut: tuple[date, ...] = ()
    previous_close: "Numbers | None" = None
    """Of days: the close of the session before in KRW, 0 where it is unknown."""

    def prices(self) -> "list[NDArray[Any]]":
        """Return open, high, low, close: whole KRW, or float64 where adjusted or filled."""
        prices: list[Any] = list(self.columns[1:5])
        if self.ratio is not None:
            prices = [price * self.ratio[0] / self.ratio[1] for price in prices]
        return prices if self.gaps is None else filled_prices(prices, self.gaps, previous=self.fill == "previous")

    def volume(self) -> "Numbers":
        """Return shares, adjusted ones rounded."""
        if self.ratio is None:
            return self.columns.volume
        return (2 * self.columns.volume * self.ratio[1] + self.ratio[0]) // (2 * self.ratio[0])

    def vwap(self) -> "NDArray[np.float64]":
        """Return KRW; meaningless where it is unproven."""
        krw = self.columns.vwap / 100
        return krw if self.ratio is None else krw * self.ratio[0] / self.ratio[1]

    def proven(self) -> "NDArray[np.bool_]":
        """Return which candles turnover proves: those with a VWAP, and the gaps of verified days."""
        traded: NDArray[np.bool_] = self.columns.vwap != UNPROVEN
        return traded if self.gaps is None else traded | (self.gaps & (self.status <= _VERIFIED_GAPS))

    def turnover_known(self) -> "NDArray[np.bool_]":
        """Return which candles have a turnover: the proven ones, and days whose turnover the daily TR has reported."""
        known: NDArray[np.bool_] = self.columns.turnover != UNPROVEN
        return self.proven() | (known if self.gaps is None else known & ~self.gaps)

    def previous(self) -> "NDArray[np.float64]":
        """Return the previous close of days in KRW, adjusted as the prices are; NaN where it is unknown."""
        import numpy as np

        known = self.previous_close if self.previous_close is not None else np.zeros(len(self.status), np.int64)
        closes = np.where(known > 0, known, np.nan)
        if self.ratio is None or not len(closes):
            return closes
        before = [np.append(part[:1], part[:-1]) for part in self.ratio]
        return closes * before[0] / before[1]


_VERIFIED_GAPS = STATUSES.index(DayStatus.NO_TRADES)


def read_all(
    table: Table, symbols: Sequence[str], interval: FrameInterval, wanted: Range, fill: Fill | None = None
) -> Iterator[SymbolCandles]:
    """Yield a symbol after the other; one of them is held in memory."""
    extra("numpy", WHAT)
    minutes = table.minutes()
    for symbol in symbols:
        yield read_symbol(table, minutes, symbol, interval, wanted, fill)


def read_symbol(
    table: Table, minutes: Minutes, symbol: str, interval: FrameInterval, wanted: Range, fill: Fill | None = None
) -> SymbolCandles:
    """Return the candles of a symbol in the range."""
    coverage = table.coverage([symbol], wanted.first, wanted.last)
    rows = rows_of_sessions(minutes.read(symbol, wanted.first, wanted.last), wanted)
    held = _counts(rows)
    states = _states(symbol, held, coverage, wanted)
    candles = shown_columns(rows, interval)
    if interval != 1:
        candles = without_proof(candles, _unsure_days(states, held, coverage, interval), interval)
    gaps = None
    if fill:
        candles, gaps = with_gaps(candles, session_grid(_known_days(states, wanted), interval, wanted))
    running = wanted.running_day()
    row = coverage.get((symbol, running)) if running else None
    inside = windows_in_range(candles, interval, wanted, row.verified_at if row else None)
    cut = () if isinstance(interval, int) else _cut(candles, inside, interval, wanted)
    kept = take(candles, inside)
    found = SymbolCandles(symbol, kept, _codes(kept, states, interval), states, fill=fill, cut=cut)
    found = found if gaps is None else found._replace(gaps=gaps[inside])
    return _with_daily_values(found, table, minutes, wanted) if interval == "day" else found


def _counts(rows: Columns) -> dict[date, tuple[int]]:
    """Return how many minutes are held of each day."""
    import numpy as np

    numbers, counts = np.unique(rows.start // DAY, return_counts=True)
    return {day_of(day): (int(count),) for day, count in zip(numbers, counts, strict=True)}


def _states(
    symbol: str,
    held: Mapping[date, Sequence[int]],
    coverage: Mapping[tuple[str, date], CoverageRow],
    wanted: Range,
) -> list[DayState]:
    other_hours = days_of_other_hours(coverage, symbol, wanted.calendar)
    return day_states(symbol, wanted.closed_days(), coverage, held, wanted.running_day(), other_hours)


def _codes(candles: Columns, states: Sequence[DayState], interval: FrameInterval) -> "NDArray[np.int8]":
    """Return for each candle the position in `STATUSES` of its day or worst day."""
    import numpy as np

    codes = np.array([STATUSES.index(state.status) for state in states], np.int8)
    days = np.array([(state.day - EPOCH).days for state in states], np.int64)
    return worst_codes(candles, days, codes, interval)


def _with_daily_values(candles: SymbolCandles, table: Table, minutes: Minutes, wanted: Range) -> SymbolCandles:
    """Return candles of days with the turnover that the daily TR reported, and the previous close."""
    found = table.daily([candles.symbol], wanted.first - _BEFORE, wanted.last)
    daily = {day: row for (_, day), row in found.items()}
    before = previous_closes(candles.columns, candles.gaps, candles.symbol, minutes, wanted, daily)
    return candles._replace(columns=with_daily_turnover(candles.columns, daily), previous_close=before)


def _unsure_days(
    states: Sequence[DayState],
    held: Mapping[date, Sequence[int]],
    coverage: Mapping[tuple[str, date], CoverageRow],
    interval: FrameInterval,
) -> list[date]:
    """Return the days whose windows may lack a minute: rows were lost; of weeks and months missing days, too."""
    symbol = states[0].symbol if states else ""
    lost = [day for day in held if any(missing_rows(coverage.get((symbol, day)), held[day]))]
    missing = [] if isinstance(interval, int) else [one.day for one in states if one.status == DayStatus.MISSING]
    return lost + missing


def _known_days(states: Sequence[DayState], wanted: Range) -> list[date]:
    """Return the trading days of which the table knows something."""
    known = [state.day for state in states if state.status != DayStatus.MISSING]
    return [day for day in known if wanted.calendar.is_trading_day(day)]


def _cut(candles: Columns, inside: "NDArray[np.bool_]", interval: FrameInterval, wanted: Range) -> tuple[date, ...]:
    starts = candles.start[~inside]
    return tuple(day_of(start // DAY) for start in starts if is_cut(int(start), interval, wanted))
