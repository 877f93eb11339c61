"""What the hosts of a key share beyond their files: a place where a script runs alone.

That is `minute_candles.redis_feed.shared_state.Scripts`.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from minute_candles.config.settings import Settings


class Shared(Protocol):
    """Redis, for whoever paces calls and hands out tokens."""

    def run(self, script: str, keys: Sequence[str], *values: str | float) -> Any:  # noqa: ANN401 - each script answers in its own shape
        """Run a Lua script. Raises `OSError` where Redis is away."""


def key_hash(settings: Settings) -> str:
    """Return a hash that identifies the app key without showing it."""
    return hashlib.sha256(settings.app_key.encode()).hexdigest()[:16]


def shared_name(settings: Settings, what: str) -> str:
    """Return where the hosts of this key keep `what`: one place for each environment, server and key."""
    server = hashlib.sha256(settings.base_url.encode()).hexdigest()[:8]
    return f"kis:{settings.env}:{server}:{key_hash(settings)}:{what}"
