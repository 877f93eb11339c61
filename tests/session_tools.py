"""A whole installation as processes: updater, page, Redis, a table, a webhook and the simulated KIS on one fast clock.

Each process runs a script's own `main` on a clock that runs `speed` times as fast as the host's; all agree on it.
"""

import json
import re
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from datetime import datetime
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple, Self

from backfill_tools import User, execute, stored_rows, url_of
from fast_clock import STARTED, Moment, end_all
from fault_tools import kis_at, present
from places import ROOT
from receiver import Receiver
from redis_testing import RedisServer
from servers import free_port
from updater_tools import FRIDAY
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from minute_candles.config.settings import Database
from minute_candles.market.windows import STORED_INTERVALS

Candles = dict[tuple[str, str, str], tuple[int, ...]]
"""Open, high, low, close and volume by symbol, interval and start, as Redis writes them."""


PRICES = ("open_price", "high_price", "low_price", "close_price")


class Installation:
    """One user's computer; `rules` is the content of `alerts.toml`."""

    def __init__(
        self, folder: Path, database: Database, start: datetime, symbols: Sequence[str], *, speed: float,
        rules: str, profile: str = "",
    ) -> None:  # fmt: skip
        self.symbols, self.database, self.moment = list(symbols), url_of(database), Moment(start, speed)
        self.now, self.wait = self.moment.now, self.moment.wait
        profiles = dict.fromkeys(symbols, profile) if profile else {}
        self.kis = kis_at(self.moment, ws=True, profiles=profiles, monotonic=lambda: self.now().timestamp())
        stream = self.kis.stream.behaviour
        stream.linger, stream.idle, stream.patience = 15 / speed, 10 / speed, 100 / speed
        self.redis, self.receiver, self.port, self._exits = RedisServer(), Receiver(), free_port(), ExitStack()
        self._folder, self._rules = folder, rules
        self._started, self._before = list[subprocess.Popen[str]](), len(STARTED)

    def __enter__(self) -> Self:
        for part in (self.kis, self.redis, self.receiver):
            self._exits.enter_context(part)  # type: ignore[arg-type]
        (self._folder / "alerts.toml").write_text(self._rules, encoding="utf-8")
        settings = {
            "REDIS_URL": self.redis.url, "ALERT_URLS": self.receiver.url, "KIS_WS_URL": self.kis.ws_url,
            "ALERTS_FILE": str(self._folder / "alerts.toml"), "STREAM_SYMBOLS": "40", "KIS_RATE_LIMIT": "18",
        }  # fmt: skip
        self.user = User(self._folder, self.kis.url, self.database, settings, moment=self.moment)
        return self

    def __exit__(self, *failure: object) -> None:
        end_all(self._before)
        self._exits.close()

    def update(self, *flags: str) -> subprocess.Popen[str]:
        """Start `realtime_updater.py` with all symbols."""
        return self._start("realtime_updater", "--symbols", ",".join(self.symbols), *flags)

    def show(self) -> subprocess.Popen[str]:
        """Start `live_chart.py` at `port`."""
        library = Path("minute_candles/chart/node_modules")
        (self.user.project / library).symlink_to(ROOT / library)
        return self._start("live_chart", "--symbols", ",".join(self.symbols), f"--port={self.port}")

    def is_shown(self) -> bool:
        """Return whether the page takes connections; fails where a process has ended."""
        assert all(process.poll() is None for process in self._started), self.texts()[-2000:]
        with socket.socket() as tried:
            return tried.connect_ex(("127.0.0.1", self.port)) == 0

    def _start(self, script: str, *flags: str) -> subprocess.Popen[str]:
        with (self._folder / f"{script}.out").open("ab") as out:
            self._started.append(self.user.spawn(self.user.command(script, *flags), out))
        return self._started[-1]

    def texts(self) -> str:
        """What both scripts printed and logged."""
        files = [*self._folder.glob("*.out"), *self.user.logs.glob("*.log*")]
        return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)

    def count_true(self, until: datetime) -> int:
        """Return how many candles of today stand in the table; every window that was over at `until` must be true."""
        return present(self.database, self.kis, self.symbols, until)

    def table(self) -> Candles:
        rows = [row for symbol in self.symbols for row in stored_rows(self.database, symbol, FRIDAY)]
        return {(row[0], row[1], row[2].isoformat()): tuple(map(int, row[3:8])) for row in rows}

    def sets(self) -> Candles:
        """Return today's candles of all sorted sets."""
        found = (self.redis.recent(symbol, name) for symbol in self.symbols for name in STORED_INTERVALS.values())
        return by_key(one for some in found for one in some if one["timestamp"] >= f"{FRIDAY}")

    def stream(self) -> Candles:
        """Return the newest entry of each candle in the Redis stream."""
        return by_key(self.redis.streamed())

    def alerts(self) -> list[tuple[str, ...]]:
        """Return the table's alerts as (symbol, rule, start), sorted."""
        sql = "SELECT stock_symbol, rule_name, timestamp FROM stock_minute_alerts ORDER BY 1, 2, 3"
        return [tuple(map(str, row)) for row in execute(self.database, sql)]

    def judged(self) -> list[tuple[str, str, str]]:
        """Return what `--try-alerts` finds in the table now as (symbol, rule, start), sorted."""
        ended = self.update("--try-alerts", f"{FRIDAY}").wait(60)
        out = (self._folder / "realtime_updater.out").read_text(encoding="utf-8").split("시각  ")[-1]
        assert ended == 0, out[-2000:]
        rows = re.findall(r"^(\d\d:\d\d)  (\w{6})  .*?  (\w+)  (?:info|warning|critical)", out, re.MULTILINE)
        return sorted((symbol, rule, f"{FRIDAY} {start}:00") for start, symbol, rule in rows)

    def delivered(self) -> int:
        """Return how many alerts the webhook's messages hold."""
        found = [re.search(r"알림 ([\d,]+)건", title) for title in self.receiver.titles]
        return sum(int(one[1].replace(",", "")) if one else 1 for one in found)


def by_key(candles: Iterable[dict[str, Any]]) -> Candles:
    keys, numbers = itemgetter("stock_symbol", "minute_interval", "timestamp"), itemgetter(*PRICES, "volume")
    return {keys(one): tuple(int(str(number)) for number in numbers(one)) for one in candles}


class PageClient(threading.Thread):
    """Somebody with the page open: subscribed to some symbols, reading until the page closes or `stop`."""

    def __init__(self, port: int, symbols: Sequence[str]) -> None:
        super().__init__(daemon=True)
        self._url, self._wanted = f"ws://127.0.0.1:{port}/ws", [[symbol, 1] for symbol in symbols]
        self.messages, self.last_at, self.is_cut, self._over = 0, 0.0, False, threading.Event()
        self.start()

    def run(self) -> None:
        try:
            with connect(self._url) as line:
                line.send(json.dumps({"subscribe": self._wanted}))
                while not self._over.is_set():
                    with suppress(TimeoutError):
                        line.recv(timeout=1)
                        self.messages, self.last_at = self.messages + 1, time.monotonic()
        except (ConnectionClosed, OSError):
            self.is_cut = True

    def stop(self) -> None:
        self._over.set()
        self.join(5)


class Sample(NamedTuple):
    """Resident memory in MB, open descriptors and threads of a process."""

    memory: float
    descriptors: int
    threads: int


def sample(pid: int) -> Sample | None:
    """Return what a process holds now; None where it has ended."""
    with suppress(OSError, IndexError):
        memory = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096 / 2**20
        return Sample(memory, *(len(list(Path(f"/proc/{pid}/{name}").iterdir())) for name in ("fd", "task")))
    return None


class Vitals:
    """Samples of a process while it runs."""

    def __init__(self, pid: int, every: float = 0.5) -> None:
        self.samples, self.began, self._stop = list[Sample](), time.monotonic(), threading.Event()
        threading.Thread(target=self._look, args=(pid, every), daemon=True).start()

    def _look(self, pid: int, every: float) -> None:
        while not self._stop.wait(every) and (now := sample(pid)):
            self.samples.append(now)

    def early_and_late(self) -> tuple[Sample, Sample]:
        """Return the most of the second and of the last fifth of the run."""
        self._stop.set()
        fifth = max(1, len(self.samples) // 5)
        early, late = self.samples[fifth : 2 * fifth], self.samples[-fifth:]
        return Sample(*map(max, zip(*early, strict=True))), Sample(*map(max, zip(*late, strict=True)))
