"""What the tests of the stream share: an updater with its stream, on a clock that runs faster than the host's.

    day = StreamDay(folder, at(9, 58), PROFILES)
    with day.running():
        day.wait(at(10, 3))
        day.assert_true_so_far()

Sockets need real time, so the clock cannot stand still as FakeDay's does: a minute takes seconds, every part is real.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backfill_tools import Row, stored_rows, true_rows, wrong_so_far
from fast_clock import Moment, Paced
from updater_tools import FRIDAY, FakeDay, wait_until

from minute_candles.config.integrations import Integrations
from minute_candles.live.service import Service
from minute_candles.market.trade_chain import RunningMinute


class StreamDay(FakeDay):
    """One user's updater with a stream; `profiles` are its symbols and how they trade."""

    def __init__(
        self, folder: Path, start: datetime, profiles: Mapping[str, str], *, speed: float = 20, streamed: int = 40,
        kis: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        moment = Moment(start, speed)
        options = {"ws": True, "latency": 0.0, **(kis or {})}
        super().__init__(folder, start, profiles, clock=Paced(moment), kis=options, rate_limit=1e6)
        manner = self.kis.stream.behaviour
        manner.linger, manner.idle, manner.patience = 0, 10 / speed, 100 / speed
        integrations = Integrations(ws_url=self.kis.ws_url, stream_symbols=streamed)
        self.settings = replace(self.settings, integrations=integrations)
        self.wait, self.running_minutes = moment.wait, list[RunningMinute]()
        self._error: list[BaseException] = []
        self._begun = threading.Event()

    @contextmanager
    def running(self) -> Iterator["StreamDay"]:
        """The real Service, until the block ends."""
        self.clock.stop.clear()
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            assert self._begun.wait(60)
            yield self
        finally:
            self.clock.stop.set()
            thread.join(20)
        assert not thread.is_alive() and not self._error, self._error

    def _serve(self) -> None:
        try:
            self.serve()
        except BaseException as error:
            self._error.append(error)
        finally:
            self._begun.set()

    def begin(self, client: object, service: Service) -> None:
        service.stream.on_running.append(self.running_minutes.append)
        self._begun.set()

    def stored(self, symbol: str) -> dict[tuple[Any, ...], Row]:
        return {row[:3]: row for row in stored_rows(self.url, symbol, FRIDAY)}

    def differences(self, until: datetime) -> list[object]:
        """Where the table is not what traded in the windows that were over at `until`; VWAP where it is known."""
        settled, wrong = until.replace(tzinfo=None) - timedelta(minutes=16), list[object]()
        for symbol in self.symbols:
            true = {row[:3] for row in true_rows(self.kis, symbol, [FRIDAY])}
            wrong += wrong_so_far(self.url, self.kis, symbol, until)
            wrong += [key for key in self.stored(symbol) if key[2] < settled and key not in true]
        return wrong

    def assert_true_so_far(self) -> None:
        """All that was over a minute ago is stored and true."""
        moment = self.clock.now() - timedelta(seconds=65)
        wait_until(lambda: not self.differences(moment) or self.clock.now() - moment > timedelta(minutes=4))
        assert not self.differences(moment), self.differences(moment)[:3]
