"""One at a time with a symbol: a round's visit, which may hang in KIS for long, or the stream's write of a moment."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_PATIENCE = 5.0
"""Seconds; a write of a moment takes no longer."""


class Turns:
    """Who is at work on which symbol. Thread-safe."""

    def __init__(self) -> None:
        self._guard = threading.Condition()
        self._busy: dict[str, bool] = {}

    @contextmanager
    def alone(self, symbol: str, *, briefly: bool = False) -> Iterator[bool]:
        """Whether nobody else is at work on the symbol; nobody will be, then. Who is so `briefly` is waited for."""
        with self._guard:
            self._guard.wait_for(lambda: not self._busy.get(symbol), timeout=_PATIENCE)
            free = symbol not in self._busy
            if free:
                self._busy[symbol] = briefly
        try:
            yield free
        finally:
            if free:
                with self._guard:
                    del self._busy[symbol]
                    self._guard.notify_all()
