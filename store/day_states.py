"""What can be said of each symbol-day of a range: verified, doubtful, not there. Pure.

COMPLETE, NO_TRADES   verified, nothing to add
UNPROVEN              stored as KIS told it twice; the reason stands in the note
PROVISIONAL           rows are there, the authority has not confirmed them (today's session; a day never verified,
                      or one that has lost rows since)
MISSING               a closed trading day without any row
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

from market.past_day import VERIFIED

STATUSES = (*VERIFIED, "PROVISIONAL", "MISSING")
_IN_KOREAN = {"UNPROVEN": "증명 안 됨", "PROVISIONAL": "잠정", "MISSING": "빠짐"}
_MOST_NAMED = 12


class Known(Protocol):
    """A row of the coverage table (`db.Coverage`)."""

    @property
    def status(self) -> str: ...
    @property
    def note(self) -> str | None: ...
    @property
    def counts(self) -> tuple[int, int, int]: ...
    @property
    def verified_at(self) -> datetime | None: ...


class DayState(NamedTuple):
    symbol: str
    day: date
    status: str
    note: str | None = None

    @property
    def is_doubtful(self) -> bool:
        return self.status in _IN_KOREAN

    def __str__(self) -> str:
        reason = f": {self.note}" if self.note and self.status == "UNPROVEN" else ""
        return f"{self.symbol} {self.day} {_IN_KOREAN.get(self.status, self.status)}{reason}"


def states(
    symbol: str, closed: Iterable[date], known: Mapping[tuple[str, date], Known], held: Mapping[date, int]
) -> list[DayState]:
    """Every `closed` trading day and every day of which there are rows; `held`: 1-minute rows by day, ascending."""
    days = sorted({*closed, *held})
    return [_state(symbol, day, known.get((symbol, day)), held.get(day, 0)) for day in days]


def _state(symbol: str, day: date, known: Known | None, held: int) -> DayState:
    if known is not None and known.status in VERIFIED:
        if held >= known.counts[0]:
            return DayState(symbol, day, known.status, known.note)
        lost = f"확인할 때보다 1분봉 {known.counts[0] - held}건이 적습니다"
        return DayState(symbol, day, "PROVISIONAL" if held else "MISSING", lost)
    return DayState(symbol, day, "PROVISIONAL" if held else "MISSING", known.note if known else None)


def told(doubtful: Sequence[DayState]) -> str:
    """One line that names them, the first dozen by name."""
    named = ", ".join(map(str, doubtful[:_MOST_NAMED]))
    rest = len(doubtful) - _MOST_NAMED
    return f"{named} 외 {rest:,}종목일" if rest > 0 else named
