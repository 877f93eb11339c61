"""What the tests of the updater share: a clock on which a trading day takes seconds, and a watcher of the table.

Time moves only when somebody sleeps, and not while a call is under way: a call takes no time, a wait all of it. At
every sleep the watcher looks at the table: no candle of a window that is not over may stand in it (rule "Closed
candles only").
"""

import json
import logging
import re
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kis_testing
import mysql.connector
import requests
from backfill_tools import LAST, MINUTES, User, assert_true, coverage, execute, sessions, until, url_of, wrong_so_far
from fast_clock import Moment, Ran, ended
from kis_testing import client_of

from kis_simulator.faults.server_behaviour import ServerBehaviour
from kis_simulator.http import Call
from kis_simulator.simulator import Simulator
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.config import settings as user_settings
from minute_candles.config.settings import Database, Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.live import end_of_day
from minute_candles.live.service import Service, workers_for
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store
from realtime_updater import PATIENCE

FRIDAY = LAST
MIXED = {"005930": "liquid", "000660": "medium", "373220": "illiquid", "018880": "halted"}
LOG = logging.getLogger("minute_candles")
LINE = re.compile(r"[✅⚠️]+ (\d\d:\d\d) 1분봉 \d+종목 · \d+건 저장 · 지연 \d+\.\d초 · 호출 \d+회 · 오류 \d+")


def at(hour: int, minute: int = 0, second: float = 0, *, day: date = FRIDAY) -> datetime:
    """Aware KST."""
    return datetime(day.year, day.month, day.day, hour, minute, tzinfo=KST) + timedelta(seconds=second)


class FakeClock(kis_testing.FakeClock):
    """Moves when somebody sleeps: to the end of the longest sleep begun; `plan`s are carried out on the way."""

    def __init__(self, now: datetime) -> None:
        super().__init__(now)
        self._plans: list[tuple[datetime, Callable[[], object]]] = []
        self._under_way, self._quiet = 0, threading.Condition()
        self.look: Callable[[datetime], object] = lambda now: None

    monotonic = Clock.monotonic

    def sleep(self, seconds: float) -> None:
        until = self._now + timedelta(seconds=seconds)
        if seconds > 0 and not self.stop.is_set():
            with self._quiet:
                self._quiet.wait_for(lambda: self._under_way == 0, timeout=15)
            with self._moving:
                self.look(self._now)
                self._move(until)
        if self.stop.is_set():
            raise Stopped("중지 요청을 받았습니다.")

    def _move(self, until: datetime) -> None:
        while self._plans and self._plans[0][0] <= until and not self.stop.is_set():
            moment, act = self._plans.pop(0)
            self._now = reached = max(self._now, moment)
            act()
            if self._now != reached:  # somebody set the clock: the sleeper wakes
                return
        if not self.stop.is_set():
            self._now = max(self._now, until)

    def plan(self, moment: datetime, act: Callable[[], object]) -> None:
        """At `moment` do this, once."""
        self._plans = sorted([*self._plans, (moment, act)], key=lambda plan: plan[0])

    def jump(self, moment: datetime) -> None:
        """The laptop slept, or somebody set the clock."""
        self._now = moment

    def under_way(self, more: int) -> None:
        """So many calls more are under way."""
        with self._quiet:
            self._under_way += more
            self._quiet.notify_all()


def ask_directly(kis: Simulator, clock: FakeClock, client: KisClient) -> None:
    """Leave out the wire to the simulated KIS: an answer costs a tenth; what the wire does to it is acted out.

    Time stands still from a call's turn until its answer.
    """
    own = client.caller.limiter.wait

    def wait() -> None:
        own()
        clock.under_way(1)

    def request(method: str, url: str, *, params: Any, headers: Mapping[str, str], **_: Any) -> requests.Response:
        try:
            given = {name.lower(): value for name, value in headers.items()}
            reply = kis.answer(Call(method, urlsplit(url).path, given, dict(params)))
        finally:
            clock.under_way(-1)
        if reply.wire in ("reset", "reset_amid", "hang"):
            raise requests.ConnectionError(reply.wire)
        answer = requests.Response()
        answer.status_code = reply.status
        body = b"<html></html>" if reply.wire == "non_json" else json.dumps(reply.content, default=str).encode()
        answer._content = body[: len(body) // 2] if reply.wire == "truncated" else body
        answer.headers["Date"] = format_datetime(kis._date_header().astimezone(UTC), usegmt=True)
        return answer

    client.caller.limiter.wait = wait  # type: ignore[method-assign]
    client.caller.session.request = request  # type: ignore[method-assign, assignment]


class Watcher:
    """Looks at each new row of the table: no window may stand in it that is not over."""

    def __init__(self, database: str) -> None:
        self._database, self._calendar, self._last = database, TradingCalendar(), 0
        self.looks, self.wrong = 0, list[str]()

    def __call__(self, now: datetime) -> None:
        new = f"SELECT id, minute_interval, timestamp FROM stock_minute_prices WHERE id > {self._last}"
        with suppress(sqlite3.Error, mysql.connector.Error):  # not there yet, or gone: look again later
            for number, name, text in execute(self._database, new):
                self._last = max(self._last, number)
                start = datetime.fromisoformat(str(text))
                over = start.replace(tzinfo=KST) + timedelta(minutes=MINUTES[name]) <= now
                if not over and now < self._calendar.session(start.date()).end:
                    self.wrong.append(f"at {now:%H:%M:%S} {name} of {start:%H:%M}")
        self.looks += 1


class FakeDay:
    """One user's updater on a fake clock; `profiles` are its symbols and how they trade."""

    def __init__(
        self, folder: Path, start: datetime, profiles: Mapping[str, str] = MIXED, *, clock: Clock | None = None,
        database: Database | None = None, kis: Mapping[str, Any] | None = None, **changes: Any,
    ) -> None:  # fmt: skip
        self.clock: Any = clock or FakeClock(start)
        prompt = ServerBehaviour(late_rows=False)  # rows that show late have tests of their own
        options = {"rate": 1e9, "profiles": profiles, "behaviour": prompt, **(kis or {})}
        self.kis = Simulator(now=self.clock.now, monotonic=self.clock.time, **options)
        self.kis.start()
        self.folder, self.symbols = folder, list(profiles)
        own = {"rate_limit": 15.0, "database": database or Database("sqlite", path=folder / "minutes.db"), **changes}
        self.settings: Settings = replace(user_settings.demo_settings(self.kis.url, folder), **own)
        self.clock.look = self.watcher = Watcher(self.url)
        self.log, self.service = list[tuple[datetime, str, str]](), None

    def run(self, until: datetime, *, once: bool = False) -> int:
        """Start the updater now, and ask it to stop at `until`; the exit code of `--once`, else 0."""
        self.clock.stop.clear()
        self.clock.plan(until, self.clock.stop.set)
        return self.serve(once=once)

    def serve(self, *, once: bool = False) -> int:
        store = open_store(self.settings.database, self.clock, patience=PATIENCE)
        handler = logging.Handler()
        handler.emit = lambda one: self.log.append((self.clock.now(), one.levelname, one.getMessage()))  # type: ignore[method-assign]
        LOG.addHandler(handler)
        LOG.setLevel(logging.INFO)
        try:
            store.preflight()
            workers = workers_for(self.settings.rate_limit)
            client = client_of(self.settings, self.clock, urgent=True, connections=workers)
            names = dict.fromkeys(self.symbols, "")
            with alerting(set_up(self.settings), self.settings, self.clock, store, names) as watch:
                self.service = Service(self.settings, self.clock, client, store, names)
                watch(self.service)
                self.begin(client, self.service)
                return self.service.once() if once else self.service.run()
        except Stopped:
            return 0
        finally:
            LOG.removeHandler(handler)
            store.close()

    def begin(self, client: KisClient, service: Service) -> None:
        """Called as the service begins."""
        ask_directly(self.kis, self.clock, client)

    def sleep(self, first: datetime, last: datetime) -> None:
        """Let nothing run from `first` to `last`, as on a laptop that sleeps."""
        self.clock.plan(first, lambda: self.clock.jump(last))

    @property
    def url(self) -> str:
        return url_of(self.settings.database)

    def assert_true(self, days: Sequence[date]) -> int:
        """Law kept all along; the table equals what traded on these days, and holds nothing else."""
        assert self.watcher.looks and not self.watcher.wrong, self.watcher.wrong[:5]
        return assert_true(self.url, self.kis, self.symbols, days)

    def assert_week(self, last: date = FRIDAY) -> int:
        """The settle of `last` was whole, of all days that were looked back to: table and coverage; rows compared."""
        statuses = coverage(self.url)
        assert set(statuses.values()) <= {"COMPLETE", "NO_TRADES"}
        days = sorted({date.fromisoformat(day) for _, day in statuses})
        assert {*sessions(self.kis, last - end_of_day.LOOK_BACK, last)} <= {*days} and days[-1] == last
        assert set(statuses) == {(symbol, str(day)) for symbol in self.symbols for day in days}
        rows = self.assert_true(days)
        assert rows
        return rows

    def lines(self, part: str = "") -> list[str]:
        return [line for _, _, line in self.log if part in line]

    def rounds(self) -> list[str]:
        return [line for line in self.lines("1분봉 ") if "종목 ·" in line]

    def count(self, name: str, since: datetime | None = None, symbol: str = "") -> int:
        """Calls of a TR (today, past, …) since a moment of the clock, of all symbols or one."""
        path = {"today": "time-item", "daily": "daily-item", "past": "dailychartprice"}.get(name, name)
        first = since.timestamp() if since else 0.0
        calls = [request for request in self.kis.requests if path in request.path and request.at >= first]
        return sum(symbol in ("", request.params.get("FID_INPUT_ISCD")) for request in calls)

    def close(self) -> None:
        self.kis.stop()


def assert_provisional(day: Any, symbol: str, now: datetime, intervals: Sequence[str] = ("ONE_MINUTE",)) -> None:
    """All that was over at `now` is stored and true, but for a VWAP that turnover did not prove."""
    assert wrong_so_far(day.url, day.kis, symbol, now, intervals) == []


class Owner(User):
    """A user of the updater whose clock is `shift` ahead of the host's."""

    script = "realtime_updater"

    def __init__(self, folder: Path, kis: Simulator | str, database: str, shift: timedelta) -> None:
        url, moment = kis if isinstance(kis, str) else kis.url, Moment(datetime.now(KST) + shift)
        super().__init__(folder, url, database, {"KIS_RATE_LIMIT": "18"}, moment=moment)

    def run(self, *flags: str, timeout: float = 90, **environ: str) -> Ran:
        return ended(self.start(*flags, **environ), timeout)

    def status(self) -> Any:
        return json.loads((self.logs / "realtime_updater_status.json").read_text(encoding="utf-8"))


wait_until = until
