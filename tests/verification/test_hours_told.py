"""Whose word makes a day run late that nobody announced: most symbols', told twice, or the only one's again."""

from datetime import date, datetime

from minute_candles.market.calendar import TradingCalendar, runs_late

DAY, NEW_YEAR = date(2026, 11, 20), date(2027, 1, 4)
ORDINARY = 0


def told(calendar: TradingCalendar, *voices: tuple[str, int]) -> list[bool]:
    """Whether each of them changes the day's hours."""
    return [calendar.hear_hours(DAY, symbol, late=late) for symbol, late in voices]


def test_two_symbols_that_each_tell_it_twice_are_believed() -> None:
    calendar = TradingCalendar()
    assert told(calendar, ("A", 1), ("A", 1), ("B", 1), ("B", 1)) == [False, False, False, True]
    session = calendar.session(DAY)
    assert session.believed and f"{session.open:%H:%M}~{session.close:%H:%M}" == "10:00~16:30"


def test_the_only_one_that_speaks_is_believed_the_third_time() -> None:
    assert told(TradingCalendar(), ("A", 1), ("A", 1), ("A", 1)) == [False, False, True]


def test_who_trades_before_ten_speaks_against_it_before_and_after() -> None:
    calendar = TradingCalendar()
    assert not any(told(calendar, ("C", ORDINARY), *[("A", 1)] * 9))
    assert told(calendar, ("B", 2), ("D", ORDINARY)) == [True, True]
    assert not calendar.session(DAY).believed


def test_a_lie_about_the_morning_does_not_end_a_day_that_others_show_late() -> None:
    calendar = TradingCalendar()
    told(calendar, ("LIAR", ORDINARY), ("A", 2), ("B", 2))
    assert calendar.session(DAY).believed


def test_the_last_word_of_a_symbol_counts() -> None:
    calendar = TradingCalendar()
    told(calendar, ("A", 3), ("A", ORDINARY))
    assert not calendar.session(DAY).believed


def test_the_first_session_of_the_year_opens_at_ten_and_shows_nothing_by_it() -> None:
    session = TradingCalendar().session(NEW_YEAR)
    assert session.open.hour == 10
    assert not runs_late([datetime(2027, 1, 4, 10, 5), datetime(2027, 1, 4, 15, 25)], session)


def test_what_was_heard_outlives_a_calendar_that_is_replaced() -> None:
    old, new = TradingCalendar(), TradingCalendar()
    told(old, ("A", 2), ("B", 2))
    new.take_over(old)
    assert new.session(DAY).believed
    assert told(new, ("C", ORDINARY), ("D", ORDINARY)) == [False, True]
