"""KIS's own calendar (chk-holiday) against the package `holidays`: requested once a day, kept in a file, it wins.

Real keys only, at most once a day (docs/dev/kis_http.md §8). The market itself decides a day on which they disagree:
a symbol that always trades is looked at a minute after the open.
"""

import logging
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from pathlib import Path

from minute_candles.config.holiday_cache import remember, remembered
from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, SourceError, Stopped
from minute_candles.kis.client import KisClient
from minute_candles.market.calendar import Session, TradingCalendar, differing, known_calendar
from minute_candles.market.session_rows import session_rows

RETRY_AFTER = timedelta(hours=1)
MOST_CORRECTIONS = 3
"""A government adds a holiday or two at short notice; an answer that differs on more days is a fault of KIS."""
CHECK_MARKET_AFTER = timedelta(minutes=1)
"""After the open, and again after so long."""
NOT_OPENED = timedelta(minutes=10)
"""A market that has not traded so long after the open does not open that day."""
_log = logging.getLogger(__name__)


class HolidayCheck:
    """The trading calendar as KIS corrects it; the package's own until KIS has answered."""

    def __init__(self, client: KisClient, clock: Clock, memory: Path, csat_days: Iterable[date]) -> None:
        self._client, self._clock, self._memory, self._csat_days = client, clock, memory, frozenset(csat_days)
        self._plain = TradingCalendar(csat_days=self._csat_days)
        self._corrections: dict[date, bool] = differing(self._plain, remembered(memory, clock.now().date())[1])
        self._answered_on: date | None = None
        self._requested_at: datetime | None = None
        self._decided: date | None = None
        self._market_checked_at: datetime | None = None
        self.calendar = known_calendar(self._csat_days, self._corrections)

    def refresh(self) -> None:
        """Request KIS's calendar unless it answered today or failed within the hour; correct `calendar` by it."""
        now = self._clock.now()
        if self._answered_on == now.date() or (self._requested_at and abs(now - self._requested_at) < RETRY_AFTER):
            return
        self._requested_at = now
        opened = self._opened(now.date())
        if opened is None:
            return
        self._answered_on = now.date()
        wrong = differing(self._plain, opened)
        for day in wrong.keys() - self._corrections.keys():
            said = "개장" if wrong[day] else "휴장"
            _log.warning("⚠️ %s: 내장 달력과 달리 KIS는 %s이라고 합니다. KIS를 따릅니다.", day, said)
        if wrong != self._corrections:
            self._corrections = wrong
            self.calendar = known_calendar(self._csat_days, wrong)

    def session_in_doubt(self, now: datetime) -> Session | None:
        """Return today's session where package and KIS disagree about it and the market has not decided yet."""
        day = now.date()
        if day not in self._corrections or self._decided == day:
            return None
        session = TradingCalendar(csat_days=self._csat_days, opened=[day]).session(day)
        return session if now < session.end else None

    def decide(self, now: datetime) -> None:
        """Look at the market on a day in doubt, once a minute from its open on; `calendar` follows it."""
        session = self.session_in_doubt(now)
        if (
            not session
            or now < session.open + CHECK_MARKET_AFTER
            or (self._market_checked_at and now - self._market_checked_at < CHECK_MARKET_AFTER)
        ):
            return
        self._market_checked_at = now
        trades = self._trades(session, now)
        if trades is None or (not trades and now < session.open + NOT_OPENED):
            return
        self._decided = session.day
        if trades != self.calendar.is_trading_day(session.day):
            found_open = "휴장이라고 했지만 거래되고 있습니다. 개장일로"
            what = found_open if trades else "개장이라고 했지만 거래가 없습니다. 휴장일로"
            _log.warning("⚠️ %s: KIS는 %s 봅니다.", session.day, what)
            self._correct(session.day, is_open=trades)

    def _trades(self, session: Session, now: datetime) -> bool | None:
        """Return whether the market trades today, None where KIS does not answer."""
        try:
            return bool(session_rows(self._client.today_minutes(USUALLY_ACTIVE[0], now), session))
        except Stopped:
            raise
        except MinuteDataError as error:
            _log.debug("market not checked: %s", error)
            return None

    def _correct(self, day: date, *, is_open: bool) -> None:
        """Keep what the market shows of a day over what KIS reported."""
        requested, opened = remembered(self._memory, day)
        remember(self._memory, requested or day, opened | {day: is_open})
        self._corrections = {other: opens for other, opens in self._corrections.items() if other != day}
        if is_open != self._plain.is_trading_day(day):
            self._corrections |= {day: is_open}
        self.calendar = known_calendar(self._csat_days, self._corrections)

    def _opened(self, today: date) -> dict[date, bool] | None:
        """Return date → whether the exchange opens, None where KIS does not answer."""
        try:
            return open_days(self._client, self._memory, today, self._plain)
        except Stopped:
            raise
        except TooDifferentError as error:
            _log.warning("⚠️ %s", error)
        except MinuteDataError as error:
            _log.info("ℹ️ KIS 휴장일을 확인하지 못해 내장 달력을 씁니다: %s", error)
        return None


class TooDifferentError(SourceError):
    """KIS contradicts the package on more days than a government changes."""


def open_days(client: KisClient, memory: Path, today: date, plain: TradingCalendar) -> dict[date, bool]:
    """Return date → whether the exchange opens: kept from an earlier request of today, else requested and kept.

    Raises `TooDifferentError` for an answer that is not accepted, and what the call raises.
    """
    requested, opened = remembered(memory, today)
    if requested == today:
        return opened
    answer = {row.day: row.is_open for row in client.holidays(today)}
    if len(doubted := differing(plain, answer)) > MOST_CORRECTIONS:
        line = f"KIS의 휴장일 답이 내장 달력과 {len(doubted)}일이나 달라 믿지 않습니다. 내장 달력을 씁니다."
        raise TooDifferentError(line)
    opened = {day: is_open for day, is_open in opened.items() if day < today} | answer
    remember(memory, today, opened)
    return opened
