"""`forecast_candles.py` as a person runs it: on a SQLite table of a made-up market, and with mistakes in the flags."""

import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

from chart_testing import put
from places import ROOT
from store_testing import CALENDAR, minutes, ready

from minute_candles.config.settings import Database
from minute_candles.core.kst import KST

SYMBOLS = ("005930", "000660", "035420")


def run(folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    environ = {"DB_URL": f"sqlite:///{folder / 'candles.sqlite3'}", "LOG_DIR": str(folder), "HOME": str(folder)}
    environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "forecast_candles.py"), "--symbols", ",".join(SYMBOLS), *flags]
    return subprocess.run(
        command, capture_output=True, text=True, encoding="utf-8", env=environ, timeout=120, check=False
    )


def fill(folder: Path, days: int) -> None:
    """Store made-up whole days."""
    last = CALENDAR.last_closed(datetime.now(KST))
    with closing(ready(Database(kind="sqlite", path=folder / "candles.sqlite3"))) as store:
        for day in CALENDAR.trading_days(last - timedelta(days=40), last)[-days:]:
            for symbol in SYMBOLS:
                put(store, symbol, minutes(CALENDAR.session(day), day.toordinal()), "COMPLETE")


def test_evaluate_train_and_show(tmp_path: Path) -> None:
    fill(tmp_path, 12)
    evaluated = run(tmp_path, "--evaluate", "--plot", str(tmp_path / "error.png"))
    assert evaluated.returncode == 0, evaluated.stderr
    assert len(evaluated.stdout.splitlines()) == 2 + 7 and "기준선보다 낫지 않음" in evaluated.stdout
    assert (tmp_path / "error.png").read_bytes().startswith(b"\x89PNG")
    trained = run(tmp_path, "--train")
    assert trained.returncode == 0 and "12거래일" in trained.stdout, trained.stderr
    assert (tmp_path / "forecast_model.json").exists()
    assert run(tmp_path).returncode == 0


def test_too_few_days_and_no_model_are_one_line_and_exit_1_a_mistake_in_the_flags_is_exit_2(tmp_path: Path) -> None:
    fill(tmp_path, 3)
    for flags in (["--train"], []):
        ran = run(tmp_path, *flags)
        assert ran.returncode == 1 and len(ran.stderr.splitlines()) == 1, ran.stderr
    for flags in (["--evaluate", "--train"], ["--evaluate", "--from", "2026-11-20", "--to", "2026-11-02"]):
        ran = run(tmp_path, *flags)
        assert ran.returncode == 2 and "Traceback" not in ran.stderr
