"""Alerts on their way to people: an address each, through apprise, in a thread of its own behind a bounded queue.

    delivery = Delivery(addresses_of(settings.wings.alert_urls, folder))
    delivery.send([note, …])                 # answers at once; to each address one message, a digest
    delivery.close()

A service that refuses is asked again, 2 → 60 s apart, and told of once; where more waits than the queue holds, the
oldest goes (told once, too). Addresses are secrets (law 12): they are named by their kind alone.
"""

import logging
import re
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from minute_candles.alerts.digest import Message, Note, digest
from minute_candles.alerts.rules import SEVERITIES, Severity
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.redact import Redactor

MOST_WAITING = 1000
"""Messages an address may have waiting."""
Unsent = Mapping[str, Sequence[Message]]
"""Messages by the name of their address."""
PAUSES = 2.0, 60.0
"""Seconds before a message is tried again: at first, at most."""
_LEVELS = {"info": "info", "warning": "warning", "critical": "failure"}
_log = logging.getLogger(__name__)


class Address(NamedTuple):
    """Where notes of `least` severity and above go; `name` may be shown, `service` (apprise's) may not."""

    name: str
    service: Any
    least: Severity = "info"


def addresses_of(urls: Iterable[str], folder: Path | None = None) -> list[Address]:
    """`critical=mailto://…`: the severity before `=` is the least that goes there. Raises `ConfigError`.

    `folder` is where a service may keep what it is given anew (KakaoTalk's refresh token).
    """
    apprise, listed, found = extra("apprise", "알림"), list(urls), []
    _listen_to_apprise(listed)
    asset = apprise.AppriseAsset(storage_path=str(folder)) if folder else apprise.AppriseAsset()
    for number, told in enumerate(listed, 1):
        marked = re.match(rf"({'|'.join(SEVERITIES)})=", told)
        url = told[marked.end() :] if marked else told
        service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
        if service is None:
            raise ConfigError(
                f"ALERT_URLS 의 {number}번째 주소를 알아볼 수 없습니다. apprise 주소를 쓰세요(예: tgram://토큰/채팅ID)."
            )
        name = f"{number}번 {url.partition(':')[0]}"
        found.append(Address(name, service, marked[1]) if marked else Address(name, service))  # type: ignore[arg-type]
    return found


def _listen_to_apprise(urls: Sequence[str]) -> None:
    """Apprise's own log shows tokens: what it says comes into ours, at DEBUG, without any part of an address."""
    log, parts = logging.getLogger("apprise"), [part for url in urls for part in re.split(r"[/?&=:@,;+]+", url)]
    log.handlers[:] = [_Redacted([*urls, *(part for part in parts if len(part) >= 4)])]
    log.propagate = False


class _Redacted(logging.Handler):
    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._redact = Redactor(secrets)

    def emit(self, record: logging.LogRecord) -> None:
        _log.debug("apprise: %s", self._redact(record.getMessage()))


class Delivery:
    """A courier for each address."""

    def __init__(self, addresses: Sequence[Address], pauses: tuple[float, float] = PAUSES) -> None:
        self._couriers = [_Courier(address, pauses) for address in addresses]
        for courier in self._couriers:
            courier.start()

    def send(self, notes: Sequence[Note]) -> None:
        """Hand them over; never waits."""
        for courier in self._couriers:
            courier.take(notes)

    def unsent(self) -> Unsent:
        """What an address that refuses has waiting, by its name; what is on its way to a sound one is not among it."""
        return {name: some for one in self._couriers if (some := one.unsent()) for name in [one.address.name]}

    def take_up(self, unsent: Unsent) -> None:
        """Hand over what an earlier life could not."""
        for courier in self._couriers:
            courier.queue(unsent.get(courier.address.name, ()))

    @property
    def many(self) -> int:
        """Addresses."""
        return len(self._couriers)

    @property
    def waiting(self) -> int:
        return sum(courier.waiting for courier in self._couriers)

    def close(self, seconds: float = 3.0) -> None:
        """Let what waits arrive, as far as that goes in a few seconds and without another try."""
        for courier in self._couriers:
            courier.end()
        for courier in self._couriers:
            courier.join(seconds)


class _Courier(threading.Thread):
    def __init__(self, address: Address, pauses: tuple[float, float]) -> None:
        super().__init__(name=f"alerts-{address.name}", daemon=True)
        self.address, self._pauses = address, pauses
        self._queue: deque[Message] = deque()
        self._changed = threading.Condition()
        self._ended = self._failing = self._overflowed = False

    def take(self, notes: Sequence[Note]) -> None:
        least = SEVERITIES.index(self.address.least)
        wanted = [note for note in notes if SEVERITIES.index(note.severity) >= least]
        if not wanted:
            return
        self.queue([digest(wanted)])

    def queue(self, messages: Sequence[Message]) -> None:
        with self._changed:
            for message in messages:
                if len(self._queue) >= MOST_WAITING:
                    self._queue.popleft()
                    self._tell_of_overflow()
                self._queue.append(message)
            self._changed.notify()

    def unsent(self) -> list[Message]:
        with self._changed:
            return list(self._queue) if self._failing else []

    def _tell_of_overflow(self) -> None:
        if not self._overflowed:
            self._overflowed = True
            many, name = MOST_WAITING, self.address.name
            _log.warning("⚠️ 알림 %s: 밀린 알림이 %d건을 넘어 오래된 것부터 버립니다.", name, many)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def run(self) -> None:
        pause, longest = self._pauses
        while (message := self._next()) is not None:
            if deliver(self.address, message):
                self._arrived(message)
                pause = self._pauses[0]
                continue
            if not self._failing:
                self._failing = True
                _log.warning("⚠️ 알림 %s: 보내지 못했습니다. 다시 시도합니다.", self.address.name)
            with self._changed:
                if self._changed.wait_for(lambda: self._ended, pause):
                    return
            pause = min(longest, 2 * pause)

    def _next(self) -> Message | None:
        """The oldest waiting message, which stays in the queue until it has arrived; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._ended)
            return self._queue[0] if self._queue else None

    def _arrived(self, message: Message) -> None:
        with self._changed:
            if self._queue and self._queue[0] is message:
                self._queue.popleft()
        _log.info("🔔 알림 %s: %s", self.address.name, message.title)
        if self._failing:
            self._failing = self._overflowed = False
            _log.info("✅ 알림 %s: 다시 보냅니다.", self.address.name)


def deliver(address: Address, message: Message) -> bool:
    """One try. Whatever a plugin of apprise raises, it has not arrived."""
    try:
        told = {"title": message.title, "body": message.body, "notify_type": _LEVELS[message.severity]}
        return bool(address.service.notify(**told))
    except Exception as error:  # a plugin's own: none of them may end the thread
        _log.debug("알림: %s", type(error).__name__)
        return False
