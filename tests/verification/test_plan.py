"""Wanted − verified (minute_candles/verification/plan.py)."""

from datetime import date
from operator import lt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kis_testing import CSAT

from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_status import COMPLETE, NO_TRADES, PROVISIONAL, UNPROVEN, Reason
from minute_candles.storage.coverage import CoverageRow
from minute_candles.verification.plan import Cause, SymbolDay, plan, planned

CALENDAR = TradingCalendar()
SYMBOLS = ["005930", "000660", "035420"]
DAYS = CALENDAR.trading_days(date(2026, 11, 2), date(2026, 11, 13))
ORDINARY = CALENDAR.session(date(2026, 11, 18))
COUNTS = st.tuples(*[st.integers(0, 3)] * 3)
STATES = st.none() | st.tuples(st.sampled_from([COMPLETE, NO_TRADES, PROVISIONAL]), COUNTS, COUNTS)


class Shelf:
    """What a store would answer the plan."""

    def __init__(self, covered: dict[Any, CoverageRow], held: dict[Any, Any]) -> None:
        self._covered, self._held = covered, held

    def coverage(self, symbols: Any, first: date, last: date) -> Any:
        return {key: value for key, value in self._covered.items() if key[0] in symbols and first <= key[1] <= last}

    def missing_rows(self, verified: Any, sessions: Any) -> Any:
        held = {key: self._held.get(key, (0, 0, 0)) for key in verified}
        return {key: has for key, has in held.items() if any(map(lt, has, verified[key].counts))}


@given(states=st.lists(STATES, min_size=30, max_size=30), days=st.integers(0, 10), symbols=st.integers(0, 3))
def test_plan_and_verified_are_all_that_is_wanted_and_disjoint(states: Any, days: int, symbols: int) -> None:
    keys = [(symbol, day) for symbol in SYMBOLS for day in DAYS]
    known = {key: state for key, state in zip(keys, states, strict=True) if state}
    store: Any = Shelf(
        {key: CoverageRow(status, counts) for key, (status, counts, _) in known.items()},
        {key: rows for key, (_, _, rows) in known.items()},
    )
    wanted = [key for key in keys if key[0] in SYMBOLS[:symbols] and key[1] in DAYS[:days]]
    tasks = [task[:2] for task in plan(store, CALENDAR, SYMBOLS[:symbols], DAYS[:days])]
    held = [key for key in wanted if key in known and not any(map(lt, known[key][2], known[key][1]))]
    verified = [key for key in held if known[key][0] != PROVISIONAL]
    assert sorted(tasks + verified) == sorted(wanted)
    assert tasks == sorted(tasks, key=keys.index), "by symbol, oldest first"


def test_force_wants_everything_and_recheck_what_is_unproven() -> None:
    rows = {("005930", day): CoverageRow(UNPROVEN if day == DAYS[0] else COMPLETE, (0, 0, 0)) for day in DAYS}
    store: Any = Shelf(rows, {})
    assert len(plan(store, CALENDAR, ["005930"], DAYS, force=True)) == len(DAYS)
    assert [task.day for task in plan(store, CALENDAR, ["005930"], DAYS, recheck=True)] == [DAYS[0]]


@pytest.mark.parametrize("held", [(380, 78, 27), (381, 77, 27), (381, 78, 26)])
def test_an_interval_that_lost_rows_is_named(held: tuple[int, int, int]) -> None:
    task = planned(SymbolDay("005930", ORDINARY.day), CoverageRow(COMPLETE, (381, 78, 27)), held, ORDINARY)
    assert task and task.cause is Cause.ROWS_LOST and sorted(task.lost) == [0, 0, 1]


@pytest.mark.parametrize(
    ("day", "reasons", "evidence", "cause"),
    [(ORDINARY.day, (), "x", None), (ORDINARY.day, (Reason.CSAT_HOURS,), "x", Cause.ORDINARY_HOURS),
     (CSAT, (Reason.CSAT_HOURS,), "x", None), (CSAT, (), "x", Cause.CSAT_HOURS), (CSAT, (), None, None)],
    ids=["ordinary", "CSAT_DATES is corrected", "listed", "listed, and CSAT_DATES was wrong", "an older row"],
)  # fmt: skip
def test_a_day_judged_by_other_hours_than_the_calendar_says_now_is_collected_again(
    day: date, reasons: tuple[Reason, ...], evidence: str | None, cause: Cause | None
) -> None:
    known = CoverageRow(COMPLETE, (1, 1, 1), reasons, evidence)
    task = planned(SymbolDay("005930", day), known, None, CALENDAR.session(day))
    assert (task and task.cause) == cause
