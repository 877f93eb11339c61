"""`python -m kis_simulator --at` and `CLOCK_AT` drive the scripts in session, whatever the time of the host."""

import os
import subprocess
import sys

import pytest
from places import ROOT

AT = "2026-11-20T10:00:00"


def run(folder, *command: str, **environ: str) -> subprocess.CompletedProcess[str]:
    mine = {
        "KIS_APP_KEY": "demo", "KIS_APP_SECRET": "demo", "DB_URL": f"sqlite:///{folder}/x.sqlite3", "CLOCK_AT": AT,
        "LOG_DIR": str(folder), "KIS_TOKEN_FILE": str(folder / "token.json"), "STREAM_SYMBOLS": "0", **environ,
    }  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KIS_", "DB_", "CLOCK_"))}
    how = {"cwd": ROOT, "text": True, "encoding": "utf-8", "capture_output": True, "timeout": 60}
    return subprocess.run([sys.executable, *command], env=kept | mine, **how)


@pytest.mark.slow
def test_a_round_in_session_at_any_hour(tmp_path) -> None:
    command = [sys.executable, "-m", "kis_simulator", "--port", "0", "--ws-port", "0", "--at", AT]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        lines = [process.stdout.readline().strip() for _ in range(7)]
        environ = dict(line.split("=", 1) for line in lines if line.startswith(("KIS_", "CLOCK_")))
        ran = run(tmp_path, "realtime_updater.py", "--once", "--symbols", "005930", **environ)
        process.terminate()
    assert environ["CLOCK_AT"] == AT and ran.returncode == 0, ran.stderr
    export = run(tmp_path, "export_candles.py", "--symbols", "005930", "--from", "2026-11-20", "--out", "-", **environ)
    minutes = [line for line in export.stdout.splitlines() if "2026-11-20" in line]
    assert len(minutes) in (59, 60)  # 09:00 to 09:58 or 09:59: a minute shows once a later one has traded


@pytest.mark.parametrize("environ", [{}, {"KIS_BASE_URL": "http://127.0.0.1:1", "CLOCK_AT": "ten"}])
def test_a_made_up_time_is_refused_for_any_other_kis(tmp_path, environ: dict[str, str]) -> None:
    ran = run(tmp_path, "fetch_minute_data.py", "--check", **environ)
    assert ran.returncode == 2 and "CLOCK_AT" in ran.stderr
