"""The running day: fresh minutes laid over what is stored, and the windows that follow."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.windows import INTERVALS, aggregate, is_closed, window

_MINUTE = timedelta(minutes=1)


class Watermark(NamedTuple):
    """How far a symbol's day is known; naive KST.

    `read` is the minute that ran at the last poll, `traded` the last minute with a trade. `turnover` is the day's so
    far in KRW (None after a restart). `shown` is the newest minute that KIS has shown, as a filler at least.
    `is_explained`: the minutes up to `traded` explain the turnover; else one of them does not show yet.
    """

    read: datetime
    traded: datetime | None = None
    turnover: int | None = None
    shown: datetime | None = None
    is_explained: bool = True

    def back_to(self, session: Session) -> datetime:
        """Return the minute from which on something may have traded unseen."""
        if self.traded is None and self.turnover == 0:
            return self.read - _MINUTE
        return self.traded or session.open_label

    def leads_to(self, minute: datetime, before: int, session: Session) -> bool:
        """Return whether nothing traded between what is known and `minute`.

        `before`: the day's turnover (KRW) before that minute.
        """
        if self.turnover is None and self.traded is None:
            return minute == session.open_label
        return self.is_explained and self.turnover == before


def merged(
    stored: Candles, fresh: Sequence[Candle], session: Session, now: datetime, due: Collection[int], since: datetime
) -> Candles:
    """Return the stored day from `since` on, fresh minutes laid over it, and the windows that follow. Pure.

    A window is written anew when its minutes changed; a new one is added once it is closed and its interval is due.
    """
    minutes = {candle.timestamp: candle for candle in stored[1]}
    changed = set()
    for candle in fresh:
        before = minutes.get(candle.timestamp)
        if candle.timestamp >= since and (before is None or _is_better(candle, before, session)):
            minutes[candle.timestamp] = candle
            if before is None or (before[:6], before.vwap) != (candle[:6], candle.vwap):
                changed.add(candle.timestamp)
    ordered = [minutes[timestamp] for timestamp in sorted(minutes)]
    result: Candles = {1: ordered}
    for interval in INTERVALS[1:]:
        touched = {window(timestamp, interval) for timestamp in changed}
        result[interval] = _windows(ordered, stored[interval], interval, touched, session, now, interval in due)
    return result


def _is_better(fresh: Candle, stored: Candle, session: Session) -> bool:
    """Return whether the fresh candle is better: a proven one is; an unproven one corrects what is not proven either.

    An auction is never corrected by an unproven one, which comes doubled.

    The minute at the open can never be proven: there the newer one counts.
    """
    if fresh.turnover is not None:
        return True
    opened, closed = session.open_label, session.close_label
    return fresh[:6] != stored[:6] and fresh.timestamp < closed and (stored.vwap is None or fresh.timestamp <= opened)


def _windows(
    minutes: Sequence[Candle],
    stored: Sequence[Candle],
    interval: int,
    touched: Collection[datetime],
    session: Session,
    now: datetime,
    due: bool,
) -> list[Candle]:
    known = {candle.timestamp: candle for candle in stored}
    for candle in aggregate(minutes, interval):
        new = candle.timestamp not in known
        if is_closed(candle.timestamp, interval, now, session) and (due if new else candle.timestamp in touched):
            known[candle.timestamp] = candle
    return [known[timestamp] for timestamp in sorted(known)]


def minute_of(now: datetime) -> datetime:
    """Return the start of the minute that runs at `now`, naive KST."""
    return now.replace(second=0, microsecond=0, tzinfo=None)
