"""The demos: the scripts as they are, on the built-in simulator and a SQLite file; nothing of the user's is touched."""

import argparse
import logging
import shutil
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from base.clock import Clock
from base.errors import ConfigError
from cli import console
from config import symbols_file
from config.settings import Settings, demo_settings
from db import open_store
from market.hours import TradingCalendar
from simulator.simulator import Simulator

SYMBOLS, SESSIONS = 10, 5
_log = logging.getLogger("minute_data")


def backfill(
    arguments: argparse.Namespace,
    clock: Clock,
    folder: Path,
    run: Callable[[argparse.Namespace, Clock, Settings], int],
) -> int:
    """`fetch_minute_data.py --demo`: ten symbols, five sessions, then what was stored and the next step."""
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
    """`realtime_updater.py --demo`: it is 10:00 of a trading day, and candles arrive each minute until Ctrl-C."""
    folder = emptied(folder)
    calendar = TradingCalendar()
    start = calendar.session(calendar.last_closed(Clock().now())).open + timedelta(hours=1)
    clock = Clock(at=start)
    fewer_symbols(arguments)
    with Simulator(now=clock.now) as simulator:
        settings = demo_settings(simulator.url, folder)
        console.say(f"🎬 시연: 지금이 {start:%Y-%m-%d %H:%M}인 것처럼 시뮬레이터가 움직입니다. 끝내려면 Ctrl-C.")
        code = run(clock, settings)
    console.say(f"저장된 파일: {settings.database.path}")
    return code


def fewer_symbols(arguments: argparse.Namespace) -> None:
    if arguments.symbols is None and arguments.symbols_file is None:
        arguments.symbols = ",".join(list(symbols_file.choose(None, None))[:SYMBOLS])


def emptied(folder: Path) -> Path:
    """The demo's folder without what an earlier demo left. Raises `ConfigError`."""
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"시연 폴더를 비울 수 없습니다 ({error.strerror}): {folder}") from error
    return folder


def show(settings: Settings, clock: Clock, names: dict[str, str]) -> None:
    """A small table of what was stored for the first symbol, and the next step."""
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
    )
