"""One writer at a time a symbol: a poll, which may hang in KIS for long, or the stream's short write."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 5.0
"""Seconds; a short write takes no longer."""


class SymbolLocks:
    """Which symbols are being written. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._held: dict[str, bool] = {}

    @contextmanager
    def exclusive(self, symbol: str, *, brief: bool = False) -> Iterator[bool]:
        """Yield whether the symbol is ours for the block. A `brief` holder is waited for, a poll is not."""
        with self._guard:
            self._guard.wait_for(lambda: not self._held.get(symbol), timeout=_PATIENCE)
            is_free = symbol not in self._held
            if is_free:
                self._held[symbol] = brief
        try:
            yield is_free
        finally:
            if is_free:
                with self._guard:
                    del self._held[symbol]
                    self._guard.notify_all()
