"""The range of a reading, to the minute: what `start` and `end` mean, whichever type they come as. Pure but for types.

Naive times are KST, aware ones are converted. A value without a time of day, or at midnight, is the whole day.
"""

import re
from datetime import date, datetime, time, timedelta
from typing import NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.core.kst import KST
from minute_candles.frames.intervals import FrameInterval
from minute_candles.market.calendar import Session, TradingCalendar, midnight

DEFAULT_DAYS = 30
FIRST_YEAR, LAST_YEAR = 1956, 2100
"""The exchange opened in 1956."""


class Range(NamedTuple):
    """Days from `first` to `last`, both included, as of `now` (aware KST) in this calendar.

    `since` and `until` (naive KST) narrow it to the minute: a window is in it where `since` ≤ start, end ≤ `until`.
    """

    first: date
    last: date
    calendar: TradingCalendar
    now: datetime
    since: datetime | None = None
    until: datetime | None = None

    def closed_days(self) -> list[date]:
        """Return its trading days whose session is over: those that should be stored."""
        last = min(self.last, self.calendar.last_closed(self.now))
        return self.calendar.trading_days(self.first, last)

    def running_day(self) -> date | None:
        """Return the trading day in it whose session has begun and is not over."""
        session = self.calendar.running_session(self.now)
        return session.day if session and self.first <= session.day <= self.last else None

    @property
    def today(self) -> date:
        """Return the KST date of `now`."""
        return self.now.astimezone(KST).date()

    @property
    def begin(self) -> datetime:
        """Return its first moment, naive KST."""
        return self.since or midnight(self.first)

    @property
    def finish(self) -> datetime:
        """Return the moment behind its last, naive KST."""
        return self.until or midnight(self.last + timedelta(days=1))

    def session_of(self, day: date) -> Session:
        """Return the session of a trading day; of any other day the whole day, for whatever rows stand there."""
        if self.calendar.is_trading_day(day):
            return self.calendar.session(day)
        opened = datetime.combine(day, time(), KST)
        return Session(day, opened, opened + timedelta(days=1, minutes=-10))

    def oddities(self) -> list[str]:
        """Return in Korean what of the range can hold no candle: days to come, or no trading day at all."""
        said = []
        if self.last > self.today:
            said.append(f"{max(self.first, self.today)} 뒤는 아직 오지 않았습니다(끝 {self.last})")
        if self.first <= self.today and not self.calendar.trading_days(self.first, self.last):
            said.append(f"{day_span(self.first, self.last)}에는 거래일이 없습니다")
        return said


def day_span(first: date, last: date) -> str:
    """Return "2026-11-02", "2026-11-02~11-26" or "2025-12-30~2026-01-02"."""
    if first == last:
        return str(first)
    return f"{first}~{last:%m-%d}" if first.year == last.year else f"{first}~{last}"


def parse_range(
    start: object,
    end: object,
    calendar: TradingCalendar,
    now: datetime,
    *,
    interval: FrameInterval = 1,
    names: tuple[str, str] = ("start", "end"),
) -> Range:
    """Return the range from `start` (default: thirty days up to the end) to `end` (default: today).

    Raises `ConfigError`, which calls the two by their `names`.
    """
    last, until = _parsed(names[1], end) or (now.astimezone(KST).date(), None)
    if parsed := _parsed(names[0], start):
        first, since = parsed
    else:
        first, since = _period_start(last - timedelta(days=DEFAULT_DAYS - 1), interval), None
    found = Range(first, last, calendar, now, since, until)
    if first > last or found.begin >= found.finish:
        raise ConfigError(f"{names[0]} {particle(since or first, '이/가')} {names[1]} {until or last} 보다 늦습니다.")
    return found


def parse_day(name: str, value: object, otherwise: date) -> date:
    """Return the day of a flag. Raises `ConfigError`."""
    parsed = _parsed(name, value)
    return parsed[0] if parsed else otherwise


def _period_start(day: date, interval: FrameInterval) -> date:
    """Return the first day of the week or month that the day is in: a default range cuts none."""
    if interval == "month":
        return day.replace(day=1)
    return day - timedelta(days=day.weekday()) if interval == "week" else day


def _parsed(name: str, value: object) -> tuple[date, datetime | None] | None:
    """Return a day, and the moment in it where a time of day is given; None for None. Raises `ConfigError`."""
    if value is None:
        return None
    try:
        moment = _moment(value)
    except (ValueError, TypeError, OverflowError):
        raise ConfigError(
            f"{name} {particle(repr(str(value)[:20]), '은/는')} 날짜가 아닙니다. YYYY-MM-DD 로 적으세요."
        ) from None
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise ConfigError(
            f"{name} {particle(str(moment)[:10], '은/는')} {FIRST_YEAR}년과 {LAST_YEAR}년 사이가 아닙니다."
        )
    if not isinstance(moment, datetime):
        return moment, None
    return moment.date(), moment if moment.time() != time() else None


def _moment(value: object) -> date:
    """Return a date, or a naive KST datetime. Raises `ValueError` or `TypeError`."""
    if value != value:
        raise ValueError
    if hasattr(value, "astype") and hasattr(value, "item"):  # numpy.datetime64; a day's unit gives a date
        value = value.astype("datetime64[us]").item() if _has_time(value) else value.item()
    if isinstance(value, str | int) and not isinstance(value, bool):
        value = _of_text(str(value).strip())
    if isinstance(value, datetime):
        return value.astimezone(KST).replace(tzinfo=None) if value.tzinfo else value
    if isinstance(value, date):
        return value
    raise TypeError


def _has_time(value: object) -> bool:
    """Return whether a numpy.datetime64 counts hours or less."""
    return bool(re.search(r"\[(h|m|s|ms|us|ns)\]", str(getattr(value, "dtype", ""))))


def _of_text(text: str) -> date:
    written = re.sub(r"^(\d{4})[/.](\d\d)[/.](\d\d)", r"\1-\2-\3", text)
    return date.fromisoformat(written) if len(written) <= 10 else datetime.fromisoformat(written)
