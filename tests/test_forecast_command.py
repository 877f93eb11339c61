"""`forecast_candles.py` as a person runs it: on a SQLite table of a made-up market, and with mistakes in the flags."""

import sqlite3
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from places import ROOT

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store

SYMBOLS = ("005930", "000660", "035420")


def run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    environ = {"DB_URL": f"sqlite:///{folder / 'candles.sqlite3'}", "LOG_DIR": str(folder), "HOME": str(folder)}
    environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "forecast_candles.py"), "--symbols", ",".join(SYMBOLS), *flags]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environ, timeout=120, check=False
    )


def fill(folder: Path, days: int) -> None:
    """Store made-up whole days as another program would have written them."""
    database = Database(kind="sqlite", path=folder / "candles.sqlite3")
    store = open_store(database, Clock())
    store.preflight()
    store.close()
    calendar = TradingCalendar()
    last = calendar.last_closed(datetime.now(KST))
    sessions = [calendar.session(day) for day in calendar.trading_days(last - timedelta(days=40), last)][-days:]
    rows, verified = [], []
    for session in sessions:
        opened = session.open.replace(tzinfo=None)
        length = int((session.close - session.open).total_seconds()) // 60 - 10
        for symbol in SYMBOLS:
            for minute in range(length):
                volume = 100 + (minute * 7919 + session.day.day * 31) % 977
                stamp = str(opened + timedelta(minutes=minute))
                rows.append((symbol, "ONE_MINUTE", stamp, 50_000, 50_100, 49_900, 50_000, volume, stamp, stamp))
            verified.append((symbol, str(session.day), "COMPLETE", length, 0, 0, str(session.end.replace(tzinfo=None))))
    with sqlite3.connect(database.path) as connection:
        connection.executemany(
            "INSERT INTO stock_minute_prices (stock_symbol, minute_interval, timestamp, open_price, high_price,"
            " low_price, close_price, volume, created_at, updated_at) VALUES (?,?,?,?,?,?,?,?,?,?)",
            rows,
        )
        connection.executemany(
            "INSERT INTO stock_minute_coverage (stock_symbol, trade_date, status, count_1min, count_5min, count_15min,"
            " verified_at) VALUES (?,?,?,?,?,?,?)",
            verified,
        )
    connection.close()


def test_evaluate_train_and_show(tmp_path: Path) -> None:
    fill(tmp_path, 12)
    evaluated = run(tmp_path, "--evaluate", "--plot", str(tmp_path / "error.png"))
    assert evaluated.returncode == 0, evaluated.stderr
    assert len(evaluated.stdout.splitlines()) == 2 + 6 and "기준선보다 낫지 않음" in evaluated.stdout
    assert (tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")
    trained = run(tmp_path, "--train")
    assert trained.returncode == 0 and "12거래일" in trained.stdout, trained.stderr
    assert (tmp_path / "forecast_model.json").exists()
    assert run(tmp_path).returncode == 0


def test_too_few_days_and_no_model_are_one_line_and_exit_1(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    for flags in (["--evaluate"], ["--train"], []):
        ran = run(tmp_path, *flags)
        assert ran.returncode == 1 and len(ran.stderr.splitlines()) == 1, ran.stderr


@pytest.mark.parametrize(
    "flags",
    [
        ["--from", "2026-11-01"],
        ["--evaluate", "--train"],
        ["--evaluate", "--from", "2026-11-20", "--to", "2026-11-02"],
        ["--evaluate", "--from", "yesterday"],
    ],
)
def test_a_mistake_in_the_flags_is_exit_2(tmp_path: Path, flags: list[str]) -> None:
    ran = run(tmp_path, *flags)
    assert ran.returncode == 2 and "Traceback" not in ran.stderr
