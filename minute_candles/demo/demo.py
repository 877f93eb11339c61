"""The demos: the scripts as they are, on the built-in simulator and a SQLite file; nothing of the user's is touched."""

import argparse
import logging
import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import NamedTuple

from kis_simulator.simulator import Simulator
from minute_candles.config import symbols_file
from minute_candles.config.integrations import Integrations
from minute_candles.config.project import PROJECT_FOLDER
from minute_candles.config.settings import Settings, demo_settings
from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.market.calendar import TradingCalendar
from minute_candles.storage.store import open_store

SYMBOLS, SESSIONS = 10, 5
STREAMED = 6
"""Symbols of the updater's demo that are streamed; the others come by rounds."""
CHART_RATE = 300.0
"""Calls a second of the chart's demo: a simulator need not be spared, and nobody wants to wait for a chart."""
LIVELY = 40
"""Symbols of the chart's demo that trade every second and are streamed."""
CHART_LEAD = timedelta(seconds=15)
"""The chart's demo begins so long before a minute: a running one is shown if its first trade was received."""
_log = logging.getLogger(__name__)


def backfill(
    arguments: argparse.Namespace,
    clock: Clock,
    folder: Path,
    run: Callable[[argparse.Namespace, Clock, Settings], int],
) -> int:
    """Run `fetch_minute_data.py --demo`: ten symbols, five sessions, then what was stored and the next step."""
    folder = emptied(folder)
    calendar = TradingCalendar()
    closed = calendar.last_closed(clock.now())
    fewer_symbols(arguments)
    if (arguments.days, arguments.first, arguments.last) == (None, None, None):
        arguments.first = calendar.trading_days(closed - timedelta(days=30), closed)[-SESSIONS].isoformat()
    with Simulator(now=clock.now) as simulator:
        settings = demo_settings(simulator.url, folder)
        console.say("🎬 시연: 내장 KIS 시뮬레이터와 SQLite로 돌립니다. 키·MySQL·네트워크를 쓰지 않습니다.")
        code = run(arguments, clock, settings)
        if code == 0:
            show(settings, clock, symbols_file.choose(arguments.symbols, arguments.symbols_file))
    return code


def market(arguments: argparse.Namespace, folder: Path, run: Callable[[Clock, Settings], int]) -> int:
    """Run `realtime_updater.py --demo`: it is 10:00 of a trading day, and candles arrive each minute until Ctrl-C."""
    folder = emptied(folder)
    calendar = TradingCalendar()
    start = calendar.session(calendar.last_closed(Clock().now())).open + timedelta(hours=1)
    clock = Clock(at=start)
    fewer_symbols(arguments)
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file)
    brisk = dict.fromkeys(list(names)[:STREAMED], "brisk")
    with Simulator(now=clock.now, profiles=brisk, ws=find_spec("websockets") is not None) as simulator:
        integrations = Integrations(ws_url=simulator.ws_url, stream_symbols=STREAMED)
        settings = replace(demo_settings(simulator.url, folder), integrations=integrations)
        console.say(f"🎬 시연: 지금이 {start:%Y-%m-%d %H:%M}인 것처럼 시뮬레이터가 움직입니다. 끝내려면 Ctrl-C.")
        if simulator.ws_url:
            console.say(f"   {STREAMED}종목은 스트림으로 받습니다: 라운드 줄 끝이 그 건수와 저장까지 걸린 시간입니다.")
        code = run(clock, settings)
    console.say(f"저장된 파일: {settings.database.path}")
    return code


class Scripts(NamedTuple):
    """What the chart's demo runs, each a script's function: the past, the present, and the page that starts them."""

    fill: Callable[[Clock, Settings, date], int]
    update: Callable[[Clock, Settings], int]
    show: Callable[[Clock, Settings, Callable[[], None]], int]


def chart(arguments: argparse.Namespace, folder: Path, scripts: Scripts) -> int:
    """Run `live_chart.py --demo`: it is 10:00 of a trading day; the page opens at once, the past fills in behind it.

    The running minutes come as in real life: trades on the simulator's WebSocket, the updater's stream, its file.
    """
    folder = emptied(folder)
    calendar = TradingCalendar()
    today = calendar.last_closed(Clock().now())
    start = calendar.session(today).open + timedelta(hours=1) - CHART_LEAD
    first = calendar.trading_days(today - timedelta(days=30), today)[-SESSIONS - 1]
    clock, names = Clock(at=start), symbols_file.choose(arguments.symbols, arguments.symbols_file)
    lively = {(symbol, today): "lively" for symbol in list(names)[:LIVELY]}
    streams = find_spec("websockets") is not None
    with Simulator(now=clock.now, rate=CHART_RATE, oddities=lively, ws=streams) as simulator:
        settings = replace(demo_settings(simulator.url, folder), rate_limit=CHART_RATE)
        settings = with_alerts(
            replace(settings, integrations=Integrations(ws_url=simulator.ws_url, stream_symbols=LIVELY))
        )
        with closing(open_store(settings.database, clock)) as store:
            store.preflight()

        def collect() -> None:
            Thread(target=scripts.fill, args=(clock, settings, first), name="past", daemon=True).start()
            scripts.update(clock, settings)

        console.say(f"🎬 시연: 지금이 {start:%Y-%m-%d %H:%M}인 것처럼 시뮬레이터가 움직입니다. 지어낸 값입니다.")
        return scripts.show(clock, settings, collect)


def with_alerts(settings: Settings) -> Settings:
    """Return the settings with the rules of the example, sent nowhere: the page shows what fires."""
    rules = PROJECT_FOLDER / "alerts.example.toml"
    if not rules.is_file() or any(find_spec(package) is None for package in ("numpy", "talib")):
        return settings
    return replace(settings, integrations=replace(settings.integrations, alerts_file=rules))


def fewer_symbols(arguments: argparse.Namespace) -> None:
    """Choose the first symbols of the list where the user named none."""
    if arguments.symbols is None and arguments.symbols_file is None:
        arguments.symbols = ",".join(list(symbols_file.choose(None, None))[:SYMBOLS])


def emptied(folder: Path) -> Path:
    """Return the demo's folder without what an earlier demo left. Raises `ConfigError`."""
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"시연 폴더를 비울 수 없습니다 ({error.strerror}): {folder}") from error
    return folder


def show(settings: Settings, clock: Clock, names: dict[str, str]) -> None:
    """Print a small table of what was stored for the first symbol, and the next step."""
    _log.setLevel(logging.WARNING)  # that the file is opened once more is no news
    store = open_store(settings.database, clock)
    now = clock.now().replace(tzinfo=None)
    symbol, name = next(iter(names.items()))
    for interval in (1, 5, 15):
        candles = store.candles(symbol, interval, now - timedelta(days=365), now)[-3:]
        rows = [
            [f"{c.timestamp:%m-%d %H:%M}", *map(console.number, c[1:6]), f"{c.vwap:,.2f}" if c.vwap else "-"]
            for c in candles
        ]
        console.say(f"\n{symbol} {name} {interval}분봉 (마지막 3개, 시뮬레이터가 지어낸 값)")
        console.say(console.table(["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP"], rows))
    store.close()
    console.say(
        f"\n저장된 파일: {settings.database.path}"
        "\n다음: `cp .env.example .env` 로 만든 .env 에 KIS 키와 DB 비밀번호를 적고 `python fetch_minute_data.py`"
        "\n움직이는 차트 보기: `make chart` (또는 `python live_chart.py --demo`)"
    )
