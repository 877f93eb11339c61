"""The export: candles of many symbols into a data set, one file, or a stream; a symbol's year in memory at a time.

A folder of Parquet grows: days outside the range stay as they were exported, days inside become what the table says,
but for those it lacks; and a file whose candles are the same is not written again.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from minute_candles.core.errors import IncompleteData
from minute_candles.core.extras import extra
from minute_candles.core.kst import KST
from minute_candles.export.candle_files import (
    UTC_AHEAD,
    About,
    CsvFile,
    Fingerprint,
    ParquetFile,
    said_by,
    schema,
    table_of,
)
from minute_candles.export.dataset import MARKER, Format, data_set, days_in, year_files
from minute_candles.export.staging import Workshop, naming_the_file
from minute_candles.frames import frames
from minute_candles.frames.day_states import DayState
from minute_candles.frames.frames import Part, Range, Table
from minute_candles.frames.windows import DAY, EPOCH, day_of
from minute_candles.market.day_status import still_stands
from minute_candles.market.intervals import Interval
from minute_candles.storage.arrow_numbers import WHAT, numbers_of
from minute_candles.storage.minute_columns import Columns

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]
    from numpy.typing import NDArray


@dataclass
class Told:
    """What an export did."""

    rows: int = 0
    written: int = 0
    unchanged: int = 0
    doubtful: list[DayState] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    """Symbols without any candle in the range."""
    refused: dict[str, str] = field(default_factory=dict)
    """Symbols that could not be adjusted, and why: nothing of theirs was written."""
    kept: list[str] = field(default_factory=list)
    """Days and files that stay as they were exported before: the table lacks them."""
    cut: bool = False
    """Whether the reader of a stream has closed it before its end."""


@dataclass(frozen=True)
class Order:
    """What shall be exported: whole days of some symbols, as one interval."""

    symbols: Sequence[str]
    interval: Interval
    asked: Range
    force: bool = False
    adjusted: bool = False

    earlier: Mapping[str, Sequence[date]] = field(default_factory=dict)
    """By symbol the days outside the range that its files hold, and that are adjusted anew with it."""
    refused: Mapping[str, str] = field(default_factory=dict)

    def years(self, symbol: str) -> list[Range]:
        """The symbol's days, cut where a year ends: what is held in memory is a symbol's year."""
        first, last = self.asked.first, self.asked.last
        spans = {
            year: (max(first, date(year, 1, 1)), min(last, date(year, 12, 31)))
            for year in range(first.year, last.year + 1)
        }
        for day in self.earlier.get(symbol, ()):
            since, until = spans.get(day.year, (day, day))
            spans[day.year] = min(since, day), max(until, day)
        return [self.asked._replace(first=since, last=until) for _, (since, until) in sorted(spans.items())]

    def span(self, symbol: str) -> tuple[date, date]:
        years = self.years(symbol)
        return years[0].first, years[-1].last

    def steps(self) -> int:
        """How often `done` is called."""
        return sum(len(self.years(symbol)) for symbol in self.symbols)

    def about(self) -> About:
        return About(self.interval, self.asked.now.astimezone(KST), "adjusted" if self.adjusted else "unadjusted")


def with_earlier(order: Order, table: Table, folder: Path) -> Order:
    """The adjusted order, and with it what the symbols' files in the folder hold: one symbol, one basis.

    A day that the table no longer has cannot be adjusted anew: its symbol is refused, its files stay.
    """
    asked, earlier, refused = order.asked, {}, dict(order.refused)
    for symbol in order.symbols:
        days = days_in(year_files(folder, order.interval, symbol))
        held = table.counts([symbol], [asked.calendar.session(day) for day in days])
        known = table.coverage([symbol], asked.first, asked.last)
        empty = {day for (_, day), one in known.items() if still_stands(one.status, one.counts[0], 0)}
        if gone := [day for day in days if (symbol, day) not in held and day not in empty]:
            refused[symbol] = f"{symbol} {gone[0]}: 폴더에는 있고 테이블에는 없어 새로 수정할 수 없습니다"
        earlier[symbol] = [day for day in days if not _is_asked(day, asked)]
    return replace(order, earlier=earlier, refused=refused)


def _is_asked(day: date, asked: Range) -> bool:
    return asked.first <= day <= asked.last


def to_folder(
    table: Table, order: Order, kind: Format, folder: Path, shop: Workshop, *, done: Callable[[], None] = lambda: None
) -> Told:
    """Parquet: interval=…/symbol=…/YEAR.parquet; CSV: SYMBOL_INTERVAL.csv. Raises `StoreError` for a failed file."""
    told = Told()
    with naming_the_file(folder):
        pieces = _counted(table, order, told, done)
        if kind == "parquet":
            for year, piece in pieces:
                _write_year(year, piece, order, folder, shop, told)
        else:
            for symbol, years in groupby(pieces, key=lambda piece: piece[1].symbol):
                _write_csv(symbol, (piece for _, piece in years), order, folder, shop, told)
        if kind == "parquet" and told.rows:
            _write_marker(order, folder, shop)
    return told


def to_file(
    table: Table, order: Order, kind: Format, path: Path, shop: Workshop, *, done: Callable[[], None] = lambda: None
) -> Told:
    """All symbols in one file, one below the other; no file where there is no candle. Raises `StoreError`."""
    told = Told()
    with naming_the_file(path), shop.replacing(path) as fresh:
        if kind == "parquet":
            file = ParquetFile(fresh, order.about())
            for _, piece in _counted(table, order, told, done):
                file.add(table_of(piece))
            same = file.close() == said_by(path, "content") and not order.force
        else:
            with fresh.open("wb") as sink:
                _stream(table, order, CsvFile(sink, with_bom=True), told, done)
            same = not order.force and _same_bytes(fresh, path)
        if same or not told.rows:
            fresh.unlink()
        told.unchanged, told.written = int(same), int(not same and told.rows > 0)
    return told


def to_stream(table: Table, order: Order, sink: IO[bytes], *, done: Callable[[], None] = lambda: None) -> Told:
    """CSV without a byte order mark, for the next command in a pipe."""
    told = Told(cut=True)
    with suppress(BrokenPipeError):  # it has read enough
        _stream(table, order, CsvFile(sink, with_bom=False), told, done)
        sink.flush()
        told.cut = False
    return told


def _stream(table: Table, order: Order, file: CsvFile, told: Told, done: Callable[[], None]) -> None:
    for _, piece in _counted(table, order, told, done):
        file.add(table_of(piece))


def _counted(table: Table, order: Order, told: Told, done: Callable[[], None]) -> Iterator[tuple[int, Part]]:
    """A symbol's years, those without candles too; of a symbol that cannot be adjusted none."""
    minutes = table.minutes()
    told.refused.update(order.refused)
    for symbol in order.symbols:
        before = told.rows
        for year in order.years(symbol) if symbol not in order.refused else ():
            found = _only_wanted(frames.part(table, minutes, symbol, order.interval, year), order)
            told.doubtful += [state for state in found.states if state.is_doubtful]
            if order.adjusted:
                try:
                    found = frames.adjusted_part(found, table.factors(symbol), year.first)
                except IncompleteData:  # the factors reach to the last day: it is the first year with candles
                    told.refused[symbol] = f"{symbol}: KIS가 일봉을 주지 않아 수정계수를 모릅니다"
                    break
                told.splits += [text for text in found.splits if text not in told.splits]
            told.rows += len(found.status)
            yield year.first.year, found
            done()
        if told.rows == before and symbol not in told.refused:
            told.empty.append(symbol)


def _only_wanted(part: Part, order: Order) -> Part:
    """Without the days between those asked for and those that the files hold."""
    earlier, asked = order.earlier.get(part.symbol), order.asked
    if not earlier:
        return part
    import numpy as np

    days = part.columns.start // DAY
    first, last = ((day - EPOCH).days for day in (asked.first, asked.last))
    wanted = (days >= first) & (days <= last) | np.isin(days, [(day - EPOCH).days for day in earlier])
    return part._replace(
        columns=Columns(*[column[wanted] for column in part.columns]),
        status=part.status[wanted],
        states=[state for state in part.states if _is_asked(state.day, asked)],
    )


def _write_year(year: int, part: Part, order: Order, folder: Path, shop: Workshop, told: Told) -> None:
    path = data_set(folder, order.interval) / f"symbol={part.symbol}" / f"{year}.parquet"
    wanted = _merged(path, part, order, told)
    if not wanted.num_rows:
        path.unlink(missing_ok=True)
    elif not order.force and said_by(path, "content") == _content(wanted):
        told.unchanged += 1
    else:
        _write_parquet(path, wanted, order, shop)
        told.written += 1


def _merged(path: Path, part: Part, order: Order, told: Told) -> "pa.Table":
    """What was exported before of days outside the range, and the range as it is now; of a day that should be there
    and that the table has nothing of, what was exported before, too: another table, or rows that somebody removed.

    With adjusted prices the part is all of it: other days are adjusted anew, too (`Order.earlier`).
    """
    pa: Any = extra("pyarrow", WHAT)
    fresh = table_of(part)
    if order.adjusted or said_by(path, "prices") is None:
        return fresh
    with extra("pyarrow.parquet", WHAT).ParquetFile(path) as file:
        days = (numbers_of(file.read(["timestamp"])["timestamp"]) + UTC_AHEAD) // DAY
        stays = _stays(days, part, order, told)
        if not stays.any():
            return fresh
        kept = file.read().filter(pa.array(stays))
    merged: pa.Table = pa.concat_tables([one.cast(schema()) for one in (kept, fresh)]).sort_by("timestamp")
    return merged.unify_dictionaries().combine_chunks()


def _stays(days: "NDArray[np.int64]", part: Part, order: Order, told: Told) -> "NDArray[np.bool_]":
    """Which rows of an earlier export, of these days (since 1970), are not replaced."""
    import numpy as np

    first, last = ((day - EPOCH).days for day in (order.asked.first, order.asked.last))
    lacked = np.isin(days, [(state.day - EPOCH).days for state in part.states if state.status == "MISSING"])
    told.kept += [f"{part.symbol} {day_of(number)}" for number in np.unique(days[lacked])]
    stays: NDArray[np.bool_] = (days < first) | (days > last) | lacked
    return stays


def _content(table: "pa.Table") -> str:
    fingerprint = Fingerprint()
    fingerprint.add(table)
    return fingerprint.told()


def _write_parquet(path: Path, table: "pa.Table", order: Order, shop: Workshop) -> None:
    with shop.replacing(path) as fresh:
        file = ParquetFile(fresh, order.about())
        file.add(table)
        file.close()


def _write_marker(order: Order, folder: Path, shop: Workshop) -> None:
    path = data_set(folder, order.interval) / MARKER / "empty.parquet"
    if not path.exists():
        nothing = extra("pyarrow", WHAT).Table.from_batches([], schema(adjusted=order.adjusted))
        _write_parquet(path, nothing, order, shop)


def _write_csv(symbol: str, pieces: Iterable[Part], order: Order, folder: Path, shop: Workshop, told: Told) -> None:
    """Its old file goes where nothing traded in the range, and stays where the table lacks a day."""
    unit = "day" if order.interval == "day" else f"{order.interval}min"
    path, lacks = folder / f"{symbol}_{unit}.csv", False
    with shop.replacing(path) as fresh:
        with fresh.open("wb") as sink:
            file = CsvFile(sink, with_bom=True)
            for piece in pieces:
                file.add(table_of(piece))
                lacks = lacks or any(state.is_doubtful for state in piece.states)
        same = not order.force and _same_bytes(fresh, path)
        if same or not file.rows:
            fresh.unlink()
    if not file.rows and lacks:
        told.kept += [path.name] if path.exists() else []
    elif not file.rows:
        path.unlink(missing_ok=True)
    told.unchanged, told.written = told.unchanged + same, told.written + bool(file.rows and not same)


def _same_bytes(one: Path, other: Path) -> bool:
    if not other.exists() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as mine, other.open("rb") as theirs:
        blocks = zip(iter(lambda: mine.read(1 << 16), b""), iter(lambda: theirs.read(1 << 16), b""), strict=False)
        return all(ours == old for ours, old in blocks)
