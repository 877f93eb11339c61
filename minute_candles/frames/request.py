"""What a notebook asks for, checked before a database is opened, and the table opened for reading only."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol, TypeVar

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.database_url import must_exist
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.config.settings import Database, Settings
from minute_candles.config.universe import Universe, known_names
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.frames.calendar import calendar_of
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range, parse_range

ALL = "all"
_PATIENCE = 10.0


class Closable(Protocol):
    """A store that can be closed."""

    def close(self) -> None:
        """Close the connection."""
        ...


T = TypeVar("T", bound=Closable)
T_co = TypeVar("T_co", bound=Closable, covariant=True)


class Open(Protocol[T_co]):
    """Opens a store (`storage.store.open_store`)."""

    def __call__(self, database: Database, clock: Clock, *, patience: float) -> T_co:
        """Open it."""
        ...


class SymbolRequest(NamedTuple):
    """The symbols of a call; `symbols` is None for all that are stored; `is_single` where one was given by itself."""

    symbols: list[str] | None
    is_single: bool = False


class Reader(NamedTuple):
    """The settings and the clock of a call, and the names that they know."""

    settings: Settings
    clock: Clock

    @classmethod
    def of(cls, settings: Settings | None, clock: Clock | None) -> "Reader":
        """Return the reader of these settings, those of `.env` where None."""
        return cls(settings or user_settings.load(os.environ, PROJECT_FOLDER, needs_key=False), clock or Clock())

    def names(self) -> Mapping[str, str]:
        """Return the Korean name of every symbol that is known here."""
        return known_names(self.settings.log_dir, symbols_file.default_symbols())

    def symbols_of(self, symbols: object) -> SymbolRequest:
        """Return the symbols that "005930", 5930, "005930.KS", "삼성전자", "@kospi200", "all" or a list of such mean.

        Raises `ConfigError`.
        """
        if isinstance(symbols, str) and symbols.strip().lower() == ALL:
            return SymbolRequest(None)
        if not isinstance(symbols, Iterable) and not _is_number(symbols):
            raise ConfigError(
                f"종목코드 {particle(repr(str(symbols)[:20]), '을/를')} 읽을 수 없습니다(예: '005930' 이나 그 목록)."
            )
        is_one = isinstance(symbols, str) or not isinstance(symbols, Iterable)
        words = [symbols] if is_one else list(symbols)  # type: ignore[call-overload]
        listed = ",".join(f"{word:06}" if _is_number(word) else str(word) for word in words)
        universe = Universe.of(self.settings, self.clock)
        found = list(symbols_file.choose(listed, None, universe, takes_names=True))
        return SymbolRequest(found, is_one and len(found) == 1 and "@" not in listed)

    def range_of(self, start: object, end: object, interval: FrameInterval = 1) -> Range:
        """Return the range in the calendar of these settings. Raises `ConfigError`."""
        calendar = calendar_of(self.settings, self.clock)
        return parse_range(start, end, calendar, self.clock.now(), interval=interval)

    @contextmanager
    def opened(self, open_store: Open[T]) -> Iterator[T]:
        """Open the store of the settings, and close it afterwards. Raises `ConfigError` where there is none."""
        must_exist(self.settings.database)
        store = open_store(self.settings.database, self.clock, patience=_PATIENCE)
        try:
            yield store
        finally:
            store.close()


def _is_number(value: object) -> bool:
    """Return whether it is a whole number of Python or numpy."""
    return hasattr(value, "__index__") and not isinstance(value, bool)
