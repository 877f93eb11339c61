"""A clock that stands elsewhere and may run faster than the host's, here and in the processes that tests start."""

import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.core.kst import KST

EVENING = datetime(2026, 11, 20, 21, tzinfo=KST)
"""A Friday: every session of the thirty days before it is closed, the CSAT day (the 19th) among them."""
LAUNCH = f"import sys; sys.path.append({str(Path(__file__).parent)!r}); import fast_clock; fast_clock.launch()"
"""For `python -c`: the next argument is the script, `TEST_MOMENT` its clock."""
STARTED: list["subprocess.Popen[str]"] = []
"""Every process that a test started; `end_all` ends those that it left."""
OUTPUTS: list[str] = []
"""What the commands of a test wrote."""


class Moment:
    """A clock that stands at `at` when it is made and runs at `pace` times the host's; processes share it."""

    def __init__(self, at: datetime = EVENING, pace: float = 1, since: float = 0) -> None:
        self.at, self.pace, self._since = at, pace, since or time.time()

    def now(self) -> datetime:
        """Aware KST."""
        return self.at + timedelta(seconds=(time.time() - self._since) * self.pace)

    def jump(self, to: datetime) -> None:
        """Set the clock; processes started from now on (and the simulator at once) follow."""
        self.at, self._since = to, time.time()

    def wait(self, moment: datetime) -> None:
        time.sleep(max(0.0, (moment - self.now()).total_seconds() / self.pace))

    def __str__(self) -> str:
        return f"{self.at.timestamp()} {self.pace} {self._since}"


class Paced(Clock):
    """The clock of a moment."""

    def __init__(self, moment: Moment) -> None:
        super().__init__()
        self.moment = moment

    def now(self) -> datetime:
        return self.moment.now()

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return time.monotonic() * self.moment.pace

    def sleep(self, seconds: float) -> None:
        if self.stop.wait(max(0.0, seconds / self.moment.pace)):
            raise Stopped("중지 요청을 받았습니다.")


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def all(self) -> str:
        return self.out + self.err


def ended(process: "subprocess.Popen[str]", timeout: float = 90) -> Ran:
    """Wait for a command; one that hangs is ended and fails the test: after a minute at least, on a busy machine."""
    begun = time.monotonic()
    try:
        out, err = process.communicate(timeout=max(timeout, 60))
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"still running after {timeout} s\n{out[-1000:]}\n{err[-3000:]}") from None
    OUTPUTS.extend((out, err))
    return Ran(process.returncode, out, err, time.monotonic() - begun)


def launch() -> None:
    """Run a script's own `main` on the clock of `TEST_MOMENT`."""
    at, pace, since = map(float, os.environ.pop("TEST_MOMENT").split())
    script = sys.argv.pop(1)
    sys.path.pop()
    clock = Paced(Moment(datetime.fromtimestamp(at, KST), pace, since))
    main = __import__(script).main
    after, by = map(float, os.environ.pop("TEST_JUMP", "1e9 0").split())
    timer = threading.Timer(after, lambda: clock.moment.jump(clock.now() + timedelta(seconds=by)))
    timer.daemon = True
    timer.start() if by else None
    sys.exit(main(sys.argv[1:], clock=clock))


def end_all(count: int) -> None:
    """End the processes started after the first `count`: a test that failed may have left them."""
    while len(STARTED) > count:
        process = STARTED.pop()
        with suppress(OSError):
            process.kill()
        with suppress(OSError, ValueError):
            process.communicate(timeout=20)
