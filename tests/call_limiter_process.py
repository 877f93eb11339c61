"""A process that takes slots of the shared budget: FILE RATE THREADS CALLS; prints when each call left."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from base.clock import Clock
from kis.call_limiter import CallLimiter


def main(file: str, rate: str, threads: str, calls: str) -> None:
    clock, times = Clock(), []
    limiter = CallLimiter(Path(file), float(rate), clock)

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
