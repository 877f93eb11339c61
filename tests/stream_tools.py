"""What the tests of the stream share: an updater with its stream, on a clock that runs faster than the host's.

    day = StreamDay(folder, at(9, 58), PROFILES)
    with day.running():
        day.wait(at(10, 3))
        day.assert_true_so_far()

Sockets need real time, so the clock cannot stand still as FakeDay's does: a minute takes seconds, every part is real.
"""

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from backfill_tools import Row, stored_rows, true_rows, url_of, wrong_so_far
from fast_clock import Moment, Paced
from kis_testing import client_of
from updater_tools import FRIDAY, LOG, KeptLog, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.config import settings as user_settings
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Database, Settings
from minute_candles.core.errors import Stopped
from minute_candles.core.kst import KST
from minute_candles.live.service import Service, workers_for
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.market.write_event import Stored
from minute_candles.redis_feed.setup import feeding
from minute_candles.storage.store import open_store
from realtime_updater import PATIENCE


class StreamDay:
    """One user's updater with a stream; `profiles` are its symbols and how they trade."""

    def __init__(
        self, folder: Path, start: datetime, profiles: Mapping[str, str], *, speed: float = 20, streamed: int = 40,
        redis_url: str = "", database: Database | None = None, kis: Mapping[str, Any] | None = None, **changes: Any,
    ) -> None:  # fmt: skip
        self.moment = Moment(start, speed)
        self.clock, self.wait = Paced(self.moment), self.moment.wait
        self.kis = Simulator(
            now=self.clock.now, monotonic=self.clock.time, ws=True,
            **{"rate": 1e9, "profiles": profiles, "latency": 0.0, **(kis or {})},
        )  # fmt: skip
        self.kis.start()
        self.kis.behaviour.late_rows = False  # an illiquid symbol's minute would be an hour late by KIS's own doing
        manner = self.kis.stream.behaviour
        manner.linger, manner.idle, manner.patience = 0, 10 / speed, 100 / speed
        self.symbols, self.folder = list(profiles), folder
        own = {"rate_limit": 1e6, "database": database or Database("sqlite", path=folder / "minutes.db"), **changes}
        integrations = Integrations(ws_url=self.kis.ws_url, stream_symbols=streamed, redis_url=redis_url)
        self.settings: Settings = replace(
            user_settings.demo_settings(self.kis.url, folder), integrations=integrations, **own
        )
        self.log: list[tuple[datetime, str, str]] = []
        self.running_minutes: list[RunningMinute] = []
        self.lags: list[tuple[datetime, str, float]] = []
        self.service: Service | None = None
        self._error: list[BaseException] = []
        self._begun = threading.Event()

    @contextmanager
    def running(self) -> Iterator["StreamDay"]:
        """The real Service, until the block ends."""
        self.clock.stop.clear()
        handler = KeptLog(self)
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        thread = threading.Thread(target=self._serve, daemon=True)
        thread.start()
        try:
            assert self._begun.wait(60)
            yield self
        finally:
            self.clock.stop.set()
            thread.join(20)
            LOG.removeHandler(handler)
        assert not thread.is_alive() and not self._error, self._error

    def _serve(self) -> None:
        store = open_store(self.settings.database, self.clock, patience=PATIENCE)
        try:
            store.preflight()
            workers = workers_for(self.settings.rate_limit)
            client = client_of(self.settings, self.clock, urgent=True, connections=workers)
            names = dict.fromkeys(self.symbols, "")
            with (
                feeding(self.settings, self.clock, store, names) as feed,
                alerting(set_up(self.settings), self.settings, self.clock, store, names) as watch,
            ):
                self.service = Service(self.settings, self.clock, client, store, names, None, feed)
                self.service.stream.on_running.append(self.running_minutes.append)
                store.listeners.append(self._note_lag)
                watch(self.service)
                self._begun.set()
                self.service.run()
        except Stopped:
            pass
        except BaseException as error:
            self._error.append(error)
        finally:
            self._begun.set()
            store.close()

    def _note_lag(self, stored: Stored) -> None:
        for candle in stored.candles.get(1, ()):
            ended = (candle.timestamp + timedelta(minutes=1)).replace(tzinfo=KST)
            self.lags.append((self.clock.now(), stored.symbol, (self.clock.now() - ended).total_seconds()))

    # --- what came of it ---

    @property
    def url(self) -> str:
        return url_of(self.settings.database)

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

    def lines(self, part: str = "") -> list[str]:
        return [line for _, _, line in self.log if part in line]

    def count(self, symbol: str) -> int:
        """Calls of today's TR about this symbol."""
        requested = [r for r in self.kis.requests if "itemchartprice" in r.path and "daily" not in r.path]
        return sum(r.params.get("FID_INPUT_ISCD") == symbol for r in requested)

    def close(self) -> None:
        self.kis.stop()
