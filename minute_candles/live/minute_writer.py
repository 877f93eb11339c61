"""Store minutes of a running day, with the windows that follow; for the poller and for the stream alike."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

from minute_candles.core.kst import KST
from minute_candles.live.server_clock import ServerClock
from minute_candles.live.symbol_state import SymbolState
from minute_candles.market.calendar import Session
from minute_candles.market.candles import Candle, Candles
from minute_candles.market.day_notes import reason_text
from minute_candles.market.day_status import PROVISIONAL, Reason
from minute_candles.market.intraday import Watermark, merged, minute_of
from minute_candles.market.trade_chain import Proven
from minute_candles.market.windows import INTERVALS, window
from minute_candles.storage.store import Store

_NOTE = reason_text(Reason.INTRADAY)
_WITHIN_A_MINUTE = timedelta(seconds=59)


class MinuteWriter:
    """Lays fresh minutes over the stored ones. The caller holds the symbol's lock."""

    def __init__(self, store: Store, server_clock: ServerClock) -> None:
        self._store, self._server_clock = store, server_clock
        self.fence: Callable[[], None] = lambda: None
        """Called before a write; raises `Stopped` where another host has taken over."""

    def store_page(
        self, state: SymbolState, session: Session, candles: Sequence[Candle], watermark: Watermark,
        due: Collection[int], now: datetime,
    ) -> dict[int, int]:  # fmt: skip
        """Store a page's closed minutes and the `due` windows; return the count of new candles by interval.

        `watermark`: how far the day is known with the page; `now` (aware): when it was read.
        """
        known = state.watermark
        new = dict.fromkeys(INTERVALS, 0)
        if watermark.traded:
            due = due if known and known.traded else INTERVALS
            first = candles[0].timestamp if candles else watermark.traded
            new = self._store_minutes(state, session, candles, first, due, now=now, is_known=True)
        state.watermark = watermark
        return new

    def store_proven(self, state: SymbolState, session: Session, proven: Proven) -> bool:
        """Store a minute of the stream with the windows it closes; return False where REST knows more.

        Where the turnover before it is not known, the minute is stored alone, and the next round polls the symbol.
        """
        known, minute = state.watermark, proven.candle.timestamp
        is_known = known is not None and known.leads_to(minute, proven.before, session)
        if known and known.read > minute and not is_known:
            return False
        through = max(proven.through, known.read) if known else proven.through
        now = min(self._server_clock.now(), through.replace(tzinfo=KST) + _WITHIN_A_MINUTE)
        due = INTERVALS if is_known else (1,)
        self._store_minutes(state, session, [proven.candle], minute, due, now=now, is_known=is_known)
        if is_known:
            state.watermark = Watermark(through, minute, proven.turnover, minute)
        return True

    def _store_minutes(
        self, state: SymbolState, session: Session, candles: Sequence[Candle], first: datetime, due: Collection[int], *,
        now: datetime, is_known: bool,
    ) -> dict[int, int]:  # fmt: skip
        """Write minutes from `first` on. `is_known`: the day is, up to `now`, and its coverage row says so."""
        self.fence()
        new: dict[int, int] = {}
        since = _since(state, first, due)

        def change(stored: Candles) -> Candles:
            wanted = merged(stored, candles, session, now, due, since)
            new.update({interval: len(wanted[interval]) - len(stored[interval]) for interval in INTERVALS})
            return wanted

        status, note = (PROVISIONAL, _NOTE) if is_known else (None, None)
        self._store.rewrite(state.symbol, session, change, since=since, now=now, status=status, note=note, yields=True)
        if is_known:
            state.derived.update(dict.fromkeys(due, minute_of(now)))
        return new


def _since(state: SymbolState, first: datetime, due: Collection[int]) -> datetime:
    """Return from where to read what is stored: windows that the minutes touch, or that were not derived yet."""
    oldest = min([first, *(state.derived_until(interval) for interval in due)])
    return window(oldest, 15) if oldest.date() == first.date() else first.replace(hour=0, minute=0)
