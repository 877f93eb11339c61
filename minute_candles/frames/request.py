"""What a notebook asks `db.py` for, checked before a database is opened, and the table opened for reading only."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import Protocol, TypeVar

from minute_candles.config import holiday_cache as kis_days
from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.database_url import must_exist
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.config.settings import Database, Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.kst import KST
from minute_candles.frames.frames import Range
from minute_candles.market.calendar import TradingCalendar, told_calendar

DEFAULT_DAYS = 30
FIRST_YEAR, LAST_YEAR = 1956, 2100
"""The exchange opened in 1956."""
_PATIENCE = 10.0


class Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=Closable)
T_co = TypeVar("T_co", bound=Closable, covariant=True)


class Open(Protocol[T_co]):
    """`db.open_store`."""

    def __call__(self, database: Database, clock: Clock, *, patience: float) -> T_co: ...


def symbols_of(symbols: str | Sequence[str]) -> list[str]:
    """Split "005930,000660", or a list of such, into codes; each once. Raises `ConfigError`."""
    try:
        listed = symbols if isinstance(symbols, str) else ",".join(map(str, symbols))
    except TypeError:
        raise ConfigError(f"종목코드 {str(symbols)[:20]!r} 를 읽을 수 없습니다(예: '005930' 이나 그 목록).") from None
    return list(symbols_file.choose(listed, None))


def day_of(name: str, value: date | str | None, otherwise: date) -> date:
    """A date from a date, a moment or "2026-11-20". Raises `ConfigError`."""
    if value is None:
        return otherwise
    try:
        day = _date_of(value)
    except (ValueError, TypeError):
        raise ConfigError(f"{name} {str(value)[:20]!r} 은 날짜가 아닙니다. YYYY-MM-DD 로 적으세요.") from None
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ConfigError(f"{name} {day} 은 {FIRST_YEAR}년과 {LAST_YEAR}년 사이가 아닙니다.")
    return day


def _date_of(value: date | str) -> date:
    if isinstance(value, datetime):
        return (value.astimezone(KST) if value.tzinfo else value).date()
    return value if isinstance(value, date) else date.fromisoformat(value)


def range_of(
    start: date | str | None,
    end: date | str | None,
    calendar: TradingCalendar,
    now: datetime,
    names: tuple[str, str] = ("start", "end"),
) -> Range:
    """Raises `ConfigError`, which calls the two by their `names`."""
    last = day_of(names[1], end, now.astimezone(KST).date())
    first = day_of(names[0], start, last - timedelta(days=DEFAULT_DAYS - 1))
    if first > last:
        raise ConfigError(f"{names[0]} {first} 이 {names[1]} {last} 보다 늦습니다.")
    return Range(first, last, calendar, now)


@contextmanager
def opened(
    open_store: Open[T],
    settings: Settings | None,
    clock: Clock | None,
    start: date | str | None,
    end: date | str | None,
) -> Iterator[tuple[T, Range]]:
    """The store of the settings (`.env`'s where None), closed afterwards, and the range asked for."""
    extra("pandas", "DataFrame으로 읽기")
    clock = clock or Clock()
    settings = settings or user_settings.load(os.environ, PROJECT_FOLDER, needs_key=False)
    calendar = told_calendar(settings.csat_days, kis_days.said(settings, clock.now().date()))
    asked = range_of(start, end, calendar, clock.now())
    must_exist(settings.database)
    store = open_store(settings.database, clock, patience=_PATIENCE)
    try:
        yield store, asked
    finally:
        store.close()
