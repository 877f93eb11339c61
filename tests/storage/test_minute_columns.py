"""Minutes in bulk: a range longer than one query reads is read whole."""

from datetime import date

from store_testing import CALENDAR, SYMBOL, minutes


def test_days_far_apart_are_read_with_every_query(any_store):
    days = [CALENDAR.session(date(2025, month, day)) for month, day in ((6, 16), (8, 18), (9, 16))]
    for seed, day in enumerate(days):
        any_store.rewrite(
            SYMBOL, day, lambda _, day=day, seed=seed: {1: minutes(day, seed), 5: [], 15: []}, now=day.end
        )
    found = any_store.minutes().read(SYMBOL, days[0].day, days[-1].day)
    expected = [one for seed, day in enumerate(days) for one in minutes(day, seed)]
    assert found.start.astype("datetime64[us]").tolist() == [one.timestamp for one in expected]
    assert found.close.tolist() == [one.close for one in expected]
    assert found.vwap.tolist() == [-1 if one.vwap is None else int(one.vwap * 100) for one in expected]
