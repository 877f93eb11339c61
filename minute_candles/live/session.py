"""The updater's trading day: rounds over the symbols, and faults that never end it.

A round polls every symbol once. Symbols left over by the deadline come first in the next round; they lose nothing,
because a page reaches back thirty minutes and further pages are read where they must be. After the close the final
source replaces what was stored (end_of_day.py).
"""

from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, StoreError
from minute_candles.core.worker_pool import Outcome, gather, work_through
from minute_candles.kis.client import KisClient
from minute_candles.live.end_of_day import LOOK_BACK, EndOfDay
from minute_candles.live.intraday_backfill import IntradayBackfill
from minute_candles.live.minute_writer import MinuteWriter
from minute_candles.live.poller import Poller
from minute_candles.live.round import LAST_ANSWERS, Round, hand_over
from minute_candles.live.server_clock import ServerClock
from minute_candles.live.symbol_state import SymbolStates
from minute_candles.live.today_pages import read_until, stored_before
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.intraday import Watermark
from minute_candles.monitoring.incidents import Incidents, symbol_incident
from minute_candles.monitoring.stalled_feed import StalledFeedWatch
from minute_candles.monitoring.unknown_symbols import UnknownSymbols
from minute_candles.storage.store import Store

WORKERS = 16


class LiveSession:
    """Keeps the table current for `symbols`; every method may be called again after any fault.

    `active`: the usually active symbols, polled first until turnover is measured; `active_count` of them.
    `heals`: the missed part of a day is read from the past TR, which VTS does not offer.
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
        self._client, self._store, self._clock, self.calendar = client, store, clock, calendar
        self._symbols, self._active_count, self._workers = symbols, active_count, workers
        usual = [symbol for symbol in active if symbol in frozenset(symbols)]
        self._usual = usual + [symbol for symbol in symbols if symbol not in frozenset(usual)]
        self._order = list(self._usual)
        self._round_began: datetime | None = None
        self.failing: dict[str, tuple[datetime, str]] = {}
        """Symbols whose last poll failed: since when, and why."""
        self.left: list[str] = []
        """Symbols that the last round left over to the next one."""
        self.incidents, self.states = Incidents(clock), SymbolStates()
        self.server_clock = ServerClock(client, clock, self.incidents)
        self.writer = MinuteWriter(store, self.server_clock)
        backfill = IntradayBackfill(client, offered=heals)
        self._poller = Poller(client, clock, self.states, self.writer, backfill, self.server_clock)
        unknown = UnknownSymbols(client, clock)
        self._feed_watch = StalledFeedWatch(client, clock, symbols, self.incidents, unknown)
        store.listeners += [self.incidents.on_stored, self._feed_watch.on_stored]
        self.end_of_day = EndOfDay(
            client, store, clock, symbols, workers, self.incidents, self.server_clock, unknown
        )  # fmt: skip

    def now(self) -> datetime:
        """Return KIS's time where ours is ahead of it: a minute, and a day, is over when it is over there."""
        return self.server_clock.now()

    # --- a session ---

    def begin(self, session: Session) -> None:
        """Read what is stored of a session already, and who is most active. Raises `StoreError`."""
        with self.incidents.watching_reads():
            ranked = self._store.turnover_rank(self._usual, session.day - LOOK_BACK)
            watermarks = self._stored_watermarks(session)
        active = ranked[: self._active_count]
        self._order = active + [symbol for symbol in self._symbols if symbol not in frozenset(active)]
        self._round_began, self.failing, self.left = None, {}, []
        self.states.begin(watermarks)
        self._feed_watch.begin()

    def _stored_watermarks(self, session: Session) -> dict[str, Watermark]:
        coverage = self._store.coverage(self._symbols, session.day, session.day)
        counts = self._store.counts(self._symbols, [session])
        spans = self._store.spans({symbol: read_until(kept) for (symbol, _), kept in coverage.items()})
        found = {
            symbol: stored_before(kept, counts.get((symbol, day)), spans.get(symbol), session)
            for (symbol, day), kept in coverage.items()
        }
        return {symbol: watermark for symbol, watermark in found.items() if watermark}

    def round(self, session: Session, due: Collection[int], *, hurried: bool = True) -> Round:
        """Poll every symbol once, those left over first, then the active ones.

        `hurried`: polls not begun late in the minute are left to the next round.
        """
        done = Round(self._clock.now())
        order, calls = self._next_order(), self._client.calls
        self._round_began = done.started_at
        deadline = hand_over(done.started_at) if hurried else None
        with closing(self._polls(order, session, due, deadline)) as outcomes:
            failed = gather(outcomes, lambda outcome: self._count(done, outcome), str)
        faults = {symbol_incident(symbol): error for symbol, error in failed.items()}
        self.incidents.judge(faults, any_success=done.symbols > 0)
        self._note_failures(done, failed)
        self.left = [symbol for symbol in order if not self._was_polled_since(symbol, done.started_at)]
        for symbol in self.left:
            self.states.of(symbol).owed |= {*due}
        done.left = len(order) - done.symbols - len(failed)
        done.calls, done.streamed = self._client.calls - calls, len(self.states.unbroken)
        self.server_clock.compare()
        if done.symbols:
            self._feed_watch.check(session, self.states.watermarks, self.now())
        return done

    def _note_failures(self, done: Round, failed: Mapping[str, Exception]) -> None:
        done.errors = len(failed)
        for symbol, error in failed.items():
            since, _ = self.failing.get(symbol, (done.started_at, ""))
            self.failing[symbol] = since, str(error)

    def _was_polled_since(self, symbol: str, moment: datetime) -> bool:
        polled_at = self.states.of(symbol).polled_at
        return polled_at is not None and polled_at >= moment

    def _next_order(self) -> list[str]:
        """Return the symbols left over by the last round, the longest waiting first; then the active ones."""
        never = self._clock.now() - timedelta(days=1)
        began = self._round_began
        waiting = [symbol for symbol in self._order if began and not self._was_polled_since(symbol, began)]
        waiting.sort(key=lambda symbol: self.states.of(symbol).polled_at or never)
        return waiting + [symbol for symbol in self._order if symbol not in frozenset(waiting)]

    def _polls(
        self, order: Sequence[str], session: Session, due: Collection[int], deadline: datetime | None
    ) -> Generator[Outcome, None, None]:
        """Get one token for all, then let the workers poll."""
        try:
            self._client.token()
        except MinuteDataError as error:
            yield Outcome(order[0], error=error)
            return

        def poll(symbol: str) -> dict[int, int] | None:
            in_time = deadline is None or self._clock.now() < deadline
            return self._poller.poll(symbol, session, due) if in_time else None

        until = deadline and deadline + LAST_ANSWERS
        yield from work_through(order, poll, self._workers, self._clock, until=until)

    def _count(self, done: Round, outcome: Outcome) -> None:
        done.symbols += 1
        self.failing.pop(outcome.task, None)
        for interval, new in outcome.answer.items():
            done.stored[interval] += new
        start_of_minute = done.started_at.replace(second=0, microsecond=0)
        done.lag = (self._clock.now() - start_of_minute).total_seconds()
        self.incidents.succeed(symbol_incident(outcome.task))

    def most_active(self, day: date, count: int) -> list[str]:
        """Return the symbols to stream on `day`: by recent turnover, by custom where the database does not answer."""
        try:
            return self._store.turnover_rank(self._usual, day - LOOK_BACK)[:count]
        except StoreError:
            return self._usual[:count]

    # --- after the close ---

    def settle(self, last: date, until: datetime | None = None) -> bool:
        """Replace the closed days of the week up to `last` by the final source; return whether nothing is left.

        Raises `NotOffered` on VTS.
        """
        whole = self.end_of_day.settle(self.calendar, last, until)
        if whole:
            self.failing, self.left = {}, []
            self._feed_watch.on_settled()
        return whole

    def check_clock(self) -> bool:
        """Ask KIS for its time; return whether it answered."""
        return self.server_clock.check(self._symbols[0])
