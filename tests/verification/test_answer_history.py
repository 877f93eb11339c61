"""What KIS reported of a day, and how often (minute_candles/verification/answer_history.py)."""

from datetime import date

from minute_candles.verification.answer_history import AnswerHistory

DAY = date(2026, 11, 20)


def test_only_what_is_reported_twice_in_a_row_is_reported_again_and_advice_is_given_once() -> None:
    """A, B, A: KIS changes its answer; the second A is the first of its kind."""
    history = AnswerHistory()
    for evidence in "ABA":
        history.add("005930", DAY, evidence)
    assert [history.times("005930", DAY, evidence) for evidence in "AB"] == [1, 0]
    history.add("005930", DAY, "A")
    assert history.times("005930", DAY, "A") == 2
    history.forget("005930", DAY)
    assert history.times("005930", DAY, "A") == 0
    assert [history.is_first_advice(DAY), history.is_first_advice(DAY)] == [True, False]
