"""Faults that last: each is logged once when it begins and once when it ends, however often it is met in between."""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import (
    AuthError,
    ConfigError,
    MinuteDataError,
    NotOffered,
    SourceError,
    Stopped,
    StoreError,
    StoreLost,
)
from minute_candles.market.write_event import Stored

_log = logging.getLogger(__name__)


class IncidentKind(StrEnum):
    """What is wrong."""

    KIS = "KIS"
    """KIS answers nobody."""
    STALLED_FEED = "STALLED_FEED"
    """KIS answers without new minutes: of any symbol, or of one."""
    SYMBOL = "SYMBOL"
    """One symbol, or one symbol-day, fails."""
    DATABASE = "DATABASE"
    TOKEN = "TOKEN"
    CLOCK = "CLOCK"
    UPDATER = "UPDATER"
    STREAM = "STREAM"
    STREAM_WRITER = "STREAM_WRITER"
    STATUS_FILE = "STATUS_FILE"
    LEASE = "LEASE"


_LABELS = {
    IncidentKind.KIS: "KIS",
    IncidentKind.DATABASE: "DB",
    IncidentKind.TOKEN: "토큰",
    IncidentKind.CLOCK: "시계",
    IncidentKind.UPDATER: "업데이터",
    IncidentKind.STREAM: "스트림",
    IncidentKind.STREAM_WRITER: "스트림 저장",
    IncidentKind.STATUS_FILE: "상태 파일",
    IncidentKind.LEASE: "대기 서버",
}


class Incident(NamedTuple):
    """What is wrong, and with whom: everybody, one symbol, or one symbol-day."""

    kind: IncidentKind
    symbol: str = ""
    day: date | None = None

    @property
    def label(self) -> str:
        """Return the name for people."""
        if self.kind is IncidentKind.STALLED_FEED:
            return f"{self.symbol or 'KIS'} 분봉"
        return _LABELS.get(self.kind) or (f"{self.symbol} {self.day}" if self.day else self.symbol)


KIS, DATABASE, TOKEN = Incident(IncidentKind.KIS), Incident(IncidentKind.DATABASE), Incident(IncidentKind.TOKEN)
CLOCK, UPDATER = Incident(IncidentKind.CLOCK), Incident(IncidentKind.UPDATER)
STREAM, STREAM_WRITER = Incident(IncidentKind.STREAM), Incident(IncidentKind.STREAM_WRITER)
STALLED_FEED, STATUS_FILE = Incident(IncidentKind.STALLED_FEED), Incident(IncidentKind.STATUS_FILE)
LEASE = Incident(IncidentKind.LEASE)
GENERAL = frozenset({KIS, DATABASE, TOKEN, UPDATER, STALLED_FEED})
"""Incidents that keep every symbol from being stored."""


def symbol_incident(symbol: str, day: date | None = None) -> Incident:
    """Return the incident of a symbol, or of a symbol-day, that fails."""
    return Incident(IncidentKind.SYMBOL, symbol, day)


class Ongoing(NamedTuple):
    """Since when (aware) an incident lasts, and what it is, for people."""

    since: datetime
    text: str


class Incidents:
    """What is wrong right now. Thread-safe.

    A database that refused a write has recovered when it took one: that it can be read proves nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ongoing: dict[Incident, Ongoing] = {}
        self._writes = self._writes_judged = 0
        self._write_failed = False

    @property
    def current(self) -> dict[Incident, Ongoing]:
        """Return what lasts."""
        with self._lock:
            return dict(self._ongoing)

    def by_kind(self) -> dict[str, tuple[datetime, str]]:
        """Return since when and what, by code, of the incidents that concern no single symbol."""
        return {incident.kind: ongoing for incident, ongoing in self.current.items() if not incident.symbol}

    def begin(
        self, incident: Incident, text: str, *, error: Exception | None = None, since: datetime | None = None
    ) -> None:
        """Log `text` where the incident is new, with the traceback of an unforeseen `error`."""
        with self._lock:
            if incident in self._ongoing:
                return
            self._ongoing[incident] = Ongoing(since or self._clock.now(), text)
        _log.warning("⚠️ %s 문제 시작: %s", incident.label, text, exc_info=error)

    def begin_unforeseen(self, incident: Incident, error: Exception) -> None:
        """Log an error that nobody foresaw."""
        self.begin(incident, f"예상하지 못한 오류 {type(error).__name__}", error=error)

    def end(self, incident: Incident) -> None:
        """Log that an incident is over, where it lasted."""
        with self._lock:
            began = self._ongoing.pop(incident, None)
        if began:
            lasted = console.duration((self._clock.now() - began.since).total_seconds())
            _log.info("✅ %s 복구: %s 만에", incident.label, lasted)

    def give_up(self, incident: Incident, command: str) -> None:
        """Log that nobody tries any more, and the `command` that does."""
        with self._lock:
            self._ongoing.pop(incident, None)
        _log.warning("⚠️ %s: 더 다시 받지 않습니다. 직접 받으려면: %s", incident.label, command)

    def on_stored(self, stored: Stored) -> None:
        """Note a commit (`Store.listeners`)."""
        self._writes += 1
        self._write_failed = False
        self.end(DATABASE)

    def succeed(self, incident: Incident) -> None:
        """End what a success disproves: KIS, the token, this symbol-day and its symbol."""
        for ended in (KIS, TOKEN, incident, symbol_incident(incident.symbol)):
            self.end(ended)

    def judge(self, failed: Mapping[Incident, Exception], *, any_success: bool) -> None:
        """Begin one incident a fault: of KIS or the database where nothing worked, else of the symbol.

        Raises `NotOffered` and `Stopped`.
        """
        any_written, self._writes_judged = self._writes > self._writes_judged, self._writes
        for incident, error in failed.items():
            if isinstance(error, NotOffered | Stopped):
                raise error
            if isinstance(error, MinuteDataError):
                works = any_written if isinstance(error, StoreError) else any_success
                blamed = _blamed(incident, error, works=works)
                self._write_failed = self._write_failed or blamed == DATABASE
                self.begin(blamed, str(error))
            else:
                self.begin_unforeseen(incident, error)

    @contextmanager
    def watching_reads(self) -> Iterator[None]:
        """Begin or end the database's incident by the reads of this block. Raises `StoreError`."""
        try:
            yield
            if not self._write_failed:
                self.end(DATABASE)
        except StoreError as error:
            self.begin(DATABASE, str(error))
            raise


def _blamed(incident: Incident, error: MinuteDataError, *, works: bool) -> Incident:
    """Return what an error is a sign of; `works` says whether the same thing worked for others."""
    if isinstance(error, AuthError | ConfigError):
        return TOKEN
    if isinstance(error, StoreLost) or (isinstance(error, StoreError) and not works):
        return DATABASE
    return KIS if isinstance(error, SourceError) and not works else incident
