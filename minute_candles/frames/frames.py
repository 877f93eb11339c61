"""Minute candles as a pandas DataFrame, of any interval, and never a lie by silence. `db.py` is its face.

`part` reads a symbol (for the export, too, which must stay small); `candles_frame` and `coverage_frame` put what it
yields into frames. Days that are missing, unproven or provisional come along with the candles.
"""

import warnings
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from minute_candles.core.errors import IncompleteData, IncompleteWarning, SplitWarning
from minute_candles.core.extras import extra
from minute_candles.core.kst import KST
from minute_candles.frames.day_states import STATUSES, DayState, Known, lost_of, states, told
from minute_candles.frames.windows import DAY, EPOCH, closed, day_of, doubted, of_sessions, shown_columns
from minute_candles.market.adjustment import Factor, splits
from minute_candles.market.calendar import LATE_PRINTS, Session, TradingCalendar, has_other_hours
from minute_candles.market.day_notes import says_csat_hours
from minute_candles.market.day_status import VERIFIED
from minute_candles.market.intervals import Interval
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN, Columns, Minutes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from minute_candles.storage.minute_columns import Numbers

_WHAT = "DataFrame으로 읽기"


class Table(Protocol):
    """What is read from (`db.Store`)."""

    def coverage(self, symbols: Sequence[str], first: date, last: date) -> Mapping[tuple[str, date], Known]: ...
    def counts(
        self, symbols: Sequence[str], sessions: Sequence[Session]
    ) -> Mapping[tuple[str, date], tuple[int, int, int]]: ...
    def minutes(self) -> Minutes: ...
    def factors(self, symbol: str) -> list[Factor]: ...
    def factors_asked(self, symbols: Sequence[str]) -> Mapping[str, date]: ...


class Range(NamedTuple):
    """What is asked for: whole days, both included, at a moment (`now`, aware KST) of this calendar."""

    first: date
    last: date
    calendar: TradingCalendar
    now: datetime

    def closed(self) -> list[date]:
        """Its trading days whose session is over: those that should be there."""
        until = min(self.last, self.calendar.last_closed(self.now))
        return self.calendar.trading_days(self.first, until)

    def running(self) -> date | None:
        """The trading day in it whose session has begun and is not over."""
        today = self.now.astimezone(KST).date()
        if not self.first <= today <= self.last or not self.calendar.is_trading_day(today):
            return None
        session = self.calendar.session(today)
        return today if session.open <= self.now < session.end else None


class Part(NamedTuple):
    """The candles of one symbol, the code in `STATUSES` of each one's day, and the state of every day.

    `ratio`: what each candle's prices are multiplied and divided by, where they shall be adjusted for splits.
    """

    symbol: str
    columns: Columns
    status: "NDArray[np.int8]"
    states: list[DayState]
    ratio: "tuple[Numbers, Numbers] | None" = None
    splits: tuple[str, ...] = ()

    def prices(self) -> "list[NDArray[Any]]":
        """open, high, low, close: whole KRW, or float64 where adjusted."""
        if self.ratio is None:
            return list(self.columns[1:5])
        return [price * self.ratio[0] / self.ratio[1] for price in self.columns[1:5]]

    def volume(self) -> "Numbers":
        if self.ratio is None:
            return self.columns.volume
        return (2 * self.columns.volume * self.ratio[1] + self.ratio[0]) // (2 * self.ratio[0])

    def vwap(self) -> "NDArray[np.float64]":
        """KRW; meaningless where it is unproven."""
        cents = self.columns.vwap / 100
        return cents if self.ratio is None else cents * self.ratio[0] / self.ratio[1]


def adjusted_part(part: Part, factors: Sequence[Factor], since: date) -> Part:
    """The same candles with the ratio of each one's day. Raises `IncompleteData` where a day's factor is unknown.

    `since`: the first day asked for.
    """
    import numpy as np

    firsts = np.array([(factor.first - EPOCH).days for factor in factors], np.int64)
    lasts = np.array([(factor.last - EPOCH).days for factor in factors], np.int64)
    days = part.columns.start // DAY
    at = np.searchsorted(firsts, days, side="right") - 1
    unknown = at < 0 if not len(factors) else (at < 0) | (days > lasts[at])
    if unknown.any():
        day = EPOCH + timedelta(days=int(days[unknown][0]))
        raise IncompleteData(
            f"{part.symbol} {day}의 수정계수를 모릅니다. KIS에 먼저 물으세요: "
            f"python export_candles.py --adjusted --symbols {part.symbol} --from {since} --out adjusted.parquet"
        )
    numerators = np.array([factor.numerator for factor in factors], np.int64)[at]
    denominators = np.array([factor.denominator for factor in factors], np.int64)[at]
    inside = [one for one in splits(factors) if len(days) and EPOCH + timedelta(days=int(days[0])) < one[0]]
    told = tuple(f"{part.symbol} {day} 1주 → {shares}주" for day, shares in inside)
    return part._replace(ratio=(numerators, denominators), splits=told)


def parts(table: Table, symbols: Sequence[str], interval: Interval, asked: Range) -> Iterator[Part]:
    """A symbol after the other; what is held in memory is one of them."""
    extra("numpy", _WHAT)
    minutes = table.minutes()
    for symbol in symbols:
        yield part(table, minutes, symbol, interval, asked)


def part(table: Table, minutes: Minutes, symbol: str, interval: Interval, asked: Range) -> Part:
    import numpy as np

    known = table.coverage([symbol], asked.first, asked.last)
    rows = of_sessions(minutes.read(symbol, asked.first, asked.last), asked.calendar)
    days, counts = np.unique(rows.start // DAY, return_counts=True)
    held = {day_of(day): (int(count),) for day, count in zip(days, counts, strict=True)}
    running = asked.running()
    found = states(symbol, asked.closed(), known, held, running, _other_hours(asked, known))
    seen = known.get((symbol, running)) if running else None
    candles = closed(
        shown_columns(rows, interval), interval, asked.calendar, asked.now, seen.verified_at if seen else None
    )
    if interval != 1:
        candles = doubted(candles, [day for day in held if lost_of(known.get((symbol, day)), held[day])])
    codes = {state.day: STATUSES.index(state.status) for state in found}
    by_day = np.array([codes[day] for day in held], np.int8)
    return Part(symbol, candles, by_day[np.searchsorted(days, candles.start // DAY)], found)


def _other_hours(asked: Range, known: Mapping[tuple[str, date], Known]) -> set[tuple[str, date]]:
    """Return the days that were stored by other hours than the calendar says now."""
    days = {day for _, day in known if asked.calendar.is_trading_day(day)}
    sessions = {day: asked.calendar.session(day) for day in days}
    return {
        key for key, row in known.items()
        if key[1] in sessions
        and row.status in VERIFIED
        and has_other_hours(sessions[key[1]], recorded_csat=says_csat_hours(row.note), is_older=True)
    }  # fmt: skip


def candles_frame(
    table: Table, symbols: Sequence[str], interval: Interval, asked: Range, *, adjusted: bool, strict: bool
) -> "pd.DataFrame":
    """See `db.read_candles`. Raises `IncompleteData` where `strict` and a day is doubtful."""
    extra("pandas", _WHAT)
    found = list(parts(table, symbols, interval, asked))
    if adjusted:
        found = [adjusted_part(one, table.factors(one.symbol), asked.first) for one in found]
    doubtful = [state for one in found for state in one.states if state.is_doubtful]
    if doubtful and strict:
        raise IncompleteData(f"빠졌거나 확인되지 않은 날이 있습니다: {told(doubtful)}")
    if doubtful:
        line = f"{told(doubtful)} (모두 보기: read_coverage, 채우기: python fetch_minute_data.py)"
        warnings.warn(line, IncompleteWarning, stacklevel=3)
    if split := [text for one in found for text in one.splits]:
        warnings.warn(f"수정주가: {', '.join(split)}", SplitWarning, stacklevel=3)
    adjusted_to = table.factors_asked(symbols) if adjusted else {}
    if old := _asked_before(adjusted_to, asked):
        warnings.warn(old, SplitWarning, stacklevel=3)
    frame = frame_of(found)
    if adjusted:  # as text: pandas writes attributes into a Parquet file as JSON
        frame.attrs["adjusted_to"] = {symbol: day.isoformat() for symbol, day in adjusted_to.items()}
    return frame


def _asked_before(days: Mapping[str, date], asked: Range) -> str:
    """Whose factors are of an earlier session than the last that has begun, in Korean; "" where none are."""
    today = asked.now.astimezone(KST).date()
    opened = [day for day in asked.calendar.trading_days(today - timedelta(days=14), today)
              if asked.calendar.session(day).open <= asked.now]  # fmt: skip
    old = {symbol: day for symbol, day in days.items() if opened and day < opened[-1]}
    if not old:
        return ""
    first = min(old, key=old.__getitem__)
    named = f"{first}({old[first]})" + (f" 외 {len(old) - 1}종목" if len(old) > 1 else "")
    return (
        f"수정계수를 물은 뒤에 장이 열렸습니다. 그 뒤의 분할은 들어 있지 않습니다: {named}. "
        "다시 묻기: python export_candles.py --adjusted --out adjusted.parquet"
    )


def frame_of(found: Sequence[Part]) -> "pd.DataFrame":
    """The parts (one at least) below each other; a column is copied once."""
    import numpy as np

    pandas = extra("pandas", _WHAT)
    status = np.concatenate([one.status for one in found])
    proven = np.concatenate([one.columns.vwap for one in found]) != UNPROVEN
    prices = [np.concatenate(columns) for columns in zip(*[one.prices() for one in found], strict=True)]
    data = {
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        "volume": np.concatenate([one.volume() for one in found]),
        "turnover": np.where(proven, np.concatenate([one.columns.turnover for one in found]), np.nan),
        "vwap": np.where(proven, np.concatenate([one.vwap() for one in found]), np.nan),
        "status": pandas.Categorical.from_codes(status, STATUSES),
        "proven": proven,
    }
    start = np.concatenate([one.columns.start for one in found])
    frame: pd.DataFrame = pandas.DataFrame(data, index=_index(found, start), copy=False)
    return frame


def _index(found: Sequence[Part], start: "NDArray[np.int64]") -> "pd.MultiIndex":
    import numpy as np

    pandas = extra("pandas", _WHAT)
    times, codes = np.unique(start, return_inverse=True)
    symbols = pandas.CategoricalIndex([one.symbol for one in found])
    numbers = np.repeat(np.arange(len(found)), [len(one.status) for one in found])
    index: pd.MultiIndex = pandas.MultiIndex(
        [symbols, moments(times)], [numbers, codes], names=["symbol", "timestamp"], verify_integrity=False
    )
    return index


def moments(start: "NDArray[np.int64]") -> "pd.DatetimeIndex":
    """Naive KST in µs as `Asia/Seoul`, which has been nine hours ahead of UTC since 1988."""
    import pandas as pd

    utc = (start - 9 * 60 * MINUTE).astype("datetime64[us]")
    return pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert("Asia/Seoul")


def _counted(day: date, calendar: TradingCalendar) -> Session:
    """What is counted of a day: of one that is none of the exchange's whatever stands there, as in a frame."""
    if calendar.is_trading_day(day):
        return calendar.session(day)
    midnight = datetime.combine(day, time(), KST)
    return Session(day, midnight, midnight + timedelta(days=1) - LATE_PRINTS)


def coverage_frame(table: Table, symbols: Sequence[str], asked: Range) -> "pd.DataFrame":
    """See `db.read_coverage`."""
    extra("pandas", _WHAT)
    import pandas as pd

    today = asked.now.astimezone(KST).date()
    days = [asked.first + timedelta(days=n) for n in range((min(asked.last, today) - asked.first).days + 1)]
    known = table.coverage(symbols, asked.first, asked.last)
    held = table.counts(symbols, [_counted(day, asked.calendar) for day in days])
    rows, other = [], _other_hours(asked, known)
    for symbol in symbols:
        mine = {day: held[symbol, day] for day in days if (symbol, day) in held}
        for state in states(symbol, asked.closed(), known, mine, asked.running(), other):
            row = known.get((symbol, state.day))
            counts = held.get((symbol, state.day), (0, 0, 0))
            rows.append((symbol, state.day, *counts, state.status, state.note, row.verified_at if row else None))
    names = ["symbol", "date", "count_1min", "count_5min", "count_15min", "status", "note", "verified_at"]
    frame = pd.DataFrame(rows, columns=names)
    frame["symbol"] = pd.Categorical(frame["symbol"], list(symbols))
    frame["date"] = pd.to_datetime(frame["date"])
    frame["status"] = pd.Categorical(frame["status"], STATUSES)
    frame["note"] = frame["note"].astype("string")
    frame["verified_at"] = pd.to_datetime(frame["verified_at"]).dt.tz_localize("Asia/Seoul")
    return frame.astype(dict.fromkeys(names[2:5], "int64")).set_index(["symbol", "date"])
