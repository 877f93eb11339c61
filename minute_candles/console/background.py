"""Work on a thread of its own, so that the main thread is free to hear a signal; then a few seconds to end."""

import threading
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped

STOP_SECONDS, POLL_SECONDS = 4.0, 0.1


def in_background(work: Callable[[], int], clock: Clock) -> int:
    """Run `work` on a thread; its answer or its error. After a stop request it has a few seconds to end: `Stopped`.

    A read that hangs in KIS or in a slow database ends when it likes; signals reach only a main thread that is free.
    """
    ended: SimpleQueue[int | Exception] = SimpleQueue()

    def run() -> None:
        try:
            ended.put(work())
        except Exception as error:  # noqa: BLE001 - a thread's boundary: raised again below
            ended.put(error)

    threading.Thread(target=run, name="updater", daemon=True).start()
    patience = STOP_SECONDS
    while patience > 0:
        with suppress(Empty):
            answer = ended.get(timeout=POLL_SECONDS)
            if isinstance(answer, Exception):
                raise answer
            return answer
        patience -= POLL_SECONDS if clock.stop.is_set() else 0
    raise Stopped("중지 요청을 받았습니다.")
