"""What the operations rules know of the collection: the updater's service, read by a protocol, and its `Health`."""

import shutil
from collections.abc import Mapping
from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple, Protocol

from minute_candles.market.calendar import Session, TradingCalendar

_UNKNOWN_SPACE = 2**60


class Health(NamedTuple):
    """State of the collection; moments are aware KST.

    `session` is the one that runs, `newest` when a new minute was stored last, `began` when the updater started.
    `unsettled` is the last closed session that is not settled yet, `incidents` code → (since, what).
    """

    now: datetime
    began: datetime
    session: Session | None
    newest: datetime | None
    unsettled: Session | None
    incidents: Mapping[str, tuple[datetime, str]]
    free_mb: int


class Incidents(Protocol):
    """The incidents of the service."""

    def by_kind(self) -> Mapping[str, tuple[datetime, str]]:
        """Code → (since, what), of those that concern no single symbol."""


class LiveSession(Protocol):
    """What the operations rules read of the updater's session."""

    @property
    def calendar(self) -> TradingCalendar:
        """The calendar of today."""

    @property
    def incidents(self) -> Incidents:
        """The incidents of the rounds and of the stream."""

    def now(self) -> datetime:
        """Aware KST."""


class Watched(Protocol):
    """The updater's service, as far as the operations rules read it."""

    @property
    def session(self) -> LiveSession:
        """The rounds and the stream."""

    @property
    def settled(self) -> date | None:
        """The last session that is settled."""


def health_of(service: Watched, *, began: datetime, newest: datetime | None, folder: Path) -> Health:
    """Read the service and the free space of `folder`."""
    now, calendar, free = service.session.now(), service.session.calendar, _UNKNOWN_SPACE
    session, closed = calendar.running_session(now), calendar.last_closed(now)
    with suppress(OSError):
        free = shutil.disk_usage(folder).free
    unsettled = None if session or service.settled == closed else calendar.session(closed)
    incidents = service.session.incidents.by_kind()
    return Health(now, began, session, newest, unsettled, incidents, free // 2**20)
