"""The trading day of the updater: rounds over the symbols, and faults that never end it.

A round visits every symbol once: page, merge, one transaction (today.py). Whoever is left over by the deadline goes
first in the next one, and nobody loses anything, because a page reaches back thirty minutes and pages go further where
they must. Between the rounds the stream's proven minutes are taken as they come (stream.py), and whom it keeps current
needs no visit. After the close the authority replaces what was stored: settle.py.
"""

import logging
from collections.abc import Collection, Generator, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta

from base.clock import Clock
from base.errors import MinuteDataError, StoreError
from base.kst import KST
from collect.kis_time import KisTime
from collect.morning import Morning
from collect.plan import PROVISIONAL
from collect.pool import Outcome, gather, work_through
from collect.round import LAST_ANSWERS, Beside, Round, hand_over
from collect.settle import LOOK_BACK, Settle
from collect.silence import Silence
from collect.strangers import Strangers
from collect.today import Seen, read_day, stored_before
from collect.troubles import Troubles
from collect.turns import Turns
from db import Store
from kis.client import KisClient
from market.candles import INTERVALS, Candle, Candles, window
from market.hours import Session, TradingCalendar, late_day, runs_late
from market.running_day import floor, merged
from market.ticks import Proven

WORKERS = 16
_RUNNING = "장중: 오늘 TR이나 스트림으로 받은 임시 데이터"
_WITHIN_A_MINUTE = timedelta(seconds=59)
_log = logging.getLogger("minute_data")


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
        self._client, self._store, self.calendar, self._clock = client, store, calendar, clock
        self._symbols, self._active_count, self._workers = symbols, active_count, workers
        chosen = frozenset(symbols)
        self._usual = [symbol for symbol in active if symbol in chosen]
        self._usual += [symbol for symbol in symbols if symbol not in frozenset(self._usual)]
        self._order = list(self._usual)
        self._seen: dict[str, Seen] = {}
        self._derived: dict[tuple[str, int], datetime] = {}
        self._tried: dict[str, datetime] = {}
        self._round_began: datetime | None = None
        self._turns = Turns()
        self.failing: dict[str, tuple[datetime, str]] = {}
        """Symbols whose last visit failed: since when, and why."""
        self.left: list[str] = []
        """Whom the last round left over to the next one."""
        self._morning = Morning(client, offered=heals)
        self.beside: Beside | None = None
        self.troubles = Troubles(clock)
        store.listeners.append(self.troubles.written)
        self._time = KisTime(client, clock, self.troubles)
        strangers = Strangers(client, clock)
        self.silence = Silence(client, clock, symbols, self.troubles, strangers)
        store.listeners.append(self.silence.written)
        self._settle = Settle(client, store, clock, symbols, workers, self.troubles, self._time, strangers)

    def now(self) -> datetime:
        """Now by KIS's clock where ours is ahead of it: a minute, and a day, is over when it is over there."""
        return self._time.now()

    # --- a session ---

    def begin(self, session: Session) -> None:
        """Take up a session: what is stored of it already, and who is most active. Raises `StoreError`."""
        with self.troubles.asking_the_store():
            ranked = self._store.turnover_rank(self._usual, session.day - LOOK_BACK)
            coverage = self._store.coverage(self._symbols, session.day, session.day)
            counts = self._store.counts(self._symbols, [session])
            spans = self._store.spans([symbol for symbol, _ in coverage])
        active = ranked[: self._active_count]
        self._order = active + [symbol for symbol in self._symbols if symbol not in frozenset(active)]
        self._derived, self._tried, self._round_began = {}, {}, None
        self._seen, self.failing, self.left = {}, {}, []
        for (symbol, day), kept in coverage.items():
            if seen := stored_before(kept, counts.get((symbol, day)), spans.get(symbol), session):
                self._seen[symbol] = seen
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
        tried = self._tried
        self.left = [symbol for symbol in order if symbol not in tried or tried[symbol] < done.started_at]
        done.errors, done.left = len(failed), len(order) - done.symbols - len(failed)
        done.calls = self._client.calls - calls
        self._time.compare()
        if done.symbols:
            self.silence.look(session, self._seen, self.now())
        return done

    def _next_order(self) -> list[str]:
        """Whom the last round did not get to first, the longest waiting before all; then the active ones."""
        never = self._clock.now() - timedelta(days=1)
        waiting = [s for s in self._order if self._round_began and self._tried.get(s, never) < self._round_began]
        waiting.sort(key=lambda symbol: self._tried.get(symbol, never))
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
            return self._visit_alone(symbol, session, due) if in_time else None

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

    def _visit_alone(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int] | None:
        """Visit a symbol unless a visit of an earlier round still hangs."""
        with self._turns.alone(symbol) as free:
            if not free:
                return None
            self._tried[symbol] = self._clock.now()
            return self._visit(symbol, session, due)

    def _visit(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int]:
        """Fetch and store one symbol's closed minutes and due windows; answers the new candles by interval."""
        new = dict.fromkeys(INTERVALS, 0)
        known = self._seen.get(symbol)
        if known and known.read >= session.end.replace(tzinfo=None):
            return new
        if known and self.beside and self.beside.spares(symbol, known.read, self.now()):
            return new
        fresh, seen, now = self._read(symbol, session, known)
        if not seen.traded:
            self._seen[symbol] = seen
            return new
        self._look_at_hours(symbol, session, fresh)
        due = due if known and known.traded else INTERVALS
        since = self._since(symbol, fresh[0].timestamp if fresh else seen.traded, due)
        new = self._store_minutes(symbol, session, fresh, due, since=since, now=now, is_known=True)
        self._seen[symbol] = seen
        if self.beside:
            self.beside.compare(symbol, fresh, seen)
        return new

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

    def take(self, proven: Proven, session: Session) -> bool:
        """Store a minute that the stream proved, with the windows it closes; False: a round has it, or is at it.

        Where the day before it is not known, to the very KRW, the minute is stored alone and the next round comes.
        """
        symbol, minute = proven.symbol, proven.candle.timestamp
        with self._turns.alone(symbol, briefly=True) as free:
            known = self._seen.get(symbol)
            is_known = known is not None and known.leads_to(minute, proven.before, session)
            if not free or (known and known.read > minute and not is_known):
                return False
            through = max(proven.through, known.read) if known else proven.through
            now = min(self.now(), through.replace(tzinfo=KST) + _WITHIN_A_MINUTE)
            due = INTERVALS if is_known else (1,)
            since = self._since(symbol, minute, due)
            self._store_minutes(symbol, session, [proven.candle], due, since=since, now=now, is_known=is_known)
            if is_known:
                self._seen[symbol] = Seen(through, minute, proven.turnover, minute)
        self.troubles.end("DB")
        return True

    def _read(self, symbol: str, session: Session, known: Seen | None) -> tuple[list[Candle], Seen, datetime]:
        """The symbol's closed minutes, how far it is seen then, and the moment they were closed at.

        The answer also brings KIS's clock: where ours ran ahead, what we took for closed may be phantom rows.
        """
        asked_at = self.now()
        reading = read_day(self._client, symbol, session, asked_at, known, self._morning.of(symbol, session))
        now = min(asked_at, self.now())
        if floor(now) < floor(asked_at):
            fresh = [candle for candle in reading.candles if candle.timestamp < floor(now)]
            traded = fresh[-1].timestamp if fresh else known and known.traded
            return fresh, Seen(floor(now), traded, None, known and known.shown), now
        return reading.candles, reading.seen, now

    def _look_at_hours(self, symbol: str, session: Session, fresh: Sequence[Candle]) -> None:
        """Trades in the pause before the auction, and none before ten: a CSAT day that nobody announced."""
        minutes = [candle.timestamp for candle in fresh]
        is_late = runs_late(minutes, session) and not self._store.candles(symbol, 1, *session.before_ten)
        if is_late and self.calendar.believe_late(session.day):
            _log.warning("⚠️ %s", late_day(session.day))

    def _since(self, symbol: str, first: datetime, due: Collection[int]) -> datetime:
        """From where to read what is stored: the windows that the page touches or that were not derived yet."""
        derived = [self._derived.get((symbol, interval), datetime.min) for interval in due]
        oldest = min([first, *derived])
        return window(oldest, 15) if oldest.date() == first.date() else first.replace(hour=0, minute=0)

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
