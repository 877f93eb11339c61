"""Candles as Parquet and CSV: columns, types, and what is written about them.

Parquet: `symbol` (text), `timestamp` (Asia/Seoul), open, high, low, close, volume, turnover (whole KRW and shares),
vwap, status; turnover and vwap are null where unproven. CSV: the same columns, times as the KST wall clock.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from minute_candles.core.extras import extra
from minute_candles.frames.day_states import STATUSES
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.symbol_candles import SymbolCandles
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]
    from numpy.typing import NDArray

WHAT = "Parquet 내보내기"
VERSION = "1"
"""Of this format; it goes up when columns change."""
BOM = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for something else."""
UTC_AHEAD = 9 * 60 * MINUTE
"""Seoul is nine hours ahead of UTC, without summer time since 1988."""
COLUMNS = ("symbol", "timestamp", "open", "high", "low", "close", "volume", "turnover", "vwap", "status")
CSV_HEADER = (",".join(COLUMNS) + "\n").encode()
_LINES_AT_ONCE = 20_000
Prices = Literal["unadjusted", "adjusted", "total"]
"""What prices are: as traded, adjusted for splits and rights, or for what funds distributed, too."""


class About(NamedTuple):
    """What a file says of itself."""

    interval: FrameInterval
    created: datetime
    prices: Prices = "unadjusted"

    def metadata(self, content: str) -> dict[bytes, bytes]:
        """Return the key-value metadata of a Parquet file; `content` is the fingerprint of its rows."""
        said = {
            "source": "KIS Open API, stock_minute_prices",
            "interval": str(self.interval),
            "time_zone": "Asia/Seoul",
            "prices": self.prices,
            "created": self.created.isoformat(timespec="seconds"),
            "version": VERSION,
            "content": content,
        }
        return {f"minute_candles.{name}".encode(): text.encode() for name, text in said.items()}


def schema(*, adjusted: bool = False) -> "pa.Schema":
    """Return the columns of a Parquet file; texts are dictionaries."""
    pa: Any = extra("pyarrow", WHAT)
    price = pa.float64() if adjusted else pa.int64()
    text = pa.dictionary(pa.int32(), pa.string())
    kinds = (text, pa.timestamp("us", "Asia/Seoul"), *[price] * 4, pa.int64(), pa.int64(), pa.float64(), text)
    found: pa.Schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
    return found


def table_of(candles: SymbolCandles) -> "pa.Table":
    """Return the candles of one symbol as an Arrow table."""
    pa: Any = extra("pyarrow", WHAT)
    import numpy as np

    columns, made = candles.columns, schema(adjusted=candles.ratio is not None)
    unproven = columns.vwap == UNPROVEN
    symbol = pa.DictionaryArray.from_arrays(pa.array(np.zeros(len(unproven), np.int32)), pa.array([candles.symbol]))
    words = pa.array([str(status) for status in STATUSES])
    status = pa.DictionaryArray.from_arrays(pa.array(candles.status.astype(np.int32)), words)
    numbers = [
        pa.array(columns.start - UTC_AHEAD).cast(made.field("timestamp").type),
        *[pa.array(price) for price in candles.prices()],
        pa.array(candles.volume()),
        pa.array(columns.turnover, mask=~candles.turnover_known()),
        pa.array(candles.vwap(), mask=unproven),
    ]
    table: pa.Table = pa.Table.from_arrays([symbol, *numbers, status], schema=made)
    return table


def starts_of(table: "pa.Table") -> "NDArray[np.int64]":
    """Return the starts of a table's candles, naive KST in µs."""
    pa: Any = extra("pyarrow", WHAT)
    starts: NDArray[np.int64] = table["timestamp"].cast(pa.int64()).to_numpy()
    return starts + UTC_AHEAD


class Fingerprint:
    """A digest of rows: two exports of the same candles have the same, whatever else changed."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(VERSION.encode(), digest_size=16)

    def add(self, table: "pa.Table") -> None:
        """Add the rows of a table."""
        pa: Any = extra("pyarrow", WHAT)
        for column in table.columns:
            numbers = column
            if pa.types.is_dictionary(column.type):
                coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
                self._digest.update(repr(coded.dictionary.to_pylist()).encode())
                numbers = coded.indices
            elif pa.types.is_timestamp(column.type):
                numbers = column.cast(pa.int64())
            whole = numbers if isinstance(numbers, pa.ChunkedArray) else pa.chunked_array([numbers])
            self._digest.update(whole.fill_null(UNPROVEN).to_numpy().tobytes())

    def hexdigest(self) -> str:
        """Return the digest as text."""
        return self._digest.hexdigest()


def said_by(path: Path, name: str) -> str | None:
    """Return what a Parquet file of ours says of itself (`content`: its fingerprint); None for any other."""
    pq: Any = extra("pyarrow.parquet", WHAT)
    try:
        metadata = pq.read_metadata(path).metadata or {}
    except (OSError, ValueError):
        return None
    return str(metadata.get(f"minute_candles.{name}".encode(), b"").decode()) or None


class ParquetFile:
    """A Parquet file that grows by a table at a time, zstd, a row group each."""

    def __init__(self, path: Path, about: About) -> None:
        pq: Any = extra("pyarrow.parquet", WHAT)
        self._about, self._fingerprint = about, Fingerprint()
        self._writer = pq.ParquetWriter(path, schema(adjusted=about.prices != "unadjusted"), compression="zstd")

    def add(self, table: "pa.Table") -> None:
        """Write the rows of a table."""
        if table.num_rows:
            self._fingerprint.add(table)
            self._writer.write_table(table)

    def close(self) -> str:
        """Finish the file; return the fingerprint of all its rows."""
        content = self._fingerprint.hexdigest()
        self._writer.add_key_value_metadata(self._about.metadata(content))
        self._writer.close()
        return content


class CsvForm(NamedTuple):
    """How a CSV is written: with a byte order mark, and codes as `="005930"` for Excel, which eats zeros else."""

    has_bom: bool = True
    is_excel: bool = False


class CsvFile:
    """CSV for people and programs: a header, a row a candle, the KST wall clock, an empty field where unproven."""

    def __init__(self, sink: IO[bytes], form: CsvForm) -> None:
        self._sink, self._form, self.rows = sink, form, 0
        if form.has_bom:
            sink.write(BOM)

    def add(self, candles: SymbolCandles) -> None:
        """Write the candles of a symbol."""
        if not len(candles.status):
            return
        if not self.rows:
            self._sink.write(CSV_HEADER)
        self.rows += len(candles.status)
        code = f'"=""{candles.symbol}"""' if self._form.is_excel else candles.symbol
        for lines in _csv_lines(candles, code):
            self._sink.write("".join(lines).encode())


def _csv_lines(candles: SymbolCandles, code: str) -> Iterator[list[str]]:
    """Yield the lines of the candles, some thousand at a time."""
    import numpy as np

    columns, words = candles.columns, [f",{status}\n" for status in STATUSES]
    times = np.datetime_as_string(columns.start.astype("datetime64[us]"), unit="s")
    shown = ".2f" if candles.ratio is None else ""
    whole = (*candles.prices(), candles.volume(), columns.turnover, candles.turnover_known())
    every = (*whole, candles.vwap(), columns.vwap != UNPROVEN, candles.status)
    for begin in range(0, len(times), _LINES_AT_ONCE):
        part = slice(begin, begin + _LINES_AT_ONCE)
        numbers = [column[part].tolist() for column in every]
        yield [
            f"{code},{when[:10]} {when[11:]},{o},{h},{low},{c},{shares},{krw if is_known else ''},"
            f"{format(mean, shown) if is_proven else ''}{words[status]}"
            for when, o, h, low, c, shares, krw, is_known, mean, is_proven, status in zip(
                times[part].tolist(), *numbers, strict=True
            )
        ]
