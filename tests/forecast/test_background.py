"""The training beside the updater: a process of its own that is looked at later and ended with the updater."""

import logging
import sys
import time

from minute_candles.forecast.background import BackgroundTraining


def training(code: str) -> BackgroundTraining:
    made = BackgroundTraining(["005930", "000660"])
    assert made._command[-4:] == ["--train", "--quiet", "--symbols", "005930,000660"]
    made._command = [sys.executable, "-c", code]
    made.start()
    assert made._process is not None
    return made


def test_its_end_is_one_line(caplog) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    for code in ("", "raise SystemExit(1)"):
        made = training(code)
        made._process.wait(20)
        made.report_end()
    assert [record.levelno for record in caplog.records] == [logging.INFO, logging.WARNING]


def test_one_runs_at_a_time_and_ends_with_the_updater() -> None:
    began, made = time.monotonic(), training("import time; time.sleep(60)")
    first = made._process
    made.start()
    assert made._process is first
    made.end()
    assert first.poll() is not None and time.monotonic() - began < 20
