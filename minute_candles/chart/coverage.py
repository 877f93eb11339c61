"""What is known of each symbol on each trading day: the answer of `/api/coverage`.

    coverage = CoverageMap(reader, names, calendar, clock)
    coverage.rows(["005930"], date(2026, 11, 20), date(2026, 11, 23))

A verified day is shown as verified only while it holds the rows that were counted. Rows are counted from the key
and kept for a while, because 97 symbols × 60 days hold two million.
"""

import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from time import monotonic
from typing import NamedTuple, TypedDict

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import Session, TradingCalendar, has_other_hours
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.store import CandleReader, Counts

VERIFIED_SECONDS, OPEN_SECONDS = 300.0, 5.0
"""How long the rows counted of a verified day, and of any other one, are kept."""
_AT_ONCE = 10
"""Symbols that are counted in one transaction; other readers work in between."""
MOST_KEPT = 400_000
"""Symbol-days whose counts are kept; beyond that all are counted anew, so memory stays flat."""
_NONE: Counts = (0, 0, 0)
Key = tuple[str, date]


class DayCoverage(TypedDict):
    """A trading day of a symbol; `count_1min`: the 1-minute rows it holds now."""

    date: str
    status: str
    reasons: list[str]
    count_1min: int


class SymbolCoverage(TypedDict):
    """A symbol of `/api/coverage` with its trading days, ascending."""

    symbol: str
    name: str
    days: list[DayCoverage]


class _Counted(NamedTuple):
    """Rows of a day, when they were counted, and the hash of its coverage row then."""

    counts: Counts
    at: float
    row: int

    def holds(self, row: CoverageRow | None, now: float) -> bool:
        seconds = VERIFIED_SECONDS if row is not None and row.is_verified else OPEN_SECONDS
        return hash(row) == self.row and now - self.at < seconds


class CoverageMap:
    """Runs on worker threads. Raises `StoreError` where the server stays away."""

    def __init__(self, reader: CandleReader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock) -> None:
        """Take the `names` of the symbols that are shown."""
        self._reader, self._names, self._calendar, self._clock = reader, names, calendar, clock
        self._lock = threading.Lock()
        self._counted: dict[Key, _Counted] = {}

    def rows(self, symbols: Sequence[str], first: date, last: date) -> list[SymbolCoverage]:
        """Return every trading day of the range that has begun, a list a symbol."""
        now = self._clock.now()
        days = self._calendar.trading_days(first, min(last, now.date()))
        sessions = [one for one in map(self._calendar.session, days) if now >= one.open]
        known = self._reader.coverage(symbols, first, last) if sessions else {}
        held = self._held(symbols, sessions, known)
        return [
            {
                "symbol": symbol,
                "name": self._names.get(symbol, ""),
                "days": [_day(at, known.get((symbol, at.day)), held[symbol, at.day], now) for at in sessions],
            }
            for symbol in symbols
        ]

    def _held(
        self, symbols: Sequence[str], sessions: Sequence[Session], known: Mapping[Key, CoverageRow]
    ) -> dict[Key, Counts]:
        """Return the rows of each day; those not counted yet, changed or counted too long ago are counted now."""
        with self._lock:  # a second page waits and takes what the first one has counted
            now = monotonic()
            if len(self._counted) > MOST_KEPT:
                self._counted.clear()
            stale: dict[tuple[Session, ...], list[str]] = defaultdict(list)
            for symbol in symbols:
                if uncounted := tuple(one for one in sessions if not self._holds((symbol, one.day), known, now)):
                    stale[uncounted].append(symbol)
            for uncounted, some in stale.items():
                self._count(some, uncounted, known)
            return {(symbol, at.day): self._counted[symbol, at.day].counts for symbol in symbols for at in sessions}

    def _holds(self, key: Key, known: Mapping[Key, CoverageRow], now: float) -> bool:
        kept = self._counted.get(key)
        return kept is not None and kept.holds(known.get(key), now)

    def _count(self, symbols: Sequence[str], sessions: Sequence[Session], known: Mapping[Key, CoverageRow]) -> None:
        for start in range(0, len(symbols), _AT_ONCE):
            some = symbols[start : start + _AT_ONCE]
            found, now = self._reader.counts(some, sessions), monotonic()
            for key in ((symbol, at.day) for symbol in some for at in sessions):
                self._counted[key] = _Counted(found.get(key, _NONE), now, hash(known.get(key)))


def _day(session: Session, row: CoverageRow | None, held: Counts, now: datetime) -> DayCoverage:
    status, reasons = state_of(session, row, held, now)
    return {
        "date": session.day.isoformat(),
        "status": status.value,
        "reasons": [reason.value for reason in reasons],
        "count_1min": held[0],
    }


def state_of(
    session: Session, row: CoverageRow | None, held: Counts, now: datetime
) -> tuple[DayStatus, Iterable[Reason]]:
    """Return the state of a day and why.

    A closed day without a coverage row is MISSING, whatever rows it holds: nobody has verified them.
    """
    if row is None:
        return (DayStatus.PROVISIONAL if now < session.end else DayStatus.MISSING), ()
    if not row.is_verified:
        unfilled = not held[0] and now >= session.end
        return (DayStatus.MISSING if unfilled else row.status), row.reasons
    if any(missing_rows(row, held)):
        return (DayStatus.PROVISIONAL if held[0] else DayStatus.MISSING), (Reason.ROWS_LOST, *row.reasons)
    if has_other_hours(session, recorded_csat=Reason.CSAT_HOURS in row.reasons, is_older=row.evidence is None):
        return DayStatus.PROVISIONAL, (Reason.OTHER_HOURS, *row.reasons)
    return row.status, row.reasons
