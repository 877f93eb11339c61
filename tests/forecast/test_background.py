"""The training beside the updater: a process of its own that is looked at later and ended with the updater."""

import logging
import sys
import time

import pytest

from minute_candles.forecast.background import BackgroundTraining


def training(code: str) -> BackgroundTraining:
    made = BackgroundTraining(["005930"])
    made._command = [sys.executable, "-c", code]
    return made


def waited_for(made: BackgroundTraining) -> None:
    assert made._process is not None
    made._process.wait(20)
    made.report_end()


@pytest.mark.parametrize(("code", "level"), [("", logging.INFO), ("raise SystemExit(1)", logging.WARNING)])
def test_its_end_is_one_line(code: str, level: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    made = training(code)
    made.start()
    waited_for(made)
    assert [record.levelno for record in caplog.records] == [level]


def test_one_runs_at_a_time_and_ends_with_the_updater() -> None:
    made = training("import time; time.sleep(60)")
    began = time.monotonic()
    made.start()
    first = made._process
    made.start()
    assert made._process is first
    made.end()
    assert first is not None and first.poll() is not None and time.monotonic() - began < 20


def test_the_command_trains_these_symbols() -> None:
    command = BackgroundTraining(["005930", "000660"])._command
    assert command[-4:] == ["--train", "--quiet", "--symbols", "005930,000660"]
