"""The trading day of the updater: rounds over the symbols, and faults that never end it.

A round visits every symbol once: page, merge, one transaction (today.py). Whoever is left over by the deadline goes
first in the next one, and nobody loses anything, because a page reaches back thirty minutes and pages go further where
they must. What a visit is: visits.py, which takes the stream's proven minutes between the rounds, too. After the close
the authority replaces what was stored: settle.py.
"""

import logging
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, StoreError
from minute_candles.core.worker_pool import Outcome, gather, work_through
from minute_candles.kis.client import KisClient
from minute_candles.live.end_of_day import LOOK_BACK, Settle
from minute_candles.live.intraday_backfill import Morning
from minute_candles.live.poller import Visits
from minute_candles.live.round import LAST_ANSWERS, Round, hand_over
from minute_candles.live.server_clock import KisTime
from minute_candles.live.today_pages import read_until, stored_before
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.monitoring.incidents import Troubles
from minute_candles.monitoring.stalled_feed import Silence
from minute_candles.monitoring.unknown_symbols import Strangers
from minute_candles.storage.store import Store

WORKERS = 16
_RUNNING = "장중: 오늘 TR이나 스트림으로 받은 임시 데이터"
_WITHIN_A_MINUTE = timedelta(seconds=59)
_log = logging.getLogger(__name__)


class Updater:
    """Keeps the table current for `symbols`; every method may be called again after any fault.

    `heals`: a morning that was missed is asked of the past TR, which VTS does not offer.
    """

    def __init__(
        self,
        client: KisClient,
        store: Store,
        calendar: TradingCalendar,
        clock: Clock,
        symbols: Sequence[str],
        active: Sequence[str],
        active_count: int,
        workers: int = WORKERS,
        *,
        heals: bool = False,
    ) -> None:
        self._client, self._store, self._clock = client, store, clock
        self._symbols, self._active_count, self._workers = symbols, active_count, workers
        chosen = frozenset(symbols)
        self._usual = [symbol for symbol in active if symbol in chosen]
        self._usual += [symbol for symbol in symbols if symbol not in frozenset(self._usual)]
        self._order = list(self._usual)
        self._round_began: datetime | None = None
        self.failing: dict[str, tuple[datetime, str]] = {}
        """Symbols whose last visit failed: since when, and why."""
        self.left: list[str] = []
        """Whom the last round left over to the next one."""
        self.troubles = Troubles(clock)
        store.listeners.append(self.troubles.written)
        self._time = KisTime(client, clock, self.troubles)
        morning = Morning(client, offered=heals)
        self.visits = Visits(client, store, calendar, clock, morning, self._time, self.troubles)
        strangers = Strangers(client, clock)
        self.silence = Silence(client, clock, symbols, self.troubles, strangers)
        store.listeners.append(self.silence.written)
        self._settle = Settle(client, store, clock, symbols, workers, self.troubles, self._time, strangers)

    def now(self) -> datetime:
        """Now by KIS's clock where ours is ahead of it: a minute, and a day, is over when it is over there."""
        return self._time.now()

    @property
    def calendar(self) -> TradingCalendar:
        return self.visits.calendar

    @calendar.setter
    def calendar(self, calendar: TradingCalendar) -> None:
        self.visits.calendar = calendar

    # --- a session ---

    def begin(self, session: Session) -> None:
        """Take up a session: what is stored of it already, and who is most active. Raises `StoreError`."""
        with self.troubles.asking_the_store():
            ranked = self._store.turnover_rank(self._usual, session.day - LOOK_BACK)
            coverage = self._store.coverage(self._symbols, session.day, session.day)
            counts = self._store.counts(self._symbols, [session])
            spans = self._store.spans({symbol: read_until(kept) for (symbol, _), kept in coverage.items()})
        active = ranked[: self._active_count]
        self._order = active + [symbol for symbol in self._symbols if symbol not in frozenset(active)]
        self._round_began, self.failing, self.left = None, {}, []
        seen = {}
        for (symbol, day), kept in coverage.items():
            if known := stored_before(kept, counts.get((symbol, day)), spans.get(symbol), session):
                seen[symbol] = known
        self.visits.begin(seen)
        self.silence.begin()

    def round(self, session: Session, due: Collection[int], *, hurried: bool = True) -> Round:
        """Visit every symbol once, those left over first, then the active ones.

        `hurried`: whom it has not begun to visit late in the minute it leaves over to the next round.
        """
        done = Round(self._clock.now())
        order, calls = self._next_order(), self._client.calls
        self._round_began = done.started_at
        deadline = hand_over(done.started_at) if hurried else None
        with closing(self._visits(order, session, due, deadline)) as outcomes:
            failed = gather(outcomes, lambda outcome: self._count(done, outcome), str)
        self.troubles.note(failed, any_success=done.symbols > 0)
        for symbol, error in failed.items():
            since, _ = self.failing.get(symbol, (done.started_at, ""))
            self.failing[symbol] = since, str(error)
        tried = self.visits.tried
        self.left = [symbol for symbol in order if symbol not in tried or tried[symbol] < done.started_at]
        done.errors, done.left = len(failed), len(order) - done.symbols - len(failed)
        done.calls = self._client.calls - calls
        self._time.compare()
        if done.symbols:
            self.silence.look(session, self.visits.seen, self.now())
        return done

    def _next_order(self) -> list[str]:
        """Whom the last round did not get to first, the longest waiting before all; then the active ones."""
        never = self._clock.now() - timedelta(days=1)
        waiting = [s for s in self._order if self._round_began and self.visits.tried.get(s, never) < self._round_began]
        waiting.sort(key=lambda symbol: self.visits.tried.get(symbol, never))
        return waiting + [symbol for symbol in self._order if symbol not in frozenset(waiting)]

    def _visits(
        self, order: Sequence[str], session: Session, due: Collection[int], deadline: datetime | None
    ) -> Generator[Outcome, None, None]:
        """One token for all, then the workers."""
        try:
            self._client.token()
        except MinuteDataError as error:
            yield Outcome(order[0], error=error)
            return

        def visit(symbol: str) -> dict[int, int] | None:
            in_time = deadline is None or self._clock.now() < deadline
            return self.visits.visit(symbol, session, due) if in_time else None

        until = deadline and deadline + LAST_ANSWERS
        yield from work_through(order, visit, self._workers, self._clock, until=until)

    def _count(self, done: Round, outcome: Outcome) -> None:
        done.symbols += 1
        self.failing.pop(outcome.task, None)
        for interval, new in outcome.answer.items():
            done.stored[interval] += new
        start_of_minute = done.started_at.replace(second=0, microsecond=0)
        done.lag = (self._clock.now() - start_of_minute).total_seconds()
        self.troubles.end_of(outcome.task)

    def most_active(self, day: date, count: int) -> list[str]:
        """Whom to stream on `day`: by turnover of late, by custom where the database does not tell."""
        try:
            return self._store.turnover_rank(self._usual, day - LOOK_BACK)[:count]
        except StoreError:
            return self._usual[:count]

    # --- after the close ---

    def settle(self, last: date, until: datetime | None = None) -> bool:
        """Make the closed days of the week up to `last` equal to the authority; whether nothing is left to do.

        Raises `NotOffered` on VTS.
        """
        whole = self._settle.settle(self.calendar, last, until)
        if whole:
            self.failing, self.left = {}, []
            self.silence.settled()
        return whole

    def recheck(self, last: date) -> None:
        """Ask once more about the UNPROVEN days of the week up to `last`. Raises `NotOffered` on VTS."""
        self._settle.recheck(self.calendar, last)

    def look_at_clock(self) -> bool:
        """Ask for the clock in an answer; whether one came."""
        return self._time.look(self._symbols[0])
