"""What somebody asks to collect, checked before anything else: symbols, calendar days, workers.

Flags as `fetch_minute_data.py` has them; every mistake is a `ConfigError` that names the flag.
"""

import argparse
from datetime import date, datetime, timedelta
from typing import NamedTuple

from minute_candles.config import symbols_file
from minute_candles.console import command_line
from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.market.calendar import Session, TradingCalendar

MOST_DAYS = 365
TODAY = ("today", "오늘")


class Wanted(NamedTuple):
    """The user's request, checked: symbols with their names, calendar days (both included), workers."""

    names: dict[str, str]
    first: date
    last: date
    days: list[date]
    """The closed sessions among them."""
    workers: int
    running: Session | None = None
    """The session that runs now, where it was requested."""

    @property
    def nothing_traded(self) -> str:
        """What is said of a range without a closed session."""
        return f"✅ {self.first} ~ {self.last} 에는 마감된 거래일이 없습니다."

    @property
    def taken(self) -> str:
        """Which days were requested and which of them are checked."""
        days = f"마감된 거래일 {len(self.days)}일" + (f" ({self.days[0]} ~ {self.days[-1]})" if self.days else "")
        return f"📅 {self.first} ~ {self.last} 가운데 {days}" + (" + 오늘 장" if self.running else "")


def wanted(
    arguments: argparse.Namespace, calendar: TradingCalendar, now: datetime, lists: symbols_file.Lists | None = None
) -> Wanted:
    """Return the request of these flags. Raises `ConfigError`."""
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists)
    workers = command_line.whole("--workers", arguments.workers, 64)
    closed = calendar.last_closed(now)
    first, last = date_range(arguments, closed, now.date())
    days = [day for day in calendar.trading_days(first, last) if day <= closed]
    session = calendar.running_session(now)
    is_wanted = session and (first <= session.day <= last or (arguments.first is not None and arguments.last is None))
    return Wanted(names, first, last, days, workers, session if is_wanted else None)


def date_range(arguments: argparse.Namespace, closed: date, today: date) -> tuple[date, date]:
    """Return the requested calendar days, both included; `closed` is the last closed session. Raises `ConfigError`."""
    days, first, last = arguments.days, arguments.first, arguments.last
    if days is not None and (first, last) != (None, None):
        raise ConfigError("--days 와 --from/--to 는 함께 쓸 수 없습니다.")
    count = command_line.whole("--days", "30" if days is None else days, MOST_DAYS)
    until = closed if last is None else a_date("--to", last, today)
    since = min(until, closed) - timedelta(days=count - 1) if first is None else a_date("--from", first, today)
    if since > until and last is None:
        until = since  # today's session: not closed yet, and nothing to complain about
    if since > until:
        raise ConfigError(f"--from {particle(since, '이/가')} --to {until} 보다 늦습니다.")
    return since, until


def a_date(flag: str, text: str, today: date) -> date:
    """Return the day that a flag names. Raises `ConfigError`."""
    if text in TODAY:
        return today
    day = command_line.past_day(flag, text, today, "YYYY-MM-DD 나 today 로")
    if day < today - timedelta(days=MOST_DAYS):
        raise ConfigError(f"{flag} {particle(day, '은/는')} 1년이 넘은 날짜입니다. KIS는 분봉을 약 1년만 보관합니다.")
    return day
