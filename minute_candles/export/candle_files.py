"""Candles as Parquet and CSV: columns, types, and what is written about them.

Parquet: `symbol` (text), `timestamp` (Asia/Seoul), open, high, low, close, volume, turnover (whole KRW and shares),
vwap, status; turnover and vwap are null where unproven. CSV: the same columns, times as the KST wall clock.
"""

import hashlib
import io
from datetime import datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal, NamedTuple

from minute_candles.core.extras import extra
from minute_candles.frames.day_states import STATUSES
from minute_candles.frames.frames import Part
from minute_candles.market.intervals import Interval
from minute_candles.storage.arrow_numbers import WHAT, array_of, codes_of, numbers_of
from minute_candles.storage.minute_columns import MINUTE, UNPROVEN

if TYPE_CHECKING:
    import pyarrow as pa  # type: ignore[import-untyped]

VERSION = "1"
"""Of this format; it goes up when columns change."""
BOM = b"\xef\xbb\xbf"
"""Without it Excel takes UTF-8 for something else."""
UTC_AHEAD = 9 * 60 * MINUTE
"""Seoul is nine hours ahead of UTC, without summer time since 1988."""


class About(NamedTuple):
    """What a file says of itself."""

    interval: Interval
    created: datetime
    prices: Literal["unadjusted", "adjusted"] = "unadjusted"

    def metadata(self, content: str) -> dict[bytes, bytes]:
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
    """`symbol` is a dictionary of text: as pandas takes the folders' names, so that both agree."""
    pa: Any = extra("pyarrow", WHAT)
    price = pa.float64() if adjusted else pa.int64()
    whole = [(name, price) for name in ("open", "high", "low", "close")]
    whole += [(name, pa.int64()) for name in ("volume", "turnover")]
    text = pa.dictionary(pa.int32(), pa.string())
    times = pa.timestamp("us", "Asia/Seoul")
    found: pa.Schema = pa.schema(
        [("symbol", text), ("timestamp", times), *whole, ("vwap", pa.float64()), ("status", text)]
    )
    return found


def table_of(part: Part) -> "pa.Table":
    """The candles of one symbol."""
    pa: Any = extra("pyarrow", WHAT)
    import numpy as np

    columns, unproven, made = part.columns, part.columns.vwap == UNPROVEN, schema(adjusted=part.ratio is not None)
    price = made.field("open").type
    start = array_of(columns.start - UTC_AHEAD, made.field("timestamp").type)
    prices = [array_of(column, price) for column in part.prices()]
    whole = [array_of(part.volume(), pa.int64()), array_of(columns.turnover, pa.int64(), unproven)]
    vwap = array_of(part.vwap(), pa.float64(), unproven)
    symbol, status = codes_of(np.zeros(len(unproven)), [part.symbol]), codes_of(part.status, STATUSES)
    table: pa.Table = pa.Table.from_arrays([symbol, start, *prices, *whole, vwap, status], schema=made)
    return table


class Fingerprint:
    """Of rows: two exports of the same candles have the same, whatever else changed."""

    def __init__(self) -> None:
        self._digest = hashlib.blake2b(VERSION.encode(), digest_size=16)

    def add(self, table: "pa.Table") -> None:
        pa: Any = extra("pyarrow", WHAT)
        for column in table.columns:
            if pa.types.is_dictionary(column.type):
                coded = column.cast(pa.string()).combine_chunks().dictionary_encode()
                self._digest.update(repr(coded.dictionary.to_pylist()).encode())
                column = coded.indices
            self._digest.update(numbers_of(column, missing=UNPROVEN).tobytes())

    def told(self) -> str:
        return self._digest.hexdigest()


def said_by(path: Path, name: str) -> str | None:
    """What a Parquet file of ours says of itself (`content`: its fingerprint); None where there is no such file."""
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
        self._writer = pq.ParquetWriter(path, schema(adjusted=about.prices == "adjusted"), compression="zstd")

    def add(self, table: "pa.Table") -> None:
        if table.num_rows:
            self._fingerprint.add(table)
            self._writer.write_table(table)

    def close(self) -> str:
        """The fingerprint of all that was added."""
        content = self._fingerprint.told()
        self._writer.add_key_value_metadata(self._about.metadata(content))
        self._writer.close()
        return content


class CsvFile:
    """CSV for people and for Excel: a header, a row a candle, the KST wall clock, an empty field where unproven."""

    def __init__(self, sink: IO[bytes], *, with_bom: bool) -> None:
        self._sink, self.rows = sink, 0
        if with_bom:
            sink.write(BOM)

    def add(self, table: "pa.Table") -> None:
        if not table.num_rows:
            return
        pa: Any = extra("pyarrow", WHAT)
        csv: Any = extra("pyarrow.csv", WHAT)
        compute: Any = extra("pyarrow.compute", WHAT)
        wall = compute.strftime(table["timestamp"].cast(pa.timestamp("s", "Asia/Seoul")), format="%Y-%m-%d %H:%M:%S")
        plain = table.set_column(1, "timestamp", wall)
        for number, name in ((0, "symbol"), (9, "status")):
            plain = plain.set_column(number, name, table[name].cast(pa.string()))
        options = csv.WriteOptions(include_header=False, quoting_style="none")
        if not self.rows:
            self._sink.write((",".join(plain.column_names) + "\n").encode())
        self.rows += table.num_rows
        text = io.BytesIO()
        csv.write_csv(plain, text, options)
        self._sink.write(text.getbuffer())
