"""A simulated KIS as a process of its own: `kis_process.py '{"rate": 18, "at": "2026-11-20T21"}'` prints its URLs."""

import gc
import json
import signal
import sys
import threading
import time
from datetime import datetime, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kis_simulator.simulator import Simulator, running_clock


def main(text: str) -> None:
    gc.disable()  # a collection stops the server for 50 ms: a jitter of the way that is not asked for
    options = json.loads(text)
    started = time.time() - options.pop("epoch", time.time())  # its clock shall not be late by what starting takes
    at = datetime.fromisoformat(options.pop("at")) + timedelta(seconds=started)
    over, split = threading.Event(), options.pop("split", 1)
    signal.signal(signal.SIGTERM, lambda *_: over.set())
    with Simulator(now=running_clock(at), **options) as simulator:
        simulator.stream.form.split = split
        print(simulator.url, simulator.ws_url, flush=True)
        while not over.wait(1):
            pass


if __name__ == "__main__":
    main(sys.argv[1])
