"""The updater's days: trade, settle, sleep, again, for weeks on end.

What a round is: session.py; what is done about closed days: closed_days.py. A fault in one of them is logged and the
loop goes on.
"""

import logging
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from minute_candles.config.holiday_cache import HOLIDAY_FILE
from minute_candles.config.settings import Settings
from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped, StoreError
from minute_candles.forecast.background import BackgroundTraining
from minute_candles.kis.client import KisClient
from minute_candles.live.closed_days import ClosedDays
from minute_candles.live.round_log import LoggedRounds
from minute_candles.live.schedule import RoundSchedule
from minute_candles.live.session import WORKERS, LiveSession
from minute_candles.live.status_report import StatusReport
from minute_candles.live.stream.ingest import BEFORE_OPEN, StreamIngest
from minute_candles.market.calendar import Session
from minute_candles.market.windows import INTERVALS
from minute_candles.monitoring import status_file
from minute_candles.monitoring.holidays import HolidayCheck
from minute_candles.monitoring.incidents import STALLED_FEED, UPDATER
from minute_candles.monitoring.lease import Tenure
from minute_candles.monitoring.status_file import UpdaterState
from minute_candles.storage.store import Store

if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed

STEP = timedelta(minutes=5)
"""The longest sleep between two looks at the clock: a laptop may have slept, a clock may have been set."""
QUIET_BEFORE_OPEN = timedelta(minutes=10)
GRACE = timedelta(minutes=2)
"""A round may take so long beyond its cadence before `--status` calls it stale."""
_log = logging.getLogger(__name__)


def workers_for(rate: float) -> int:
    """Return as many workers as calls are under way at once: more would only wait, beyond the end of the round."""
    return max(2, min(max(WORKERS, round(rate)), round(2 * rate)))  # several keys have a higher rate


class Service:
    """The days: trade, settle, sleep, again. A fault in one of them is logged and the loop goes on."""

    def __init__(
        self, settings: Settings, clock: Clock, client: KisClient, store: Store, names: Mapping[str, str],
        tenure: Tenure | None = None, feed: "Feed | None" = None,
    ) -> None:  # fmt: skip
        self._settings, self._clock, self._names = settings, clock, names
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
        self._rounds = LoggedRounds(session, self.stream)
        self._closed_days = ClosedDays(clock, session, self._rounds)
        report = StatusReport(settings, clock, client, session, self.stream, self._rounds, tenure, feed)
        self._report = report.write
        self._training = BackgroundTraining(list(names)) if settings.integrations.forecast else None
        self.settled: date | None = None
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
            whole, doubted = self._closed_days.settle(None), self._holidays.session_in_doubt(now)
            until = doubted.open if doubted else session.open
            mark = {"settled": status_file.settled_mark(self._settings, self._names, until)} if whole else {}
            if whole:
                _log.info(status_file.nothing_line(session.open))
            self._report(UpdaterState.ONCE, session.open + STEP, **mark)
            return 0 if whole else 1
        live.begin(session)
        done = self._rounds.run(session, INTERVALS, hurried=False)
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
        if self.stream.needs_start(session):
            self.stream.begin(session, self.session.most_active(session.day, self.stream.capacity))

    def _round(self, session: Session, due: set[int]) -> None:
        self._rounds.run(session, due)
        self.session.incidents.end(UPDATER)
        cadence = timedelta(minutes=min(self._settings.every.values()))
        self._report(UpdaterState.TRADING, self._clock.now() + cadence + GRACE)

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
                if self._closed_days.settle(session.open - QUIET_BEFORE_OPEN):
                    self.settled = closed
                    if self._training:
                        self._training.start()
                    continue
                self._closed_days.recheck(closed, now)  # one day that does not settle holds no other up
                step, pause = pause, min(2 * pause, timedelta(minutes=30))
            else:
                self._closed_days.recheck(closed, now)
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


def _until_open(session: Session, step: timedelta, *clocks: datetime) -> float:
    """Return the seconds to sleep: a step, not beyond the open by this host's clock or by KIS's."""
    left = [session.open - now for now in clocks]
    return min([step, *(time for time in left if time > timedelta(0))]).total_seconds()
