"""The updater's days: trade, settle, sleep, again, for weeks on end.

What a round is: session.py; what a settle is: end_of_day.py. A fault in one of them is logged and the loop goes on.
"""

import logging
import os
from collections.abc import Collection, Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import Settings
from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import NotOffered, Stopped, StoreError
from minute_candles.forecast.background import BackgroundTraining
from minute_candles.kis.client import KisClient
from minute_candles.live.round import Round
from minute_candles.live.schedule import RoundSchedule
from minute_candles.live.session import WORKERS, LiveSession
from minute_candles.live.stream.ingest import BEFORE_OPEN, StreamIngest
from minute_candles.market.calendar import Session
from minute_candles.monitoring import status_file
from minute_candles.monitoring.holidays import HolidayCheck
from minute_candles.monitoring.incidents import STALLED_FEED, STATUS_FILE, STREAM, UPDATER
from minute_candles.monitoring.lease import Tenure
from minute_candles.monitoring.status_file import UpdaterState
from minute_candles.storage.store import Store

if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed

STEP = timedelta(minutes=5)
"""The longest sleep between two looks at the clock: a laptop may have slept, a clock may have been set."""
QUIET_BEFORE_OPEN = timedelta(minutes=10)
EVENING = time(20, 10)
GRACE = timedelta(minutes=2)
"""A round may take so long beyond its cadence before `--status` calls it stale."""
_ALL_INTERVALS = (1, 5, 15)
_log = logging.getLogger(__name__)


def workers_for(rate: float) -> int:
    """Return as many workers as calls are under way at once: more would only wait, beyond the end of the round."""
    return max(2, min(max(WORKERS, round(rate)), round(2 * rate)))  # several keys have a higher rate


class Service:
    """The days: trade, settle, sleep, again. A fault in one of them is logged and the loop goes on."""

    def __init__(
        self, settings: Settings, clock: Clock, client: KisClient, store: Store, names: Mapping[str, str],
        tenure: Tenure | None = None,
    ) -> None:  # fmt: skip
        self._settings, self._clock, self._names, self._tenure = settings, clock, names, tenure
        self._client = client
        active, workers = USUALLY_ACTIVE, workers_for(settings.rate_limit)
        self._holidays = HolidayCheck(client, clock, settings.log_dir / HOLIDAY_FILE, settings.csat_days)
        self.session = session = LiveSession(
            client, store, self._holidays.calendar, clock, list(names), active, settings.active, workers,
            heals=settings.env == "real",
        )  # fmt: skip
        self.stream = StreamIngest(
            settings, clock, session.states, session.writer, session.server_clock, session.incidents
        )
        session.end_of_day.on_progress = self._report_settling
        if tenure:
            session.writer.fence = tenure.check
        self.feed: Feed | None = None
        self._training = BackgroundTraining(list(names)) if settings.integrations.forecast else None
        self._rechecked: date | None = None
        self.settled: date | None = None
        self._not_offered: date | None = None
        self._last_round = ""
        self._last_was_incomplete = False
        self._failing: frozenset[str] = frozenset()
        self._schedule = RoundSchedule(clock, settings.every)

    def run(self) -> int:
        """Run until `Stopped` ends it."""
        try:
            while True:
                try:
                    self._day()
                except Stopped:
                    raise
                except Exception as error:  # noqa: BLE001 - a loop goes on; logged with its traceback
                    self._outlive(error)
        finally:
            self.stream.end()
            if self._training:
                self._training.end()
            self._report(UpdaterState.STOPPED, self._clock.now())

    def _outlive(self, error: Exception) -> None:
        if not isinstance(error, StoreError):  # that one is an incident already
            self.session.incidents.begin_unforeseen(UPDATER, error)
        self._report(UpdaterState.TROUBLED, self._clock.now() + STEP)
        self._clock.sleep(30)

    def once(self) -> int:
        """Run one round, healing included; outside a session settle what is closed. Return the exit code."""
        live, now = self.session, self._clock.now()
        self._decide_today()
        session = live.calendar.next_session(live.now())
        if now < session.open:
            whole, doubted = self._settle(None), self._holidays.session_in_doubt(now)
            until = doubted.open if doubted else session.open
            mark = {"settled": status_file.settled_mark(self._settings, self._names, until)} if whole else {}
            if whole:
                _log.info(status_file.nothing_line(session.open))
            self._report(UpdaterState.ONCE, session.open + STEP, **mark)
            return 0 if whole else 1
        live.begin(session)
        done = self._log_round(live.round(session, _ALL_INTERVALS, hurried=False), _ALL_INTERVALS)
        self._report(UpdaterState.ONCE, now + STEP)
        return 1 if done.is_incomplete or STALLED_FEED in live.incidents.current else 0

    def _day(self) -> None:
        """Serve the session that runs now, or wait for the next one."""
        self._check_holidays()
        now = self.session.now()
        session = self.session.calendar.next_session(now)
        if now >= session.open and self._holidays.session_in_doubt(now):
            self._report(UpdaterState.WAITING, self._clock.now() + 2 * STEP)
            self._clock.sleep(10)  # the market decides within minutes whether it opens
        elif now >= session.open:
            self._trade(session)
        else:
            self._between(session)

    # --- in a session ---

    def _trade(self, session: Session) -> None:
        """Run rounds until close + 10 minutes; the first one heals the day, at once."""
        self.session.begin(session)
        self._begin_stream(session)
        _log.info("🔔 %s 장 (%s~%s) 갱신을 시작합니다.", session.day, f"{session.open:%H:%M}", f"{session.close:%H:%M}")
        self._schedule.begin()
        while session.open <= self.session.now() < session.end:
            if due := self._schedule.take_due():
                self._round(session, due)
            left = (session.end - self.session.now()).total_seconds()
            self._schedule.rest(max(0.0, left))
        self.stream.end()

    def _begin_stream(self, session: Session) -> None:
        """Stream the most active symbols, once a session however often this is called."""
        if not self.stream.covers(session):
            self.stream.begin(session, self.session.most_active(session.day, self.stream.capacity))

    def _round(self, session: Session, due: set[int]) -> None:
        self._log_round(self.session.round(session, due), due)
        self.session.incidents.end(UPDATER)
        cadence = timedelta(minutes=min(self._settings.every.values()))
        self._report(UpdaterState.TRADING, self._clock.now() + cadence + GRACE)

    def _log_round(self, done: Round, due: Collection[int]) -> Round:
        """Log a line a round: a WARNING where other symbols fail than before, INFO while the same ones do."""
        failing = frozenset(self.session.failing)
        is_news, self._failing = bool(failing - self._failing), failing
        if done.symbols or not self._last_was_incomplete:
            self._last_round, self._last_was_incomplete = done.line(due) + self.stream.line(), done.is_incomplete
            _log.log(logging.WARNING if done.errors and is_news else logging.INFO, self._last_round)
        return done

    # --- between sessions ---

    def _between(self, session: Session) -> None:
        """Settle what is closed, then sleep to the next session in steps; return when clock or calendar change.

        The clock is KIS's where this host is ahead of it; past the open here, KIS's is requested at every step.
        """
        live, today, calendar = self.session, self.session.now().date(), self.session.calendar
        pause, logged = timedelta(minutes=1), False
        while (now := live.now()) < session.open and now.date() == today and live.calendar is calendar:
            if calendar.next_session(now).open < session.open:
                return  # a day that was taken for closed goes on
            closed = calendar.last_closed(now)
            if self.settled != closed and session.open - now > QUIET_BEFORE_OPEN:
                self._report(UpdaterState.SETTLING, self._clock.now() + timedelta(hours=1))
                if self._settle(session.open - QUIET_BEFORE_OPEN):
                    self.settled = closed
                    if self._training:
                        self._training.start()
                    continue
                self._recheck(closed, now)  # one day that does not settle holds no other up
                step, pause = pause, min(2 * pause, timedelta(minutes=30))
            else:
                self._recheck(closed, now)
                if self._training:
                    self._training.report_end()
                self._report(
                    UpdaterState.WAITING, self._clock.now() + 2 * STEP, next=f"{session.open:%Y-%m-%d %H:%M} 개장"
                )
                if not logged:
                    _log.info("💤 다음 장 %s까지 기다립니다.", f"{session.open:%Y-%m-%d %H:%M}")
                step, logged = STEP, True
            self._prepare_open(session, now)
            live.incidents.end(UPDATER)
            self._clock.sleep(_until_open(session, step, self._clock.now(), live.now()))
            if live.now() < session.open <= self._clock.now():
                live.check_clock()
            self._check_holidays()

    def _prepare_open(self, session: Session, now: datetime) -> None:
        """Connect the stream shortly before the open, and only then."""
        if session.open - now <= BEFORE_OPEN:
            self._begin_stream(session)
        else:
            self.stream.end()

    def _recheck(self, closed: date, now: datetime) -> None:
        """Request the UNPROVEN days again once an evening, when the after-market is over."""
        if self._rechecked != now.date() and now.time() >= EVENING and self._not_offered != closed:
            self._rechecked = now.date()
            try:
                self.session.recheck(closed)
            except NotOffered:
                self._not_offered = closed

    def _settle(self, until: datetime | None) -> bool:
        """Settle the closed days; on VTS, which has no final source, finish today from today's TR."""
        live = self.session
        closed = live.calendar.last_closed(live.now())
        if self._not_offered != closed:
            try:
                return live.settle(closed, until)
            except NotOffered:
                self._not_offered = closed
                _log.info("ℹ️ 모의투자에는 과거 분봉이 없어 %s 데이터를 임시(PROVISIONAL)로 둡니다.", closed)
        if closed != self._clock.now().date():
            return True
        session = live.calendar.session(closed)
        live.begin(session)
        done = self._log_round(live.round(session, _ALL_INTERVALS, hurried=False), _ALL_INTERVALS)
        return not done.is_incomplete

    def _report_settling(self, done: int, total: int) -> None:
        expect_by = self._clock.now() + timedelta(hours=1)
        self._report(UpdaterState.SETTLING, expect_by, next=f"마감 확정 {done:,}/{total:,}")

    def _check_holidays(self) -> None:
        """Let KIS's own calendar overrule the package's, on a real key."""
        if self._settings.env == "real":
            self._holidays.refresh()
            self._decide_today()

    def _decide_today(self) -> None:
        """Let the market itself decide about today where package and KIS disagree."""
        self._holidays.decide(self.session.now())
        self.session.calendar = self._holidays.calendar

    def _report(self, state: UpdaterState, expect_by: datetime, **more: object) -> None:
        """Write the status file; a full disk costs the file, not the updater."""
        live = self.session
        current = {incident: ongoing for incident, ongoing in live.incidents.current.items() if incident != STREAM}
        failing = {symbol: (since.isoformat(timespec="seconds"), why) for symbol, (since, why) in live.failing.items()}
        more |= {"pid": os.getpid(), "last_round": self._last_round, "left": live.left, "failing": failing}
        more |= {
            "stream": self.stream.status(),
            "keys": self._client.key_status(),
            "unbroken": live.states.unbroken,
            "holder": self._tenure.holder if self._tenure else "",
        }
        more |= {"redis": self.feed.status() if self.feed else None, **status_file.incidents_json(current)}
        try:
            status_file.write(self._settings.log_dir, state, self._clock.now(), expect_by, **more)
            live.incidents.end(STATUS_FILE)
        except OSError as error:
            live.incidents.begin(STATUS_FILE, f"쓰지 못했습니다 ({error.strerror})")


def _until_open(session: Session, step: timedelta, *clocks: datetime) -> float:
    """Return the seconds to sleep: a step, not beyond the open by this host's clock or by KIS's."""
    left = [session.open - now for now in clocks]
    return min([step, *(time for time in left if time > timedelta(0))]).total_seconds()
