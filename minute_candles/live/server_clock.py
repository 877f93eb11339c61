"""The clock of KIS where this host runs ahead of it: a minute, and a day, is over when it is over there."""

from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.kis.client import TRUSTED_SKEW, KisClient
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring.incidents import CLOCK, Incidents, symbol_incident

_CONFIRMATIONS = 3
"""Further answers that a jump of KIS's clock may need to be accepted."""


class ServerClock:
    """The clock by which sessions begin and end; a host that disagrees with KIS is an incident."""

    def __init__(self, client: KisClient, clock: Clock, incidents: Incidents) -> None:
        self._client, self._clock, self._incidents = client, clock, incidents

    def now(self) -> datetime:
        """Return KIS's time where this host is ahead of it, else the host's."""
        return self._clock.now() + _backwards(self._client.skew)

    def cautious_now(self) -> datetime:
        """Return the earliest time that any answer suggests: no minute after it may be stored."""
        skew, suspected = self._client.skew, self._client.suspected_skew
        return self._clock.now() + min(_backwards(skew), _backwards(skew if suspected is None else suspected))

    def latest_now(self) -> datetime:
        """Return the later one of KIS's time and this host's."""
        return self._clock.now() + max(self._client.skew, timedelta(0))

    def compare(self) -> None:
        """Begin or end the incident of this host's clock."""
        if problem := self._client.clock_trouble():
            self._incidents.begin(CLOCK, problem)
        else:
            self._incidents.end(CLOCK)

    def check(self, symbol: str) -> bool:
        """Ask KIS for its time with a page of today's minutes of `symbol`; return whether it answered."""
        try:
            self._client.today_minutes(symbol, self._clock.now())
            for _ in range(_CONFIRMATIONS):
                if self._client.suspected_skew is not None:
                    self._client.today_minutes(symbol, self._clock.now())
        except MinuteDataError as error:
            self._incidents.judge({symbol_incident(symbol): error}, any_success=False)
            return False
        self.compare()
        return True

    def is_over(self, day: date, calendar: TradingCalendar, symbol: str) -> bool:
        """Return whether the day has ended at KIS, too: one that still runs there must not be settled."""
        return self.check(symbol) and calendar.last_closed(self.now() + TRUSTED_SKEW) >= day


def _backwards(skew: timedelta) -> timedelta:
    return skew if skew < -TRUSTED_SKEW / 2 else timedelta(0)
