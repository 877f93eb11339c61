"""What is to be collected: symbol-days wanted − symbol-days verified (rule "Plan is a difference"). No call to KIS."""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum
from itertools import product
from typing import NamedTuple

from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.day_status import UNPROVEN
from minute_candles.market.windows import INTERVALS
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.store import Counts, Store

AT_A_TIME = 100
"""Symbols of which everything is held in memory at once: a year of 2,700 would be 330 MB."""


class Cause(StrEnum):
    """Why a symbol-day is on the plan."""

    NOT_COLLECTED = "NOT_COLLECTED"
    PROVISIONAL = "PROVISIONAL"
    ROWS_LOST = "ROWS_LOST"
    ORDINARY_HOURS = "ORDINARY_HOURS"
    """It was judged by a CSAT day's hours, and the calendar says ordinary ones."""
    CSAT_HOURS = "CSAT_HOURS"
    """The reverse."""
    REQUESTED = "REQUESTED"
    UNPROVEN = "UNPROVEN"


_TEXTS = {
    Cause.NOT_COLLECTED: "아직 받지 않음",
    Cause.PROVISIONAL: "장중 임시 데이터 (마감 확정 전)",
    Cause.ORDINARY_HOURS: "평소 시간에 열린 날",
    Cause.CSAT_HOURS: "16:30까지 열린 날",
    Cause.REQUESTED: "다시 받기",
}


class SymbolDay(NamedTuple):
    """The unit of work, and why it is on the plan."""

    symbol: str
    day: date
    cause: Cause = Cause.REQUESTED
    lost: Counts = (0, 0, 0)
    """Rows that the table lost since the day was verified, of 1, 5 and 15 minutes."""
    note: str = ""
    """What people read of an UNPROVEN day."""

    @property
    def why(self) -> str:
        """The cause in Korean, for people."""
        if self.cause is Cause.ROWS_LOST:
            lost = [f"{interval}분봉 {count}건" for interval, count in zip(INTERVALS, self.lost, strict=True) if count]
            return f"{', '.join(lost)} 사라짐"
        return self.note if self.cause is Cause.UNPROVEN else _TEXTS[self.cause]


def plan(
    store: Store, calendar: TradingCalendar, symbols: Sequence[str], days: Sequence[date], *,
    force: bool = False, recheck: bool = False,
) -> list[SymbolDay]:  # fmt: skip
    """Return symbol-days wanted − verified, by symbol, oldest first.

    `force` wants them all again, `recheck` those that are UNPROVEN.
    """
    sessions = {day: calendar.session(day) for day in days}
    parts = _parts(symbols) if days else []
    return [task for part in parts for task in _of_part(store, part, sessions, force=force, recheck=recheck)]


def _of_part(
    store: Store, symbols: Sequence[str], sessions: dict[date, Session], *, force: bool, recheck: bool
) -> list[SymbolDay]:
    """Return the plan of as many symbols as may be held in memory at a time."""
    days = list(sessions)
    coverage = store.coverage(symbols, days[0], days[-1])
    verified = {key: row for key, row in coverage.items() if row.is_verified and key[1] in sessions}
    held = {} if force else store.missing_rows(verified, list(sessions.values()))
    tasks = []
    for symbol, day in product(symbols, days):
        known = coverage.get((symbol, day))
        if force or (recheck and known is not None and known.status == UNPROVEN):
            tasks.append(SymbolDay(symbol, day, Cause.REQUESTED))
        elif task := planned(SymbolDay(symbol, day), known, held.get((symbol, day)), sessions[day]):
            tasks.append(task)
    return tasks


def planned(task: SymbolDay, known: CoverageRow | None, held: Counts | None, session: Session) -> SymbolDay | None:
    """Return the task with its cause; None where the day is verified, by the calendar's hours, and holds its rows.

    `held`: what the table holds of a day that lost rows, else None.
    """
    if known is None:
        return task._replace(cause=Cause.NOT_COLLECTED)
    if not known.is_verified:
        return task._replace(cause=Cause.PROVISIONAL)
    one, five, fifteen = missing_rows(known, held or known.counts)
    if one or five or fifteen:
        return task._replace(cause=Cause.ROWS_LOST, lost=(one, five, fifteen))
    if known.has_other_hours(session):
        return task._replace(cause=Cause.CSAT_HOURS if session.csat else Cause.ORDINARY_HOURS)
    return None


def _parts(symbols: Sequence[str]) -> list[Sequence[str]]:
    return [symbols[start : start + AT_A_TIME] for start in range(0, len(symbols), AT_A_TIME)]


def unproven(store: Store, symbols: Sequence[str], days: Sequence[date]) -> list[SymbolDay]:
    """Return the symbol-days that are stored as KIS reported them though something contradicts, with the note."""
    found: list[SymbolDay] = []
    wanted = frozenset(days)
    for part in _parts(symbols) if days else ():
        place = {symbol: number for number, symbol in enumerate(part)}
        marked = store.coverage(part, days[0], days[-1], status=UNPROVEN)
        ordered = sorted(marked, key=lambda key: (place[key[0]], key[1]))
        found += [SymbolDay(*key, Cause.UNPROVEN, note=marked[key].note or "") for key in ordered if key[1] in wanted]
    return found
