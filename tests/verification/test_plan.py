"""Wanted − verified (minute_candles/verification/plan.py)."""

from datetime import date
from operator import lt
from types import SimpleNamespace
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
SYMBOLS = ["005930", "000660"]
DAYS = CALENDAR.trading_days(date(2026, 11, 2), date(2026, 11, 4))
ORDINARY = CALENDAR.session(date(2026, 11, 18))
COUNTS = st.tuples(*[st.integers(0, 3)] * 3)
STATES = st.none() | st.tuples(st.sampled_from([COMPLETE, NO_TRADES, PROVISIONAL]), COUNTS, COUNTS)


def shelf(covered: dict[Any, CoverageRow], held: dict[Any, Any]) -> Any:
    """Return what a store would answer the plan."""
    return SimpleNamespace(
        coverage=lambda symbols, first, last: {k: v for k, v in covered.items() if k[0] in symbols and k[1] <= last},
        missing_rows=lambda verified, sessions: {
            key: held[key] for key in verified if any(map(lt, held[key], verified[key].counts))
        },
    )


@given(states=st.lists(STATES, min_size=6, max_size=6), days=st.integers(0, 3), symbols=st.integers(0, 2))
def test_plan_and_verified_are_all_that_is_wanted_and_disjoint(states: Any, days: int, symbols: int) -> None:
    keys = [(symbol, day) for symbol in SYMBOLS for day in DAYS]
    known = {key: state for key, state in zip(keys, states, strict=True) if state}
    store = shelf({key: CoverageRow(*state[:2]) for key, state in known.items()}, {k: s[2] for k, s in known.items()})
    wanted = [key for key in keys if key[0] in SYMBOLS[:symbols] and key[1] in DAYS[:days]]
    tasks = [task[:2] for task in plan(store, CALENDAR, SYMBOLS[:symbols], DAYS[:days])]
    held = [key for key in wanted if key in known and not any(map(lt, known[key][2], known[key][1]))]
    verified = [key for key in held if known[key][0] != PROVISIONAL]
    assert sorted(tasks + verified) == sorted(wanted)
    assert tasks == sorted(tasks, key=keys.index), "by symbol, oldest first"


def test_force_wants_everything_and_recheck_what_is_unproven() -> None:
    rows = {("005930", day): CoverageRow(UNPROVEN if day == DAYS[0] else COMPLETE, (0, 0, 0)) for day in DAYS}
    store = shelf(rows, dict.fromkeys(rows, (0, 0, 0)))
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
def test_a_day_judged_by_other_hours_is_collected_again(day: date, reasons: Any, evidence: Any, cause: Any) -> None:
    """By others than the calendar says now."""
    known = CoverageRow(COMPLETE, (1, 1, 1), reasons, evidence)
    task = planned(SymbolDay("005930", day), known, None, CALENDAR.session(day))
    assert (task and task.cause) == cause
