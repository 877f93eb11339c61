"""`--help` and importing the two scripts: what a user waits for before anything happens."""

import subprocess
import sys

from harness import ROOT, Line, keep, load, quick, spread, timed

SCRIPTS = ("fetch_minute_data", "realtime_updater")
LIMIT = 0.3


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    began, lines = load(), list[Line]()
    times = 2 if quick() else 15
    bare = spread([timed(run, "-c", "pass") for _ in range(times)])
    lines.append(Line("파이썬만 (초)", str(bare)))
    for script in SCRIPTS:
        for what, arguments in (("--help", (f"{script}.py", "--help")), ("import", ("-c", f"import {script}"))):
            seconds = spread([timed(run, *arguments) for _ in range(times)])
            lines.append(Line(f"{script} {what} (초)", str(seconds), f"≤ {LIMIT}초", seconds.median <= LIMIT))
    keep("startup", "시작 시간", lines, began_at_load=began, note="프로세스 전체의 벽시계.")


if __name__ == "__main__":
    main()
