"""The trading day of the updater: rounds over the symbols, the settle after the close, and faults that never end it.

A round visits every symbol once: page, merge, one transaction (today.py). Whoever fails or is left over by the deadline
goes first in the next one, and loses nothing, because a page reaches back thirty minutes and pages further where it
must. After the close the authority replaces what the rounds stored, through the same `Collector` as the backfill.
"""

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from candles import INTERVALS, Candles, window
from clock import Clock
from collector import PROVISIONAL, Collector, Outcome, SymbolDay, plan, work_through
from db import Store
from errors import AuthError, ConfigError, NotOffered, SourceError, Stopped, StoreError
from kis_client import KisClient
from market_hours import Session, TradingCalendar
from today import merged, read_today
from troubles import Troubles

WORKERS = 16
ROUND_SECONDS = 56
"""A round hands over what it has not begun by then; the next one starts at :03."""
LOOK_BACK = timedelta(days=7)
GIVE_UP_AFTER = 5
"""Symbols in a row that KIS did not answer: the round is over, the next one asks again."""
TRUSTED_SKEW = timedelta(seconds=2)
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
    ) -> None:
        self._client, self._store, self.calendar, self._clock = client, store, calendar, clock
        self._symbols, self._active_count = symbols, active_count
        chosen = set(symbols)
        self._usual = [symbol for symbol in active if symbol in chosen]
        self._usual += [symbol for symbol in symbols if symbol not in set(self._usual)]
        self._order = list(self._usual)
        self._left: list[str] = []
        self._known: dict[str, datetime] = {}
        self._derived: dict[tuple[str, int], datetime] = {}
        self.troubles = Troubles(clock)

    # --- a session ---

    def begin(self, session: Session) -> None:
        """Take up a session: what is stored of it already, and who is most active. Raises `StoreError`."""
        self._known.clear()
        self._derived.clear()
        self._left = []
        with self._asking_the_store():
            ranked = self._store.turnover_rank(self._usual, session.day - LOOK_BACK)
            active = ranked[: self._active_count]
            self._order = active + [symbol for symbol in self._symbols if symbol not in set(active)]
            coverage = self._store.coverage(self._symbols, session.day, session.day)
            counts = self._store.counts(self._symbols, [session])
        for symbol in self._symbols:
            kept, held = coverage.get((symbol, session.day)), counts.get((symbol, session.day), (0, 0, 0))
            whole = kept and all(has >= had for has, had in zip(held, kept.counts, strict=True))
            if kept and whole and kept.status == PROVISIONAL and kept.verified_at:
                self._known[symbol] = kept.verified_at.replace(second=0)

    def round(self, session: Session, due: Collection[int]) -> Round:
        """Visit every symbol once, those left over first, then the active ones; stop handing out at the deadline."""
        done = Round(self._clock.now())
        order = self._left + [symbol for symbol in self._order if symbol not in set(self._left)]
        deadline = done.started_at + timedelta(seconds=ROUND_SECONDS)
        calls, pending, failed = self._client.calls, set(order), dict[str, Exception]()

        def visit(symbol: str) -> dict[int, int] | None:
            return self._visit(symbol, session, due) if self._clock.now() < deadline else None

        with closing(work_through(order, visit, WORKERS, self._clock)) as outcomes:
            for outcome in outcomes:
                if outcome.error is not None:
                    failed[outcome.task] = outcome.error
                    if _is_hopeless(failed, any_success=done.symbols > 0):
                        break
                elif outcome.answer is not None:
                    pending.discard(outcome.task)
                    self._count(done, outcome)
        self._left = [symbol for symbol in order if symbol in pending]
        self._note(failed, any_success=done.symbols > 0)
        done.errors, done.left = len(failed), len(pending) - len(failed)
        done.calls = self._client.calls - calls
        self._compare_clocks()
        return done

    def _count(self, done: Round, outcome: Outcome) -> None:
        done.symbols += 1
        for interval, new in outcome.answer.items():
            done.stored[interval] += new
        start_of_minute = done.started_at.replace(second=0, microsecond=0)
        done.lag = (self._clock.now() - start_of_minute).total_seconds()
        self._end_troubles(outcome.task)

    def _visit(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int]:
        """Fetch and store one symbol's closed minutes and due windows; answers the new candles by interval."""
        now, known = self._now(), self._known.get(symbol)
        fresh = read_today(self._client, symbol, session, now, known)
        new = dict.fromkeys(INTERVALS, 0)
        if not fresh:
            return new
        due = due if known else INTERVALS
        since = self._since(symbol, fresh[0].timestamp, due)

        def change(stored: Candles) -> Candles:
            wanted = merged(stored, fresh, session, now, due, since)
            new.update({interval: len(wanted[interval]) - len(stored[interval]) for interval in INTERVALS})
            return wanted

        self._store.rewrite(symbol, session, change, since=since, now=now, status=PROVISIONAL, note=_RUNNING)
        minute = now.replace(second=0, microsecond=0, tzinfo=None)
        self._known[symbol] = minute
        self._derived.update({(symbol, interval): minute for interval in due})
        return new

    def _since(self, symbol: str, first: datetime, due: Collection[int]) -> datetime:
        """From where to read what is stored: the windows that the page touches or that were not derived yet."""
        derived = [self._derived.get((symbol, interval), datetime.min) for interval in due]
        oldest = min([first, *derived])
        return window(oldest, 15) if oldest.date() == first.date() else first.replace(hour=0, minute=0)

    def _now(self) -> datetime:
        """Now by KIS's clock where ours is ahead of it: a minute is closed when it is closed there."""
        skew = self._client.skew
        return self._clock.now() + (skew if skew < -TRUSTED_SKEW / 2 else timedelta(0))

    def _compare_clocks(self) -> None:
        skew = self._client.skew.total_seconds()
        if abs(skew) > TRUSTED_SKEW.total_seconds():
            side = "느립니다" if skew > 0 else "빠릅니다"
            how = "시간 동기화(NTP)를 켜세요 (예: timedatectl set-ntp true)."
            self.troubles.begin("시계", f"이 컴퓨터의 시계가 KIS보다 {abs(skew):.0f}초 {side}. {how}")
        else:
            self.troubles.end("시계")

    # --- after the close ---

    def settle(self, last: date, until: datetime | None = None) -> bool:
        """Make the closed days of the last week equal to the authority, newest first; whether nothing is left to do."""
        days = self.calendar.trading_days(last - LOOK_BACK, last)
        try:
            with self._asking_the_store():
                missing = plan(self._store, self.calendar, self._symbols, days)
        except StoreError:
            return False
        if not missing:
            return True
        _log.info("🌙 마감 확정: %d종목일을 과거 분봉으로 받습니다.", len(missing))
        collector = Collector(self._client, self._store, self.calendar, self._clock, (days[0], days[-1]))
        left = self._settle_all(collector, sorted(missing, key=lambda task: task.day, reverse=True), until)
        if not left:
            _log.info("✅ 마감 확정 완료: %s까지 모두 COMPLETE", last)
        return not left

    def _settle_all(self, collector: Collector, tasks: Sequence[SymbolDay], until: datetime | None) -> int:
        """Collect the tasks as far as that goes now; how many are left. Raises `NotOffered`."""
        left, failed = len(tasks), dict[str, Exception]()
        with closing(work_through(tasks, collector.collect, WORKERS, self._clock)) as outcomes:
            for outcome in outcomes:
                name = f"{outcome.task.symbol} {outcome.task.day}"
                if outcome.error is None:
                    left -= 1
                    self._end_troubles(name)
                else:
                    failed[name] = outcome.error
                if _is_hopeless(failed, any_success=left < len(tasks)) or (until and self._clock.now() >= until):
                    break
        self._note(failed, any_success=left < len(tasks))
        return left

    # --- faults ---

    def _note(self, failed: Mapping[str, Exception], *, any_success: bool) -> None:
        """Tell of each fault once: of KIS as a whole where nothing came, of single symbols otherwise."""
        for task, error in failed.items():
            if isinstance(error, NotOffered | Stopped):
                raise error
            if isinstance(error, StoreError):
                self.troubles.begin("DB", str(error))
            elif isinstance(error, AuthError | ConfigError):
                self.troubles.begin("토큰", str(error))
            elif isinstance(error, SourceError):
                self.troubles.begin(task if any_success else "KIS", str(error))
            else:
                self.troubles.begin(task, f"예상하지 못한 오류 {type(error).__name__}", error)

    def _end_troubles(self, task: str) -> None:
        for key in ("KIS", "DB", "토큰", task):
            self.troubles.end(key)

    @contextmanager
    def _asking_the_store(self) -> Iterator[None]:
        try:
            yield
            self.troubles.end("DB")
        except StoreError as error:
            self.troubles.begin("DB", str(error))
            raise


def _is_hopeless(failed: Mapping[str, Exception], *, any_success: bool) -> bool:
    """Whether the tasks not begun would fail alike: no database, no key, or a KIS that is silent from the start."""
    if not any_success and len(failed) >= GIVE_UP_AFTER:
        return True
    ends = (StoreError, AuthError, ConfigError, NotOffered, Stopped)
    return any(isinstance(error, ends) for error in failed.values())
