"""docs/chart.png: the demo as it is, photographed; docs/map.png: the data map of made-up days. `make screenshot`.

The seed and the hour are the demo's own.
"""

import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from chart_browser import browser, wait
from chart_testing import MONDAY, serving
from store_testing import CALENDAR

from minute_candles.config.settings import Database
from minute_candles.config.symbols_file import default_symbols
from minute_candles.core.clock import Clock
from minute_candles.storage.store import open_store

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
    photograph_map()
    sizes = {name: (ROOT / "docs" / name).stat().st_size for name in ("chart.png", "map.png")}
    print(sizes)
    return 0 if max(sizes.values()) <= 300_000 else 1


def photograph_map() -> None:
    """Sixty days of the 97 symbols: most are complete, one symbol is new, a day and an outage are missing."""
    names, days = default_symbols(), CALENDAR.trading_days(date(2026, 8, 1), MONDAY)[-60:]
    dice = random.Random(29)
    with TemporaryDirectory() as folder:
        database = Database("sqlite", path=Path(folder) / "minutes.db")
        with closing(open_store(database, Clock())) as store:
            store.preflight()
        rows = [
            (symbol, str(day), *state)
            for at, symbol in enumerate(names)
            for number, day in enumerate(days)
            if (state := made_up(dice, at, number))
        ]
        with closing(sqlite3.connect(database.path)) as base, base:
            base.executemany(
                "INSERT INTO stock_minute_coverage (stock_symbol, trade_date, status, reasons, count_1min, count_5min,"
                " count_15min, verified_at) VALUES (?, ?, ?, ?, 1, 0, 0, '2026-11-23 16:00:00')",
                rows,
            )
            base.executemany(
                "INSERT INTO stock_minute_prices (stock_symbol, timestamp, minute_interval, open_price, high_price,"
                " low_price, close_price, volume) VALUES (?, ?, 'ONE_MINUTE', 1, 1, 1, 1, 1)",
                [(symbol, f"{day} 10:00:00") for symbol, day, *_ in rows],
            )
        with browser(1360, 820) as page, serving(database, names=names) as server:
            page.get(f"{server.url}map")
            wait(page, "document.getElementById('cells').dataset.drawn === '97 60'", 60)
            wait(page, "!document.getElementById('summary').textContent.includes('세는 중')", 60)
            page.execute_script(
                "const cells = document.getElementById('cells');"
                "cells.dispatchEvent(new MouseEvent('mousemove', { clientX: 382, clientY: 256 }))"
            )
            time.sleep(1)
            page.save_screenshot(str(ROOT / "docs" / "map.png"))


def made_up(dice: random.Random, symbol: int, day: int) -> tuple[str, str | None] | None:
    """The state of a day and its reason; None: it was not collected."""
    if symbol == 12 and day < 24:
        return "NO_TRADES", None
    if (day == 41 and symbol > 30) or dice.random() < 0.004:
        return None
    reasons = ["TURNOVER_MISMATCH", "ADJUSTED_SOURCE", "DAILY_MISMATCH", "MISSING_AT_SOURCE"]
    if symbol == 20 and day < 18:
        return "UNPROVEN", "ADJUSTED_SOURCE"
    if dice.random() < 0.012:
        return "UNPROVEN", dice.choice(reasons)
    return ("PROVISIONAL", "INTRADAY") if day == 59 and symbol % 9 == 4 else ("COMPLETE", None)


if __name__ == "__main__":
    raise SystemExit(main())
