"""Retrain in a process of its own at low priority: the updater's rounds are not a millisecond later for it."""

import logging
import os
import subprocess
import sys
from collections.abc import Sequence

from minute_candles.config.project import PROJECT_FOLDER

NICE = 10
_log = logging.getLogger(__name__)


class BackgroundTraining:
    """Starts `forecast_candles.py --train` and looks at its end later; one at a time, and never an error of ours."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self._command = [
            *(("nice", "-n", str(NICE)) if os.name == "posix" else ()),
            sys.executable,
            str(PROJECT_FOLDER / "forecast_candles.py"),
            "--train",
            "--quiet",
            "--symbols",
            ",".join(symbols),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start a training unless one runs."""
        self.report_end()
        if self._process is not None:
            return
        quiet = subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(self._command, stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603 - ours
        except OSError as error:
            _log.warning("⚠️ 예측을 학습할 프로세스를 시작하지 못했습니다: %s", error.strerror)

    def report_end(self) -> None:
        """Log a training that has ended since it was started."""
        if self._process is None or (code := self._process.poll()) is None:
            return
        self._process = None
        if code == 0:
            _log.info("✅ 예측 모델을 새로 학습했습니다.")
        else:
            _log.warning(
                "⚠️ 예측 모델을 학습하지 못했습니다 (종료 코드 %d). 보기: python forecast_candles.py --train", code
            )

    def end(self) -> None:
        """Stop a training that runs: the model file is replaced whole or not at all."""
        self.report_end()
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
