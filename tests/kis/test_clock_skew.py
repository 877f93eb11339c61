"""How far KIS's clock and this host's are apart, by the `Date` headers of the answers."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest

from minute_candles.kis.clock_skew import ClockSkew


@pytest.fixture
def note(clock):
    """Note an answer whose server is so many seconds ahead and return what knows."""
    skew = ClockSkew(clock)

    def note(ahead: float) -> ClockSkew:
        skew.note(format_datetime((clock.now() + timedelta(seconds=ahead)).astimezone(UTC), usegmt=True))
        return skew

    return note


@pytest.mark.parametrize(("seconds", "text"), [(1, ""), (-43551, "약 12시간 6분 빠릅니다"), (90, "약 2분 느립니다")])
def test_a_wrong_clock_is_reported_in_hours_and_minutes(note, seconds, text):
    trouble = [note(seconds).trouble() for _ in range(5)][-1]
    assert text in trouble and bool(trouble) == bool(text)


def test_a_jump_counts_when_three_answers_agree(note):
    day, second = timedelta(days=1), timedelta(seconds=1)
    for ahead in (0, 0, -86400, 0, -86400, -86400):
        assert abs((skew := note(ahead)).value) < 2 * second
        for header in ("", "yesterday", "Mon, 99 Nov 2026 99:99:99 GMT", "Fri, 20 Nov 2026 +99999999999"):
            skew.note(header)  # no date: passed over
    assert skew.suspected == pytest.approx(-day, abs=second)
    assert note(-86400).value == pytest.approx(-day, abs=second) and skew.suspected is None
