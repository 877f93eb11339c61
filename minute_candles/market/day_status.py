"""What is known of a symbol-day, as codes; `market/day_notes.py` renders them in Korean. Pure."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from minute_candles.market.rows import Reject


class DayStatus(StrEnum):
    """State of one symbol on one trading day, as stored in `stock_minute_coverage.status`."""

    COMPLETE = "COMPLETE"
    """Every minute that traded is stored, and turnover proves it."""
    NO_TRADES = "NO_TRADES"
    """Nothing traded in the session: a halt, or a symbol that is not listed yet."""
    UNPROVEN = "UNPROVEN"
    """Stored as KIS reported it, though something contradicts; `reasons` name what."""
    PROVISIONAL = "PROVISIONAL"
    """From today's TR or the stream; the final source has not replaced it yet."""
    MISSING = "MISSING"
    """A closed trading day without a coverage row; never stored."""


class Reason(StrEnum):
    """Why a symbol-day has its status, as stored in `stock_minute_coverage.reasons` (comma-separated, ASCII).

    The first group contradicts: such a day is UNPROVEN once KIS has reported the same again. The second explains a day
    of any status. The third is found by readers and by the session.
    """

    ADJUSTED_SOURCE = "ADJUSTED_SOURCE"
    """KIS reports the day adjusted for a later corporate action; stored turned back by the factor in `adjustment`."""
    TURNOVER_MISMATCH = "TURNOVER_MISMATCH"
    """Turnover moved by more or less than a minute's price range and volume explain: a lost row or a wrong volume."""
    MISSING_AT_SOURCE = "MISSING_AT_SOURCE"
    """The final source still lacks minutes that the session had proven by turnover."""
    UNEXPECTED_HOURS = "UNEXPECTED_HOURS"
    """Rows contradict the announced hours of the day: `CSAT_DATES` may have to be set."""
    UNPROVEN_START = "UNPROVEN_START"
    """Nothing proves that the first row is the day's first: no page before it, or too much turnover before it."""
    DAILY_MISMATCH = "DAILY_MISMATCH"
    """First open, price range or total volume contradict the daily candle."""
    DAILY_MISSING = "DAILY_MISSING"
    """KIS reports daily candles around the day and none for it, though it has minutes."""
    DAILY_UNREADABLE = "DAILY_UNREADABLE"
    """The day's row of the daily candles cannot be read."""
    VOLUME_SHORT = "VOLUME_SHORT"
    """The minutes' volume is far below the daily candle's and the start is not proven."""
    INVALID_ROWS = "INVALID_ROWS"
    """Rows that cannot be true were left out."""
    CONFLICTING_ROWS = "CONFLICTING_ROWS"
    """One minute came with different values on two pages."""

    DROPPED_MINUTES = "DROPPED_MINUTES"
    """Minutes of the session were removed: the final source lacks them and its turnover goes on without them."""
    EMPTY_WITH_VOLUME = "EMPTY_WITH_VOLUME"
    """The daily candle has volume, the minutes stay empty: stored as NO_TRADES."""
    DAILY_UNAVAILABLE = "DAILY_UNAVAILABLE"
    """No daily candle came at all: the minutes could not be compared."""
    EARLY_LABEL = "EARLY_LABEL"
    """The first label is a minute before the open."""
    NO_CLOSING_AUCTION = "NO_CLOSING_AUCTION"
    """The day ends without a closing auction, at another price than the daily close."""
    CSAT_HOURS = "CSAT_HOURS"
    """Judged by 10:00-16:30 because `CSAT_DATES` says so."""

    INTRADAY = "INTRADAY"
    """From today's TR or the stream: the final source has not replaced it yet."""
    QUOTE_AHEAD = "QUOTE_AHEAD"
    """KIS's own quote has traded more than its rows show: left PROVISIONAL until the morning."""
    ROWS_LOST = "ROWS_LOST"
    """The table holds fewer rows than were counted when the day was verified."""
    OTHER_HOURS = "OTHER_HOURS"
    """The calendar's hours of the day are others now than those the day was judged by."""


CONTRADICTIONS = frozenset({
    Reason.ADJUSTED_SOURCE, Reason.TURNOVER_MISMATCH, Reason.MISSING_AT_SOURCE, Reason.UNEXPECTED_HOURS,
    Reason.UNPROVEN_START, Reason.DAILY_MISMATCH, Reason.DAILY_MISSING, Reason.DAILY_UNREADABLE,
    Reason.VOLUME_SHORT, Reason.INVALID_ROWS, Reason.CONFLICTING_ROWS,
})  # fmt: skip
"""Reasons that forbid COMPLETE."""


class Finding(NamedTuple):
    """A reason with its facts. `market/day_notes.py` says what the numbers of each reason are and renders them."""

    reason: Reason
    minutes: tuple[datetime, ...] = ()
    """Naive KST."""
    numbers: tuple[int | Decimal, ...] = ()
    aspect: str = ""
    """Which part of the daily candle a DAILY_MISMATCH is about: open, range, volume."""
    rejects: tuple[Reject, ...] = ()

    @property
    def contradicts(self) -> bool:
        """Whether the day cannot be COMPLETE with it."""
        return self.reason in CONTRADICTIONS


COMPLETE, NO_TRADES, UNPROVEN = DayStatus.COMPLETE, DayStatus.NO_TRADES, DayStatus.UNPROVEN
PROVISIONAL, MISSING = DayStatus.PROVISIONAL, DayStatus.MISSING
VERIFIED = (COMPLETE, NO_TRADES, UNPROVEN)
