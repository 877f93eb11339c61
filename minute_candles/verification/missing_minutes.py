"""Minutes that are stored of a day and that the final source lacks: may they have traded all the same? Pure.

The session proves minutes by turnover, and a settle keeps them (rule "The final source has the last word").
But other programs write into the same table, and their rows look alike. The final source's own chain of turnover
distinguishes them: what the row after the minute leaves unexplained is all that can have traded there unseen.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle
from minute_candles.verification.day_verdict import Verdict, has_auction


class MissingMinutes(NamedTuple):
    """Minutes that may have traded though the final source lacks them, naive KST."""

    minutes: list[datetime]
    is_paid_in_full: bool
    """Whether its turnover is complete without any of them: they fit only into the range of its own rows' prices."""


class _Room(NamedTuple):
    """KRW that may have traded unseen at a minute, at most; `is_paid_in_full`: turnover finds nothing missing there."""

    most: int
    is_paid_in_full: bool


def proven_minutes(stored: Sequence[Candle], session: Session, *, provisional: bool) -> dict[datetime, Candle]:
    """Return the minutes of a stored day, if it is ours, that turnover proved.

    On a PROVISIONAL day the auction counts as proven, because its page may begin with it. All minutes do where the
    table has no VWAP.
    """
    first, close, end = session.first_label, session.close_label, session.end_label
    all_count = provisional and not any(candle.vwap is not None for candle in stored)
    proven = (c for c in stored if c.vwap is not None or all_count or (provisional and c.timestamp >= close))
    return {candle.timestamp: candle for candle in proven if first <= candle.timestamp < end}


def missing_minutes(proven: dict[datetime, Candle], verdict: Verdict, session: Session) -> MissingMinutes:
    """Return the minutes of `proven` that the final source lacks and that its turnover leaves room for.

    A minute whose row cannot be read is reported, though not what it was.
    """
    close, has_its_auction = session.close_label, has_auction(verdict.candles, session)
    reported = {candle.timestamp for candle in verdict.candles} | verdict.unreadable
    minutes, is_paid_in_full = [], True
    for minute in sorted(proven.keys() - reported):
        candle = proven[minute]
        if has_its_auction and minute >= close:  # a day has one: no row of KIS's, or the same at another minute
            room: _Room | None = _Room(0 if candle.vwap is None else candle.low * candle.volume, True)
        else:
            room = _room(minute, verdict, session)
        if room is None or candle.low * candle.volume <= room.most:
            minutes.append(minute)
            is_paid_in_full &= room is not None and room.is_paid_in_full
    return MissingMinutes(minutes, is_paid_in_full)


def _room(minute: datetime, verdict: Verdict, session: Session) -> _Room | None:
    """Return None where no row after the minute shows it: after the last row, or before one that is in doubt."""
    at = bisect_right(verdict.candles, minute, key=lambda candle: candle.timestamp)
    later = verdict.candles[at : at + 1]
    if not later or any(minute < lost < later[0].timestamp for lost in verdict.unreadable):
        return None
    low, span = later[0].low * later[0].volume, (later[0].high - later[0].low) * later[0].volume
    if not at:
        return _Room(verdict.turnover_at_start - low, verdict.turnover_at_start - low <= span)
    turnover = later[0].turnover
    return None if turnover is None else _Room(turnover - low, True)
