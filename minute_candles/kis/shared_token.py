"""The token among the hosts of a key: one asks KIS, the others find it in Redis; nothing where Redis is away.

It is kept there as in the token file, until it expires: whoever may read that Redis may call KIS.
"""

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.kis.key_lock import WaitNotice
from minute_candles.kis.shared_state import Shared, shared_name

TURN_SECONDS = 90.0
"""The longest that one host asks KIS while the others wait: more than the minute in which KIS issues no second one."""
_READ = "return redis.call('GET', KEYS[1])"
_WRITE = "return redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])"
_TAKE = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])"
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"
_log = logging.getLogger(__name__)


class SharedToken:
    """The key's token in Redis, as the text of the token file. Raises nothing but `Stopped`."""

    def __init__(self, shared: Shared | None, settings: Settings, clock: Clock) -> None:
        self._shared, self._clock = shared, clock
        self._keys, self._turn_keys = [shared_name(settings, "token")], [shared_name(settings, "token:turn")]

    def read(self) -> str | None:
        """Return the text of the token file of another host, None where there is none."""
        found = self._run(_READ, self._keys)
        return found if isinstance(found, str) else None

    def write(self, text: str, seconds: float) -> None:
        """Keep it for so long as it is good."""
        self._run(_WRITE, self._keys, text, max(1, int(seconds)))

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Let one host work at a time; a host that waits longer than any turn goes on."""
        mine, until = secrets.token_hex(8), self._clock.time() + TURN_SECONDS
        wanted, notice = self._shared is not None, WaitNotice(self._clock, "다른 컴퓨터가 토큰을 받는 중이라")
        while wanted and self._taken_by_another(mine) and self._clock.time() < until:
            notice.look()
            self._clock.sleep(0.2)
        try:
            yield
        finally:
            self._run(_LEAVE, self._turn_keys, mine)

    def _taken_by_another(self, mine: str) -> bool:
        try:
            return self._shared is not None and not self._shared.run(
                _TAKE, self._turn_keys, mine, int(1000 * TURN_SECONDS)
            )
        except OSError:
            return False

    def _run(self, script: str, keys: list[str], *values: str | float) -> object:
        if self._shared is None:
            return None
        try:
            return self._shared.run(script, keys, *values)
        except OSError as error:
            _log.debug("토큰을 나누는 Redis: %s", error)
            return None
