"""One symbol of today: its page read and merged, its windows derived, its day recorded; or a minute from the stream.

Whoever is at work on a symbol is alone with it (turns.py). What is known of each symbol's day stands here, not in the
rounds: `seen` how far and to which KRW, `tried` when it was last visited.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.live.intraday_backfill import Morning
from minute_candles.live.round import Beside
from minute_candles.live.server_clock import KisTime
from minute_candles.live.symbol_locks import Turns
from minute_candles.live.today_pages import read_day
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.candles import INTERVALS, Candle, Candles, window
from minute_candles.market.day_status import PROVISIONAL
from minute_candles.market.intraday import Watermark, floor, merged
from minute_candles.market.trade_chain import Proven
from minute_candles.monitoring.incidents import Troubles
from minute_candles.storage.store import Store

_RUNNING = "장중: 오늘 TR이나 스트림으로 받은 임시 데이터"
_WITHIN_A_MINUTE = timedelta(seconds=59)
_log = logging.getLogger(__name__)


class Visits:
    """What is known of today's symbols, and the visits that add to it."""

    def __init__(
        self, client: KisClient, store: Store, calendar: TradingCalendar, clock: Clock, morning: Morning,
        kis_time: KisTime, troubles: Troubles,
    ) -> None:  # fmt: skip
        self._client, self._store, self._clock = client, store, clock
        self._morning, self._time, self._troubles = morning, kis_time, troubles
        self.calendar = calendar
        self.beside: Beside | None = None
        self._turns = Turns()
        self.begin({})

    def begin(self, seen: dict[str, Watermark]) -> None:
        """A session, of which so much is stored already."""
        self.seen, self.tried = seen, dict[str, datetime]()
        self._derived: dict[tuple[str, int], datetime] = {}

    def visit(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int] | None:
        """Visit a symbol unless a visit of an earlier round still hangs."""
        with self._turns.alone(symbol) as free:
            if not free:
                return None
            self.tried[symbol] = self._clock.now()
            return self._visited(symbol, session, due)

    def _visited(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int]:
        """Fetch and store one symbol's closed minutes and due windows; answers the new candles by interval."""
        new = dict.fromkeys(INTERVALS, 0)
        known = self.seen.get(symbol)
        if known and known.read >= session.end.replace(tzinfo=None):
            return new
        if known and self.beside and self.beside.spares(symbol, known.read, self._time.now()):
            return new
        fresh, seen, now = self._read(symbol, session, known)
        if not seen.traded:
            self.seen[symbol] = seen
            return new
        due = due if known and known.traded else INTERVALS
        since = self._since(symbol, fresh[0].timestamp if fresh else seen.traded, due)
        new = self._store_minutes(symbol, session, fresh, due, since=since, now=now, is_known=True)
        self.seen[symbol] = seen
        if self.beside:
            self.beside.compare(symbol, fresh, seen)
        return new

    def take(self, proven: Proven, session: Session) -> bool:
        """Store a minute that the stream proved, with the windows it closes; False: a round has it, or is at it.

        Where the day before it is not known, to the very KRW, the minute is stored alone and the next round comes.
        """
        symbol, minute = proven.symbol, proven.candle.timestamp
        with self._turns.alone(symbol, briefly=True) as free:
            known = self.seen.get(symbol)
            is_known = known is not None and known.leads_to(minute, proven.before, session)
            if not free or (known and known.read > minute and not is_known):
                return False
            through = max(proven.through, known.read) if known else proven.through
            now = min(self._time.now(), through.replace(tzinfo=KST) + _WITHIN_A_MINUTE)
            due = INTERVALS if is_known else (1,)
            since = self._since(symbol, minute, due)
            self._store_minutes(symbol, session, [proven.candle], due, since=since, now=now, is_known=is_known)
            if is_known:
                self.seen[symbol] = Watermark(through, minute, proven.turnover, minute)
        self._troubles.end("DB")
        return True

    def _store_minutes(
        self, symbol: str, session: Session, fresh: Sequence[Candle], due: Collection[int], *,
        since: datetime, now: datetime, is_known: bool,
    ) -> dict[int, int]:  # fmt: skip
        """Lay minutes over what is stored from `since` on; the new candles by interval.

        `is_known`: the day is, up to `now`; only then may its coverage row say so.
        """
        new: dict[int, int] = {}

        def change(stored: Candles) -> Candles:
            wanted = merged(stored, fresh, session, now, due, since)
            new.update({interval: len(wanted[interval]) - len(stored[interval]) for interval in INTERVALS})
            return wanted

        status, note = (PROVISIONAL, _RUNNING) if is_known else (None, None)
        self._store.rewrite(symbol, session, change, since=since, now=now, status=status, note=note, yields=True)
        if is_known:
            self._derived.update({(symbol, interval): floor(now) for interval in due})
        return new

    def _read(self, symbol: str, session: Session, known: Watermark | None) -> tuple[list[Candle], Watermark, datetime]:
        """The symbol's closed minutes, how far it is seen then, and the moment they were closed at.

        The answer also brings KIS's clock: where ours ran ahead, what we took for closed may be phantom rows.
        """
        asked_at = self._time.now()
        reading = read_day(self._client, symbol, session, asked_at, known, self._morning.of(symbol, session))
        now = min(asked_at, self._time.now())
        if floor(now) < floor(asked_at):
            fresh = [candle for candle in reading.candles if candle.timestamp < floor(now)]
            traded = fresh[-1].timestamp if fresh else known and known.traded
            return fresh, Watermark(floor(now), traded, None, known and known.shown), now
        return reading.candles, reading.seen, now

    def _since(self, symbol: str, first: datetime, due: Collection[int]) -> datetime:
        """From where to read what is stored: the windows that the page touches or that were not derived yet."""
        derived = [self._derived.get((symbol, interval), datetime.min) for interval in due]
        oldest = min([first, *derived])
        return window(oldest, 15) if oldest.date() == first.date() else first.replace(hour=0, minute=0)
