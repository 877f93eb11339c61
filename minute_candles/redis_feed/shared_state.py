"""Lua on the Redis that all hosts of a key share: what runs there runs alone, on one clock.

Used by minute_candles/kis/shared_call_limiter.py and shared_token.py.
"""

from collections.abc import Callable, Sequence
from typing import Any

from minute_candles.redis_feed import connection


class Scripts:
    """Runs scripts, from any thread; `ConnectionError` in a few Korean words where Redis does not do it."""

    def __init__(self, url: str) -> None:
        self._redis, self._client = connection.library(), connection.connect(url)
        self._known: dict[str, Callable[..., Any]] = {}

    def run(self, script: str, keys: Sequence[str], *values: str | float) -> Any:  # noqa: ANN401 - each script answers in its own shape
        """Return what a script answers. Raises `ConnectionError`."""
        known = self._known.setdefault(script, self._client.register_script(script))
        try:
            return known(keys=keys, args=values)
        except (self._redis.RedisError, OSError) as error:
            raise ConnectionError(connection.describe(error)) from None
