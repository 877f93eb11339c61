"""Numbers through Arrow's buffers are those that pyarrow's own functions tell, and pandas is not imported for them."""

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT

from minute_candles.storage.arrow_numbers import array_of, codes_of, numbers_of

NUMBERS = st.lists(st.none() | st.integers(-(2**62), 2**62), max_size=40)


@given(NUMBERS, st.integers(0, 9))
def test_what_goes_in_comes_out_with_nulls_and_from_the_middle(told, since):
    values = np.array([one or 0 for one in told], np.int64)
    missing = np.array([one is None for one in told], bool)
    made = array_of(values, pa.int64(), missing)
    assert made.equals(pa.array(told, pa.int64()))
    for column in (made[since:], pa.chunked_array([made[since:], made])):
        assert numbers_of(column, missing=-1).tolist() == [-1 if one is None else one for one in column.to_pylist()]


@pytest.mark.parametrize("kind", [pa.float64(), pa.int32(), pa.timestamp("us", "Asia/Seoul")])
def test_each_kind_of_ours(kind):
    values = np.arange(3, dtype="f8" if kind == pa.float64() else f"i{kind.bit_width // 8}")
    made = array_of(values, kind)
    assert made.equals(pa.array(values.tolist(), kind)) and numbers_of(made).dtype == values.dtype
    assert numbers_of(pa.chunked_array([], kind)).tolist() == []


def test_text_is_no_number():
    with pytest.raises(TypeError, match="string"):
        numbers_of(pa.array(["1"]))


def test_codes_are_text():
    assert codes_of(np.array([1, 0, 1]), ["가", "005930"]).to_pylist() == ["005930", "가", "005930"]


def test_pandas_stays_out():
    code = (
        "import sys, numpy as np, pyarrow as pa\nfrom minute_candles.storage.arrow_numbers import *\n"
        "made = array_of(np.arange(9), pa.int64(), np.arange(9) > 3)\n"
        "table = pa.Table.from_arrays([codes_of(np.zeros(9), ['a']), made], names=['a', 'b'])\n"
        "numbers_of(table['b'])\nassert 'pandas' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
