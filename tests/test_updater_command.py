"""`python realtime_updater.py` as a user runs it: signals, locks, exit codes, two programs on one key."""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from backfill_tools import User, ended, execute, interrupt, stored_rows
from updater_tools import FRIDAY, LINE, MINUTES, Owner, at, wait_until

from kis_simulator.simulator import Simulator
from minute_candles.core.kst import KST

START = at(10, 30, 55)
UPDATER = "realtime_updater"
Make = Callable[..., Owner]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Make an `Owner` whose day begins at a moment, with a simulated KIS on the same clock."""
    with ExitStack() as exits:

        def make(start: datetime = START) -> Owner:
            shift = start - datetime.now(KST)
            kis = exits.enter_context(Simulator(now=lambda: datetime.now(KST) + shift, rate=1000))
            owner: Any = Owner(tmp_path, kis, f"sqlite:///{tmp_path}/minutes.db", shift)
            owner.sim = kis
            return owner

        yield make


def test_a_signal_in_the_middle_of_a_heal_ends_it_with_zero_and_whole_symbol_days(make: Make):
    """What is stored of a symbol is a whole prefix of transactions: minutes with their windows and coverage."""
    owner = make(at(14, 30, 30))
    process = owner.start(KIS_RATE_LIMIT="60")
    wait_until(lambda: owner.sim.calls("today") > 30)
    ran = interrupt(process, signal.SIGTERM)
    assert ran.code == 0 and ran.seconds < 5 and "Traceback" not in ran.err
    assert owner.status()["state"] == "stopped" and not list(owner.logs.glob("*.pid"))
    counts = "SELECT stock_symbol, trade_date, count_1min, count_5min, count_15min FROM stock_minute_coverage"
    held = "SELECT stock_symbol, minute_interval, COUNT(*) FROM stock_minute_prices GROUP BY 1, 2"
    stored = {(symbol, name): count for symbol, name, count in execute(owner.database, held)}
    for symbol, day, *found in execute(owner.database, counts):
        assert found == [stored[symbol, name] for name in MINUTES] and day == str(FRIDAY)


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
    assert owner.run_here(UPDATER, "--stop").code == ended(process).code == 0
    assert owner.status()["state"] == "stopped" and owner.run_here(UPDATER, "--status").code == 1


def test_once_by_its_exit_code(make: Make):
    owner = make()
    ran = owner.run_here(UPDATER, "--symbols", "005930,000660", "--once")
    assert ran.code == 0 and LINE.search(ran.err)
    assert stored_rows(owner.database, "005930")[-1][2] == datetime(2026, 11, 20, 10, 29)
    owner.sim.keys = {"PSEDtestAppKey0123456789abcdefghijkl": "another secret"}
    for _ in range(2):  # with a token from before, and without one
        ran = owner.run_here(UPDATER, "--symbols", "005930")
        assert ran.code == 2 and "앱 키를 거절" in ran.err
        (owner.folder / "kis_rest_token.json").unlink(missing_ok=True)
    owner.sim.down()
    owner.moment.pace = 60  # its patience is half a minute
    assert owner.run_here(UPDATER, "--symbols", "005930", "--once").code == 1


MISTAKES = {
    "KIS_APP_KEY=-": "KIS_APP_KEY", "DB_URL=mysql://root:@127.0.0.1:1/x": "연결할 수 없", "--active 0": "--active",
    "LOG_DIR=/proc/nowhere": "LOG_DIR", "--every-5min x": "--every-5min", "--once --status": "--status",
}  # fmt: skip


def test_a_mistake_in_settings_or_flags_is_exit_2(make: Make):
    owner = make()
    for typed, says in MISTAKES.items():
        flags, settings = (typed.split(), {}) if typed.startswith("--") else ([], dict([typed.split("=", 1)]))
        ran = owner.run_here(UPDATER, *flags, "--symbols", "005930", **settings)
        assert ran.code == 2 and says in ran.err and "Traceback" not in ran.err, typed


def test_the_demo_is_a_running_market_until_ctrl_c(tmp_path: Path):
    names = ("KIS_APP_KEY", "KIS_APP_SECRET", "KIS_BASE_URL", "KIS_TOKEN_FILE", "KIS_RATE_LIMIT", "DB_URL", "LOG_DIR")
    owner = User(tmp_path, "", "", dict.fromkeys(names, "-"), on_the_day=False)
    process = owner.start("--demo", script=UPDATER)
    log = owner.project / "demo-realtime" / "realtime_updater.log"
    wait_until(lambda: log.exists() and "10종목" in log.read_text(encoding="utf-8"))
    ran = interrupt(process)
    assert ran.code == 0 and "🎬" in ran.out and "demo.sqlite3" in ran.out and "오류 0" in ran.err
