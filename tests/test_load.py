"""Load: hundreds of symbols at once, whole days on a fake clock. Everything is whole at the end, and memory stays flat.

`make soak` runs all of it and records the figures in SOAK.md (and so in the README); an ordinary run leaves out what
takes many minutes.
"""

import os
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import FarSimulator
from fault_tools import Moment, Operator, assert_true, days, ended, kis_at, present, url_of
from servers import Server
from updater_tools import FakeDay, assert_provisional, at

from kis_simulator.simulator import Request
from minute_candles.config import symbols_file

FIVE_HUNDRED = [f"1{number:05}" for number in range(500)]
THE_97 = list(symbols_file.choose(None, None))
MONDAY = date(2026, 11, 16)
SOAK = Path(__file__).parent / "SOAK.md"
_HEAD = ["# 오래 달리기 (`make soak`의 마지막 결과)", "", "| 시험 | 날짜 | 결과 |", "|---|---|---|"]


def noted(what: str, **figures: object) -> None:
    """Under `make soak`: a line of SOAK.md, the date and the figures of this run."""
    if not os.environ.get("RECORD_SOAK"):
        return
    known = SOAK.read_text(encoding="utf-8").splitlines() if SOAK.exists() else _HEAD
    told = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
    lines = [line for line in known if not line.startswith(f"| {what} |")]
    SOAK.write_text("\n".join([*lines, f"| {what} | {date.today()} | {told} |"]) + "\n", encoding="utf-8")


class Memory:
    """Resident memory of a process in MB, sampled while it runs."""

    def __init__(self, pid: int) -> None:
        self.samples: list[float] = []
        self._pid, self._began = pid, time.monotonic()
        self._stop = threading.Event()
        threading.Thread(target=self._look, daemon=True).start()

    def _look(self) -> None:
        while not self._stop.wait(0.5):
            try:
                pages = int(Path(f"/proc/{self._pid}/statm").read_text().split()[1])
            except (OSError, IndexError):
                return
            self.samples.append(pages * 4096 / 2**20)

    def early_and_late(self) -> tuple[float, float]:
        """The most of the second and of the last fifth of the run."""
        self._stop.set()
        fifth = max(1, len(self.samples) // 5)
        return max(self.samples[fifth : 2 * fifth]), max(self.samples[-fifth:])

    def figures(self) -> dict[str, str]:
        """For `noted`, once it has been looked at."""
        early, late = self.early_and_late()
        return {"메모리": f"{early:.0f} → {late:.0f}MB", "걸린_시간": f"{time.monotonic() - self._began:.0f}초"}


class Tally(deque[Request]):
    """The simulator's memory of its calls, kept short: it shares the process whose memory is looked at."""

    def __init__(self) -> None:
        super().__init__(maxlen=1000)
        self.codes: Counter[str] = Counter()

    def append(self, request: Request) -> None:
        self.codes[request.code] += 1
        super().append(request)


# --- the past ---


@pytest.mark.load
@pytest.mark.timeout(1200)
def test_500_symbols_and_five_days_whole_and_in_flat_memory(tmp_path: Path, mariadb: Server) -> None:
    moment, database = Moment(), mariadb.fresh()
    far = FarSimulator("--rate", "100000", "--latency-ms", "0")
    operator = Operator(tmp_path, far.url, url_of(database), moment=moment)
    try:
        process = operator.start("--symbols", ",".join(FIVE_HUNDRED), "--from", str(MONDAY))
        memory = Memory(process.pid)
        ran = ended(process, 1000)
        (early, late), figures = memory.early_and_late(), memory.figures()
    finally:
        far.stop()
    assert ran.code == 0, ran.all[-3000:]
    rows = assert_true(operator.database, kis_at(moment), FIVE_HUNDRED, days(kis_at(moment), MONDAY))
    assert late < early * 1.1 + 5, memory.samples
    noted("500종목 × 5일 수집", 캔들=f"{rows:,}건 모두 일치", **figures)
    mariadb.drop(database)


# --- the present ---


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Callable[..., tuple[FakeDay, Tally]]]:
    """A `FakeDay` of these symbols, and the tally of its calls."""
    made: list[FakeDay] = []

    def make(symbols: list[str], start: Any, **options: Any) -> tuple[FakeDay, Tally]:
        day, tally = FakeDay(tmp_path, start, {}, **options), Tally()
        day.symbols, day.kis._requests = symbols, tally
        made.append(day)
        return day, tally

    yield make
    for day in made:
        day.close()


def is_flat(memory: Memory, *, simulator: float = 0) -> None:
    """The updater and the simulator share the process; the latter remembers so many more MB of market days later."""
    early, late = memory.early_and_late()
    assert late < early * 1.1 + 5 + simulator, memory.samples[:: max(1, len(memory.samples) // 50)]


@pytest.mark.load
@pytest.mark.timeout(1800)
def test_a_market_hour_of_500_symbols_at_18_calls_a_second(make: Any, mariadb: Server) -> None:
    day, tally = make(FIVE_HUNDRED, at(10, 0), database=mariadb.fresh(), rate_limit=18.0, kis={"rate": 18})
    memory = Memory(os.getpid())
    day.run(until=at(11, 0))
    figures = memory.figures()
    assert day.watcher.looks and not day.watcher.wrong
    assert len(day.rounds()) >= 58 and not [line for line in day.rounds() if "다음 라운드로" in line]
    assert tally.codes["EGW00201"] == 0
    rows = present(day.url, day.kis, FIVE_HUNDRED, at(11, 0) - timedelta(minutes=2))
    is_flat(memory)
    noted("500종목 장중 한 시간 (초당 18회)", 라운드=len(day.rounds()), 호출=f"{tally.codes.total():,}회", 한도_초과=0,
          캔들=f"{rows:,}건 모두 일치", **figures)  # fmt: skip


@pytest.mark.soak
@pytest.mark.parametrize("symbols", [THE_97, FIVE_HUNDRED], ids=["97", "500"])
def test_a_whole_day_at_18_calls_a_second(make: Any, mariadb: Server, symbols: list[str]) -> None:
    day, tally = make(symbols, at(8, 50), database=mariadb.fresh(), rate_limit=18.0, kis={"rate": 18})
    memory = Memory(os.getpid())
    day.run(until=at(17, 30))
    figures = memory.figures()
    assert tally.codes["EGW00201"] == 0
    assert len(day.rounds()) >= 395 and not [line for line in day.rounds() if "다음 라운드로" in line]
    rows = day.assert_week()
    is_flat(memory, simulator=40)  # 256 days, more than there are symbols
    noted(f"{len(symbols)}종목 장 하루와 마감 확정 (초당 18회)", 라운드=len(day.rounds()),
          호출=f"{tally.codes.total():,}회", 한도_초과=0, 캔들=f"{rows:,}건 모두 일치", **figures)  # fmt: skip


@pytest.mark.soak
def test_a_whole_day_of_97_symbols_on_vts(make: Any) -> None:
    day, tally = make(THE_97, at(8, 50), env="vts", rate_limit=0.9, kis={"env": "vts", "rate": 1.0})
    memory = Memory(os.getpid())
    day.run(until=at(17, 0))
    figures = memory.figures()
    for symbol in THE_97:
        assert_provisional(day, symbol, at(23, 59))
    assert not day.watcher.wrong
    noted("97종목 모의투자 하루 (초당 0.9회)", 호출=f"{tally.codes.total():,}회", 한도_초과=tally.codes["EGW00201"],
          **figures)  # fmt: skip
