"""A CSAT day that nobody announced: what the rows tell of a day's hours is heard here, and told to the user.

The calendar counts the voices of the symbols (minute_candles/market/calendar.py). Before it acts on late hours the table is heard, too
(minute_candles/storage/late_days.py): it may hold morning candles of symbols that nobody asks about now.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from minute_candles.market.calendar import Session, TradingCalendar, hours_seen, runs_late
from minute_candles.storage.store import Store

ODD_HOURS = "장이 쉬는 15:20~15:29에 거래된 분이 있고 10시 전에는 없음: 다른 종목은 그렇지 않음"
_log = logging.getLogger(__name__)


class Hours:
    """Hears a day's rows. Thread-safe."""

    def __init__(self, calendar: TradingCalendar, store: Store) -> None:
        self._calendar, self._store = calendar, store

    def hear(self, symbol: str, session: Session, minutes: Sequence[datetime], *, early: bool = False) -> str:
        """A symbol's minutes with a trade, from the day's first on; `early`: it has rows before ten.

        Returns why its rows are in doubt, "" where they are not: late hours that no other symbol has told of.
        """
        day, (first, last) = session.day, session.before_ten
        early = early or any(first <= minute <= last for minute in minutes)
        late = not early and runs_late(minutes, session)
        if (late or early) and self._calendar.hear_hours(day, symbol, late=int(late)):
            if late:
                self._store.late_days().tell_mornings(self._calendar, [day])
            if (now := self._calendar.session(day)).believed == late:
                _log.warning("⚠️ %s", hours_seen(now))
        return ODD_HOURS if late and not self._calendar.session(day).believed else ""
