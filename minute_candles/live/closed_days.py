"""What is done about the closed days between two sessions: settle them; request the UNPROVEN ones once an evening."""

import logging
from datetime import date, datetime, time

from minute_candles.core.clock import Clock
from minute_candles.core.errors import NotOffered
from minute_candles.live.round_log import LoggedRounds
from minute_candles.live.session import LiveSession
from minute_candles.market.windows import INTERVALS

EVENING = time(20, 10)
_log = logging.getLogger(__name__)


class ClosedDays:
    """Settles and rechecks; remembers what VTS does not offer."""

    def __init__(self, clock: Clock, live: LiveSession, rounds: LoggedRounds) -> None:
        self._clock, self._live, self._rounds = clock, live, rounds
        self._rechecked: date | None = None
        self._not_offered: date | None = None

    def settle(self, until: datetime | None) -> bool:
        """Settle the closed days; on VTS, which has no final source, finish today from today's TR."""
        live = self._live
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
        return not self._rounds.run(session, INTERVALS, hurried=False).is_incomplete

    def recheck(self, closed: date, now: datetime) -> None:
        """Request the UNPROVEN days again once an evening, when the after-market is over."""
        if self._rechecked != now.date() and now.time() >= EVENING and self._not_offered != closed:
            self._rechecked = now.date()
            try:
                self._live.end_of_day.recheck(self._live.calendar, closed)
            except NotOffered:
                self._not_offered = closed
