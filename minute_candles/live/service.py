"""The updater's days: trade, settle, sleep, again, for weeks on end; the clockwork is `schedule`'s, the clock ours.

What a round and a settle are is told in updater.py; a fault in one of them is logged and the loop goes on.
"""

import logging
import os
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import Settings
from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import NotOffered, Stopped, StoreError
from minute_candles.kis.client import KisClient
from minute_candles.live.round import Round
from minute_candles.live.schedule import Cadence
from minute_candles.live.session import WORKERS, Updater
from minute_candles.live.stream.ingest import BEFORE_OPEN, Stream
from minute_candles.market.calendar import Session
from minute_candles.monitoring import status_file
from minute_candles.monitoring.holidays import HolidayCheck
from minute_candles.monitoring.stalled_feed import KEY as SILENCE
from minute_candles.storage.store import Store

if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed

STEP = timedelta(minutes=5)
"""The longest sleep between two looks at the clock: a laptop may have slept, a clock may have been set."""
QUIET_BEFORE_OPEN = timedelta(minutes=10)
EVENING = time(20, 10)
GRACE = timedelta(minutes=2)
"""A round may take so long beyond its cadence before `--status` calls it stale."""
_log = logging.getLogger(__name__)


def workers_for(rate: float) -> int:
    """As many as calls are under way at once: more would only wait for their turn, beyond the end of the round."""
    return max(2, min(WORKERS, round(2 * rate)))


class Service:
    """The days: trade, settle, sleep, again. A fault in one of them is logged and the loop goes on."""

    def __init__(
        self, settings: Settings, clock: Clock, client: KisClient, store: Store, names: Mapping[str, str]
    ) -> None:
        self._settings, self._clock, self._client, self._names = settings, clock, client, names
        active, workers = USUALLY_ACTIVE, workers_for(settings.rate_limit)
        self._holidays = HolidayCheck(client, clock, settings.log_dir / HOLIDAY_FILE, settings.csat_days)
        calendar, most = self._holidays.calendar, settings.active
        heals = settings.env == "real"
        self.updater: Updater = Updater(client, store, calendar, clock, list(names), active, most, workers, heals=heals)
        self.stream = Stream(settings, clock, self.updater)
        self.feed: Feed | None = None
        self._rechecked: date | None = None
        self.settled: date | None = None
        self._not_offered: date | None = None
        self._last_round = ""
        self._failing: frozenset[str] = frozenset()
        self._cadence = Cadence(clock, settings.every)

    def run(self) -> int:
        """For ever; `Stopped` ends it."""
        try:
            while True:
                try:
                    self._day()
                except Stopped:
                    raise
                except Exception as error:  # the loop's boundary: whatever it was, the next minute is another try
                    self._outlive(error)
        finally:
            self.stream.end()
            self._say("stopped", self._clock.now())

    def _outlive(self, error: Exception) -> None:
        if not isinstance(error, StoreError):  # the updater has told of that
            self.updater.troubles.begin("업데이터", f"예상하지 못한 오류 {type(error).__name__}", error)
        self._say("troubled", self._clock.now() + STEP)
        self._clock.sleep(30)

    def once(self) -> int:
        """One round, healing included; outside a session the settle of what is closed."""
        updater, now = self.updater, self._clock.now()
        self._decide_today()
        session = updater.calendar.next_session(updater.now())
        if now < session.open:
            whole, doubted = self._settle(None), self._holidays.session_in_doubt(now)
            until = doubted.open if doubted else session.open
            mark = {"settled": status_file.settled_mark(self._settings, self._names, until)} if whole else {}
            if whole:
                _log.info(status_file.nothing_line(session.open))
            self._say("once", session.open + STEP, **mark)
            return 0 if whole else 1
        updater.begin(session)
        done = self._log_round(updater.round(session, (1, 5, 15), hurried=False), (1, 5, 15))
        self._say("once", now + STEP)
        return 1 if done.errors or done.left or SILENCE in updater.troubles.current else 0

    def _day(self) -> None:
        """The session that runs now, or the wait for the next one."""
        self._check_holidays()
        now = self.updater.now()
        session = self.updater.calendar.next_session(now)
        if now >= session.open and self._holidays.session_in_doubt(now):
            self._say("waiting", self._clock.now() + 2 * STEP)
            self._clock.sleep(10)  # the market decides within minutes whether it opens
        elif now >= session.open:
            self._trade(session)
        else:
            self._between(session)

    # --- in a session ---

    def _trade(self, session: Session) -> None:
        """Rounds until close + 10 minutes; the first heals the day, at once."""
        self.updater.begin(session)
        self.stream.begin(session)
        _log.info("🔔 %s 장 (%s~%s) 갱신을 시작합니다.", session.day, f"{session.open:%H:%M}", f"{session.close:%H:%M}")
        self._cadence.begin()
        while session.open <= self.updater.now() < session.end:
            session = self.updater.calendar.session(session.day)  # its rows may have shown other hours
            if due := self._cadence.take_due():
                self._round(session, due)
            self._rest(session)
        self.stream.end()

    def _rest(self, session: Session) -> None:
        """Until the next job, the end of the session at most."""
        left = (session.end - self.updater.now()).total_seconds()
        self._cadence.rest(max(0.0, left))

    def _round(self, session: Session, due: set[int]) -> None:
        self._log_round(self.updater.round(session, due), due)
        self.updater.troubles.end("업데이터")
        cadence = timedelta(minutes=min(self._settings.every.values()))
        self._say("trading", self._clock.now() + cadence + GRACE)

    def _log_round(self, done: Round, due: Collection[int]) -> Round:
        """A line a round; a WARNING where it failed, once while the same ones fail. Troubles tell of an outage."""
        failing = frozenset(self.updater.failing)
        is_news, self._failing = bool(failing - self._failing), failing
        if done.symbols or not self._last_round.startswith("⚠️"):
            self._last_round = done.line(due) + self.stream.line()
            _log.log(logging.WARNING if done.errors and is_news else logging.INFO, self._last_round)
        return done

    # --- between sessions ---

    def _between(self, session: Session) -> None:
        """Settle what is closed, then sleep to the next session in steps; back when the clock or the calendar moves.

        The clock is KIS's where this host is ahead of it; past the open here, it is asked for at every step.
        """
        updater, calendar, today = self.updater, self.updater.calendar, self.updater.now().date()
        pause, told = timedelta(minutes=1), False
        while (now := updater.now()) < session.open and now.date() == today and updater.calendar is calendar:
            if calendar.next_session(now).open < session.open:
                return  # a day that was taken for closed goes on
            closed = calendar.last_closed(now)
            if self.settled != closed and session.open - now > QUIET_BEFORE_OPEN:
                self._say("settling", self._clock.now() + timedelta(hours=1))
                if self._settle(session.open - QUIET_BEFORE_OPEN):
                    self.settled = closed
                    continue
                self._recheck(closed, now)  # one day that does not settle holds no other up
                step, pause = pause, min(2 * pause, timedelta(minutes=30))
            else:
                self._recheck(closed, now)
                self._say("waiting", self._clock.now() + 2 * STEP, next=f"{session.open:%Y-%m-%d %H:%M} 개장")
                told = told or self._tell_of(session)
                step = STEP
            if session.open - now <= BEFORE_OPEN:
                self.stream.begin(session)
            else:
                self.stream.end()
            updater.troubles.end("업데이터")
            self._clock.sleep(_until_open(session, step, self._clock.now(), updater.now()))
            if updater.now() < session.open <= self._clock.now():
                updater.look_at_clock()
            self._check_holidays()

    def _recheck(self, closed: date, now: datetime) -> None:
        """Once an evening, when the after-market is over: does KIS tell of the UNPROVEN days as it did?"""
        if self._rechecked != now.date() and now.time() >= EVENING and self._not_offered != closed:
            self._rechecked = now.date()
            try:
                self.updater.recheck(closed)
            except NotOffered:
                self._not_offered = closed

    def _tell_of(self, session: Session) -> bool:
        _log.info("💤 다음 장 %s까지 기다립니다.", f"{session.open:%Y-%m-%d %H:%M}")
        return True

    def _settle(self, until: datetime | None) -> bool:
        """Replace the closed days by the authority's; on VTS, which has none, finish today by today's TR."""
        closed = self.updater.calendar.last_closed(self.updater.now())
        if self._not_offered != closed:
            try:
                return self.updater.settle(closed, until)
            except NotOffered:
                self._not_offered = closed
                _log.info("ℹ️ 모의투자에는 과거 분봉이 없어 %s 데이터를 임시(PROVISIONAL)로 둡니다.", closed)
        if closed != self._clock.now().date():
            return True
        session = self.updater.calendar.session(closed)
        self.updater.begin(session)
        done = self._log_round(self.updater.round(session, (1, 5, 15), hurried=False), (1, 5, 15))
        return not (done.errors or done.left)

    def _check_holidays(self) -> None:
        """On a real key KIS's own calendar overrules the package's."""
        if self._settings.env == "real":
            self._holidays.refresh()
            self._decide_today()

    def _decide_today(self) -> None:
        """Where package and KIS disagree about today, the market itself tells."""
        self._holidays.decide(self.updater.now())
        self.updater.calendar = self._holidays.calendar

    def _say(self, state: str, expect_by: datetime, **more: Any) -> None:
        """Write the status file; a full disk costs the file, not the updater."""
        updater = self.updater
        told = {"troubles": updater.troubles.current, "failing": updater.failing}
        for name, found in told.items():
            more[name] = {key: (since.isoformat(timespec="seconds"), why) for key, (since, why) in found.items()}
        more |= {"pid": os.getpid(), "last_round": self._last_round, "left": updater.left}
        more |= {"stream": self.stream.status(), "redis": self.feed.status() if self.feed else None}
        try:
            status_file.write(self._settings.log_dir, state, self._clock.now(), expect_by, **more)
            self.updater.troubles.end("상태 파일")
        except OSError as error:
            self.updater.troubles.begin("상태 파일", f"쓰지 못했습니다 ({error.strerror})")


def _until_open(session: Session, step: timedelta, *clocks: datetime) -> float:
    """Seconds to sleep: a step, not beyond the open by this host's clock or by KIS's."""
    left = [session.open - now for now in clocks]
    return min([step, *(time for time in left if time > timedelta(0))]).total_seconds()
