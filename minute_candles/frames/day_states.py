"""What can be said of each symbol-day of a range: verified, doubtful, not there. Pure.

COMPLETE, NO_TRADES   verified, nothing to add
UNPROVEN              stored as KIS told it twice; the reason stands in the note
PROVISIONAL           rows are there, the authority has not confirmed them (today's session; a day never verified,
                      or one that has lost rows since)
MISSING               a closed trading day without any row
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

from minute_candles.market.day_status import VERIFIED

STATUSES = (*VERIFIED, "PROVISIONAL", "MISSING")
_IN_KOREAN = {"UNPROVEN": "증명 안 됨", "PROVISIONAL": "잠정", "MISSING": "빠짐"}
_MOST_NAMED = 12
OTHER_HOURS = "다른 시간에 열린 날로 저장됨: 다시 받아야 합니다"


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
    symbol: str,
    closed: Iterable[date],
    known: Mapping[tuple[str, date], Known],
    held: Mapping[date, Sequence[int]],
    running: date | None = None,
    other_hours: Collection[tuple[str, date]] = (),
) -> list[DayState]:
    """Every `closed` trading day, the `running` one, and every day of which there are rows.

    `held`: rows by day, of 1 minute first; of the intervals that were counted. `other_hours`: those that were stored
    by other hours than they traded.
    """
    days = sorted({*closed, *held, *([running] if running else ())})
    found = [_state(symbol, day, known.get((symbol, day)), held.get(day, (0,)), running) for day in days]
    return [state._replace(status="PROVISIONAL", note=OTHER_HOURS) if (symbol, state.day) in other_hours else state
            for state in found]  # fmt: skip


def _state(symbol: str, day: date, known: Known | None, held: Sequence[int], running: date | None) -> DayState:
    verified = known is not None and known.status in VERIFIED
    lost = lost_of(known, held)
    if known is not None and verified and not lost:
        return DayState(symbol, day, known.status, known.note)
    note = lost or (known.note if known else None)
    if day == running and not held[0]:
        return DayState(symbol, day, "PROVISIONAL", note or "오늘의 캔들이 아직 없습니다")
    return DayState(symbol, day, "PROVISIONAL" if held[0] else "MISSING", note)


def lost_of(known: Known | None, held: Sequence[int]) -> str:
    """What a verified day holds less than was counted, in Korean; "" where nothing."""
    if known is None or known.status not in VERIFIED:
        return ""
    pairs = zip((1, 5, 15), known.counts, held, strict=False)
    lost = [f"{interval}분봉 {had - has}건" for interval, had, has in pairs if has < had]
    return f"확인할 때보다 {', '.join(lost)}이 적습니다" if lost else ""


def told(doubtful: Sequence[DayState]) -> str:
    """One line that names them, the first dozen by name."""
    named = ", ".join(map(str, doubtful[:_MOST_NAMED]))
    rest = len(doubtful) - _MOST_NAMED
    return f"{named} 외 {rest:,}종목일" if rest > 0 else named
