"""`stock_minute_coverage`: what is verified of each symbol-day, as codes. The one place that reads and writes its rows.

`note` is written for people and for SQL; it is carried along to be shown, and no decision looks into it.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple

from minute_candles.market.calendar import CSAT_DAYS, Session
from minute_candles.market.day_status import VERIFIED, DayStatus, Reason
from minute_candles.storage.codec import Counts, day_of, moment_of, rows_of
from minute_candles.storage.ddl import COVERAGE
from minute_candles.storage.driver import Run, Value
from minute_candles.storage.layout import CODED_COLUMNS, TableLayout

LONGEST_NOTE = 500
_ADJUSTMENT_STEP = Decimal("1e-12")
_SELECTED = ("stock_symbol", "trade_date", "status", "count_1min", "count_5min", "count_15min", "note", "verified_at")
_STATUSES = {status.value: status for status in DayStatus}
_REASONS = {reason.value: reason for reason in Reason}


class CoverageRow(NamedTuple):
    """A symbol-day: its state, why, and how many rows of 1, 5 and 15 minutes it held at `verified_at` (naive KST).

    `evidence` is a digest of what KIS reported, `adjustment` the factor of an adjusted source.
    """

    status: DayStatus
    counts: Counts
    reasons: tuple[Reason, ...] = ()
    evidence: str | None = None
    adjustment: Decimal | None = None
    note: str | None = None
    verified_at: datetime | None = None

    @property
    def is_verified(self) -> bool:
        """Whether the day was verified; the rows may have gone since (`missing_rows`)."""
        return self.status in VERIFIED

    def has_other_hours(self, session: Session) -> bool:
        """Return whether the day was judged by other hours than `session` has: it has to be collected again.

        A row without evidence is of a version that recorded the hours of days outside `CSAT_DAYS` only.
        """
        is_recorded = Reason.CSAT_HOURS in self.reasons or (self.evidence is None and session.day in CSAT_DAYS)
        return is_recorded != session.csat

    @property
    def minutes(self) -> int:
        """How many 1-minute rows it held."""
        return self.counts[0]


def missing_rows(row: CoverageRow | None, held: Sequence[int]) -> tuple[int, ...]:
    """Return how many rows a verified day has lost of each interval in `held`, 1-minute first; zeros where it is whole.

    A day that was never verified has lost nothing.
    """
    if row is None or not row.is_verified:
        return (0,) * len(held)
    return tuple(max(counted - has, 0) for counted, has in zip(row.counts, held, strict=False))


def is_whole(row: CoverageRow | None, held: Sequence[int]) -> bool:
    """Return whether a day is verified and still holds the rows that were counted."""
    return row is not None and row.is_verified and not any(missing_rows(row, held))


def read_coverage(
    run: Run, layout: TableLayout, symbols: Sequence[str], first: date, last: date, status: DayStatus | None = None
) -> dict[tuple[str, date], CoverageRow]:
    """Return the rows of these symbols from `first` to `last`, both included; those of this `status` alone."""
    if not layout.coverage:
        return {}
    columns = [*_SELECTED, *(name if name in layout.coverage else "NULL" for name in CODED_COLUMNS)]
    rows = rows_of(
        run, symbols,
        f"SELECT {', '.join(columns)} FROM {COVERAGE} WHERE stock_symbol IN ({{symbols}})"
        f" AND trade_date BETWEEN %s AND %s{' AND status = %s' if status else ''}",
        first, last, *([status.value] if status else []),
    )  # fmt: skip
    return {(row[0], day_of(row[1])): _row_of(*row[2:]) for row in rows}


def values_of_coverage(symbol: str, day: date, row: CoverageRow, stamp: datetime) -> tuple[Value, ...]:
    """Return the values of a row in the order of `COVERAGE_COLUMNS`."""
    factor = row.adjustment and row.adjustment.quantize(_ADJUSTMENT_STEP)
    note = row.note and row.note[:LONGEST_NOTE]
    return (symbol, day, *row.counts, str(row.status), text_of_reasons(row.reasons), row.evidence, factor, note, stamp)


def text_of_reasons(reasons: Sequence[Reason]) -> str | None:
    """Return the codes as the table holds them; NULL where there are none."""
    return ",".join(reasons) or None


def _row_of(
    status: str, one: int, five: int, fifteen: int, note: str | None, when: datetime | str,
    reasons: str | None, evidence: str | None, adjustment: Decimal | float | None,
) -> CoverageRow:  # fmt: skip
    factor = None if adjustment is None else Decimal(str(adjustment))
    return CoverageRow(
        _status_of(status), (one, five, fifteen), _reasons_of(reasons), evidence, factor, note, moment_of(when)
    )


def _status_of(text: str) -> DayStatus:
    """Return PROVISIONAL for a status that this version does not know: such a day is not verified."""
    return _STATUSES.get(text, DayStatus.PROVISIONAL)


def _reasons_of(text: str | None) -> tuple[Reason, ...]:
    """Return the codes that this version knows."""
    return tuple(_REASONS[code] for code in text.split(",") if code in _REASONS) if text else ()
