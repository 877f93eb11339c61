"""The export: candles of many symbols into a data set, one file, or a stream; a symbol's year in memory at a time.

A folder of Parquet grows: days outside the range stay as they were exported, days inside become what the table says,
and a file whose candles are the same is not written again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from base.errors import StoreError
from base.extras import extra
from base.kst import KST
from market.intervals import Interval
from store import frames
from store.arrow_numbers import WHAT, numbers_of
from store.candle_files import About, CsvFile, Fingerprint, ParquetFile, replacing, said_by, schema, table_of
from store.day_states import DayState
from store.frames import Part, Range, Table

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

Format = Literal["parquet", "csv"]
MARKER = "symbol=none"
"""A folder of the data set without a candle, and without a number for a name: pandas and Spark take folders that all
look like numbers for numbers, and would make 5930 of 005930."""


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


@dataclass(frozen=True)
class Order:
    """What shall be exported: whole days of some symbols, as one interval."""

    symbols: Sequence[str]
    interval: Interval
    asked: Range
    force: bool = False
    adjusted: bool = False

    def years(self) -> list[Range]:
        """The range, cut where a year ends: what is held in memory is a symbol's year."""
        first, last = self.asked.first, self.asked.last
        bounds = [(date(year, 1, 1), date(year, 12, 31)) for year in range(first.year, last.year + 1)]
        return [self.asked._replace(first=max(first, since), last=min(last, until)) for since, until in bounds]

    def steps(self) -> int:
        """How often `done` is called."""
        return len(self.symbols) * len(self.years())

    def about(self) -> About:
        return About(self.interval, self.asked.now.astimezone(KST), "adjusted" if self.adjusted else "unadjusted")


def to_folder(
    table: Table, order: Order, kind: Format, folder: Path, *, done: Callable[[], None] = lambda: None
) -> Told:
    """Parquet: interval=…/symbol=…/YEAR.parquet; CSV: SYMBOL_INTERVAL.csv. Raises `StoreError` for a failed file."""
    told = Told()
    with _naming_the_file(folder):
        pieces = _counted(table, order, told, done)
        if kind == "parquet":
            for year, piece in pieces:
                _write_year(year, piece, order, folder, told)
        else:
            for symbol, years in groupby(pieces, key=lambda piece: piece[1].symbol):
                _write_csv(symbol, (piece for _, piece in years), order, folder, told)
        if kind == "parquet" and told.rows:
            _write_marker(order, folder)
    return told


def to_file(table: Table, order: Order, kind: Format, path: Path, *, done: Callable[[], None] = lambda: None) -> Told:
    """All symbols in one file, one below the other; no file where there is no candle. Raises `StoreError`."""
    told = Told()
    with _naming_the_file(path), replacing(path) as fresh:
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
    told = Told()
    with suppress(BrokenPipeError):  # it has read enough
        _stream(table, order, CsvFile(sink, with_bom=False), told, done)
        sink.flush()
    return told


def _stream(table: Table, order: Order, file: CsvFile, told: Told, done: Callable[[], None]) -> None:
    for _, piece in _counted(table, order, told, done):
        file.add(table_of(piece))


def _counted(table: Table, order: Order, told: Told, done: Callable[[], None]) -> Iterator[tuple[int, Part]]:
    """A symbol's years, those without candles too."""
    minutes = table.minutes()
    for symbol in order.symbols:
        before = told.rows
        for year in order.years():
            found = frames.part(table, minutes, symbol, order.interval, year)
            if order.adjusted:
                found = frames.adjusted_part(found, table.factors(symbol))
                told.splits += [text for text in found.splits if text not in told.splits]
            told.rows += len(found.status)
            told.doubtful += [state for state in found.states if state.is_doubtful]
            yield year.first.year, found
            done()
        if told.rows == before:
            told.empty.append(symbol)


def _write_year(year: int, part: Part, order: Order, folder: Path, told: Told) -> None:
    path = folder / f"interval={order.interval}" / f"symbol={part.symbol}" / f"{year}.parquet"
    wanted = _merged(path, table_of(part), order)
    if not wanted.num_rows:
        path.unlink(missing_ok=True)
    elif not order.force and said_by(path, "content") == _content(wanted):
        told.unchanged += 1
    else:
        _write_parquet(path, wanted, order)
        told.written += 1


def _merged(path: Path, fresh: "pa.Table", order: Order) -> "pa.Table":
    """What was exported before of days outside the range, and the range as it is now.

    Adjusted prices of other days may be adjusted by less: they go. Raises `StoreError` for a folder of the other kind.
    """
    pa: Any = extra("pyarrow", WHAT)
    if (prices := said_by(path, "prices")) is None:
        return fresh
    if prices != order.about().prices:
        raise StoreError(f"수정주가와 원주가를 한 폴더에 섞을 수 없습니다: {path}. --out 으로 다른 폴더를 쓰세요.")
    if order.adjusted:
        return fresh
    asked = order.asked
    with extra("pyarrow.parquet", WHAT).ParquetFile(path) as file:
        kept = file.read()
    since, until = numbers_of(kept["timestamp"]).searchsorted(_bounds(asked))
    before, after = kept.slice(0, since), kept.slice(until)
    merged: pa.Table = pa.concat_tables([one.cast(schema()) for one in (before, fresh, after)])
    return merged.unify_dictionaries().combine_chunks()


def _bounds(asked: Range) -> list[int]:
    """The first moment of the range, and the first after it, in µs of UTC since 1970."""
    midnights = [datetime.combine(day, time(), KST) for day in (asked.first, asked.last + timedelta(days=1))]
    return [int(midnight.timestamp()) * 1_000_000 for midnight in midnights]


def _content(table: "pa.Table") -> str:
    fingerprint = Fingerprint()
    fingerprint.add(table)
    return fingerprint.told()


def _write_parquet(path: Path, table: "pa.Table", order: Order) -> None:
    with replacing(path) as fresh:
        file = ParquetFile(fresh, order.about())
        file.add(table)
        file.close()


def _write_marker(order: Order, folder: Path) -> None:
    path = folder / f"interval={order.interval}" / MARKER / "empty.parquet"
    if not path.exists():
        nothing = extra("pyarrow", WHAT).Table.from_batches([], schema(adjusted=order.adjusted))
        _write_parquet(path, nothing, order)


def _write_csv(symbol: str, pieces: Iterable[Part], order: Order, folder: Path, told: Told) -> None:
    unit = "day" if order.interval == "day" else f"{order.interval}min"
    path = folder / f"{symbol}_{unit}.csv"
    with replacing(path) as fresh:
        with fresh.open("wb") as sink:
            file = CsvFile(sink, with_bom=True)
            for piece in pieces:
                file.add(table_of(piece))
        same = not order.force and _same_bytes(fresh, path)
        if same or not file.rows:
            fresh.unlink()
    told.unchanged, told.written = told.unchanged + same, told.written + bool(file.rows and not same)


def _same_bytes(one: Path, other: Path) -> bool:
    if not other.exists() or one.stat().st_size != other.stat().st_size:
        return False
    with one.open("rb") as mine, other.open("rb") as theirs:
        blocks = zip(iter(lambda: mine.read(1 << 16), b""), iter(lambda: theirs.read(1 << 16), b""), strict=False)
        return all(ours == old for ours, old in blocks)


@contextmanager
def _naming_the_file(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        where = error.filename or path
        raise StoreError(f"파일을 쓸 수 없습니다 ({error.strerror or type(error).__name__}): {where}") from error
