"""One call budget for all processes of the key: evenly spaced slots, kept in a small file next to the token file.

KIS counts calls in a sliding second, so bursts exceed the limit (docs/dev/kis_http.md §4). Each call takes the next
slot under a file lock; a process holds one slot at a time, so the others get theirs. The gap is a little wider than
1/rate, because what must stay even is the arrival at KIS. After an over-limit answer the gap widens for all, and
narrows again step by step. An urgent process (the updater in its round) is given four slots of five.

A stamp further in the future than any turn could be (a clock set back, a garbled file) is ignored.
"""

import json
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.kis.key_lock import WaitNotice

if TYPE_CHECKING:
    import filelock

MARGIN = 0.022
"""Seconds by which the calls of one sliding second are spread wider than a second: what the way there jitters."""
LATE = MARGIN / 2
"""Seconds that a call may leave after its slot before those behind it are put off; the rest is left to the way."""
WIDER = 0.015
"""Seconds added after each over-limit answer; half of it is forgotten a minute later."""
WIDEST = 1.0
FORGET_SECONDS = 60.0
LOCK_SECONDS = 1.0
"""Seconds between two looks at a stop request while another process holds the file."""


class CallLimiter:
    """Paces the calls of every thread and process that shares `path` to `rate` a second."""

    def __init__(self, path: Path, rate: float, clock: Clock, *, urgent: bool = False) -> None:
        import filelock

        self._path, self.rate, self._clock, self._urgent = path, rate, clock, urgent
        self._turn = threading.Lock()
        self._file_lock = filelock.FileLock(f"{path}.lock", thread_local=False, timeout=LOCK_SECONDS)
        self._last = self._next = float("-inf")

    def wait(self) -> None:
        """Return when this call may leave. Raises `Stopped`."""
        with self._turn:
            while (slot := self._reserve()) is None:
                self._clock.sleep(self._gap(MARGIN))
            self._clock.sleep(slot - self._clock.time())
            if self._clock.time() - slot > LATE:
                self._put_off_next()

    def slow_down(self) -> None:
        """Widen the gap for every process: KIS said EGW00201."""
        with self._turn, self._state() as state:
            state["margin"] = min(WIDEST, self._margin(state) + WIDER)
            state["margin_at"] = self._clock.time()

    def _reserve(self) -> float | None:
        """Return the time of this call's slot, or None where an urgent process goes first."""
        with self._state() as state:
            now, gap = self._clock.time(), self._gap(self._margin(state))
            if self._lets_others_go_first(state["urgent"], now, gap):
                return None
            soon = [stamp for stamp in (state["next"], self._next) if now < stamp < now + 1 + 10 * gap]
            slot = max(soon, default=now)
            state["next"] = self._next = slot + gap
            if self._urgent:
                state["urgent"] = slot
            self._last = slot
            return slot

    def _put_off_next(self) -> None:
        """Put those behind off where this host woke us late: KIS counts what arrives."""
        with self._state() as state:
            earliest = self._clock.time() + self._gap(self._margin(state)) - LATE
            state["next"] = self._next = max(state["next"], earliest)

    def _lets_others_go_first(self, urgent: float, now: float, gap: float) -> bool:
        """Return whether this process leaves its slot to an urgent one.

        It does where the urgent one took a slot lately or holds a coming one, and its own last is recent.
        """
        return not self._urgent and abs(now - urgent) < 4 * gap and 0 <= now - self._last < 5 * gap

    def _gap(self, margin: float) -> float:
        return (1 + margin) / self.rate

    def _margin(self, state: dict[str, float]) -> float:
        age, extra = self._clock.time() - state["margin_at"], min(state["margin"], WIDEST) - MARGIN
        return MARGIN + extra * 0.5 ** (age / FORGET_SECONDS) if extra > 0 and age >= 0 else MARGIN

    def _state(self) -> "_State":
        return _State(self._path, self._file_lock, self._clock)


class _State:
    """The shared numbers, read and written under the file lock; what cannot be read counts as nothing.

    Written over in place: ext4 flushes a file that was emptied first to the disk, 3 ms a call.
    """

    def __init__(self, path: Path, lock: "filelock.BaseFileLock", clock: Clock) -> None:
        self._path, self._lock, self._clock = path, lock, clock

    def __enter__(self) -> dict[str, float]:
        try:
            self._acquire()
        except OSError as error:
            raise ConfigError(
                f"토큰 폴더에 쓸 수 없습니다: {self._path.parent}. KIS_TOKEN_FILE을 확인하세요."
            ) from error
        self._numbers = {"next": 0.0, "urgent": 0.0, "margin": 0.0, "margin_at": 0.0}
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
            self._numbers.update({name: float(kept[name]) for name in self._numbers})
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
            pass  # no file yet, or a torn one: a fresh start costs nothing
        return self._numbers

    def _acquire(self) -> None:
        """Take the lock; who waits says for what. Raises `OSError` without a right to it, `Stopped`."""
        import filelock

        notice = None
        while True:
            try:
                self._lock.acquire(poll_interval=0.001)
                return
            except filelock.Timeout:
                notice = notice or WaitNotice(self._clock, f"다른 프로그램이 {self._path.name}.lock 을 쥐고 있어")
                notice.look()
                self._clock.check()

    def __exit__(self, *failure: object) -> None:
        try:
            with self._path.open("r+" if self._path.exists() else "w", encoding="utf-8") as file:
                file.write(json.dumps(self._numbers))
                file.truncate()
        except OSError:
            pass  # a full disk: each process still paces itself by its own last slot
        finally:
            self._lock.release()
