"""Write candles of many symbols into a data set, one file, or a stream; a symbol's year is in memory at a time.

A folder of Parquet grows. Days outside the range stay as they were exported. Days inside become what the table holds,
but days that the table lacks stay, too. A file whose candles are the same is not written again.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from minute_candles.core.errors import ConfigError, IncompleteData
from minute_candles.core.extras import extra
from minute_candles.export.candle_files import (
    WHAT,
    CsvFile,
    Fingerprint,
    ParquetFile,
    said_by,
    schema,
    starts_of,
    table_of,
)
from minute_candles.export.dataset import Format, csv_file, migrate, year_file
from minute_candles.export.request import ExportRequest, ExportResult
from minute_candles.export.staging import Staging, naming_the_file
from minute_candles.frames.adjusted import adjusted_candles
from minute_candles.frames.symbol_candles import SymbolCandles, Table, read_symbol
from minute_candles.frames.windows import DAY, EPOCH, day_of, take
from minute_candles.market.day_status import DayStatus

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]
    from numpy.typing import NDArray

OnYear = Callable[[], None]
"""Called after each year of a symbol."""


def to_folder(
    table: Table, request: ExportRequest, kind: Format, folder: Path, stage: Staging, *, on_year: OnYear = lambda: None
) -> ExportResult:
    """Write interval=…/SYMBOL_YEAR.parquet or SYMBOL_INTERVAL.csv. Raises `StoreError` for a file that fails."""
    result = ExportResult()
    with naming_the_file(folder):
        if kind == "parquet":
            result.moved = migrate(folder)
        pieces = _pieces(table, request, result, on_year)
        if kind == "parquet":
            for piece in pieces:
                for year, part in _by_year(piece):
                    _write_year(year, part, request, folder, stage, result)
        else:
            for symbol, years in groupby(pieces, key=lambda piece: piece.symbol):
                _write_csv(symbol, years, request, folder, stage, result)
    return result


def to_file(
    table: Table, request: ExportRequest, kind: Format, path: Path, stage: Staging, *, on_year: OnYear = lambda: None
) -> ExportResult:
    """Write all symbols into one file, one below the other; no file where there is no candle. Raises `StoreError`."""
    result = ExportResult()
    with naming_the_file(path), stage.replacing(path) as fresh:
        if kind == "parquet":
            file = ParquetFile(fresh, request.about())
            for piece in _pieces(table, request, result, on_year):
                file.add(table_of(piece))
            same = file.close() == said_by(path, "content") and not request.force
        else:
            with fresh.open("wb") as sink:
                _write_lines(table, request, CsvFile(sink, request.csv_form()), result, on_year)
            same = not request.force and _same_bytes(fresh, path)
        if same or not result.rows:
            fresh.unlink()
        result.unchanged, result.written = int(same), int(not same and result.rows > 0)
    return result


def to_stream(table: Table, request: ExportRequest, sink: IO[bytes], *, on_year: OnYear = lambda: None) -> ExportResult:
    """Write CSV without a byte order mark, for the next command in a pipe. Raises `ConfigError` for a full device."""
    result = ExportResult(is_closed=True)
    try:
        with suppress(BrokenPipeError):  # it has read enough
            _write_lines(table, request, CsvFile(sink, request.csv_form(has_bom=False)), result, on_year)
            sink.flush()
            result.is_closed = False
    except OSError as error:
        raise ConfigError(f"표준 출력에 쓸 수 없습니다 ({error.strerror or type(error).__name__}).") from error
    return result


def _write_lines(table: Table, request: ExportRequest, file: CsvFile, result: ExportResult, on_year: OnYear) -> None:
    for piece in _pieces(table, request, result, on_year):
        file.add(piece)


def _pieces(table: Table, request: ExportRequest, result: ExportResult, on_year: OnYear) -> Iterator[SymbolCandles]:
    """Yield a symbol's years, those without candles too; of a symbol that cannot be adjusted none."""
    minutes = table.minutes()
    result.refused.update(request.refused)
    for symbol in request.symbols:
        before = result.rows
        for year in request.years(symbol) if symbol not in request.refused else ():
            found = _only_requested(read_symbol(table, minutes, symbol, request.interval, year), request)
            result.doubtful += [state for state in found.states if state.is_doubtful]
            result.cut += [label for label in found.cut if label not in result.cut]
            if request.adjusted:
                try:
                    found = adjusted_candles(
                        found, table.factors(symbol), year.first, request.interval, adjusted=request.adjusted
                    )
                except IncompleteData:  # the factors reach to the last day: it is the first year with candles
                    result.refused[symbol] = f"{symbol}: KIS가 일봉을 주지 않아 수정계수를 모릅니다"
                    break
                result.splits += [text for text in found.splits if text not in result.splits]
            result.rows += len(found.status)
            yield found
            on_year()
        if result.rows == before and symbol not in result.refused:
            result.empty.append(symbol)


def _only_requested(candles: SymbolCandles, request: ExportRequest) -> SymbolCandles:
    """Return the candles without days that are neither in the range nor in the files."""
    earlier = request.earlier.get(candles.symbol)
    if not earlier:
        return candles
    import numpy as np

    days = candles.columns.start // DAY
    first, last = ((day - EPOCH).days for day in (request.period.first, request.period.last))
    wanted = (days >= first) & (days <= last) | np.isin(days, [(day - EPOCH).days for day in earlier])
    return _taken(candles, wanted)._replace(states=[state for state in candles.states if request.holds(state.day)])


def _taken(candles: SymbolCandles, which: "NDArray[np.bool_]") -> SymbolCandles:
    ratio = candles.ratio and (candles.ratio[0][which], candles.ratio[1][which])
    return candles._replace(columns=take(candles.columns, which), status=candles.status[which], ratio=ratio)


def _by_year(candles: SymbolCandles) -> Iterator[tuple[int, SymbolCandles]]:
    """Yield the candles by the year of their label; a piece without any by the year of its days."""
    import numpy as np

    years = candles.columns.start.astype("datetime64[us]").astype("datetime64[Y]").astype(int) + 1970
    found = np.unique(years)
    if not len(found) and candles.states:
        yield candles.states[-1].day.year, candles
    for year in found:
        yield int(year), _taken(candles, years == year) if len(found) > 1 else candles


def _write_year(
    year: int, candles: SymbolCandles, request: ExportRequest, folder: Path, stage: Staging, result: ExportResult
) -> None:
    path = year_file(folder, request.interval, candles.symbol, year)
    rows = _merged(path, candles, request, result)
    if not rows.num_rows:
        path.unlink(missing_ok=True)
    elif not request.force and said_by(path, "content") == _content(rows):
        result.unchanged += 1
    else:
        with stage.replacing(path) as fresh:
            file = ParquetFile(fresh, request.about())
            file.add(rows)
            file.close()
        result.written += 1


def _merged(path: Path, candles: SymbolCandles, request: ExportRequest, result: ExportResult) -> "pa.Table":
    """Return the candles of the range, and those exported before of other days and of days that the table lacks.

    With adjusted prices the candles are all of it: other days are adjusted anew, too (`ExportRequest.earlier`).
    """
    pa: Any = extra("pyarrow", WHAT)
    fresh = table_of(candles)
    if request.adjusted or said_by(path, "prices") is None:
        return fresh
    with extra("pyarrow.parquet", WHAT).ParquetFile(path) as file:
        stays = _stays(starts_of(file.read(["timestamp"])), candles, request, result)
        if not stays.any():
            return fresh
        kept = file.read().filter(pa.array(stays))
    merged: pa.Table = pa.concat_tables([one.cast(schema()) for one in (kept, fresh)]).sort_by("timestamp")
    return merged.unify_dictionaries().combine_chunks()


def _stays(
    starts: "NDArray[np.int64]", candles: SymbolCandles, request: ExportRequest, result: ExportResult
) -> "NDArray[np.bool_]":
    """Return which rows of an earlier export, by their starts, are not replaced; of weeks and months all others."""
    import numpy as np

    if request.interval in ("week", "month"):
        return ~np.isin(starts, candles.columns.start)
    days = starts // DAY
    first, last = ((day - EPOCH).days for day in (request.period.first, request.period.last))
    missing = [(state.day - EPOCH).days for state in candles.states if state.status == DayStatus.MISSING]
    lacked = np.isin(days, missing)
    result.kept += [f"{candles.symbol} {day_of(number)}" for number in np.unique(days[lacked])]
    stays: NDArray[np.bool_] = (days < first) | (days > last) | lacked
    return stays


def _content(rows: "pa.Table") -> str:
    fingerprint = Fingerprint()
    fingerprint.add(rows)
    return fingerprint.hexdigest()


def _write_csv(
    symbol: str, pieces: Iterable[SymbolCandles], request: ExportRequest, folder: Path, stage: Staging,
    result: ExportResult,
) -> None:  # fmt: skip
    """Write a symbol's file; an old one goes where nothing traded, and stays where the table lacks a day."""
    path, is_incomplete = csv_file(folder, request.interval, symbol), False
    with stage.replacing(path) as fresh:
        with fresh.open("wb") as sink:
            file = CsvFile(sink, request.csv_form())
            for piece in pieces:
                file.add(piece)
                is_incomplete = is_incomplete or any(state.is_doubtful for state in piece.states)
        same = not request.force and _same_bytes(fresh, path)
        if same or not file.rows:
            fresh.unlink()
    if not file.rows and is_incomplete:
        result.kept += [path.name] if path.exists() else []
    elif not file.rows:
        path.unlink(missing_ok=True)
    result.unchanged, result.written = result.unchanged + same, result.written + bool(file.rows and not same)


def _same_bytes(fresh: Path, old: Path) -> bool:
    if not old.exists() or fresh.stat().st_size != old.stat().st_size:
        return False
    with fresh.open("rb") as ours, old.open("rb") as theirs:
        blocks = zip(iter(lambda: ours.read(1 << 16), b""), iter(lambda: theirs.read(1 << 16), b""), strict=False)
        return all(new == before for new, before in blocks)
