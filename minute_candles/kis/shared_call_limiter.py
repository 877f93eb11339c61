"""One call budget for all hosts of the key: the same evenly spaced slots as call_limiter.py, reserved in Redis.

A script takes the next slot by Redis' own clock, so hosts need not agree on the time; it answers how long to wait.
Where Redis is away each host paces itself by its file, at the rate divided by the number of hosts. The number is kept
next to the file, for processes that start meanwhile. A thread looks for Redis every second.
"""

import hashlib
import logging
import platform
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from minute_candles.config.settings import Settings
from minute_candles.core import files
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.kis.call_limiter import FORGET_SECONDS, MARGIN, WIDER, WIDEST, CallLimiter
from minute_candles.kis.shared_state import Shared, shared_name

SEEN_SECONDS = 180
"""A host that has not called for so long is not counted; an updater may call once a minute only."""
TOO_LATE, _TRIES = 0.3, 5
"""Part of a gap: who wakes so late gives its slot up and takes another, for others have theirs right behind it."""
_JUMP, _DRIFT, _SAMPLES = 1.0, 0.000_02, 8
"""Seconds: no answer takes so long, a clock was set; and what two clocks may part between two calls. Of so many first
answers one comes quickly: who takes a slow one for quick is late at every slot and does not know it."""
RETURNING_SECONDS = 5.0
"""So long the others may still pace themselves by their files when Redis is back."""
_log = logging.getLogger(__name__)

_STATE = f"""
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local rate = tonumber(ARGV[1])
local kept = redis.call('HMGET', KEYS[1], 'next', 'urgent', 'margin', 'margin_at')
for i = 1, 4 do kept[i] = tonumber(kept[i] or '0') or 0 end
local next, urgent, margin, age = kept[1], kept[2], {MARGIN}, now - kept[4]
local extra = math.min(kept[3], {WIDEST}) - {MARGIN}
if extra > 0 and age >= 0 then margin = {MARGIN} + extra * 0.5 ^ (age / {FORGET_SECONDS}) end
local gap = (1 + margin) / rate
redis.call('EXPIRE', KEYS[1], 3600)
"""
_TIME = "local time = redis.call('TIME') return time[1] .. '.' .. string.format('%06d', time[2])"
_RESERVE = (
    _STATE
    + f"""
local is_urgent, last = ARGV[2] == '1', tonumber(ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - {SEEN_SECONDS})
redis.call('EXPIRE', KEYS[2], {SEEN_SECONDS})
local hosts = redis.call('ZCARD', KEYS[2])
if not is_urgent and math.abs(now - urgent) < 4 * gap and now >= last and now - last < 5 * gap then
    return {{'', hosts, string.format('%.6f', now)}}
end
local slot = now
for _, stamp in ipairs({{next, last + gap}}) do
    if stamp > slot and stamp < now + 1 + 10 * gap then slot = stamp end
end
redis.call('HSET', KEYS[1], 'next', slot + gap)
if is_urgent then redis.call('HSET', KEYS[1], 'urgent', slot) end
return {{string.format('%.6f', slot), hosts, string.format('%.6f', now)}}
"""
)
_WIDEN = _STATE + f"redis.call('HSET', KEYS[1], 'margin', math.min({WIDEST}, margin + {WIDER}), 'margin_at', now)"


class Limiter(Protocol):
    """Who gives each call its slot."""

    def wait(self) -> None:
        """Return when this call may leave. Raises `Stopped`."""
        ...

    def slow_down(self) -> None:
        """Widen the gap: KIS refused a call as one too many."""
        ...


def limiter_of(settings: Settings, clock: Clock, *, urgent: bool = False, shared: Shared | None = None) -> Limiter:
    """Return the budget of this key: in a file next to the token's, or in what the hosts share."""
    path = Path(f"{settings.token_file}.pace")
    if shared is None:
        return CallLimiter(path, settings.rate_limit, clock, urgent=urgent)
    return SharedLimiter(shared, settings, path, clock, urgent=urgent)


class SharedLimiter:
    """Paces the calls of every thread, process and host of the key to `settings.rate_limit` a second."""

    def __init__(self, shared: Shared, settings: Settings, path: Path, clock: Clock, *, urgent: bool = False) -> None:
        self._shared, self._clock, self._rate, self._urgent = shared, clock, settings.rate_limit, urgent
        self._keys = [shared_name(settings, "pace"), shared_name(settings, "hosts")]
        self._host = hashlib.sha256(f"{platform.node()} {path}".encode()).hexdigest()[:16]
        self._files = CallLimiter(path, settings.rate_limit, clock, urgent=urgent)
        self._hosts_file = Path(f"{path}.hosts")
        self._hosts = _read(self._hosts_file)
        self._turn, self._guard = threading.Lock(), threading.Lock()
        self._last, self._ahead = 0.0, float("inf")
        self._away, self._back_at = False, float("-inf")

    def wait(self) -> None:
        """Return when this call may leave. Raises `Stopped`."""
        with self._turn:
            for _ in range(_TRIES):
                if (slot := self._reserve()) is None:
                    self._files.wait()
                    return
                self._clock.sleep(slot - self._clock.time())
                if self._clock.time() - slot < TOO_LATE / self._rate:
                    return

    def slow_down(self) -> None:
        """Widen the gap for every host: KIS said EGW00201."""
        self._ask(_WIDEN, self._rate)
        if self._away:
            self._files.slow_down()

    def _reserve(self) -> float | None:
        """Return the time of this call's slot by this host's clock; None where Redis is away."""
        for _ in range(_SAMPLES if self._ahead == float("inf") else 0):
            if (now := self._ask(_TIME)) is not None:
                self._ahead_of(float(now))
        while True:
            answer = self._ask(_RESERVE, self._current_rate(), int(self._urgent), self._last, self._host)
            if answer is None:
                return None
            slot, hosts, now = answer
            if not self._is_returning():
                self._remember(int(hosts))
            if slot:
                self._last = float(slot)
                return self._last + self._ahead_of(float(now))
            self._clock.sleep((1 + MARGIN) / self._rate)  # an urgent process goes first

    def _ahead_of(self, now: float) -> float:
        """Return the seconds that this host's clock is ahead of Redis', by its quickest answer."""
        ahead = self._clock.time() - now
        if not ahead - _JUMP < self._ahead <= ahead:
            self._ahead = ahead
        self._ahead += _DRIFT
        return self._ahead

    def _current_rate(self) -> float:
        """Return the rate for Redis' slots.

        Just after Redis returns, some hosts still call by their files, at their part of the rate.
        """
        return self._rate / self._hosts if self._is_returning() else self._rate

    def _is_returning(self) -> bool:
        return 0 <= self._clock.time() - self._back_at < RETURNING_SECONDS

    def _remember(self, hosts: int) -> None:
        if hosts != self._hosts:
            self._hosts = hosts
            with suppress(OSError):
                files.atomic_write(self._hosts_file, f"{hosts}\n", mode=0o600)

    def _ask(self, script: str, *values: str | float) -> Any:  # noqa: ANN401 - each script answers in its own shape
        if self._away:
            return None
        try:
            return self._shared.run(script, self._keys, *values)
        except OSError as error:
            self._lose(error)
            return None

    def _lose(self, error: OSError) -> None:
        with self._guard:
            if self._away:
                return
            self._away = True
        self._files.rate = self._rate / self._hosts
        _log.warning(
            "⚠️ 한도를 나누는 Redis 문제 시작: %s. 그동안 이 컴퓨터는 초당 %.3g회(%d대 가운데 하나)만 부릅니다.",
            error,
            self._files.rate,
            self._hosts,
        )
        threading.Thread(target=self._look_for_it, name="budget", daemon=True).start()
        self._clock.sleep(1 / self._files.rate)  # the file knows nothing of the slot before

    def _look_for_it(self) -> None:
        """Look until Redis answers, or a stop is requested."""
        with suppress(Stopped):
            while True:
                self._clock.sleep(1.0)
                try:
                    self._shared.run("return 1", self._keys[:1])
                    break
                except OSError:
                    continue
            self._back_at = self._clock.time()
            self._away = False
            _log.info("✅ 한도를 나누는 Redis 복구: 다시 함께 나눕니다.")


def _read(path: Path) -> int:
    """Return how many hosts called lately; 1 where nobody knows."""
    try:
        return max(1, min(1000, int(path.read_text(encoding="utf-8"))))
    except (OSError, ValueError):
        return 1
