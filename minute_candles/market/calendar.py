"""When the Korean exchange trades: trading days and regular sessions, KST. Pure: no clock, no I/O.

Holidays come from the package `holidays` (XKRX), right on every date tried (kis_http.md §10). What it cannot know is
here: the CSAT day (one hour later) and the first trading day of the year (opens at 10:00). The user or KIS itself
corrects days by `closed` and `opened`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from functools import cache

from minute_candles.core.kst import KST

CSAT_DAYS = frozenset({date(2024, 11, 14), date(2025, 11, 13), date(2026, 11, 19), date(2027, 11, 18)})
CLOSING_AUCTION = timedelta(minutes=10)
"""Before the close orders are collected and nothing trades (kis_http.md §10)."""
LATE_PRINTS = timedelta(minutes=10)
"""A closing auction may print minutes after the close (15:32 on 2026-08-13, kis_http.md §6)."""


@dataclass(frozen=True)
class Session:
    """A regular session: `open` ≤ t < `end` belongs to it, `end` = close + 10 minutes; aware KST."""

    day: date
    open: datetime
    close: datetime
    csat: bool = False
    """Whether it runs an hour late (10:00-16:30), as announced by `CSAT_DAYS` or the user."""

    @property
    def end(self) -> datetime:
        """From here on the session is closed: every window of the day is over, the past TR is final."""
        return self.close + LATE_PRINTS

    @property
    def open_label(self) -> datetime:
        """The label of the first minute, naive KST as all labels."""
        return self.open.replace(tzinfo=None)

    @property
    def close_label(self) -> datetime:
        """The label of the closing auction's minute."""
        return self.close.replace(tzinfo=None)

    @property
    def end_label(self) -> datetime:
        """Every label of the session is earlier."""
        return self.end.replace(tzinfo=None)

    @property
    def first_label(self) -> datetime:
        """The earliest label that may belong to it: a past CSAT day had labels 09:59–16:29 (kis_http.md §6)."""
        return self.open_label - timedelta(minutes=1) if self.csat else self.open_label

    @property
    def before_ten(self) -> tuple[datetime, datetime]:
        """The minutes in which an ordinary day trades and one that opens at ten does not, naive KST, both included."""
        nine = midnight(self.day) + timedelta(hours=9)
        return nine, nine + timedelta(minutes=58)


def with_csat_end(session: Session) -> Session:
    """Return the session with its end at 16:40: a day judged by a CSAT day's hours holds rows until then."""
    return replace(session, close=max(session.close, midnight(session.day).replace(hour=16, minute=30, tzinfo=KST)))


class TradingCalendar:
    """Trading days and their sessions.

    `csat_days` adds to the known CSAT days; in a year it names it replaces them (a CSAT day was postponed in 2017 and
    2020). `closed` and `opened` overrule the package.
    """

    def __init__(
        self, *, csat_days: Iterable[date] = (), closed: Iterable[date] = (), opened: Iterable[date] = ()
    ) -> None:
        own = frozenset(csat_days)
        self._csat = own | {day for day in CSAT_DAYS if day.year not in {one.year for one in own}}
        self._closed = frozenset(closed)
        self._opened = frozenset(opened)

    def is_trading_day(self, day: date) -> bool:
        """Return whether the exchange opens on this day."""
        if day in self._opened or day in self._closed:
            return day in self._opened
        return day.weekday() < 5 and day not in _holidays(day.year)

    def session(self, day: date) -> Session:
        """Return the regular session of a trading day."""
        opens, closes = time(9), time(15, 30)
        is_csat = day in self._csat
        if is_csat:
            opens, closes = time(10), time(16, 30)
        elif self._is_first_of_year(day):
            opens = time(10)
        opened, closed = (datetime.combine(day, at, KST) for at in (opens, closes))
        return Session(day, opened, closed, is_csat)

    def _is_first_of_year(self, day: date) -> bool:
        return day.month == 1 and not any(self.is_trading_day(date(day.year, 1, d)) for d in range(1, day.day))

    def trading_days(self, first: date, last: date) -> list[date]:
        """Return every trading day from `first` to `last`, both included."""
        return [day for day in _days(first, last) if self.is_trading_day(day)]

    def last_closed(self, now: datetime) -> date:
        """Return the newest trading day whose session is closed (close + 10 minutes has passed)."""
        day = now.astimezone(KST).date()
        while not (self.is_trading_day(day) and now >= self.session(day).end):
            day -= timedelta(days=1)
        return day

    def next_session(self, now: datetime) -> Session:
        """Return the session that runs now or the next one to come: the first whose end lies ahead."""
        day = now.astimezone(KST).date()
        while not (self.is_trading_day(day) and now < self.session(day).end):
            day += timedelta(days=1)
        return self.session(day)

    def running_session(self, now: datetime) -> Session | None:
        """Return the session that has begun and is not over; None between two sessions."""
        session = self.next_session(now)
        return session if session.open <= now else None

    def day_before(self, day: date) -> date:
        """Return the trading day before `day`."""
        before = day - timedelta(days=1)
        while not self.is_trading_day(before):
            before -= timedelta(days=1)
        return before

    def unlisted_csat_years(self, first: date, last: date) -> list[int]:
        """Return the years whose CSAT day is unknown though the range touches mid-November."""
        known = {day.year for day in self._csat}
        touched = {day.year for day in _days(first, last) if day.month == 11 and 10 <= day.day <= 25}
        return sorted(touched - known)


def differing(plain: TradingCalendar, said: Mapping[date, bool]) -> dict[date, bool]:
    """Return the days of which KIS says otherwise (day → whether the exchange opens) than this calendar."""
    return {day: is_open for day, is_open in said.items() if is_open != plain.is_trading_day(day)}


def known_calendar(csat_days: Iterable[date], said: Mapping[date, bool]) -> TradingCalendar:
    """Return the calendar where KIS has the last word on the days it has spoken of."""
    days = frozenset(csat_days)
    wrong = differing(TradingCalendar(csat_days=days), said)
    closed = [day for day, is_open in wrong.items() if not is_open]
    return TradingCalendar(csat_days=days, closed=closed, opened=wrong.keys() - {*closed})


def contradict_hours(minutes: Sequence[datetime], session: Session, *, before_ten: bool) -> bool:
    """Return whether a day's minutes with a trade (naive KST, ascending) contradict the announced hours.

    On an ordinary day nothing trades in the ten minutes before the closing auction; a CSAT day that nobody announced
    does, and has no trade before ten o'clock (labels may be a minute early). On a day that opens at ten a row
    `before_ten` contradicts. Source: docs/dev/kis_http.md §10.
    """
    if session.open.hour == 10:
        return before_ten
    close = session.close_label
    in_the_pause = any(close - timedelta(minutes=9) <= minute < close for minute in minutes)
    return in_the_pause and minutes[0] > session.before_ten[1]


def midnight(day: date) -> datetime:
    """Return the beginning of a day, naive KST."""
    return datetime.combine(day, time())


@cache
def _holidays(year: int) -> frozenset[date]:
    """Return the exchange's holidays of a year, computed by whole years.

    The package's own lazy calendar, shared by threads, says "no holiday" while another thread still fills the year in.
    """
    import holidays  # 50 ms: only where a calendar is used

    return frozenset(holidays.financial_holidays("XKRX", years=year, expand=False))


def _days(first: date, last: date) -> Iterator[date]:
    return (first + timedelta(days=n) for n in range((last - first).days + 1))
