"""The right to update a table, held in Redis by one host at a time: what `--standby` waits for.

    lease = Lease(url, name)
    with lease.tenure(clock, incidents) as own:     # own.clock stops, too, when another host holds the lease

redis-py's `Lock` is the lease. Its holder renews it every second and keeps working while Redis is away; it stops only
when it sees another holder. Two hosts that both seem to hold it for a moment store the same true rows.
"""

import copy
import hashlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from enum import Enum, auto
from typing import Any

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.redis_feed import connection

LEASE_SECONDS = 8.0
"""A holder that has not renewed for so long is dead, or asleep."""
RENEW_SECONDS, GRACE_SECONDS = 1.0, 3.0
"""A standby leaves a vanished lease alone for the grace: after a restart of Redis the holder comes first."""
_log = logging.getLogger(__name__)


class LeaseLost(Stopped):
    """Another host has taken over."""


class Holding(Enum):
    """Who holds the lease."""

    OURS = auto()
    OTHER = auto()
    NOBODY = auto()
    UNKNOWN = auto()
    """Redis does not answer."""


@contextmanager
def lease_of(settings: Settings, *, offered: bool) -> "Iterator[Lease | None]":
    """Yield the lease of this table; None without `REDIS_URL`, or where none is `offered`. Raises `ConfigError`."""
    if not (settings.integrations.redis_url and offered):
        yield None
        return
    database = settings.database
    name = database.path.name if database.path else database.name
    with closing(Lease(settings.integrations.redis_url, name, str(settings.log_dir.resolve()))) as lease:
        yield lease


class Lease:
    """One lease. `place`: the folder whose lock file this process holds; an older lease from there is a dead one's."""

    def __init__(self, url: str, table: str, place: str) -> None:
        self._redis: Any = connection.library()
        self._client = connection.connect(url)
        self.name = f"minute_candles:updater:{table}"
        mark = hashlib.sha256(place.encode()).hexdigest()[:8]
        self._place = f"{socket.gethostname()}:{mark}:"
        self._token = f"{self._place}{os.getpid()}:{uuid.uuid4().hex}"
        self._lock = self._client.lock(self.name, timeout=LEASE_SECONDS, thread_local=False)
        self._guard = threading.Lock()
        self._renewed_at = float("-inf")
        self.holding, self.holder = Holding.UNKNOWN, ""

    @property
    def holder_text(self) -> str:
        """Return host and process of the holder, for people."""
        host, _, pid, *_ = [*self.holder.split(":"), "", "", ""]
        here = " (이 프로세스)" if self.holding is Holding.OURS else ""
        return f"{host} pid {pid}{here}" if host else ""

    @property
    def is_dead(self) -> bool:
        """Return whether the holder was an earlier process of this folder: its lock file is ours now."""
        return self.holding is Holding.OTHER and self.holder.startswith(self._place)

    def look(self) -> Holding:
        """Return who holds the lease, without taking it."""
        with self._guard:
            return self._noted(self._look())

    def take(self) -> Holding:
        """Take or renew the lease where nobody else holds it; return who holds it then."""
        with self._guard:
            return self._noted(self._take())

    def check(self) -> None:
        """Raise `Stopped` where this process slept for long and another host took over meanwhile."""
        if time.time() - self._renewed_at > LEASE_SECONDS and self.take() is Holding.OTHER:
            raise LeaseLost("다른 서버가 갱신을 이어받았습니다.")

    def release(self) -> None:
        """Give the lease back, where it is ours."""
        with self._guard, suppress(self._redis.RedisError, OSError):
            if self.holding is Holding.OURS:
                self._lock.release()
        self.holding = Holding.NOBODY

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _look(self) -> Holding:
        try:
            self.holder = str(self._client.get(self.name) or "")
        except (self._redis.RedisError, OSError):
            return Holding.UNKNOWN
        if not self.holder:
            return Holding.NOBODY
        return Holding.OURS if self.holder == self._token else Holding.OTHER

    def _take(self) -> Holding:
        found = self._noted(self._look())
        if self.is_dead:
            found = self._drop_dead_lease()
        try:
            if found is Holding.OURS:
                self._lock.local.token = self._token.encode()
                self._lock.extend(LEASE_SECONDS, replace_ttl=True)
            elif found is Holding.NOBODY and not self._lock.acquire(blocking=False, token=self._token):
                return self._look()
        except (self._redis.RedisError, OSError):
            return self._look()
        return self._look() if found is Holding.NOBODY else found

    def _drop_dead_lease(self) -> Holding:
        """Remove a lease of an earlier process of this folder: the lock file shows that it is gone."""
        with suppress(self._redis.RedisError, OSError):
            self._client.delete(self.name)
        return self._look()

    def _noted(self, holding: Holding) -> Holding:
        if holding is Holding.OURS:
            self._renewed_at = time.time()
        self.holding = holding
        return holding


class Tenure:
    """A time in which this process updates the table. `clock` stops with the process, or when the lease is lost."""

    def __init__(self, clock: Clock, lease: Lease | None) -> None:
        self._parent, self._lease = clock, lease
        self.clock = copy.copy(clock)
        self.clock.stop = threading.Event()
        self.is_lost = False
        self._was_ours = lease is not None and lease.holding is Holding.OURS
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)

    @property
    def holder(self) -> str:
        """Return who holds the lease, for `--status`."""
        return self._lease.holder_text if self._lease else ""

    def check(self) -> None:
        """Raise `Stopped` before a write that another host has taken over."""
        if self._lease and self._was_ours:
            self._lease.check()

    def _keep(self) -> None:
        renew_at = 0.0
        while not self._over.wait(0.1):
            if self._parent.stop.is_set():
                self.clock.stop.set()
            if self._lease and time.monotonic() >= renew_at:
                renew_at = time.monotonic() + RENEW_SECONDS
                self._renew(self._lease)

    def _renew(self, lease: Lease) -> None:
        holding = lease.take()
        self._was_ours = self._was_ours or holding is Holding.OURS
        if holding is Holding.OTHER and self._was_ours and not self.is_lost:
            self.is_lost = True
            _log.warning("⚠️ 다른 서버(%s)가 갱신을 이어받았습니다. 여기서는 멈춥니다.", lease.holder_text)
            self.clock.stop.set()

    def begin(self) -> None:
        """Begin to renew."""
        self._thread.start()

    def end(self) -> None:
        """Give the lease back."""
        self._over.set()
        self._thread.join(3)
        if self._lease and not self.is_lost:
            self._lease.release()


@contextmanager
def tenure(lease: Lease | None, clock: Clock) -> Iterator[Tenure]:
    """Yield the tenure; take the lease where it is free, and work along with another holder with a warning."""
    if lease and lease.take() is Holding.OTHER:
        _log.warning(
            "⚠️ 다른 서버(%s)도 이 테이블을 갱신합니다. 이어받기만 하려면 --standby 를 쓰세요.", lease.holder_text
        )
    made = Tenure(clock, lease)
    made.begin()
    try:
        yield made
    finally:
        made.end()


def wait_for_lease(lease: Lease, clock: Clock, on_wait: Callable[[str], None]) -> None:
    """Wait until the lease is ours; `on_wait` gets the holder each second. Raises `Stopped`."""
    seen_at = float("-inf")
    while True:
        now, holding = time.monotonic(), lease.look()
        is_free = lease.is_dead or (holding is Holding.NOBODY and now - seen_at >= GRACE_SECONDS)
        if is_free and lease.take() is Holding.OURS:
            return
        if holding in (Holding.OTHER, Holding.UNKNOWN):
            seen_at = now
        on_wait(lease.holder_text)
        clock.sleep(RENEW_SECONDS)
