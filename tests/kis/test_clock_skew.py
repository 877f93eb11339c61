"""How far KIS's clock and this host's are apart, by the `Date` headers of the answers."""

from datetime import UTC, timedelta
from email.utils import format_datetime

import pytest

from minute_candles.kis.clock_skew import ClockSkew


@pytest.fixture
def note(clock):
    """Note an answer whose server is so much ahead; `note.skew` is what knows."""
    skew = ClockSkew(clock)

    def note(ahead: timedelta) -> ClockSkew:
        skew.note(format_datetime((clock.now() + ahead).astimezone(UTC), usegmt=True))
        return skew

    return note


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(1, ""), (-43551, "약 12시간 6분 빠릅니다"), (43551, "약 12시간 6분 느립니다"), (-90, "약 2분 빠릅니다")],
)
def test_a_wrong_clock_is_reported_in_hours_and_minutes(note, seconds, said):
    trouble = [note(timedelta(seconds=seconds)).trouble() for _ in range(5)][-1]
    assert said in trouble and bool(trouble) == bool(said)


def test_a_jump_counts_when_three_answers_agree(note):
    day, second = timedelta(days=1), timedelta(seconds=1)
    for ahead in (timedelta(0), timedelta(0), -day, timedelta(0), -day, -day):
        assert abs((skew := note(ahead)).value) < 2 * second
    assert skew.suspected == pytest.approx(-day, abs=second)
    assert note(-day).value == pytest.approx(-day, abs=second) and skew.suspected is None


@pytest.mark.parametrize(
    "header", ["", "yesterday", "Mon, 99 Nov 2026 99:99:99 GMT", "0", "Fri, 20 Nov 2026 +99999999999"]
)
def test_a_header_that_is_no_date_is_passed_over(clock, header):
    skew = ClockSkew(clock)
    skew.note(header)
    assert skew.value == timedelta(0)
