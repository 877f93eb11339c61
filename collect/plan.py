"""What is to be done: symbol-days wanted − symbol-days verified (law 1). A question to the table, no call to KIS."""

from collections.abc import Sequence
from datetime import date
from itertools import product
from typing import NamedTuple

from db import Counts, Coverage, Store
from market.candles import INTERVALS
from market.hours import Session, TradingCalendar
from market.past_day import BELIEVED_HOURS, COMPLETE, NO_TRADES, UNPROVEN

PROVISIONAL = "PROVISIONAL"


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
    if not (symbols and days):
        return []
    coverage = store.coverage(symbols, days[0], days[-1])
    for (_, day), one in coverage.items():
        if BELIEVED_HOURS in (one.note or ""):
            calendar.believe_late(day)
    counts = store.counts(symbols, [calendar.session(day) for day in days])

    def why(key: tuple[str, date]) -> str:
        known = coverage.get(key)
        if force or (recheck and known is not None and known.status == UNPROVEN):
            return "다시 받기"
        return why_missing(known, counts.get(key, (0, 0, 0))) or _cut_short(known, calendar.session(key[1]))

    tasks = (SymbolDay(*key, why(key)) for key in product(symbols, days))
    return [task for task in tasks if task.why]


def why_missing(known: Coverage | None, held: Counts) -> str:
    """Why a symbol-day is not verified, in Korean; empty where it is.

    Verified: coverage says COMPLETE, NO_TRADES or UNPROVEN, and the table still holds the counted rows of each.
    """
    if known is None:
        return "아직 받지 않음"
    if known.status not in (COMPLETE, NO_TRADES, UNPROVEN):
        return "장중 임시 데이터 (마감 확정 전)"
    pairs = zip(INTERVALS, held, known.counts, strict=True)
    lost = [f"{interval}분봉 {had - has}건" for interval, has, had in pairs if has < had]
    return f"{', '.join(lost)} 사라짐" if lost else ""


def _cut_short(known: Coverage | None, session: Session) -> str:
    """A day of unannounced hours that was stored before anybody knew them."""
    knew = known is None or known.status == NO_TRADES or BELIEVED_HOURS in (known.note or "")
    return "" if knew or not session.believed else "16:30까지 열린 날"


def unproven(store: Store, symbols: Sequence[str], days: Sequence[date]) -> list[SymbolDay]:
    """The symbol-days that are stored as KIS told them though something contradicts, with the reason (law 13)."""
    if not (symbols and days):
        return []
    coverage = store.coverage(symbols, days[0], days[-1])
    known = ((key, coverage.get(key)) for key in product(symbols, days))
    return [SymbolDay(*key, one.note or "") for key, one in known if one and one.status == UNPROVEN]
