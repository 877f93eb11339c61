"""`python realtime_updater.py` as a user runs it: signals, locks, exit codes, two programs on one key."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, ended, execute, stored_rows, true_rows
from kinds import shown
from updater_tools import FRIDAY, LINE, MINUTES, Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

START = at(10, 30, 55)
UPDATER = "realtime_updater"
Make = Callable[..., Owner]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make an `Owner` whose day begins at a moment, with a simulated KIS on the same clock."""
    kis: list[Simulator] = []

    def make(start: datetime = START, *, database: str = "", **options: Any) -> Owner:
        shift = start - datetime.now(KST)
        kis.append(Simulator(**{"now": lambda: datetime.now(KST) + shift, "rate": 1000, **options}))
        kis[-1].start()
        owner = Owner(tmp_path, kis[-1], database or f"sqlite:///{tmp_path}/minutes.db", shift)
        owner.sim = kis[-1]  # type: ignore[attr-defined]
        return owner

    yield make
    for sim in kis:
        sim.stop()


# --- stopping ---


@pytest.mark.parametrize("number", shown([signal.SIGTERM, signal.SIGINT], signal.SIGTERM))
def test_a_signal_in_the_middle_of_a_heal_ends_it_with_zero_and_whole_symbol_days(make: Make, number: signal.Signals):
    """What is stored of a symbol is a whole prefix of transactions: minutes with their windows and coverage."""
    owner = make(at(14, 30, 30))
    process = owner.start(KIS_RATE_LIMIT="60")
    wait_until(lambda: owner.sim.calls("today") > 30)
    process.send_signal(number)
    ran = ended(process, 10)
    assert ran.code == 0 and ran.seconds < 5 and "Traceback" not in ran.err
    assert owner.status()["state"] == "stopped" and not list(owner.logs.glob("*.pid"))
    counts = "SELECT stock_symbol, trade_date, count_1min, count_5min, count_15min FROM stock_minute_coverage"
    held = "SELECT stock_symbol, minute_interval, COUNT(*) FROM stock_minute_prices GROUP BY 1, 2"
    stored = {(symbol, name): count for symbol, name, count in execute(owner.database, held)}
    for symbol, day, *found in execute(owner.database, counts):
        assert found == [stored[symbol, name] for name in MINUTES] and day == str(FRIDAY)


def test_a_kill_and_a_restart_lose_nothing(make: Make):
    owner, symbols = make(at(10, 30, 40)), ("005930", "000660", "373220")
    for _ in range(2):
        process = owner.start("--symbols", ",".join(symbols))
        time.sleep(1.5)
        process.kill()
        ended(process)
    assert owner.run("--symbols", ",".join(symbols), "--once").code == 0
    newest = datetime(2026, 11, 20, 10, 30)
    for symbol in symbols:
        wanted = [
            row[:8] for row in true_rows(owner.sim, symbol, [FRIDAY]) if row[1] == "ONE_MINUTE" and row[2] < newest
        ]
        held = [row[:8] for row in stored_rows(owner.database, symbol) if row[1] == "ONE_MINUTE"]
        assert held[: len(wanted)] == wanted


# --- one at a time, and the status ---


def test_a_second_one_names_the_first_and_stop_ends_it(make: Make, tmp_path: Path):
    owner = make()
    assert "실행 중인 업데이터가 없습니다" in owner.run_here(UPDATER, "--stop").out
    process = owner.start("--symbols", "005930")
    wait_until(lambda: "오류 0" in owner.log())
    second = owner.run_here(UPDATER, "--symbols", "005930")
    assert second.code == 2 and f"이미 실행 중입니다 (pid {process.pid})" in second.err
    status = owner.run_here(UPDATER, "--status")
    assert status.code == 0 and f"pid {process.pid}" in status.out and "✅ 장중 갱신" in status.out
    other = owner.run_here(UPDATER, "--symbols", "005930", "--once", DB_URL=f"sqlite:///{tmp_path}/other.db")
    assert other.code == 0, "another table may have its own"
    stopped = owner.run_here(UPDATER, "--stop")
    assert stopped.code == 0 and "멈췄습니다" in stopped.out and stopped.seconds < 10
    assert ended(process).code == 0 and owner.status()["state"] == "stopped"
    status = owner.run_here(UPDATER, "--status")
    assert status.code == 1 and "❌ 멈춤" in status.out


# --- once, and starting wrongly ---


@pytest.mark.slow
def test_once_of_a_settled_evening_requests_nothing_again(make: Make):
    owner = make(at(20, 0))
    flags = ("--symbols", "005930", "--once")
    assert owner.run_here(UPDATER, *flags).code == 0
    calls = len(owner.sim.requests)
    again = owner.run_here(UPDATER, *flags)
    assert again.code == 0 and "다음 장은 2026-11-23 09:00" in again.err
    quiet = owner.run_here(UPDATER, *flags, "--quiet")
    assert quiet.code == 0 and not quiet.all.strip() and len(owner.sim.requests) == calls
    assert owner.run_here(UPDATER, "--symbols", "000660", "--once").code == 0
    assert len(owner.sim.requests) > calls


def test_once_by_its_exit_code(make: Make):
    owner = make()
    ran = owner.run_here(UPDATER, "--symbols", "005930,000660", "--once")
    assert ran.code == 0 and LINE.search(ran.err)
    assert stored_rows(owner.database, "005930")[-1][2] == datetime(2026, 11, 20, 10, 29)
    owner.sim.keys = {"PSEDtestAppKey0123456789abcdefghijkl": "another secret"}
    ran = owner.run_here(UPDATER, "--symbols", "005930")  # with a token from before
    assert ran.code == 2 and "앱 키를 거절" in ran.err
    (owner.folder / "kis_rest_token.json").unlink()
    ran = owner.run_here(UPDATER, "--symbols", "005930")
    assert ran.code == 2 and "앱 키를 거절" in ran.err
    owner.sim.down()
    assert owner.run_here(UPDATER, "--symbols", "005930", "--once").code == 1


@pytest.mark.parametrize(
    ("flags", "settings", "says"),
    [
        ((), {"KIS_APP_KEY": "-"}, "KIS_APP_KEY"),
        ((), {"EVERY_5MIN": "0"}, "EVERY_5MIN"),
        ((), {"DB_URL": "mysql://root:@127.0.0.1:1/x"}, "연결할 수 없습니다"),
        ((), {"LOG_DIR": "/proc/nowhere"}, "LOG_DIR"),
        (("--every-5min", "x"), {}, "--every-5min"),
        (("--active", "0"), {}, "--active"),
        (("--symbols", "?"), {}, "종목코드"),
        (("--once", "--status"), {}, "--status"),
    ],
)
def test_a_mistake_in_settings_or_flags_is_exit_2(
    make: Make, flags: tuple[str, ...], settings: dict[str, str], says: str
):
    ran = make().run_here(UPDATER, *(flags or ("--symbols", "005930")), **settings)
    assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err


def test_the_demo_is_a_running_market_until_ctrl_c(tmp_path: Path):
    owner = User(tmp_path, "", "")
    process = subprocess.Popen(
        [sys.executable, "realtime_updater.py", "--demo"], cwd=owner.project, text=True, encoding="utf-8",
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
    )  # fmt: skip
    log = owner.project / "demo-realtime" / "realtime_updater.log"
    wait_until(lambda: log.exists() and "10종목" in log.read_text(encoding="utf-8"))
    process.send_signal(signal.SIGINT)
    ran = ended(process, 10)
    assert ran.code == 0 and "🎬" in ran.out and "demo.sqlite3" in ran.out
    assert "오류 0" in ran.err
