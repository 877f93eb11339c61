"""Alerts on their way to people: an address each, through apprise, in a thread of its own behind a bounded queue.

    delivery = Delivery(addresses_of(settings.wings.alert_urls), clock)
    delivery.send([message, …])              # answers at once
    delivery.close()

A service that refuses is asked again, 2 → 60 s apart, and told of once; what does not fit the queue any more loses its
oldest (told once, too). Addresses are secrets (law 12): they are named by their kind alone.
"""

import logging
import re
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from base.clock import Clock
from base.errors import ConfigError, Stopped
from base.extras import extra
from signals.rules import SEVERITIES, Severity

MOST_WAITING = 1000
"""Messages an address may have waiting."""
FIRST_PAUSE, LONGEST_PAUSE = 2.0, 60.0
_LEVELS = {"info": "info", "warning": "warning", "critical": "failure"}
_log = logging.getLogger("minute_data")


class Message(NamedTuple):
    """What one notification says; `body` may have several lines."""

    severity: Severity
    title: str
    body: str


class Address(NamedTuple):
    """Where messages of `least` severity and above go; `name` may be shown, `url` never."""

    name: str
    url: str
    least: Severity


def addresses_of(urls: Iterable[str]) -> list[Address]:
    """`critical=mailto://…`: the severity before `=` is the least that goes there. Raises `ConfigError`."""
    found = []
    for number, told in enumerate(urls, 1):
        marked = re.match(rf"({'|'.join(SEVERITIES)})=", told)
        url = told[marked.end() :] if marked else told
        if _service(url) is None:
            raise ConfigError(
                f"ALERT_URLS 의 {number}번째 주소를 알아볼 수 없습니다. apprise 주소를 쓰세요(예: tgram://토큰/채팅ID)."
            )
        found.append(Address(f"{number}번 {url.partition(':')[0]}", url, marked[1] if marked else "info"))  # type: ignore[arg-type]
    return found


def _service(url: str) -> Any:
    """apprise's object for an address; None where it knows none. Its own log could show what is in it."""
    apprise = extra("apprise", "알림")
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return apprise.Apprise.instantiate(url, suppress_exceptions=True)


class Delivery:
    """A courier for each address."""

    def __init__(self, addresses: Sequence[Address], clock: Clock) -> None:
        self._couriers = [_Courier(address, clock) for address in addresses]
        for courier in self._couriers:
            courier.start()

    def send(self, messages: Iterable[Message]) -> None:
        """Hand them over; never waits."""
        for message in messages:
            for courier in self._couriers:
                courier.take(message)

    @property
    def waiting(self) -> int:
        return sum(courier.waiting for courier in self._couriers)

    def close(self, seconds: float = 3.0) -> None:
        """Let what is under way arrive, as far as that goes in a few seconds."""
        for courier in self._couriers:
            courier.end()
        for courier in self._couriers:
            courier.join(seconds)


class _Courier(threading.Thread):
    def __init__(self, address: Address, clock: Clock) -> None:
        super().__init__(name=f"alerts-{address.name}", daemon=True)
        self._address, self._clock, self._service = address, clock, _service(address.url)
        self._queue: deque[Message] = deque()
        self._changed = threading.Condition()
        self._ended = self._failing = self._overflowed = False

    def take(self, message: Message) -> None:
        if SEVERITIES.index(message.severity) < SEVERITIES.index(self._address.least):
            return
        with self._changed:
            if len(self._queue) >= MOST_WAITING:
                self._queue.popleft()
                self._tell_of_overflow()
            self._queue.append(message)
            self._changed.notify()

    def _tell_of_overflow(self) -> None:
        if not self._overflowed:
            self._overflowed = True
            many, name = MOST_WAITING, self._address.name
            _log.warning("⚠️ 알림 %s: 밀린 알림이 %d건을 넘어 오래된 것부터 버립니다.", name, many)

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def run(self) -> None:
        pause = FIRST_PAUSE
        while (message := self._next()) is not None:
            if deliver(self._service, message):
                pause = self._arrived(message)
                continue
            if not self._failing:
                self._failing = True
                _log.warning("⚠️ 알림 %s: 보내지 못했습니다. 다시 시도합니다.", self._address.name)
            with self._changed:
                if self._ended or self._changed.wait_for(lambda: self._ended, pause):
                    return
            pause = min(LONGEST_PAUSE, 2 * pause)

    def _next(self) -> Message | None:
        """The oldest waiting message, which stays in the queue until it has arrived; None at the end."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._ended)
            return self._queue[0] if self._queue else None

    def _arrived(self, message: Message) -> float:
        with self._changed:
            if self._queue and self._queue[0] is message:
                self._queue.popleft()
        if self._failing:
            self._failing = self._overflowed = False
            _log.info("✅ 알림 %s: 다시 보냅니다.", self._address.name)
        return FIRST_PAUSE


def deliver(service: Any, message: Message) -> bool:
    """One try. Whatever a plugin of apprise raises, it has not arrived."""
    try:
        return bool(service.notify(title=message.title, body=message.body, notify_type=_LEVELS[message.severity]))
    except Stopped:
        raise
    except Exception as error:  # a plugin's own: none of them may end the thread
        _log.debug("알림: %s", type(error).__name__)
        return False


def tried(addresses: Sequence[Address], message: Message) -> list[tuple[str, bool]]:
    """One message to each address, whatever its severity, at once: which arrived."""
    return [(address.name, deliver(_service(address.url), message)) for address in addresses]
