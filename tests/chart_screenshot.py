"""docs/chart.png: the demo as it is, photographed. `make screenshot`; the seed and the hour are the demo's own."""

import subprocess
import sys
import time
from pathlib import Path

from chart_browser import browser, wait

ROOT = Path(__file__).resolve().parent.parent
PORT = 8799
URL = f"http://127.0.0.1:{PORT}/?symbol=005930&interval=1"


def main() -> int:
    demo = subprocess.Popen([sys.executable, "live_chart.py", "--demo", f"--port={PORT}"], cwd=ROOT)
    try:
        with browser(1360, 940) as page:
            for _ in range(120):
                time.sleep(1)
                page.get(URL)
                ready = page.execute_async_script(
                    "const done = arguments[0]; fetch('/api/symbols').then((a) => a.json())"
                    ".then((rows) => done(rows.every((row) => row.change_percent != null)), () => done(false))"
                )
                if ready:
                    break
            page.get(URL)
            wait(page, "document.getElementById('chart').dataset.ready === '005930 1'", 60)
            wait(page, "document.getElementById('numbers').textContent.includes('진행 중')", 60)
            time.sleep(6)
            page.save_screenshot(str(ROOT / "docs" / "chart.png"))
    finally:
        demo.terminate()
        demo.wait(20)
    size = (ROOT / "docs" / "chart.png").stat().st_size
    print(f"docs/chart.png {size:,} bytes")
    return 0 if size <= 300_000 else 1


if __name__ == "__main__":
    raise SystemExit(main())
