"""Messages on their way to people: a worker thread for each address, behind a bounded queue.

    delivery = Delivery(addresses_of(settings.integrations.alert_urls, folder))
    delivery.send([note, …])                 # returns at once; each address gets one message, a digest
    delivery.close()

A service that is down is tried again, 2 → 60 s apart, and nothing is lost. A message is dropped where it is the message
that fails: refused for good, sent three times without an answer, or failed while others arrived.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from minute_candles.alerts.addresses import Address, Outcome, deliver
from minute_candles.alerts.digest import Message, Note, digest
from minute_candles.alerts.rules import SEVERITIES

MOST_WAITING = 1000
"""Messages an address may have waiting."""
PAUSES = 2.0, 60.0
"""Seconds before a message is tried again: at first, at most."""
PATIENCE, MOST_TRIES = 3, 6
"""Tries before the next message gets a turn, and in all where others arrive."""
Unsent = Mapping[str, Sequence[Message]]
"""Messages by the name of their address."""
_log = logging.getLogger(__name__)


class Delivery:
    """The workers of all addresses; `on_change` is called by their threads when a message has left its queue."""

    def __init__(self, addresses: Sequence[Address], pauses: tuple[float, float] = PAUSES) -> None:
        self.on_change: Callable[[], None] = lambda: None
        self._workers = [_Worker(address, pauses, self._report_change) for address in addresses]
        for worker in self._workers:
            worker.start()

    def _report_change(self) -> None:
        self.on_change()

    def send(self, notes: Sequence[Note]) -> None:
        """Queue them; never waits."""
        for worker in self._workers:
            least = SEVERITIES.index(worker.address.least)
            if wanted := [note for note in notes if SEVERITIES.index(note.severity) >= least]:
                worker.queue([digest(wanted)])

    def unsent(self) -> Unsent:
        """Return what waits or is on its way: a process that ends now may lose it."""
        return {worker.address.name: waiting for worker in self._workers if (waiting := worker.unsent())}

    def resume(self, unsent: Unsent) -> None:
        """Queue what an earlier process did not deliver."""
        for worker in self._workers:
            worker.queue(unsent.get(worker.address.name, ()))

    @property
    def addresses(self) -> int:
        """How many there are."""
        return len(self._workers)

    @property
    def waiting(self) -> int:
        """Messages not delivered yet."""
        return sum(map(len, self.unsent().values()))

    def close(self, seconds: float = 3.0) -> None:
        """Let what waits arrive for a few seconds, without further tries; the rest stays in `unsent`."""
        until = time.monotonic() + seconds
        for worker in self._workers:
            worker.end()
        for worker in self._workers:
            worker.join(max(0.0, until - time.monotonic()))


class _Waiting:
    def __init__(self, message: Message) -> None:
        self.message = message
        self.tries = self.unconfirmed = 0
        self.was_overtaken = False
        """A later message has arrived, so the service is sound."""

    @property
    def is_hopeless(self) -> bool:
        return self.unconfirmed >= PATIENCE or (self.was_overtaken and self.tries >= MOST_TRIES)


class _Worker(threading.Thread):
    def __init__(self, address: Address, pauses: tuple[float, float], on_change: Callable[[], None]) -> None:
        super().__init__(name=f"alerts-{address.name}", daemon=True)
        self.address, self._pauses, self._on_change = address, pauses, on_change
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._ended = self._failing = self._overflowed = self._tried_first = False

    def queue(self, messages: Sequence[Message]) -> None:
        with self._changed:
            for message in messages:
                if len(self._queue) >= MOST_WAITING:
                    self._queue.popleft()
                    self._report_overflow()
                self._queue.append(_Waiting(message))
            self._changed.notify()

    def unsent(self) -> list[Message]:
        with self._changed:
            return [waiting.message for waiting in self._queue]

    def end(self) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify()

    def run(self) -> None:
        """Deliver until the end: then what is left gets one try, as long as all goes well."""
        pause, longest = self._pauses
        while (waiting := self._next()) is not None:
            outcome = deliver(self.address, waiting.message)
            if outcome is Outcome.ARRIVED:
                self._arrived(waiting)
                pause = self._pauses[0]
            elif outcome is Outcome.REFUSED:
                self._drop(waiting, "받는 곳이 이 내용을 거절했습니다")
            else:
                self._failed(waiting, outcome)
                with self._changed:
                    if self._changed.wait_for(lambda: self._ended, pause):
                        return
                pause = min(longest, 2 * pause)

    def _next(self) -> _Waiting | None:
        """Wait for a message, which stays queued until it has arrived; None at the end.

        The oldest; every other time the one behind it, where the oldest has failed often.
        """
        with self._changed:
            self._changed.wait_for(lambda: bool(self._queue) or self._ended)
            if not self._queue:
                return None
            overtake = self._tried_first and len(self._queue) > 1 and self._queue[0].tries >= PATIENCE
            self._tried_first = not overtake
            return self._queue[int(overtake)]

    def _arrived(self, waiting: _Waiting) -> None:
        self._remove(waiting)
        with self._changed:
            if not self._tried_first and self._queue and not self._queue[0].was_overtaken:
                self._queue[0].was_overtaken, self._queue[0].tries = True, PATIENCE
        _log.info("🔔 알림 %s: %s", self.address.name, waiting.message.title)
        if self._failing:
            self._failing = self._overflowed = False
            _log.info("✅ 알림 %s: 다시 보냅니다.", self.address.name)

    def _failed(self, waiting: _Waiting, outcome: Outcome) -> None:
        waiting.tries += 1
        waiting.unconfirmed += outcome is Outcome.UNCONFIRMED
        if not self._failing:
            self._failing = True
            _log.warning("⚠️ 알림 %s: 보내지 못했습니다. 다시 시도합니다.", self.address.name)
        if waiting.is_hopeless:
            unconfirmed = waiting.unconfirmed >= PATIENCE
            reason = "답이 없습니다(도착했을 수 있습니다)" if unconfirmed else "다른 알림은 가는데 이것만 실패합니다"
            self._drop(waiting, f"{waiting.tries}번 보냈지만 {reason}")

    def _drop(self, waiting: _Waiting, reason: str) -> None:
        self._remove(waiting)
        _log.warning("⚠️ 알림 %s: 버립니다: %s. %s", self.address.name, waiting.message.title, reason)

    def _remove(self, waiting: _Waiting) -> None:
        with self._changed:
            if waiting in self._queue:
                self._queue.remove(waiting)
        self._on_change()

    def _report_overflow(self) -> None:
        if not self._overflowed:
            self._overflowed = True
            name = self.address.name
            _log.warning("⚠️ 알림 %s: 밀린 알림이 %d건을 넘어 오래된 것부터 버립니다.", name, MOST_WAITING)
