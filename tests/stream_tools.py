"""What the tests of the stream share: an updater with its stream, on a clock that runs faster than the host's.

Sockets need real time, so the clock cannot stand still as FakeDay's does: a minute takes seconds, every part is real.
"""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backfill_tools import Row, stored_rows, wrong_so_far
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
        self._begun = threading.Event()

    @contextmanager
    def running(self) -> Iterator["StreamDay"]:
        """The real Service, until the block ends."""
        self.clock.stop.clear()
        with ThreadPoolExecutor(1) as pool:
            served = pool.submit(self.serve)
            served.add_done_callback(lambda _: self._begun.set())
            try:
                assert self._begun.wait(60)
                yield self
            finally:
                self.clock.stop.set()
            served.result(20)

    def begin(self, client: object, service: Service) -> None:
        service.stream.on_running.append(self.running_minutes.append)
        self._begun.set()

    def stored(self, symbol: str) -> dict[tuple[Any, ...], Row]:
        return {row[:3]: row for row in stored_rows(self.url, symbol, FRIDAY)}

    def assert_true_so_far(self) -> None:
        """All that was over a minute ago is stored and true."""
        moment = self.clock.now() - timedelta(seconds=65)
        wrong = lambda: [row for s in self.symbols for row in wrong_so_far(self.url, self.kis, s, moment)]  # noqa: E731
        wait_until(lambda: not wrong() or self.clock.now() - moment > timedelta(minutes=4))
        assert wrong() == []
