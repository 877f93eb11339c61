"""What time it is at KIS, where this host runs ahead of it: a minute, and a day, is over when it is over there."""

from datetime import date, datetime, timedelta

from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError
from minute_candles.kis.client import TRUSTED_SKEW, KisClient
from minute_candles.market.calendar import TradingCalendar
from minute_candles.monitoring.incidents import Troubles


class KisTime:
    """The clock by which sessions begin and end; a host that disagrees with KIS is told of once."""

    def __init__(self, client: KisClient, clock: Clock, troubles: Troubles) -> None:
        self._client, self._clock, self._troubles = client, clock, troubles

    def now(self) -> datetime:
        """Now by KIS's clock where ours is ahead of it."""
        skew = self._client.skew
        return self._clock.now() + (skew if skew < -TRUSTED_SKEW / 2 else timedelta(0))

    def compare(self) -> None:
        if trouble := self._client.clock_trouble():
            self._troubles.begin("시계", trouble)
        else:
            self._troubles.end("시계")

    def look(self, symbol: str) -> bool:
        """Ask for the clock in an answer about this symbol; whether one came."""
        try:
            self._client.today_minutes(symbol, self._clock.now())
        except MinuteDataError as error:
            self._troubles.note({symbol: error}, any_success=False)
            return False
        self.compare()
        return True

    def is_over(self, day: date, calendar: TradingCalendar, symbol: str) -> bool:
        """Whether the day has ended at KIS, too: one that still runs there must not be settled."""
        return self.look(symbol) and calendar.last_closed(self.now() + TRUSTED_SKEW) >= day
