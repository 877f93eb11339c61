"""Look at the candles: a live chart in the browser over the same table, with what is proven of each of them.

    python live_chart.py              http://127.0.0.1:8765/
    python live_chart.py --demo       a running market without key, database or network

On a terminal with a screen the page opens by itself. It only reads (the database user needs SELECT), no KIS key is
needed, and it holds nobody up. Ctrl-C or SIGTERM: exit 0.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from datetime import date
from pathlib import Path
from threading import Thread

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.addresses import is_host, is_loopback
from minute_candles.config.settings import Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError
from minute_candles.core.korean import particle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.chart.broadcast import Broadcaster
    from minute_candles.chart.files import File
    from minute_candles.chart.handlers import Handlers
    from minute_candles.chart.queries import Queries
    from minute_candles.chart.server import Address
    from minute_candles.config.universe import Universe
    from minute_candles.market.candles import Candle
    from minute_candles.storage.reader import CandleReader

HERE = Path(__file__).resolve().parent
_EXAMPLES = """\
예:
  python live_chart.py --demo                 키·DB 없이 먼저 보기
  python live_chart.py                        http://127.0.0.1:8765/
  CHART_PASSWORD=… python live_chart.py --host 0.0.0.0    다른 기기에서 보기

종료 코드: 0 정상 (Ctrl-C 포함) · 2 설정 오류
"""


def parser() -> argparse.ArgumentParser:
    """Return the flags."""
    made = command_line.Parser(
        "live_chart.py", "저장된 캔들을 브라우저에서 실시간 차트로 봅니다. 읽기만 합니다.", _EXAMPLES
    )
    command_line.add_symbols(made.add_argument_group("무엇을"))
    how = made.add_argument_group("어떻게")
    how.add_argument("--host", metavar="H", help="기다릴 주소 (기본 127.0.0.1; 다른 주소는 CHART_PASSWORD 필요)")
    how.add_argument("--port", metavar="P", help="포트 (기본 8765)")
    how.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (Ctrl-C로 끝)")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; return the exit code."""
    arguments = command_line.read(parser(), argv)
    return command_line.carry_out(lambda: start(arguments, clock))


def start(arguments: argparse.Namespace, clock: Clock | None) -> int:
    """Run with the user's settings, or with the demo's. Raises `MinuteDataError`."""
    if arguments.demo:
        return show_demo(arguments)
    settings = user_settings.load(os.environ, HERE, needs_key=False)
    return run(arguments, clock or Clock(at=settings.clock_at), settings)


def need_packages() -> None:
    """Raise `ConfigError` where a package is missing."""
    from minute_candles.core.extras import extra

    for package in ("starlette", "uvicorn", "websockets"):
        extra(package, "실시간 차트")


def run(
    arguments: argparse.Namespace,
    clock: Clock,
    settings: Settings,
    collect: Callable[[], None] | None = None,
) -> int:
    """Serve until a stop is requested. The demo collects meanwhile, on a thread."""
    need_packages()
    from minute_candles.chart.files import read_files
    from minute_candles.chart.server import Address, application, listening, serve
    from minute_candles.config.universe import Universe
    from minute_candles.storage.store import open_reader

    address = Address(*where(arguments, settings))
    lists = Universe.of(settings, clock)
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists, takes_names=True)
    files = read_files()
    console.setup_logging(None, clock, settings.secrets())
    console.on_stop(clock, "연결을 닫고 끝냅니다.")
    bound = listening(address)
    with (
        closing(bound),
        closing(open_reader(settings.database, clock)) as reader,
        closing(open_reader(settings.database, clock)) as watched,  # a long answer holds up nobody who watches
    ):
        handlers, broadcaster = page(settings, clock, names, files, reader, watched)
        if not all(names.values()):
            in_thread("names", lambda: fill_names(names, lists))
        if collect is not None:
            in_thread("collect", collect)
        console.say(f"📈 차트: {address}  (끝내려면 Ctrl-C)")
        open_page(address)
        password, origins = settings.integrations.chart_password, settings.integrations.chart_origins
        serve(application(handlers, broadcaster, password, origins), bound, clock)
    return 0


def page(
    settings: Settings, clock: Clock, names: dict[str, str], files: "Mapping[str, File]", reader: "CandleReader",
    watched: "CandleReader",
) -> "tuple[Handlers, Broadcaster]":  # fmt: skip
    """Return what answers requests and what pushes candles, following the updater by Redis and by its file."""
    from minute_candles.chart.broadcast import Broadcaster
    from minute_candles.chart.forecast import ForecastAnswers
    from minute_candles.chart.handlers import Handlers
    from minute_candles.chart.queries import Queries
    from minute_candles.chart.running import RunningMinutes
    from minute_candles.chart.server import health_of
    from minute_candles.frames.calendar import calendar_of
    from minute_candles.monitoring import running_file

    calendar = calendar_of(settings, clock)
    running = RunningMinutes(clock)
    broadcaster = Broadcaster(watched, names, calendar, clock, running)
    queries = Queries(reader, names, calendar, clock, running)
    forecasts = ForecastAnswers(reader, names, calendar, clock, settings.log_dir)
    if settings.integrations.redis_url:
        listen(settings.integrations.redis_url, broadcaster, clock)
    running_file.follow(settings.log_dir, broadcaster.run_minute, running.add_previous_close, clock)
    in_thread("list", lambda: make_list(queries))
    return Handlers(queries, broadcaster, files, health_of(settings, clock), forecasts), broadcaster


def in_thread(name: str, work: Callable[[], object]) -> None:
    """Start what ends with the process."""
    Thread(target=work, name=name, daemon=True).start()


def make_list(queries: "Queries") -> None:
    """Make the list before the first page asks for it: of 2,700 symbols it takes a few tenths of a second."""
    with suppress(MinuteDataError):
        queries.symbols()


def fill_names(names: dict[str, str], lists: "Universe") -> None:
    """Name the symbols that no list at hand names, from KIS's master files; where those are away they stay nameless."""
    with suppress(ConfigError):
        known = lists.members("@all")
        names |= {symbol: known.get(symbol, "") for symbol, name in names.items() if not name}


def open_page(address: "Address") -> None:
    """Open the page where somebody sits: a terminal, a screen, and an address of this computer."""
    import webbrowser

    has_screen = sys.platform in ("darwin", "win32") or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    if has_screen and sys.stdout.isatty() and is_loopback(address.host):
        in_thread("browser", lambda: webbrowser.open(str(address)))


def listen(url: str, broadcaster: "Broadcaster", clock: Clock) -> None:
    """Let Redis wake the page and bring the running minute; the table stays the truth."""
    from minute_candles.redis_feed.keys import RUNNING
    from minute_candles.redis_feed.subscriber import Listener

    def on_candle(channel: str, symbol: str, candle: "Candle") -> None:
        if channel == RUNNING:
            broadcaster.run_minute(symbol, candle)
        else:
            broadcaster.wake(symbol)

    in_thread("redis", Listener(url, on_candle, clock).run)


def where(arguments: argparse.Namespace, settings: Settings) -> tuple[str, int]:
    """Return host and port, the flags before the settings. Raises `ConfigError`: another host needs a password."""
    integrations = settings.integrations
    host = arguments.host or integrations.chart_host
    if not is_host(host):
        raise ConfigError(f"--host {particle(repr(host[:40]), '은/는')} 호스트 이름이나 주소가 아닙니다.")
    if not is_loopback(host) and not integrations.chart_password:
        raise ConfigError(f"{host} 에서 열려면 비밀번호가 있어야 합니다. .env 에 CHART_PASSWORD=… 를 적으세요.")
    port = integrations.chart_port if arguments.port is None else command_line.whole("--port", arguments.port, 65535)
    return host, port


def show_demo(arguments: argparse.Namespace) -> int:
    """Run the simulator, the two scripts and the page together; return the exit code."""
    import fetch_minute_data
    import realtime_updater
    from minute_candles.demo import demo

    if arguments.symbols is None and arguments.symbols_file is None:
        arguments.symbols = ",".join(symbols_file.USUALLY_ACTIVE)
    which = [f"--symbols-file={arguments.symbols_file}"] if arguments.symbols_file else []
    which += [f"--symbols={arguments.symbols}"] if arguments.symbols else []

    def fill(clock: Clock, settings: Settings, first: date) -> int:
        flags = [*which, f"--from={first}", "--quiet"]
        return fetch_minute_data.run(fetch_minute_data.parser().parse_args(flags), clock, settings)

    def update(clock: Clock, settings: Settings) -> int:
        return realtime_updater.run(realtime_updater.parser().parse_args(which), clock, settings)

    def show(clock: Clock, settings: Settings, collect: Callable[[], None]) -> int:
        return run(arguments, clock, settings, collect)

    need_packages()
    from minute_candles.chart.server import Address, listening

    listening(
        Address(*where(arguments, user_settings.demo_settings("", HERE)))
    ).close()  # taken: an earlier demo runs still
    return demo.chart(arguments, HERE / "demo-chart", demo.Scripts(fill, update, show))


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
