"""The streams of several keys as one: each key its own session, the symbols spread over them by activity."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import ParamSpec

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.kis.approval import Approval
from minute_candles.kis.websocket import KisSocket
from minute_candles.kis.ws_session import Callbacks, Pace

P = ParamSpec("P")


def open_socket(
    settings: Settings, clock: Clock, callbacks: Callbacks, pace: Pace | None = None
) -> "KisSocket | RingSocket":
    """Return the stream of these settings' keys. Raises `ConfigError` without the package."""
    keys = settings.kis_keys
    if len(keys) > 1:
        return RingSocket(keys, clock, callbacks, pace)
    return KisSocket(settings, Approval(settings, clock), clock, callbacks, pace)


class RingSocket:
    """A `KisSocket` a key. The callbacks come one at a time, whichever key's thread they come from."""

    def __init__(self, keys: Sequence[Settings], clock: Clock, callbacks: Callbacks, pace: Pace | None = None) -> None:
        self._callbacks, self._lock = callbacks, threading.RLock()
        self._problems: dict[str, str] = {}
        self._sockets = [
            KisSocket(key, Approval(key, clock), clock, self._callbacks_of(key.key_name), pace) for key in keys
        ]

    @property
    def registered(self) -> int:
        """Symbols whose trades the running sessions report."""
        return sum(socket.registered for socket in self._sockets)

    def run(self, symbols: Sequence[str]) -> None:
        """Stream these symbols, most active first, until `stop`: each key gets as many active ones as the others."""
        count = len(self._sockets)
        threads = [
            threading.Thread(target=socket.run, args=(symbols[n::count],), name=f"stream-{n}", daemon=True)
            for n, socket in enumerate(self._sockets)
            if symbols[n::count]
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def stop(self) -> None:
        """End all sessions with a clean close."""
        for socket in self._sockets:
            socket.stop()

    def _callbacks_of(self, name: str) -> Callbacks:
        callbacks = self._callbacks
        return replace(
            callbacks,
            on_ticks=self._one_at_a_time(callbacks.on_ticks),
            on_problem=lambda problem: self._report(name, problem),
            on_second=self._one_at_a_time(callbacks.on_second),
            on_cut=self._one_at_a_time(callbacks.on_cut),
        )

    def _one_at_a_time(self, callback: Callable[P, None]) -> Callable[P, None]:
        def call(*values: P.args, **named: P.kwargs) -> None:
            with self._lock:
                callback(*values, **named)

        return call

    def _report(self, name: str, problem: str) -> None:
        """Pass a key's problem on; pass "" once no key has one."""
        with self._lock:
            self._problems.pop(name, None)
            if problem:
                self._problems[name] = problem
            text = " · ".join(f"키 {key}: {why}" for key, why in self._problems.items())
            self._callbacks.on_problem(text)
