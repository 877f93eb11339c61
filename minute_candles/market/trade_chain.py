"""From single trades to the running candle and the proven minute: the chain (docs/dev/kis_websocket.md §6). Pure.

Every record of H0STCNT0 is one execution and carries the day's volume and turnover after it. Two records form a chain
if nothing is missing between them. Then the volume moves by the second one's shares, the turnover by its price ×
shares. A minute is proven if the chain runs unbroken from before it to the first trade after it. Lost, doubled and
swapped records all break the chain, and then the minute is left to REST.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.intraday import Watermark
from minute_candles.market.rows import TradeTick
from minute_candles.market.turnover_proof import CUT_BELOW

MOST_AHEAD, LONGEST_AHEAD = 500, timedelta(seconds=2)
"""Records ahead of a gap are kept for the one that is missing; then it is lost."""
MOST_BELOW = 20
"""So many records in a row below the known volume mean that the known one was absurd: a new chain begins."""
_MINUTE, _DAY = timedelta(minutes=1), timedelta(days=1)


class RunningMinute(NamedTuple):
    """A symbol's minute as far as it is known; `is_whole`: its trades are known from the first one on."""

    symbol: str
    candle: Candle
    is_whole: bool


class Proven(NamedTuple):
    """The candle of a minute, and that nothing traded after it in the minutes before `through` (naive KST).

    `before` and `turnover` are the day's turnover before and after it, KRW: who knows the day up to `before` knows it
    up to `through`.
    """

    symbol: str
    candle: Candle
    through: datetime
    before: int
    turnover: int


class Chain:
    """One symbol's session; trades go in as they come, proven minutes come out, oldest first."""

    def __init__(self, symbol: str, session: Session) -> None:
        self._symbol, self._session = symbol, session
        self._first, self._end = session.open_label, session.end_label
        self._midnight = self._first.replace(hour=0, minute=0)
        self._ahead: dict[int, TradeTick] = {}
        self._volume = self._turnover = -1
        self._minute = self._latest = self._last_at = datetime.min
        self._before, self._below, self._is_interrupted = -1, 0, False
        self._doubtful = (datetime.max, datetime.min)
        self._whole = self._mixed = self._reported = False
        self._open = self._high = self._low = self._close = self._traded = self._paid = 0

    @property
    def running(self) -> RunningMinute | None:
        """The minute of the last trade that the chain holds."""
        return RunningMinute(self._symbol, self._candle(), self._whole) if self._is_in_session() else None

    def add(self, tick: TradeTick) -> Sequence[Proven]:
        """Add the next record; return the minutes that are proven now."""
        before = tick.all_volume - tick.volume
        if not self._midnight <= tick.minute < self._midnight + _DAY:
            return ()
        if before == self._volume and not self._ahead:
            return self._link(tick)
        if tick.all_volume <= self._volume:
            return self._skip(tick)
        if self._volume < 0 or tick.is_first:
            self._ahead.clear()
            self._begin(tick)
            return ()
        self._ahead[before] = tick
        return self._catch_up()

    def confirm(self, minute: datetime, turnover: int) -> Sequence[Proven]:
        """Compare REST's turnover at the end of `minute`: where it is the chain's, nothing is missing there.

        It proves the minute that the chain holds, or that a later one is known from its first trade on.
        """
        if minute < self._minute == self._latest and turnover == self._before:
            self._whole = True
        if minute < self._minute or turnover != self._turnover:
            return ()
        return self._closed(self._minute + _MINUTE)

    def interrupt(self) -> None:
        """Note that records may be lost; the next one that continues the chain shows that none is."""
        self._is_interrupted = True

    def contradicts(self, minute: datetime) -> bool:
        """Return whether a stamp earlier than the chain leaves open which minute a trade near `minute` is of."""
        first, last = self._doubtful
        return first <= minute <= last

    def continues(self, known: Watermark) -> bool:
        """Return whether all trades of the day so far are `known` or in the running minute, which is whole."""
        if self._is_interrupted or self._ahead or self._volume < 0:
            return False
        if self.is_quiet_since(known):
            return True
        is_whole = self._whole and not self._mixed and self._is_in_session()
        return is_whole and known.leads_to(self._minute, self._before, self._session)

    def is_quiet_since(self, known: Watermark) -> bool:
        """Return whether no trade came since what is `known`."""
        is_unbroken = not (self._is_interrupted or self._ahead or self._volume < 0)
        return is_unbroken and known.is_explained and known.turnover == self._turnover

    def _skip(self, tick: TradeTick) -> Sequence[Proven]:
        """Ignore a repeated or late record; many in a row show that the known volume was absurd."""
        self._below += 1
        if self._below >= MOST_BELOW:
            self._ahead.clear()
            self._begin(tick)
        return ()

    def _catch_up(self) -> Sequence[Proven]:
        """Link what waits ahead of a gap; a gap that stays is jumped: a new chain begins after it."""
        proven: list[Proven] = []
        while self._ahead:
            tick = self._ahead.pop(self._volume, None)
            if tick:
                proven += self._link(tick)
            elif self._is_lost():
                tick = self._ahead.pop(min(self._ahead))
                if tick.all_volume > self._volume:
                    self._begin(tick)
            else:
                break
        oldest = self._last_at - LONGEST_AHEAD  # the chain went on without what is older: its volume was absurd
        self._ahead = {before: tick for before, tick in self._ahead.items() if tick.at >= oldest}
        return proven

    def _is_lost(self) -> bool:
        """Return whether the records missing before these have had time enough to come."""
        if len(self._ahead) > MOST_AHEAD:
            return True
        moments = [tick.at for tick in self._ahead.values()]
        return max(moments) - min(moments) > LONGEST_AHEAD

    def _link(self, tick: TradeTick) -> Sequence[Proven]:
        moved = tick.all_turnover - self._turnover
        if tick.minute < self._minute:  # one of the two stamps is wrong: nothing near them is proven
            self._doubtful = (tick.minute, self._minute)
            self._latest = max(self._latest, self._minute) + _MINUTE
            self._begin(tick)
            return ()
        if not _pays(tick, moved):
            self._begin(tick)
            return ()
        if tick.minute == self._minute:
            self._take(tick, moved)
            return ()
        proven = self._closed(tick.minute)
        self._open_minute(tick, moved, is_whole=True)
        return proven

    def _begin(self, tick: TradeTick) -> None:
        """Begin a new chain: the minute it begins in is not known from its first trade on, but for the day's first."""
        self._open_minute(tick, tick.price * tick.volume, is_whole=tick.is_first)

    def _open_minute(self, tick: TradeTick, moved: int, *, is_whole: bool) -> None:
        """Begin a minute; `_before` is the day's turnover before its first known trade."""
        self._whole, self._mixed = is_whole and tick.minute > self._latest, False
        self._latest = max(self._latest, tick.minute)
        self._minute, self._before = tick.minute, tick.all_turnover - moved
        self._open = self._high = self._low = tick.price
        self._traded = self._paid = 0
        self._take(tick, moved)

    def _take(self, tick: TradeTick, moved: int) -> None:
        self._last_at, self._below, self._is_interrupted = tick.at, 0, False
        price = self._close = tick.price
        if price > self._high:
            self._high = price
        elif price < self._low:
            self._low = price
        self._traded += tick.volume
        self._paid += moved
        self._volume, self._turnover, self._reported = tick.all_volume, tick.all_turnover, False
        self._mixed = self._mixed or tick.is_off_hours

    def _is_in_session(self) -> bool:
        return self._first <= self._minute < self._end

    def _closed(self, through: datetime) -> Sequence[Proven]:
        if self._reported or self._mixed or not (self._whole and self._is_in_session()):
            return ()
        self._reported = True
        return (Proven(self._symbol, self._candle(), through, self._before, self._turnover),)

    def _candle(self) -> Candle:
        ohlcv = self._minute, self._open, self._high, self._low, self._close, self._traded
        return with_vwap(ohlcv, self._paid)


def _pays(tick: TradeTick, moved: int) -> bool:
    """Return whether this execution explains how the turnover moved; a cheap half-tick price is printed cut (§6)."""
    paid = tick.price * tick.volume
    return moved == paid or (tick.price < CUT_BELOW and paid < moved < paid + tick.volume)
