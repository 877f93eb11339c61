"""Time as an argument: KST now, and a sleep that a stop request ends.

Nothing below `main()` reads the host's clock; everything is handed a `Clock`. A demo or a test hands one that stands
elsewhere (`Clock(at=…)`), or one whose sleep only moves a number.
"""

import threading
import time
from datetime import datetime, timedelta

from minute_candles.core.errors import Stopped
from minute_candles.core.kst import KST


class Clock:
    """The host's clock in KST, shifted so that it starts `at` (aware) when given."""

    def __init__(self, at: datetime | None = None) -> None:
        self.stop = threading.Event()
        self._shift = timedelta(0)
        self.start_at(at)

    def start_at(self, moment: datetime | None) -> None:
        """Let it be this moment (aware) now; None leaves the clock as it is."""
        if moment:
            self._shift = moment - datetime.now(KST)

    def now(self) -> datetime:
        """Aware KST, to the microsecond."""
        return datetime.now(KST) + self._shift

    def time(self) -> float:
        """Return seconds since the epoch on this clock; the processes of one host agree on it (call pacing)."""
        return time.time() + self._shift.total_seconds()

    def monotonic(self) -> float:
        """Return seconds that only grow, even where the host's clock is set: they measure durations."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Sleep; raises `Stopped` as soon as a stop is requested, also when it already was.

        In slices: on Windows an endless wait would miss Ctrl-C, and after a suspended laptop the wall clock tells.
        """
        wall, steady = self.time() + seconds, time.monotonic() + seconds
        while not self.stop.wait(max(0.0, min(1.0, wall - self.time(), steady - time.monotonic()))):
            if self.time() >= wall or time.monotonic() >= steady:
                return
        raise Stopped("중지 요청을 받았습니다.")

    def check(self) -> None:
        """Raise `Stopped` if a stop was requested."""
        self.sleep(0)
