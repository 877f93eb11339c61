"""What is stored, as frames: the state of each symbol-day, and one line a symbol."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from minute_candles.core.extras import extra
from minute_candles.frames.day_states import STATUSES, day_states, days_of_other_hours
from minute_candles.frames.range import Range
from minute_candles.frames.symbol_candles import WHAT, Table
from minute_candles.market.calendar import midnight

if TYPE_CHECKING:
    import pandas as pd

_COUNTED = ["count_1min", "count_5min", "count_15min"]


class ListedTable(Table, Protocol):
    """A table that knows which symbols it holds."""

    def symbols(self) -> list[str]:
        """Return every symbol that has a candle, ascending."""
        ...

    def spans(self, before: Mapping[str, datetime]) -> Mapping[str, tuple[datetime, datetime]]:
        """Return the first and the last 1-minute candle of each symbol, naive KST."""
        ...


def coverage_frame(table: Table, symbols: Sequence[str], period: Range) -> "pd.DataFrame":
    """Return the frame of `read_coverage`."""
    pandas = extra("pandas", WHAT)
    days = [period.first + timedelta(days=n) for n in range((min(period.last, period.today) - period.first).days + 1)]
    coverage = table.coverage(symbols, period.first, period.last)
    held = table.counts(symbols, [period.session_of(day) for day in days])
    rows = []
    for symbol in symbols:
        mine = {day: held[symbol, day] for day in days if (symbol, day) in held}
        other_hours = days_of_other_hours(coverage, symbol, period.calendar)
        for state in day_states(symbol, period.closed_days(), coverage, mine, period.running_day(), other_hours):
            row, counts = coverage.get((symbol, state.day)), held.get((symbol, state.day), (0, 0, 0))
            verified_at = row.verified_at if row else None
            rows.append((symbol, state.day, *counts, str(state.status), state.note, verified_at))
    names = ["symbol", "date", *_COUNTED, "status", "note", "verified_at"]
    frame: pd.DataFrame = pandas.DataFrame(rows, columns=names)
    frame["symbol"] = pandas.Categorical(frame["symbol"], list(symbols))
    frame["date"] = pandas.to_datetime(frame["date"])
    frame["status"] = pandas.Categorical(frame["status"], [str(status) for status in STATUSES])
    frame["note"] = frame["note"].astype("string")
    frame["verified_at"] = pandas.to_datetime(frame["verified_at"]).dt.tz_localize("Asia/Seoul")
    return frame.astype(dict.fromkeys(_COUNTED, "int64")).set_index(["symbol", "date"])


def stored_frame(table: ListedTable, period: Range, names: Mapping[str, str]) -> "pd.DataFrame":
    """Return the frame of `list_stored`: a line for each symbol of the table."""
    pandas = extra("pandas", WHAT)
    spans = table.spans(dict.fromkeys(table.symbols(), midnight(period.last + timedelta(days=1))))
    rows = []
    for symbol, (first, last) in spans.items():
        mine = coverage_frame(table, [symbol], period._replace(first=first.date()))
        days = [int((mine["status"] == status).sum()) for status in STATUSES]
        rows.append((symbol, names.get(symbol, ""), first, last, *days, int(mine["count_1min"].sum())))
    columns = ["symbol", "name", "first", "last", *[status.lower() for status in STATUSES], "rows"]
    frame: pd.DataFrame = pandas.DataFrame(rows, columns=columns)
    for name in ("first", "last"):
        frame[name] = pandas.to_datetime(frame[name]).dt.tz_localize("Asia/Seoul")
    numbers = [*[status.lower() for status in STATUSES], "rows"]
    typed = {"symbol": "str", "name": "str", **dict.fromkeys(numbers, "int64")}
    return frame.astype(typed).set_index("symbol")
