"""What the benchmarks share: servers, a simulated KIS in a process of its own, a user at a shell, and the kept result.

    with kis(rate=18, latency=0.2) as server, database("mariadb") as mine:
        ran = fetch("--days", "7", kis=server.url, database=mine, folder=folder)
    keep("quota", "쿼터 효율", [Line("18/s", str(spread(ratios)), "≥ 0.97", min(ratios) >= 0.97)])

`keep` prints the table, stores it in results.json with the machine and its load, and renders README.md anew.
"""

import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import servers

from minute_candles.config import symbols_file
from minute_candles.config.settings import Database
from minute_candles.market.calendar import KST, TradingCalendar

EVENING = datetime(2026, 11, 20, 21, tzinfo=KST)
"""A Friday night: where the clocks of the simulator and of the command stand."""
CALENDAR = TradingCalendar()
SESSIONS = [day for day in CALENDAR.trading_days(datetime(2026, 8, 1).date(), EVENING.date()) if day <= EVENING.date()]
THE_97 = list(symbols_file.choose(None, None))
RESULTS, README = HERE / "results.json", HERE / "README.md"
START, END = "<!-- 결과: 시작 -->", "<!-- 결과: 끝 -->"
_TUNED = ("--innodb", "--performance-schema")
_AT_A_MOMENT = f"""\
import sys
from datetime import datetime
from pathlib import Path
from minute_candles.core.clock import Clock
import fetch_minute_data

code = fetch_minute_data.main(clock=Clock(at=datetime.fromisoformat("{EVENING.isoformat()}")))
status = Path("/proc/self/status")
Path("status.txt").write_text(status.read_text() if status.exists() else "")
sys.exit(code)
"""


# --- numbers ---


class Spread(NamedTuple):
    """Median, least and most of some measurements."""

    median: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.least)}–{_short(self.most)})"


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def _short(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def timed(work: Any, *arguments: Any) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    work(*arguments)
    return time.perf_counter() - began


class Line(NamedTuple):
    """A row of a table; `met` is None where there is no target."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


# --- keeping ---


def machine() -> str:
    """Processor, cores, memory, system and Python in one line."""
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    model = next((row.split(":")[1].strip() for row in info.splitlines() if row.startswith("model name")), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30 if hasattr(os, "sysconf") else 0
    system = f"{platform.system()} · Python {platform.python_version()}"
    return f"{model or platform.processor()} · {os.cpu_count()}코어 · {memory:.0f} GB · {system}"


def load() -> str:
    """How busy the machine is: processes that want a core, averaged over a minute."""
    busy = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "?"
    nice = os.nice(0) if hasattr(os, "nice") else 0
    first = hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR)
    return busy + (" (실시간 우선순위)" if first else f" (nice {nice})" if nice else "")


def keep(name: str, title: str, lines: Sequence[Line], *, began_at_load: str, note: str = "") -> None:
    """Print a benchmark's table and remember it as its last result."""
    print(f"\n{title}  (부하 {began_at_load} → {load()})\n{_plain(lines)}\n{note}", flush=True)
    results = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    results[name] = {
        "title": title, "lines": [line._asdict() for line in lines], "note": note, "machine": machine(),
        "when": f"{datetime.now(KST):%Y-%m-%d %H:%M}", "load": f"{began_at_load} → {load()}",
    }  # fmt: skip
    RESULTS.write_text(json.dumps(results, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    text = README.read_text(encoding="utf-8")
    before, after = text.split(START)[0], text.split(END)[1]
    README.write_text(f"{before}{START}\n{_rendered(results)}{END}{after}", encoding="utf-8")


def _rendered(results: dict[str, Any]) -> str:
    parts = []
    for name, result in sorted(results.items()):
        where = f"{result['when']} · 부하 {result['load']} · {result['machine']}"
        head = f"### {result['title']}\n`bench_{name}.py` · {where}\n"
        rows = [[*map(str, list(line.values())[:3]), _mark(line["met"])] for line in result["lines"]]
        heads = ["| 측정 | 값 (중앙값, 최소–최대) | 목표 | |", "|---|---|---|---|"]
        table = [*heads, *(f"| {' | '.join(row)} |" for row in rows)]
        parts.append("\n".join([head, *table, *([f"\n{result['note']}"] if result["note"] else []), ""]))
    return "\n" + "\n".join(parts) + "\n"


def _mark(met: bool | None) -> str:
    return {True: "✅", False: "❌", None: ""}[met]


def _plain(lines: Sequence[Line]) -> str:
    width = max(_cells(line.what) for line in lines)
    return "\n".join(
        f"  {line.what}{' ' * (width - _cells(line.what))}  {line.value:<28} {line.target:<10} {_mark(line.met)}"
        for line in lines
    )


def _cells(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


# --- servers ---


@contextmanager
def running(kind: str, *, tuned: bool = False) -> Iterator[servers.Server | None]:
    """A database server of our own, with its default settings unless `tuned`; None where it is not to be had."""
    server = servers.mariadb() if kind == "mariadb" else servers.mysql_server()
    if server is None:
        print(f"({kind} 서버가 없어 건너뜁니다)")
        yield None
        return
    if not tuned:
        server.command = [word for word in server.command if not word.startswith(_TUNED)]
    try:
        server.start()
        yield server
    finally:
        server.remove()


def address(database: Database) -> str:
    return f"mysql://{database.user}:{database.password}@{database.host}:{database.port}/{database.name}"


class Kis:
    """`kis_process.py` as it runs."""

    def __init__(self, **options: Any) -> None:
        options["at"] = options.get("at", EVENING).replace(tzinfo=None).isoformat()
        command = [sys.executable, str(HERE / "kis_process.py"), json.dumps({"epoch": time.time(), **options})]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self.url, _, self.ws_url = self._process.stdout.readline().strip().partition(" ")

    def ask(self, what: str, **query: str) -> Any:
        import requests

        return requests.get(f"{self.url}/_sim/{what}", params=query, timeout=60).json()

    def calls(self) -> dict[str, int]:
        found: dict[str, int] = self.ask("stats")["calls"]
        return found

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)


@contextmanager
def kis(**options: Any) -> Iterator[Kis]:
    """A simulated KIS in a process of its own; `options` of `Simulator`, and `at` (aware KST)."""
    server = Kis(**options)
    try:
        yield server
    finally:
        server.stop()


# --- a user at a shell ---


@dataclass
class Ran:
    """How a command ended, and what it cost: seconds of the wall and of the processor, peak memory in MB.

    The peak is the kernel's VmHWM: `ru_maxrss` starts with what the parent held when it forked.
    """

    code: int
    out: str
    wall: float
    cpu: float
    rss: float


class Fetch:
    """`python fetch_minute_data.py …` in the background, its clock at `EVENING`, its settings from the environment."""

    def __init__(self, *flags: str, kis: str, database: str, folder: Path, rate: float) -> None:
        self._status = folder / "status.txt"
        self._log = (folder / "output.txt").open("w+", encoding="utf-8")
        self._began = time.monotonic()
        environ = os.environ | {
            "KIS_APP_KEY": "benchmark", "KIS_APP_SECRET": "benchmark", "KIS_ENV": "real", "KIS_BASE_URL": kis,
            "KIS_RATE_LIMIT": str(rate), "KIS_TOKEN_FILE": str(folder / "token.json"), "DB_URL": database,
            "LOG_DIR": str(folder), "PYTHONPATH": str(ROOT),
        }  # fmt: skip
        command = [sys.executable, "-c", _AT_A_MOMENT, "--quiet", *flags]
        self.process = subprocess.Popen(command, cwd=folder, env=environ, stdout=self._log, stderr=self._log)

    def wait(self) -> Ran:
        _, status, usage = os.wait4(self.process.pid, 0)
        wall = time.monotonic() - self._began
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self._log.seek(0)
        out = self._log.read()
        self._log.close()
        return Ran(self.process.returncode, out, wall, usage.ru_utime + usage.ru_stime, self._peak())

    def _peak(self) -> float:
        known = self._status.read_text() if self._status.exists() else ""
        found = re.search(r"VmHWM:\s+(\d+) kB", known)
        return int(found[1]) / 1024 if found else float("nan")


def fetch(*flags: str, kis: str, database: str, folder: Path, rate: float = 100_000) -> Ran:
    """Run it to its end; it must succeed."""
    ran = Fetch(*flags, kis=kis, database=database, folder=folder, rate=rate).wait()
    if ran.code:
        raise RuntimeError(f"exit {ran.code}: {ran.out[-2000:]}")
    return ran


@contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="minute-bench-", ignore_cleanup_errors=True) as path:
        yield Path(path)


def symbols_of(count: int) -> list[str]:
    """The 97, and made-up ones after them."""
    return [*THE_97, *(f"{number:06d}" for number in range(900001, 900001 + count))][:count]


def symbols_in(where: Path, count: int) -> str:
    """A symbols file for so many."""
    file = where / f"symbols-{count}.csv"
    file.write_text("\n".join(symbols_of(count)) + "\n", encoding="utf-8")
    return str(file)


def quick() -> bool:
    """Whether BENCH_QUICK asks for short variants: to see that everything runs, not to measure."""
    return bool(os.environ.get("BENCH_QUICK"))


def interrupted(running_fetch: Fetch) -> Ran:
    """Ask it to stop, and how it ended."""
    with suppress(ProcessLookupError):
        os.kill(running_fetch.process.pid, signal.SIGTERM)  # Popen.terminate() would reap what wait4 asks for
    return running_fetch.wait()
