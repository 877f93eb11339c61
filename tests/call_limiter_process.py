"""A process that takes slots of the shared budget: FILE RATE THREADS CALLS [REDIS]; prints when each call left."""

import sys
import threading
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from minute_candles.config.settings import demo_settings
from minute_candles.core.clock import Clock
from minute_candles.kis.shared_call_limiter import limiter_of
from minute_candles.redis_feed.shared_state import Scripts


def main(file: str, rate: str, threads: str, calls: str, redis: str = "") -> None:
    clock, times = Clock(), []
    settings = replace(demo_settings("http://kis", Path(file).parent), rate_limit=float(rate), token_file=Path(file))
    limiter = limiter_of(settings, clock, shared=Scripts(redis) if redis else None)

    def work() -> None:
        for _ in range(int(calls)):
            limiter.wait()
            times.append(clock.time())

    workers = [threading.Thread(target=work) for _ in range(int(threads))]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    print(*times, sep="\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
