"""Numbers in and out of Arrow by their buffers: `pyarrow.array` and `to_numpy` import pandas, 40 MB for nothing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from minute_candles.core.extras import extra

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa  # type: ignore[import-untyped]
    from numpy.typing import NDArray

WHAT = "Parquet·CSV 내보내기"
_KINDS = {"int64": "i8", "timestamp": "i8", "double": "f8", "int32": "i4"}


def array_of(values: "NDArray[Any]", kind: "pa.DataType", missing: "NDArray[np.bool_] | None" = None) -> "pa.Array":
    """The same numbers (of the width of `kind`), null where `missing`."""
    pa: Any = extra("pyarrow", WHAT)
    import numpy as np

    valid = None if missing is None else pa.py_buffer(np.packbits(~missing, bitorder="little"))
    return pa.Array.from_buffers(kind, len(values), [valid, pa.py_buffer(np.ascontiguousarray(values))])


def codes_of(codes: "NDArray[Any]", words: Sequence[str]) -> "pa.DictionaryArray":
    """Text as codes of these words."""
    pa: Any = extra("pyarrow", WHAT)
    import numpy as np

    told = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, told)], dtype=np.int32)
    text = pa.StringArray.from_buffers(len(told), pa.py_buffer(ends), pa.py_buffer(b"".join(told)))
    return pa.DictionaryArray.from_arrays(array_of(codes.astype(np.int32), pa.int32()), text)


def numbers_of(column: "pa.ChunkedArray | pa.Array", *, missing: int = 0) -> "NDArray[Any]":
    """The numbers of a column, `missing` where it is null."""
    import numpy as np

    chunks = getattr(column, "chunks", [column])
    return np.concatenate([np.empty(0, _kind(column.type)), *[_numbers(one, missing) for one in chunks]])


def _numbers(array: "pa.Array", missing: int) -> "NDArray[Any]":
    import numpy as np

    bits, data = array.buffers()
    inside = slice(array.offset, array.offset + len(array))
    values: NDArray[Any] = np.frombuffer(data, _kind(array.type))[inside]
    if bits is None:
        return values
    valid = np.unpackbits(np.frombuffer(bits, np.uint8), bitorder="little")[inside].astype(bool)
    return np.where(valid, values, np.array(missing, values.dtype))


def _kind(kind: "pa.DataType") -> str:
    """Raises `TypeError` for what is no number of ours."""
    name = str(kind).partition("[")[0]
    if name not in _KINDS:
        raise TypeError(f"no number: {kind}")
    return _KINDS[name]
