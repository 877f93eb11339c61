"""How often and how long a call is repeated, and what ends a run."""

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from minute_candles.core.clock import Clock
from minute_candles.core.errors import Outage, RateLimited
from minute_candles.kis.error_text import advice_text
from minute_candles.kis.http import Transient, Unreachable
from minute_candles.kis.transport import proxy_variable

if TYPE_CHECKING:
    import tenacity

LOST_SECONDS = 300
"""How long a server that was there before is waited for."""
_log = logging.getLogger(__name__)
T = TypeVar("T")


def outage(error: Exception, base_url: str) -> Outage:
    """Return what ends the run: `error`, and what its user can do."""
    if isinstance(error, RateLimited):
        return Outage(f"{error} 같은 키를 쓰는 다른 프로그램을 멈추거나 .env의 KIS_RATE_LIMIT을 낮추세요.")
    return Outage(f"{error} {advice_text(base_url, proxy_variable(base_url))}")


class Waiting:
    """Says once that calls are being repeated, until one of them is answered: many threads wait for the same KIS."""

    def __init__(self) -> None:
        self._warned = threading.Event()

    def begin(self, state: "tenacity.RetryCallState") -> None:
        """Say it at the third try; tenacity calls this before it sleeps."""
        news = state.attempt_number == 3 and not self._warned.is_set()
        if news:
            self._warned.set()
        level = logging.WARNING if news else logging.DEBUG
        _log.log(
            level, "⚠️ %s 다시 시도합니다 (%d번째).", state.outcome and state.outcome.exception(), state.attempt_number
        )

    def end(self) -> None:
        """Forget it: a call was answered."""
        self._warned.clear()


def patiently(
    call: Callable[[], T],
    clock: Clock,
    reachable: Callable[[], bool],
    *,
    hurried: bool = False,
    waiting: Waiting | None = None,
) -> T:
    """Call until it answers: six to eight tries for a passing fault, minutes for a server that was there before.

    `hurried` (the updater's round, which comes again in a minute and tells of outages itself): six tries for a fault,
    three for a lost server, and no word about them.

    An over-limit answer is no failure: it waits at least a second and may come a hundred times. `reachable` tells
    whether KIS has answered this process at all; if not, an address may be wrong and six tries are enough.
    """
    import tenacity  # 40 ms: only where a call is made

    began = clock.time()

    def enough(state: tenacity.RetryCallState) -> bool:
        lost = isinstance(state.outcome and state.outcome.exception(), Unreachable)
        if hurried:
            return state.attempt_number >= (3 if lost else 6)
        if lost and reachable():
            return clock.time() - began > LOST_SECONDS
        return state.attempt_number >= (6 if lost else 8)

    within_limit = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(RateLimited),
        wait=tenacity.wait_random(1.0, 1.5),
        stop=tenacity.stop_after_attempt(20 if hurried else 100),
        sleep=clock.sleep,
        reraise=True,
    )
    whole = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=2 if hurried else 20, jitter=0.5),
        stop=enough,
        sleep=clock.sleep,
        before_sleep=None if hurried else (waiting or Waiting()).begin,
        reraise=True,
    )
    return whole(lambda: within_limit(call))
