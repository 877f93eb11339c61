"""Reasons in Korean."""

import pytest

from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import Reason


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_ascii_and_has_a_text(reason: Reason) -> None:
    """A code of its own name, and a text without one."""
    assert reason.isascii()
    assert reason == reason.name
    assert reason_text(reason)
