"""docs/alerts.png: alerts on the chart, as the example's rules tell them of a simulated day with a jump planted in it.

`make screenshot`; the rules, the thread that judges, the table and the page are the real ones.
"""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from chart_browser import browser, wait
from chart_testing import put, serving
from places import ROOT

from kis_simulator.simulator import Simulator
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import demo_settings
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.candles import Candle
from minute_candles.storage.store import open_store

FRIDAY, MONDAY = date(2026, 11, 20), date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 11, 40, 5, tzinfo=KST)
NAMES = {"005930": "삼성전자", "000660": "SK하이닉스", "035420": "NAVER", "035720": "카카오", "005380": "현대차"}
JUMP = time(10, 40)
MOST = 200_000


def day(sim: Simulator, symbol: str, when: date, jump: int = 0) -> list[Candle]:
    """What traded, and from 10:40 on `jump` KRW more, with twelve times the shares in that minute."""
    return [
        _candle(row, jump if row.timestamp.time() >= datetime(1, 1, 1, 10, 40).time() else 0)
        for row in sim.truth(symbol, when)
    ]


def _candle(row: Sequence, jump: int) -> Candle:
    times = 12 if jump and row.timestamp.time() == JUMP else 1
    turnover = row.turnover and row.turnover + jump * row.volume
    vwap = turnover and (Decimal(turnover) / row.volume).quantize(Decimal("0.01"), ROUND_HALF_UP)
    return Candle(row.timestamp, *(price + jump for price in row[1:5]), row.volume * times, None, vwap)


def main() -> int:
    folder = Path(tempfile.mkdtemp())
    integrations = Integrations(alerts_file=ROOT / "alerts.example.toml")
    settings = replace(demo_settings("http://127.0.0.1:1", folder), integrations=integrations)
    clock = Clock(at=NOON)
    sim = Simulator(now=lambda: NOON + timedelta(days=1), profiles=dict.fromkeys(NAMES, "liquid"))
    store = open_store(settings.database, clock)
    store.preflight()
    for symbol in NAMES:
        put(store, symbol, day(sim, symbol, FRIDAY), "COMPLETE")
    with alerting(set_up(settings), settings, clock, store, NAMES):
        for symbol in NAMES:
            jump = 2_400 if symbol == "005930" else 0
            put(
                store,
                symbol,
                [one for one in day(sim, symbol, MONDAY, jump) if one.timestamp < NOON.replace(tzinfo=None)],
            )
    with serving(settings.database, at=NOON, names=NAMES) as server, browser(1360, 860) as page:
        page.get(f"{server.url}?symbol=005930&interval=1")
        wait(page, "document.getElementById('chart').dataset.marks?.includes('급등락')", 30)
        page.execute_script("document.getElementById('alerts-button').click()")
        wait(page, "document.querySelectorAll('#alert-rows tr').length > 3")
        page.save_screenshot(str(ROOT / "docs" / "alerts.png"))
    store.close()
    size = (ROOT / "docs" / "alerts.png").stat().st_size
    print(f"docs/alerts.png {size:,} bytes")
    return 0 if size <= MOST else 1


if __name__ == "__main__":
    sys.exit(main())
