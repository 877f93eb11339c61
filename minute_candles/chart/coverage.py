"""What is known of each symbol on each trading day: the answer of `/api/coverage`.

    coverage = CoverageMap(reader, names, calendar, clock)
    coverage.answer(["005930"], date(2026, 11, 20), date(2026, 11, 23))

A verified day is shown as verified only while it holds the rows that were counted. Rows are counted from the key and
kept for a while, because 97 symbols × 60 days hold two million: 0.6 s of a server's core, where the coverage rows alone
take 20 ms. A page that draws first what those say asks twice, the first time with `counted=False`.
"""

import json
import threading
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from time import monotonic
from typing import NamedTuple

from minute_candles.core.clock import Clock
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.day_status import DayStatus, Reason
from minute_candles.storage.coverage import CoverageRow, missing_rows
from minute_candles.storage.store import CandleReader, Counts

VERIFIED_SECONDS, OPEN_SECONDS = 300.0, 5.0
"""How long the rows counted of a verified day, and of any other one, are kept."""
_AT_ONCE = 10
"""Symbols that are counted in one transaction; other readers work in between."""
MOST_KEPT = 300_000
"""Symbol-days whose counts are kept; beyond that all are counted anew, so memory stays flat."""
_NONE: Counts = (0, 0, 0)
Key = tuple[str, date]


class _Counted(NamedTuple):
    """Rows of a day, when they were counted, and its coverage row then; `text`: the day's answer where it is verified.

    The answer of a verified day depends on no clock, and is most of the work.
    """

    counts: Counts
    at: float
    row: CoverageRow | None
    text: str | None

    def holds(self, row: CoverageRow | None, now: float) -> bool:
        seconds = VERIFIED_SECONDS if row is not None and row.is_verified else OPEN_SECONDS
        return now - self.at < seconds and row == self.row


class CoverageMap:
    """Runs on worker threads. Raises `StoreError` where the server stays away."""

    def __init__(self, reader: CandleReader, names: Mapping[str, str], calendar: TradingCalendar, clock: Clock) -> None:
        """Take the `names` of the symbols that are shown."""
        self._reader, self._names, self._calendar, self._clock = reader, names, calendar, clock
        self._lock = threading.Lock()
        self._counted: dict[Key, _Counted] = {}

    def answer(self, symbols: Sequence[str], first: date, last: date, *, counted: bool = True) -> str:
        """Return JSON: each symbol with the trading days of the range that have begun, ascending.

        Not `counted`: at once, with the rows that were counted lately; of other days the coverage row is believed.
        """
        now = self._clock.now()
        days = self._calendar.trading_days(first, min(last, now.date()))
        sessions = [one for one in map(self._calendar.session, days) if now >= one.open]
        known = self._reader.coverage(symbols, first, last) if sessions else {}
        if counted:
            self._count_stale(symbols, sessions, known)
        return f"[{','.join(self._symbol(symbol, sessions, known, now) for symbol in symbols)}]"

    def _symbol(self, symbol: str, sessions: Sequence[Session], known: Mapping[Key, CoverageRow], now: datetime) -> str:
        days = ",".join(self._day(symbol, session, known.get((symbol, session.day)), now) for session in sessions)
        name = json.dumps(self._names.get(symbol, ""), ensure_ascii=False)
        return f'{{"symbol":{json.dumps(symbol)},"name":{name},"days":[{days}]}}'

    def _day(self, symbol: str, session: Session, row: CoverageRow | None, now: datetime) -> str:
        counted = self._counted.get((symbol, session.day))
        if counted is None or counted.row != row:
            return _text(session, row, row.counts if row else _NONE, now)
        return counted.text or _text(session, row, counted.counts, now)

    def _count_stale(
        self, symbols: Sequence[str], sessions: Sequence[Session], known: Mapping[Key, CoverageRow]
    ) -> None:
        """Count the rows of days that were not counted yet, changed, or were counted too long ago."""
        with self._lock:  # a second page waits and takes what the first one has counted
            now = monotonic()
            if len(self._counted) > MOST_KEPT:
                self._counted = {}
            stale: dict[tuple[Session, ...], list[str]] = defaultdict(list)
            for symbol in symbols:
                if uncounted := tuple(one for one in sessions if not self._holds((symbol, one.day), known, now)):
                    stale[uncounted].append(symbol)
            for uncounted, some in stale.items():
                self._count(some, uncounted, known)

    def _holds(self, key: Key, known: Mapping[Key, CoverageRow], now: float) -> bool:
        kept = self._counted.get(key)
        return kept is not None and kept.holds(known.get(key), now)

    def _count(self, symbols: Sequence[str], sessions: Sequence[Session], known: Mapping[Key, CoverageRow]) -> None:
        for start in range(0, len(symbols), _AT_ONCE):
            some = symbols[start : start + _AT_ONCE]
            found, now = self._reader.counts(some, sessions), monotonic()
            for symbol in some:
                for at in sessions:
                    key = symbol, at.day
                    row, counts = known.get(key), found.get(key, _NONE)
                    text = _text(at, row, counts, at.end) if row and row.is_verified else None
                    self._counted[key] = _Counted(counts, now, row, text)


def _text(session: Session, row: CoverageRow | None, held: Counts, now: datetime) -> str:
    """Return a day as JSON; `count_1min`: the 1-minute rows it holds."""
    status, reasons = state_of(session, row, held, now)
    codes = ",".join(f'"{reason.value}"' for reason in reasons)
    return f'{{"date":"{session.day}","status":"{status.value}","reasons":[{codes}],"count_1min":{held[0]}}}'


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
    if row.has_other_hours(session):
        return DayStatus.PROVISIONAL, (Reason.OTHER_HOURS, *row.reasons)
    return row.status, row.reasons
