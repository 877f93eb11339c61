"""Several keys as one caller: the least loaded first; a key that KIS refuses or blocks leaves and comes back."""

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict, TypeVar

import requests

from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, MinuteDataError, NotOffered, Outage
from minute_candles.kis.clock_skew import ClockSkew
from minute_candles.kis.http import Transient
from minute_candles.kis.key_caller import Body, KeyCaller, Query

FIRST_REST, LONGEST_REST = 30.0, 600.0
"""Seconds that a key stays out of the ring: the first time, and at most after failing again and again."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


class KeyState(StrEnum):
    """Whether a key is used."""

    IN_USE = "IN_USE"
    RESTING = "RESTING"


@dataclass
class Member:
    """A key of the ring; `rests_until` by the monotonic clock, `problem` (Korean) is why it left."""

    name: str
    caller: KeyCaller
    in_flight: int = 0
    rests_until: float = float("-inf")
    rest: float = FIRST_REST
    problem: str = ""

    @property
    def load(self) -> float:
        """Seconds until one more call of this key would be sent."""
        return (self.in_flight + 1) / self.caller.settings.rate_limit


class KeyStatus(TypedDict):
    """A key for the status file."""

    name: str
    state: KeyState
    calls: int
    problem: str


class KeyRing:
    """Keys as one caller. Thread-safe."""

    def __init__(self, callers: Sequence[KeyCaller], clock: Clock, skew: ClockSkew) -> None:
        self._members = [Member(caller.settings.key_name, caller) for caller in callers]
        self._clock, self.skew, self._lock = clock, skew, threading.Lock()
        self._not_offered: set[tuple[str, str]] = set()

    @property
    def calls(self) -> int:
        """Requests sent so far by all keys, repeats included."""
        return sum(member.caller.calls for member in self._members)

    @property
    def members(self) -> Sequence[Member]:
        """The keys, those at rest included."""
        return self._members

    def state(self, member: Member) -> KeyState:
        """Return whether a key is used now."""
        return KeyState.RESTING if member.rests_until > self._clock.monotonic() else KeyState.IN_USE

    def status(self) -> list[KeyStatus]:
        """Return how each key fares."""
        return [
            {"name": one.name, "state": self.state(one), "calls": one.caller.calls, "problem": one.problem}
            for one in self._members
        ]

    def listen(self, on_answer: Callable[[requests.Response], None]) -> None:
        """Hand every answer to `on_answer`, too, before it is judged."""
        for member in self._members:
            member.caller.listen(on_answer)

    def token(self) -> str:
        """Return a token of the first key that has one. Raises what the last key raises where none has."""
        return self._try_each("", lambda member, _: member.caller.token())

    def send(self, query: Query) -> Body:
        """Return the answer of the first key that gives one. Raises what the last key raises where none does."""

        def call(member: Member, is_last: bool) -> Body:
            return member.caller.send(query, hurried=member.caller.hurried or not is_last)

        return self._try_each(query.tr_id, call)

    def _try_each(self, tr_id: str, call: Callable[[Member, bool], T]) -> T:
        tried: list[Member] = []
        began = self._clock.time()
        while True:
            member, is_last = self._take(tr_id, tried)
            tried.append(member)
            try:
                found = call(member, is_last)
            except MinuteDataError as error:
                if not self._passes_on(member, tr_id, error, began) or is_last:
                    raise
            else:
                self._welcome(member)
                return found
            finally:
                with self._lock:
                    member.in_flight -= 1

    def _take(self, tr_id: str, tried: Sequence[Member]) -> tuple[Member, bool]:
        """Return the least loaded key that was not tried, and whether no other is left. One at rest is the last way."""
        with self._lock:
            now = self._clock.monotonic()
            left = [member for member in self._members if member not in tried]
            able = [member for member in left if (member.name, tr_id) not in self._not_offered] or left
            awake = [member for member in able if member.rests_until <= now]
            chosen = min(awake or able, key=lambda member: (member.rests_until if not awake else 0.0, member.load))
            chosen.in_flight += 1
            return chosen, len(awake or able) == 1

    def _passes_on(self, member: Member, tr_id: str, error: MinuteDataError, began: float) -> bool:
        """Return whether another key may answer; take the key out of the ring where it is the key's fault."""
        if isinstance(error, NotOffered):
            self._not_offered.add((member.name, tr_id))
            return True
        if isinstance(error, AuthError | ConfigError | Outage) or (
            isinstance(error, Transient) and self._is_alone_failing(member, began)
        ):
            self._rest(member, error)
            return True
        return isinstance(error, Transient)

    def _is_alone_failing(self, member: Member, began: float) -> bool:
        """Return whether others were answered since, and this key never: a bad symbol fails for any key."""
        answered = [other for other in self._members if other.caller.has_answered_since(began)]
        return bool(answered) and member not in answered

    def _rest(self, member: Member, error: MinuteDataError) -> None:
        with self._lock:
            now = self._clock.monotonic()
            if member.rests_until > now:
                return
            member.rests_until, member.rest = now + member.rest, min(2 * member.rest, LONGEST_REST)
            seconds, member.problem = member.rests_until - now, str(error)
        _log.warning("⚠️ 키 %s: %s %.0f초 동안 다른 키로 계속합니다.", member.name, error, seconds)

    def _welcome(self, member: Member) -> None:
        """Take a key that answers back into the ring."""
        with self._lock:
            was_away, member.problem = member.problem, ""
            member.rests_until, member.rest = float("-inf"), FIRST_REST
        if was_away:
            _log.info("✅ 키 %s: 다시 씁니다.", member.name)
