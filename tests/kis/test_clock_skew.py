"""What a user is told of a clock that is wrong."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest
from kis_testing import FakeClock

from minute_candles.kis.clock_skew import ClockSkew


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, ""), (-43551, "약 12시간 6분 빠릅니다"), (43551, "약 12시간 6분 느립니다"), (-90, "약 2분 빠릅니다")],
)
def test_a_wrong_clock_is_reported_in_hours_and_minutes(seconds, said):
    clock = FakeClock()
    skew = ClockSkew(clock)
    for _ in range(5):
        skew.note(format_datetime((clock.now() + timedelta(seconds=seconds)).astimezone(UTC), usegmt=True))
    assert said in skew.trouble() and bool(skew.trouble()) == bool(said)
