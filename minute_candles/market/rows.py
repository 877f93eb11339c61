"""What a source of prices reports, in typed rows: minutes, days, holidays, trades, a quote. Pure; no vendor's names.

Prices and turnover are whole KRW, volumes whole shares, times naive KST. A row that cannot be true is a `RejectedRow`
(`RejectedDay`) with a code; the Korean for the code is in `reject_text.py`.
"""

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

ABSURD_PRICE = 10**10
"""KRW; the dearest Korean share ever traded stood at a thousandth of it."""


class RowFault(StrEnum):
    """Why a row is rejected."""

    NOT_A_RECORD = "NOT_A_RECORD"
    NO_TIME = "NO_TIME"
    IMPOSSIBLE_TIME = "IMPOSSIBLE_TIME"
    NOT_A_NUMBER = "NOT_A_NUMBER"
    IMPOSSIBLE_PRICES = "IMPOSSIBLE_PRICES"
    CONFLICT = "CONFLICT"
    """The same minute or day came twice with different values."""


class MinuteRow(NamedTuple):
    """One minute; `turnover` is the day's so far. Volume 0 marks a filler row.

    Prices of 0 stand for a rejected row that still knows the day's turnover; `illegible`: its numbers cannot be read.
    """

    minute: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    illegible: bool = False


class Reject(NamedTuple):
    """Why a minute row is rejected; `minute` is None where the row names none, `field` is the field at fault."""

    code: RowFault
    minute: datetime | None = None
    field: str = ""


class RejectedRow(NamedTuple):
    """A minute row that cannot be true, with what can be read of it; None where that cannot."""

    reject: Reject
    volume: int | None = None
    turnover: int | None = None

    @property
    def minute(self) -> datetime | None:
        """The minute of the row."""
        return self.reject.minute


MinuteRows = list[MinuteRow | RejectedRow]
"""The rows of one answer, in the source's order."""


class CorporateAction(StrEnum):
    """What a day's prices went ex of."""

    NONE = "NONE"
    RIGHTS = "RIGHTS"
    DIVIDEND = "DIVIDEND"
    DISTRIBUTION = "DISTRIBUTION"
    RIGHTS_AND_DIVIDEND = "RIGHTS_AND_DIVIDEND"
    INTERIM_DIVIDEND = "INTERIM_DIVIDEND"
    RIGHTS_AND_INTERIM_DIVIDEND = "RIGHTS_AND_INTERIM_DIVIDEND"
    RIGHTS_AND_QUARTERLY_DIVIDEND = "RIGHTS_AND_QUARTERLY_DIVIDEND"
    UNKNOWN = "UNKNOWN"


class DailyRow(NamedTuple):
    """A symbol's day. `volume` includes off-hours trades: an upper bound (docs/dev/kis_http.md §7).

    `turnover` is None where the source does not tell it; `adjustment_percent` = (factor − 1) · 100 of `action`, cut to
    two digits, None where there is none to read.
    """

    day: date
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int | None = None
    action: CorporateAction = CorporateAction.NONE
    adjustment_percent: Decimal | None = None

    @property
    def prices(self) -> tuple[int, int, int, int]:
        """Open, high, low, close."""
        return self.open, self.high, self.low, self.close


class RejectedDay(NamedTuple):
    """A daily row that cannot be true; `day` is None where it names none."""

    code: RowFault
    day: date | None = None
    field: str = ""


DailyRows = list[DailyRow | RejectedDay]
"""The daily rows of an answer, in the source's order."""


class HolidayRow(NamedTuple):
    """Whether the exchange opens on a day."""

    day: date
    is_open: bool


class Quote(NamedTuple):
    """A symbol's live quote: volume and turnover so far today, the previous session's close; None = not reported."""

    name: str
    volume: int | None
    turnover: int | None
    previous_close: int | None


class TradeTick(NamedTuple):
    """One execution; `all_volume`, `all_turnover` are the day's including it.

    `is_first` = the opening cross: nothing was traded before it in the session.
    """

    symbol: str
    at: datetime
    minute: datetime
    price: int
    volume: int
    all_volume: int
    all_turnover: int
    is_first: bool
    is_off_hours: bool


def are_prices_possible(row: MinuteRow) -> bool:
    """Return whether 0 < low ≤ open, close ≤ high, and no price is absurd."""
    return 0 < row.low <= row.open <= row.high < ABSURD_PRICE and row.low <= row.close <= row.high
