"""What is to be done: symbol-days wanted − symbol-days verified (law 1). A question to the table, no call to KIS."""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from minute_candles.market.calendar import Session, TradingCalendar, has_other_hours
from minute_candles.market.candles import INTERVALS
from minute_candles.market.day_notes import says_csat_hours
from minute_candles.market.day_status import UNPROVEN, VERIFIED
from minute_candles.storage.coverage import CoverageRow
from minute_candles.storage.store import Counts, Store

AT_A_TIME = 100
"""Symbols of which everything is held in memory at once: a year of 2,700 would be 330 MB."""


class SymbolDay(NamedTuple):
    """The unit of work (law 2), and why it is on the plan."""

    symbol: str
    day: date
    why: str = ""


def plan(
    store: Store,
    calendar: TradingCalendar,
    symbols: Sequence[str],
    days: Sequence[date],
    *,
    force: bool = False,
    recheck: bool = False,
) -> list[SymbolDay]:
    """Symbol-days wanted − verified, by symbol, oldest first (law 1).

    `force` wants them all again, `recheck` those that are UNPROVEN.
    """
    if not days:
        return []
    return [task for some in _some(symbols) for task in _of_some(store, calendar, some, days, force, recheck)]


def _of_some(
    store: Store, calendar: TradingCalendar, symbols: Sequence[str], days: Sequence[date], force: bool, recheck: bool
) -> list[SymbolDay]:
    """`plan` of as many symbols as one likes to hold in memory at a time."""
    coverage = store.coverage(symbols, days[0], days[-1])
    sessions = {day: calendar.session(day) for day in days}
    verified = {key: one for key, one in coverage.items() if one.status in VERIFIED and key[1] in sessions}
    lost = {} if force else store.missing_rows(verified, list(sessions.values()))

    def why(key: tuple[str, date]) -> str:
        known = coverage.get(key)
        if force or (recheck and known is not None and known.status == UNPROVEN):
            return "다시 받기"
        held = lost.get(key) or (known.counts if known else (0, 0, 0))
        return why_missing(known, held) or _other_hours(known, sessions[key[1]])

    tasks = (SymbolDay(*key, why(key)) for key in product(symbols, days))
    return [task for task in tasks if task.why]


def _some(symbols: Sequence[str]) -> list[Sequence[str]]:
    return [symbols[start : start + AT_A_TIME] for start in range(0, len(symbols), AT_A_TIME)]


def why_missing(known: CoverageRow | None, held: Counts) -> str:
    """Why a symbol-day is not verified, in Korean; empty where it is.

    Verified: coverage says COMPLETE, NO_TRADES or UNPROVEN, and the table still holds the counted rows of each.
    """
    if known is None:
        return "아직 받지 않음"
    if known.status not in VERIFIED:
        return "장중 임시 데이터 (마감 확정 전)"
    return _lost(held, known.counts)


@lru_cache(maxsize=10_000)
def _lost(held: Counts, counts: Counts) -> str:
    """One text for all that lack the same: there may be half a million of them."""
    pairs = zip(INTERVALS, held, counts, strict=True)
    lost = [f"{interval}분봉 {had - has}건" for interval, has, had in pairs if has < had]
    return f"{', '.join(lost)} 사라짐" if lost else ""


def _other_hours(known: CoverageRow | None, session: Session) -> str:
    if known is None or not has_other_hours(session, recorded_csat=says_csat_hours(known.note), is_older=True):
        return ""
    return "16:30까지 열린 날" if session.csat else "평소 시간에 열린 날"


def unproven(store: Store, symbols: Sequence[str], days: Sequence[date]) -> list[SymbolDay]:
    """The symbol-days that are stored as KIS told them though something contradicts, with the reason (law 13)."""
    found: list[SymbolDay] = []
    wanted = frozenset(days)
    for some in _some(symbols) if days else ():
        place = {symbol: number for number, symbol in enumerate(some)}
        marked = store.coverage(some, days[0], days[-1], status=UNPROVEN)
        ordered = sorted(marked, key=lambda key: (place[key[0]], key[1]))
        found += [SymbolDay(*key, marked[key].note or "") for key in ordered if key[1] in wanted]
    return found
