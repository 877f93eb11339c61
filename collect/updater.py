"""The trading day of the updater: rounds over the symbols, the settle after the close, and faults that never end it.

A round visits every symbol once: page, merge, one transaction (today.py). Whoever is left over by the deadline goes
first in the next one, and nobody loses anything, because a page reaches back thirty minutes and pages go further where
they must. After the close the authority replaces what the rounds stored, through the same `Collector` as the backfill.
"""

import logging
import threading
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from base.clock import Clock
from base.errors import (
    AuthError,
    ConfigError,
    MinuteDataError,
    NotOffered,
    Outage,
    SourceError,
    Stopped,
    StoreError,
    StoreLost,
)
from collect.collector import Collector, Memory
from collect.plan import PROVISIONAL, SymbolDay, plan
from collect.pool import Outcome, work_through
from collect.today import read_today
from collect.troubles import Troubles
from db import Store
from kis.client import TRUSTED_SKEW, KisClient
from market.candles import INTERVALS, Candle, Candles, window
from market.hours import Session, TradingCalendar
from market.running_day import floor, merged

WORKERS = 16
HAND_OVER = timedelta(seconds=58)
"""Into the minute: what a round has not begun by then is the next one's, which starts at :03."""
LAST_ANSWERS = timedelta(seconds=4)
"""So long a round waits beyond that for the visits it has begun."""
LOOK_BACK = timedelta(days=7)
GIVE_UP_AFTER = 5
"""Tasks in a row that KIS did not answer at all: the others would wait in vain, the next round asks again."""
HOPELESS = (StoreLost, AuthError, ConfigError, NotOffered, Stopped)
"""Errors that every other task would meet too."""
_RUNNING = "장중: 오늘 TR로 받은 임시 데이터"
_log = logging.getLogger("minute_data")


@dataclass
class Round:
    """What one round did; `stored` is new candles by interval, `lag` seconds from the minute's end to the last one."""

    started_at: datetime
    symbols: int = 0
    stored: dict[int, int] = field(default_factory=lambda: dict.fromkeys(INTERVALS, 0))
    lag: float = 0.0
    calls: int = 0
    errors: int = 0
    left: int = 0

    def line(self, due: Collection[int]) -> str:
        """The line people `tail -f`."""
        mark = "⚠️" if self.errors or self.left else "✅"
        more = "".join(f" · {interval}분봉 {self.stored[interval]}건" for interval in (5, 15) if interval in due)
        left = f" · 다음 라운드로 {self.left}종목" if self.left else ""
        return (
            f"{mark} {self.started_at:%H:%M} 1분봉 {self.symbols}종목 · {self.stored[1]}건 저장 · 지연 {self.lag:.1f}초"
            f" · 호출 {self.calls}회 · 오류 {self.errors}{more}{left}"
        )


class Updater:
    """Keeps the table current for `symbols`; every method may be called again after any fault."""

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
    ) -> None:
        self._client, self._store, self.calendar, self._clock = client, store, calendar, clock
        self._symbols, self._active_count, self._workers = symbols, active_count, workers
        chosen = frozenset(symbols)
        self._usual = [symbol for symbol in active if symbol in chosen]
        self._usual += [symbol for symbol in symbols if symbol not in frozenset(self._usual)]
        self._order = list(self._usual)
        self._known: dict[str, datetime] = {}
        self._derived: dict[tuple[str, int], datetime] = {}
        self._tried: dict[str, datetime] = {}
        self._round_began: datetime | None = None
        self._busy: set[str] = set()
        self._guard = threading.Lock()
        self._told_missing = 0
        self._memory = Memory()
        self.troubles = Troubles(clock)

    def now(self) -> datetime:
        """Now by KIS's clock where ours is ahead of it: a minute, and a day, is over when it is over there."""
        skew = self._client.skew
        return self._clock.now() + (skew if skew < -TRUSTED_SKEW / 2 else timedelta(0))

    # --- a session ---

    def begin(self, session: Session) -> None:
        """Take up a session: what is stored of it already, and who is most active. Raises `StoreError`."""
        with self._asking_the_store():
            ranked = self._store.turnover_rank(self._usual, session.day - LOOK_BACK)
            coverage = self._store.coverage(self._symbols, session.day, session.day)
            counts = self._store.counts(self._symbols, [session])
        active = ranked[: self._active_count]
        self._order = active + [symbol for symbol in self._symbols if symbol not in frozenset(active)]
        self._derived, self._tried, self._round_began = {}, {}, None
        self._known = {}
        for (symbol, _), kept in coverage.items():
            held = counts.get((symbol, session.day), (0, 0, 0))
            whole = all(has >= had for has, had in zip(held, kept.counts, strict=True))
            if whole and kept.status == PROVISIONAL and kept.verified_at:
                self._known[symbol] = floor(kept.verified_at)

    def round(self, session: Session, due: Collection[int], *, hurried: bool = True) -> Round:
        """Visit every symbol once, those left over first, then the active ones.

        `hurried`: whom it has not begun to visit late in the minute it leaves over to the next round.
        """
        done = Round(self._clock.now())
        order, calls = self._next_order(), self._client.calls
        self._round_began = done.started_at
        deadline = _hand_over(done.started_at) if hurried else None
        with closing(self._visits(order, session, due, deadline)) as outcomes:
            failed = _gather(outcomes, lambda outcome: self._count(done, outcome))
        self._note(failed, any_success=done.symbols > 0)
        done.errors, done.left = len(failed), len(order) - done.symbols - len(failed)
        done.calls = self._client.calls - calls
        self._compare_clocks()
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
        for interval, new in outcome.answer.items():
            done.stored[interval] += new
        start_of_minute = done.started_at.replace(second=0, microsecond=0)
        done.lag = (self._clock.now() - start_of_minute).total_seconds()
        self._end_troubles(outcome.task)

    def _visit_alone(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int] | None:
        """Visit a symbol unless a visit of an earlier round still hangs."""
        with self._guard:
            if symbol in self._busy:
                return None
            self._busy.add(symbol)
            self._tried[symbol] = self._clock.now()
        try:
            return self._visit(symbol, session, due)
        finally:
            with self._guard:
                self._busy.discard(symbol)

    def _visit(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int]:
        """Fetch and store one symbol's closed minutes and due windows; answers the new candles by interval."""
        new = dict.fromkeys(INTERVALS, 0)
        known = self._known.get(symbol)
        if known and known >= session.end.replace(tzinfo=None):
            return new
        fresh, now = self._read(symbol, session, known)
        if not fresh:
            return new
        due = due if known else INTERVALS
        since = self._since(symbol, fresh[0].timestamp, due)

        def change(stored: Candles) -> Candles:
            wanted = merged(stored, fresh, session, now, due, since)
            new.update({interval: len(wanted[interval]) - len(stored[interval]) for interval in INTERVALS})
            return wanted

        self._store.rewrite(symbol, session, change, since=since, now=now, status=PROVISIONAL, note=_RUNNING)
        self._known[symbol] = floor(now)
        self._derived.update({(symbol, interval): floor(now) for interval in due})
        return new

    def _read(self, symbol: str, session: Session, known: datetime | None) -> tuple[list[Candle], datetime]:
        """The symbol's closed minutes, and the moment they were closed at.

        The answer also brings KIS's clock: where ours ran ahead, what we took for closed may be phantom rows.
        """
        asked_at = self.now()
        fresh = read_today(self._client, symbol, session, asked_at, known)
        now = min(asked_at, self.now())
        return [candle for candle in fresh if candle.timestamp < floor(now)], now

    def _since(self, symbol: str, first: datetime, due: Collection[int]) -> datetime:
        """From where to read what is stored: the windows that the page touches or that were not derived yet."""
        derived = [self._derived.get((symbol, interval), datetime.min) for interval in due]
        oldest = min([first, *derived])
        return window(oldest, 15) if oldest.date() == first.date() else first.replace(hour=0, minute=0)

    def _compare_clocks(self) -> None:
        if trouble := self._client.clock_trouble():
            self.troubles.begin("시계", trouble)
        else:
            self.troubles.end("시계")

    # --- after the close ---

    def settle(self, last: date, until: datetime | None = None) -> bool:
        """Make the closed days of the week up to `last` equal to the authority; whether nothing is left to do.

        Newest first, not beyond `until`. Raises `NotOffered` on VTS.
        """
        days = self.calendar.trading_days(last - LOOK_BACK, last)
        try:
            with self._asking_the_store():
                missing = plan(self._store, self.calendar, self._symbols, days)
        except StoreError:
            return False
        self._end_old_troubles(missing, days[0])
        if not missing or not self._is_over_at_kis(last):
            self._told_missing = 0
            return not missing
        if len(missing) != self._told_missing:
            _log.info("🌙 마감 확정: %d종목일을 과거 분봉으로 받습니다.", len(missing))
            self._told_missing = len(missing)
        span = days[0], days[-1]
        collector = Collector(
            self._client, self._store, self.calendar, self._clock, span, self._memory, asks_today=True
        )
        left = self._settle_all(collector, sorted(missing, key=lambda task: task.day, reverse=True), until)
        self._told_missing = left
        if not left:
            _log.info("✅ 마감 확정 완료: %s까지 모두 COMPLETE", last)
        return not left

    def _is_over_at_kis(self, last: date) -> bool:
        """A day that still runs there must not be settled by a host ahead of it."""
        return self.look_at_clock() and self.calendar.last_closed(self.now() + TRUSTED_SKEW) >= last

    def look_at_clock(self) -> bool:
        """Ask for the clock in an answer; whether one came."""
        try:
            self._client.today_minutes(self._symbols[0], self._clock.now())
        except MinuteDataError as error:
            self._note({self._symbols[0]: error}, any_success=False)
            return False
        self._compare_clocks()
        return True

    def _settle_all(self, collector: Collector, tasks: Sequence[SymbolDay], until: datetime | None) -> int:
        """Collect the tasks as far as that goes now; how many are left. Raises `NotOffered`."""
        settled: list[SymbolDay] = []

        def collect(task: SymbolDay) -> object:
            return collector.collect(task) if until is None or self._clock.now() < until else None

        def count(outcome: Outcome) -> None:
            settled.append(outcome.task)
            self._end_troubles(_name(outcome.task))

        with closing(work_through(tasks, collect, self._workers, self._clock, until=until)) as outcomes:
            failed = _gather(outcomes, count)
        self._note(failed, any_success=bool(settled))
        return len(tasks) - len(settled)

    # --- faults ---

    def _note(self, failed: Mapping[str, Exception], *, any_success: bool) -> None:
        """Tell of each fault once: of KIS or the database as a whole where nothing worked, of single symbols else."""
        for name, error in failed.items():
            if isinstance(error, NotOffered | Stopped):
                raise error
            if isinstance(error, MinuteDataError):
                self.troubles.begin(_trouble(name, error, any_success), str(error))
            else:
                self.troubles.begin(name, f"예상하지 못한 오류 {type(error).__name__}", error)

    def _end_troubles(self, name: str) -> None:
        for key in ("KIS", "DB", "토큰", name, name.split()[0]):
            self.troubles.end(key)

    def _end_old_troubles(self, missing: Iterable[SymbolDay], first: date) -> None:
        """Symbols that are whole by now, and days that nobody looks back to any more."""
        names, symbols = {_name(task) for task in missing}, {task.symbol for task in missing}
        for key in self.troubles.current:
            symbol, _, day = key.partition(" ")
            if day and day < first.isoformat():
                self.troubles.give_up(key, f"python fetch_minute_data.py --from {day} --to {day} --symbols {symbol}")
            elif symbol in self._symbols and symbol not in symbols and key not in names:
                self.troubles.end(key)

    @contextmanager
    def _asking_the_store(self) -> Iterator[None]:
        try:
            yield
            self.troubles.end("DB")
        except StoreError as error:
            self.troubles.begin("DB", str(error))
            raise


def _gather(outcomes: Iterable[Outcome], succeed: Callable[[Outcome], None]) -> dict[str, Exception]:
    """Hand over what was done, collect what failed by name; give up where the tasks not begun would fail alike."""
    failed: dict[str, Exception] = {}
    silent = 0
    for outcome in outcomes:
        if outcome.error is not None:
            failed[_name(outcome.task)] = outcome.error
            silent += isinstance(outcome.error, Outage)
            if silent >= GIVE_UP_AFTER or isinstance(outcome.error, HOPELESS):
                break
        elif outcome.answer is not None:
            silent = 0
            succeed(outcome)
    return failed


def _name(task: SymbolDay | str) -> str:
    return task if isinstance(task, str) else f"{task.symbol} {task.day}"


def _trouble(name: str, error: MinuteDataError, any_success: bool) -> str:
    """Whose trouble an error is."""
    if isinstance(error, AuthError | ConfigError):
        return "토큰"
    if isinstance(error, StoreLost) or (isinstance(error, StoreError) and not any_success):
        return "DB"
    return "KIS" if isinstance(error, SourceError) and not any_success else name


def _hand_over(started_at: datetime) -> datetime:
    """Late in the running minute; a round begun after that has the next one."""
    minute = started_at.replace(second=0, microsecond=0)
    return minute + HAND_OVER if started_at < minute + HAND_OVER else minute + HAND_OVER + timedelta(minutes=1)
