"""What is known of a symbol-day, as codes; rendered in Korean only where people read it. Pure."""

from enum import StrEnum


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


COMPLETE, NO_TRADES, UNPROVEN = DayStatus.COMPLETE, DayStatus.NO_TRADES, DayStatus.UNPROVEN
PROVISIONAL, MISSING = DayStatus.PROVISIONAL, DayStatus.MISSING
VERIFIED = (COMPLETE, NO_TRADES, UNPROVEN)


def still_stands(status: str, counted: int, held: int) -> bool:
    """Whether a day that was verified with `counted` 1-minute rows still holds them all: one that lost some is not."""
    return status in VERIFIED and held >= counted
