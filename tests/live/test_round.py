"""A round's line in the log says what it did, and boasts of nothing it did not do (#26)."""

from datetime import datetime

import pytest

from minute_candles.live.round import Round


@pytest.mark.parametrize(
    ("counts", "mark"),
    [({}, "ℹ️"), ({"calls": 3}, "✅"), ({"streamed": 3}, "✅"), ({"calls": 3, "errors": 1}, "⚠️"), ({"left": 1}, "⚠️")],
)
def test_a_round_that_requested_nothing_is_no_success(counts, mark):
    line = Round(datetime(2026, 11, 20, 10, 31), **counts).line(due=())
    assert line.startswith(f"{mark} 10:31") and ("묻지 않음" in line) == (not counts)
