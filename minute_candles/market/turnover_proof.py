"""Turnover proves volume: each row carries the day's turnover so far, in KRW. Pure.

Between two consecutive rows it moves by at least low·volume and at most high·volume. That holds for 491,665 of 492,860
captured pairs (kis_http.md §6). That one fact shows missing rows and wrong volumes, corrects the doubled closing
auction, and gives the exact VWAP.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.rows import MinuteRow

CUT_BELOW = 5_000
"""KRW; below it the price of a mid-point trade (4,217.5) is printed cut to an integer."""


class Proof(NamedTuple):
    """Candles, and the minutes at which turnover says that a row is missing or a volume is wrong.

    `surplus` are those of them with more turnover than the minute's range explains: a row is missing.
    """

    candles: list[Candle]
    doubts: list[datetime]
    surplus: list[datetime]


def prove(rows: Sequence[MinuteRow], session: Session) -> Proof:
    """Check consecutive rows (oldest first) against turnover, halve a doubled auction, give each minute its turnover.

    The first row stands on nothing before it: nothing is corrected there and its turnover stays None.
    """
    candles: list[Candle] = []
    doubts: list[datetime] = []
    surplus: list[datetime] = []
    before: MinuteRow | None = None
    for sent in rows:
        moved = sent.turnover - before.turnover if before else None
        row = without_doubled_auction(sent, moved, session)
        proven = moved is not None and explains(row, moved)
        is_witness = not row.close  # of a row that was left out
        if not proven and not is_witness and (moved is not None or row.turnover < row.low * row.volume):
            doubts.append(row.minute)
            if moved is not None and moved > row.high * row.volume:
                surplus.append(row.minute)
        if row.volume:
            candles.append(with_vwap(row[:6], moved if proven else None))
        before = row
    return Proof(candles, doubts, surplus)


def without_doubled_auction(row: MinuteRow, moved: int | None, session: Session) -> MinuteRow:
    """Halve the closing auction's volume, which comes exactly doubled from today's TR (94 of 94, kis_http.md §5).

    The volume is corrected only where turnover proves it: turnover moved by exactly price × half the volume.
    For the day's first trade after fillers, turnover (off-hours trades included) must pay for half the volume. It must
    not pay for all of it.
    """
    at_close = row.minute >= session.close_label
    one_price = row.open == row.high == row.low == row.close
    if not (at_close and one_price and row.volume and row.volume % 2 == 0):
        return row
    half = row.close * row.volume // 2
    is_unpaid = moved == row.turnover and half <= row.turnover < 2 * half
    return row._replace(volume=row.volume // 2) if moved == half or is_unpaid else row


def unexplained_start(rows: Sequence[MinuteRow], session: Session) -> bool:
    """Return whether turnover was made before the first row that the row itself does not explain.

    Off-hours trades before the open do that; so does a missing beginning. A row at the open cannot miss one.
    """
    first = rows[0]
    return first.minute > session.open_label and not _is_in_range(first, first.turnover)


def explains(row: MinuteRow, moved: int) -> bool:
    """Return whether this much turnover fits the row.

    Below 5,000 KRW half-tick prices are printed cut to an integer (docs/dev/kis_http.md §6).
    """
    cut = row.high < CUT_BELOW and row.low * row.volume <= moved < (row.high + 1) * row.volume
    return cut or _is_in_range(row, moved)


def _is_in_range(row: MinuteRow, moved: int) -> bool:
    return row.low * row.volume <= moved <= row.high * row.volume
