"""The stream: how late its candles are stored, how many calls rounds still make, what 4,100 trades a second cost.

Real key and VTS run at the same time, each with its own updater, table and simulated KIS; under five minutes in all.
"""

import json
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median, quantiles
from typing import Any

import filled
from harness import HERE, KST, THE_97, Line, folder, keep, kis, load, quick, running

from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Database, Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import Stopped
from minute_candles.kis.client import KisClient
from minute_candles.kis.token import TokenCache
from minute_candles.live.service import Service, workers_for
from minute_candles.live.stream.ingest import StreamIngest
from minute_candles.live.symbol_state import SymbolStates
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.write_event import Stored
from minute_candles.monitoring.incidents import Incidents

START = datetime(2026, 11, 20, 10, 30, 30, tzinfo=KST)
FIRST = START.replace(minute=31, second=0)
"""The first minute that counts: on VTS registering forty symbols takes twenty seconds."""
BUSY_START = START.replace(second=50)
EXECUTIONS = 30
"""So many each trade of the market is told as: about one a second."""
LATENCY, STREAMED = 0.2, 40
SYMBOLS, TRADES = 41, 100


class Lags:
    """Seconds from each new minute's end to its commit, by symbol; the heal's do not count."""

    def __init__(self, clock: Clock, since: datetime) -> None:
        self._clock, self._since = clock, since.replace(tzinfo=None)
        self.by_symbol: dict[str, list[float]] = {}

    def on_stored(self, stored: Stored) -> None:
        now = self._clock.now().replace(tzinfo=None)
        for candle in stored.candles.get(1, ()):
            if candle.timestamp >= self._since:
                lag = (now - candle.timestamp).total_seconds() - 60
                self.by_symbol.setdefault(stored.symbol, []).append(lag)

    def of(self, symbols: list[str]) -> list[float]:
        return [lag for symbol in symbols for lag in self.by_symbol.get(symbol, [])]


def settings(url: str, ws_url: str, database: Database, here: Any, *, env: str, rate: float) -> Settings:
    return Settings(
        app_key="benchmark", app_secret="benchmark", account_code="", env=env, base_url=url,  # type: ignore[arg-type]
        rate_limit=rate, token_file=here / "token.json", database=database, log_dir=here,
        integrations=Integrations(ws_url=ws_url, stream_symbols=STREAMED),
    )  # fmt: skip


def a_day(server: Any, *, env: str, rate: float, minutes: int) -> tuple[list[float], list[float], float]:
    """Lags of the streamed and of the others, and calls a minute; nothing counts before the first whole minute."""
    database, clock = server.fresh(), Clock(at=START)
    streamed, others = THE_97[:STREAMED], THE_97[STREAMED:]
    options = {"rate": rate * 1.05, "latency": LATENCY, "env": env, "profiles": dict.fromkeys(THE_97, "brisk")}
    with kis(at=clock.now(), ws=True, split=EXECUTIONS, **options) as simulator, folder() as here:
        mine = settings(simulator.url, simulator.ws_url, database, here, env=env, rate=rate)
        client = KisClient.of(mine, TokenCache(mine, clock), clock, urgent=True, connections=workers_for(rate))
        store = filled.ready(database)
        lags = Lags(clock, FIRST)
        store.listeners.append(lags.on_stored)
        service = Service(mine, clock, client, store, dict.fromkeys(THE_97, ""))
        service.session.most_active = lambda day, count: streamed[:count]  # type: ignore[method-assign]
        calls = run(service, clock, client, minutes=minutes)
        store.close()
    server.drop(database)
    return lags.of(streamed), lags.of(others), calls / minutes


def run(service: Service, clock: Clock, client: KisClient, *, minutes: int) -> int:
    """Calls of the minutes that count."""
    begin = FIRST + timedelta(seconds=55)
    thread = threading.Thread(target=_until_stopped, args=(service,), daemon=True)
    thread.start()
    time.sleep((begin - clock.now()).total_seconds())
    before = client.calls
    time.sleep((begin + timedelta(minutes=minutes) - clock.now()).total_seconds())
    calls = client.calls - before
    clock.stop.set()
    thread.join(20)
    return calls


def _until_stopped(service: Service) -> None:
    try:
        service.run()
    except Stopped:
        return


@contextmanager
def trades(symbols: list[str], seconds: float) -> Iterator[str]:
    at = BUSY_START.replace(tzinfo=None).isoformat()
    options = {"symbols": symbols, "rate": TRADES, "seconds": seconds, "at": at}
    command = [sys.executable, str(HERE / "trades_process.py"), json.dumps(options)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(10)


class Nothing:
    """A writer that stores nothing, and a clock that KIS agrees with: the reading alone is measured."""

    def __init__(self, clock: Clock) -> None:
        self.now = self.latest_now = clock.now
        self.stored = 0

    def store_proven(self, state: Any, session: Any, proven: Any) -> bool:
        self.stored += 1
        return True


def busy_minute(seconds: int) -> tuple[float, float, float]:
    """Part of a core, growth of the peak memory in MB from its tenth second on, and trades a second that were heard."""
    clock = Clock(at=BUSY_START)
    symbols = THE_97[:SYMBOLS]
    with kis(at=BUSY_START, rate=100) as simulator, trades(symbols, seconds) as ws_url, folder() as here:
        mine = settings(simulator.url, ws_url, Database("sqlite", path=here / "x.db"), here, env="real", rate=15)
        mine = replace(mine, integrations=replace(mine.integrations, stream_symbols=SYMBOLS))
        nothing: Any = Nothing(clock)
        stream = StreamIngest(mine, clock, SymbolStates(), nothing, nothing, Incidents(clock))
        heard: list[Any] = []
        stream.on_running.append(lambda running: heard.append(None))
        stream.begin(TradingCalendar().session(START.date()), symbols)
        time.sleep(10)
        cpu, wall, memory, before = time.process_time(), time.monotonic(), _peak(), _ticks_received(stream)
        time.sleep(seconds - 12)
        passed, told = time.monotonic() - wall, _ticks_received(stream) - before
        share, grown = (time.process_time() - cpu) / passed, _peak() - memory
        stream.end()
        assert nothing.stored and heard, "no minute was proven, or none ran"
        return share, grown, told / passed


def _ticks_received(stream: StreamIngest) -> int:
    """Trades that the chains hold; a trade is of four shares on average (trades_process.py)."""
    assert stream._session
    return sum((one._chain._volume - 1_000) // 4 for one in stream._session.streamed.values())


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def lag_lines(name: str, streamed: list[float], others: list[float]) -> list[Line]:
    p95 = quantiles(streamed, n=20)[-1]
    middle = median(streamed)
    what = f"{name}: 스트림 {STREAMED}종목, 분이 끝나고 저장까지 중앙값 (초, {len(streamed)}건)"
    return [
        Line(what, f"{middle:.2f}", "≤ 1.0초", middle <= 1),
        Line(f"{name}: 같은 것 95번째 백분위 (초)", f"{p95:.2f}", "≤ 2.5초", p95 <= 2.5),
        *[_rest(name, median(others)) for _ in others[:1]],
    ]  # fmt: skip


def _rest(name: str, middle: float) -> Line:
    return Line(f"{name}: 라운드로 받는 나머지, 중앙값 (초)", f"{middle:.1f}", "≤ 9초", middle <= 9)


def main() -> None:
    began, lines = load(), list[Line]()
    minutes = 1 if quick() else 2
    with running("mariadb", tuned=True) as server:
        assert server, "needs mariadbd"
        with ThreadPoolExecutor() as both:
            real = both.submit(a_day, server, env="real", rate=18, minutes=minutes)
            vts = both.submit(a_day, server, env="vts", rate=0.95, minutes=minutes)
        streamed, others, calls = real.result()
        lines += lag_lines("실전 18/s", streamed, others)
        lines.append(Line("실전 18/s: 분당 호출 (97종목)", f"{calls:.0f}", "≤ 60", calls <= 60))
        streamed, others, calls = vts.result()
        lines += lag_lines("모의 0.95/s", streamed, others)
    share, grown, heard = busy_minute(75)
    full = SYMBOLS * TRADES
    what = f"{SYMBOLS}종목 × 초당 {TRADES}체결: 들은 체결 (초당)"
    lines.append(Line(what, f"{heard:,.0f}", f"≥ {full - 100:,}", heard >= full - 100))
    lines.append(Line("그것의 처리: 코어의 몇 %", f"{100 * share:.0f}", "≤ 25", share <= 0.25))
    lines.append(Line("그동안 늘어난 메모리 (MB)", f"{grown:.1f}", "≤ 3", grown <= 3))
    note = (
        "다음 체결이 와야 분이 증명됩니다. 종목은 초당 두 번쯤 체결되는 시장(brisk)입니다:"
        " 첫 체결까지 중앙값 0.57초, 95% 1.6초."
        " 받아 둔 실제 프레임에서 가장 느린 종목이 초당 2.8번입니다. 실전과 모의를 함께 돌려 쟀습니다."
    )
    keep("stream", "13. 스트림", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
