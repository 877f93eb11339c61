"""docs/chart.png (the demo as it is), docs/map.png and docs/alerts.png (made-up days). `make screenshot`."""

import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from chart_browser import Page, browser
from chart_testing import FRIDAY, MONDAY, put, serving
from places import ROOT
from store_testing import CALENDAR, ready

from kis_simulator.simulator import Simulator
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Database, demo_settings
from minute_candles.config.symbols_file import default_symbols
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.candles import Candle

NOON = datetime(2026, 11, 23, 11, 40, 5, tzinfo=KST)
NAMES = {"005930": "삼성전자", "000660": "SK하이닉스", "035420": "NAVER", "035720": "카카오", "005380": "현대차"}
MOST = {"chart": 300_000, "map": 300_000, "alerts": 200_000}


def save(page: Page, name: str) -> None:
    path = ROOT / "docs" / f"{name}.png"
    page.save_screenshot(str(path))
    print(path.name, f"{path.stat().st_size:,} bytes")
    assert path.stat().st_size <= MOST[name]


def photograph_demo(port: int = 8799) -> None:
    demo = subprocess.Popen([sys.executable, "live_chart.py", "--demo", f"--port={port}"], cwd=ROOT)
    known = (
        "fetch('/api/symbols').then((a) => a.json()).then((rows) => rows.every((row) => row.change_percent != null))"
    )
    try:
        time.sleep(5)
        with browser(1360, 940) as page:
            page.get(f"http://127.0.0.1:{port}/?symbol=005930&interval=1")
            page.wait(known, 120)
            page.refresh()
            page.wait("document.getElementById('numbers')?.textContent.includes('진행 중')", 60)
            time.sleep(6)
            save(page, "chart")
    finally:
        demo.terminate()
        demo.wait(20)


def photograph_map(folder: Path) -> None:
    """Sixty days of the 97 symbols: most are complete, one symbol is new, a day and an outage are missing."""
    names, days, dice = default_symbols(), CALENDAR.trading_days(date(2026, 8, 1), MONDAY)[-60:], random.Random(29)
    places = [(symbol, str(day), at, number) for at, symbol in enumerate(names) for number, day in enumerate(days)]
    rows = [(*one[:2], *state) for one in places if (state := made_up(dice, *one[2:]))]
    database = Database("sqlite", path=folder / "minutes.db")
    ready(database).close()
    with closing(sqlite3.connect(folder / "minutes.db")) as base, base:
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
        page.wait("document.getElementById('cells').dataset.drawn === '97 60'", 60)
        page.wait("!document.getElementById('summary').textContent.includes('세는 중')", 60)
        event = "new MouseEvent('mousemove', { clientX: 382, clientY: 256 })"
        page.execute_script(f"document.getElementById('cells').dispatchEvent({event})")
        time.sleep(1)
        save(page, "map")


def made_up(dice: random.Random, symbol: int, day: int) -> tuple[str, str | None] | None:
    """The state of a day and its reason; None: it was not collected."""
    if symbol == 12 and day < 24:
        return "NO_TRADES", None
    if (day == 41 and symbol > 30) or dice.random() < 0.004:
        return None
    if symbol == 20 and day < 18:
        return "UNPROVEN", "ADJUSTED_SOURCE"
    if dice.random() < 0.012:
        return "UNPROVEN", dice.choice(["TURNOVER_MISMATCH", "ADJUSTED_SOURCE", "DAILY_MISMATCH", "MISSING_AT_SOURCE"])
    return ("PROVISIONAL", "INTRADAY") if day == 59 and symbol % 9 == 4 else ("COMPLETE", None)


def traded(row: Sequence, jump: int) -> Candle:
    """From 10:40 on `jump` KRW more, with twelve times the shares in that minute."""
    late = (row.timestamp.hour, row.timestamp.minute) >= (10, 40)
    times, by = (12 if jump and row.timestamp.strftime("%H:%M") == "10:40" else 1), jump if late else 0
    turnover = row.turnover and row.turnover + by * row.volume
    vwap = turnover and (Decimal(turnover) / row.volume).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Candle(row.timestamp, *(price + by for price in row[1:5]), row.volume * times, None, vwap)


def photograph_alerts(folder: Path) -> None:
    """The example's rules on a simulated day with a jump in it; thread, table and page are the real ones."""
    integrations, clock = Integrations(alerts_file=ROOT / "alerts.example.toml"), Clock(at=NOON)
    settings = replace(demo_settings("http://127.0.0.1:1", folder), integrations=integrations)
    kis = Simulator(now=lambda: NOON + timedelta(days=1), profiles=dict.fromkeys(NAMES, "liquid"))
    with closing(ready(settings.database)) as store:
        for symbol in NAMES:
            put(store, symbol, [traded(row, 0) for row in kis.truth(symbol, FRIDAY)], "COMPLETE")
        with alerting(set_up(settings), settings, clock, store, NAMES):
            for symbol in NAMES:
                rows = [row for row in kis.truth(symbol, MONDAY) if row.timestamp < NOON.replace(tzinfo=None)]
                put(store, symbol, [traded(row, 2_400 if symbol == "005930" else 0) for row in rows])
    with serving(settings.database, at=NOON, names=NAMES) as server, browser(1360, 860) as page:
        page.get(f"{server.url}?symbol=005930&interval=1")
        page.wait("document.getElementById('chart').dataset.marks?.includes('급등락')", 30)
        page.execute_script("document.getElementById('alerts-button').click()")
        page.wait("document.querySelectorAll('#alert-rows tr').length > 3")
        save(page, "alerts")


if __name__ == "__main__":
    photograph_demo()
    for photograph in (photograph_map, photograph_alerts):
        with TemporaryDirectory() as name:
            photograph(Path(name))
