"""Keep the present: closed candles every minute of a session, the final source's after the close, for weeks on end.

    nohup python realtime_updater.py >/dev/null 2>updater.err &   then: tail -F realtime_updater.log
    python realtime_updater.py --status                           exit 0 healthy, 1 stale or failing
    python realtime_updater.py --once --quiet                     one round, for cron
    python realtime_updater.py --standby                          take over when another host's updater dies
    python realtime_updater.py --stop                             end it, on every system

Started at any time it backfills what is missing of today. After the close it settles the last week, then sleeps to the
next session. Its days: minute_candles/live/service.py; a round: minute_candles/live/session.py. Here is the command
line.
"""

import argparse
import logging
import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.settings import Settings
from minute_candles.console import command_line, console
from minute_candles.console.background import in_background
from minute_candles.core.clock import Clock
from minute_candles.core.errors import SourceError, Stopped, TokenRefused
from minute_candles.monitoring import running_file, status_file
from minute_candles.monitoring.lease import LeaseLost, lease_of, tenure, wait_for_lease
from minute_candles.monitoring.single_instance import is_running, only_one, stop
from minute_candles.monitoring.status_file import UpdaterState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.alerts.setup import Setup
    from minute_candles.kis.client import KisClient
    from minute_candles.monitoring.lease import Lease, Tenure
    from minute_candles.storage.store import Store

HERE = Path(__file__).resolve().parent
LOG_FILE = "realtime_updater.log"
PATIENCE = 5.0
"""Seconds a transaction waits for a lost database; the next round waits again."""
STANDBY_PATIENCE = timedelta(minutes=3)
"""A waiting standby reports itself each minute."""
_log = logging.getLogger("minute_candles.scripts")
_EXAMPLES = """\
예:
  python realtime_updater.py --demo           키·DB 없이 먼저 보기
  python realtime_updater.py --status         잘 돌고 있는지
  python realtime_updater.py --once --quiet   한 라운드만 (cron용)
  python realtime_updater.py --standby        다른 서버가 죽으면 이어받기
  python realtime_updater.py --stop           실행 중인 것을 멈추기

뒤에서 계속:
  nohup python realtime_updater.py --quiet >/dev/null 2>updater.err &
  tail -F realtime_updater.log                기록 보기

종료 코드: 0 정상 · 1 --once·--stop 실패, --status 이상 · 2 설정 오류
"""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = command_line.Parser(
        "realtime_updater.py",
        "장중 매분 KIS의 1·5·15분봉을 stock_minute_prices 테이블에 저장합니다.",
        _EXAMPLES,
    )
    what = made.add_argument_group("무엇을")
    command_line.add_symbols(what)
    what.add_argument("--active", metavar="N", help="매분 먼저 갱신할 거래 활발 종목 수 (기본 30)")
    for interval in (1, 5, 15):
        text = f"{interval}분봉을 몇 분마다 갱신할지 (기본 {interval})"
        what.add_argument(f"--every-{interval}min", dest=f"every{interval}", metavar="M", help=text)
    how = made.add_argument_group("어떻게")
    mode = how.add_mutually_exclusive_group()
    mode.add_argument("--once", action="store_true", help="한 라운드만 (오늘 빠진 것 포함) 하고 끝내기")
    mode.add_argument("--standby", action="store_true", help="다른 서버의 업데이터가 멈추면 이어받기 (REDIS_URL 필요)")
    mode.add_argument("--status", action="store_true", help="실행 중인 업데이터의 상태 보기 (0 정상, 1 이상)")
    mode.add_argument("--stop", action="store_true", help="실행 중인 업데이터를 멈추기 (어느 운영체제에서나)")
    mode.add_argument("--test-alert", action="store_true", help="ALERT_URLS 의 주소마다 시험 알림을 하나씩 보내기")
    mode.add_argument("--try-alerts", metavar="DATE", help="저장된 하루에 알림 규칙을 돌려 표로 보기 (보내지 않음)")
    mode.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (Ctrl-C로 끝)")
    command_line.add_talk(how, "경고만")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; return the exit code."""
    arguments = command_line.read(parser(), argv)
    return command_line.carry_out(lambda: start(arguments, clock))


def start(arguments: argparse.Namespace, clock: Clock | None) -> int:
    """Run with the user's settings, or with the demo's. Raises `MinuteDataError`."""
    if arguments.demo:
        return show_demo(arguments)
    if arguments.test_alert or arguments.try_alerts is not None:
        return try_alerts(arguments, clock or Clock())
    settings = with_flags(user_settings.load(os.environ, HERE), arguments)
    clock = clock or Clock(at=settings.clock_at)
    if arguments.status:
        return show_status(settings, clock, verbose=arguments.verbose)
    if arguments.stop:
        return end(settings)
    return run(arguments, clock, settings)


def with_flags(settings: Settings, arguments: argparse.Namespace) -> Settings:
    """Return the settings with the flags laid over them. Raises `ConfigError`."""
    every = dict(settings.every)
    for interval in every:
        if (text := getattr(arguments, f"every{interval}")) is not None:
            every[interval] = command_line.whole(f"--every-{interval}min", text, 60 * interval)
    if arguments.active is not None:
        settings = replace(settings, active=command_line.whole("--active", arguments.active, 10_000))
    return replace(settings, every=every)


def show_demo(arguments: argparse.Namespace) -> int:
    """Run `--demo`: an updater against the simulator."""
    from minute_candles.demo import demo

    def run_demo(clock: Clock, settings: Settings) -> int:
        return run(arguments, clock, with_flags(settings, arguments))

    return demo.market(arguments, HERE / "demo-realtime", run_demo)


def show_status(settings: Settings, clock: Clock, *, verbose: bool) -> int:
    """Print `--status`; return 0 where all is well."""
    status, running = status_file.read(settings.log_dir), is_running(settings)
    text, healthy = status_file.render(status, clock.now(), running=running, verbose=verbose)
    console.say(text)
    return 0 if healthy else 1


def end(settings: Settings) -> int:
    """Run `--stop`: the running updater finishes the transaction in hand and ends with 0."""
    if not is_running(settings):
        console.say("ℹ️ 실행 중인 업데이터가 없습니다.")
        return 0
    if stop(settings):
        console.say("✅ 업데이터를 멈췄습니다.")
        return 0
    console.complain("업데이터가 1분 안에 멈추지 않았습니다. --status 로 확인하세요.")
    return 1


def try_alerts(arguments: argparse.Namespace, clock: Clock) -> int:
    """Run `--test-alert` or `--try-alerts`: neither needs a KIS key."""
    from minute_candles.alerts import commands as alert_commands

    settings = user_settings.load(os.environ, HERE, needs_key=False)
    console.setup_logging(None, clock, settings.secrets(), verbose=arguments.verbose, quiet=not arguments.verbose)
    if arguments.test_alert:
        return alert_commands.send_test(settings, clock)
    from minute_candles.config.universe import Universe

    lists = Universe.of(settings, clock)
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists, takes_names=True)
    return alert_commands.try_rules(settings, clock, names, arguments.try_alerts)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """Take the table's lock, then work in the background of a main thread that waits for signals."""
    from minute_candles.alerts.setup import set_up
    from minute_candles.config.universe import Universe

    lists = Universe.of(settings, clock)
    names, alerts = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists), set_up(settings)
    talk = {"verbose": arguments.verbose, "quiet": arguments.quiet}
    console.setup_logging(settings.log_dir / LOG_FILE, clock, settings.secrets(), **talk)
    if arguments.once and (opens := status_file.nothing_until(settings, names, clock.now())):
        _log.info(status_file.nothing_line(opens))
        return 0
    console.on_stop(clock)
    started = Start(arguments, clock, settings, names, alerts)
    try:
        with only_one(settings, clock, waits=arguments.standby):
            return in_background(lambda: serve(started), clock)
    except Stopped:
        _log.info("⏹️ 멈춥니다. 다시 시작하면 빠진 것부터 채웁니다.")
        return 0


class Start(NamedTuple):
    """What the user started: flags, settings, symbols, alert rules."""

    arguments: argparse.Namespace
    clock: Clock
    settings: Settings
    names: Mapping[str, str]
    alerts: "Setup | None"


def serve(start: Start) -> int:
    """Start up strictly (a mistake in the settings is exit 2), then keep going through any fault.

    A standby that took over and lost the lease again waits for it again.
    """
    _log.info("✅ KIS 환경변수 로드 완료")
    for line in start.settings.warnings:
        _log.warning(line)
    if start.arguments.standby and not start.settings.integrations.redis_url:
        _log.warning("⚠️ REDIS_URL 이 없어, 같은 LOG_DIR 을 쓰는 업데이터가 멈출 때만 이어받습니다.")
    while True:
        try:
            return serve_tenure(start)
        except LeaseLost:
            if not start.arguments.standby:
                return 0


def serve_tenure(start: Start) -> int:
    """Prepare everything, wait for the lease as a standby, then update. Raises `LeaseLost`, `Stopped`."""
    from minute_candles.kis.client import KisClient
    from minute_candles.kis.token import TokenCache
    from minute_candles.live.service import workers_for
    from minute_candles.redis_feed import setup as feeding
    from minute_candles.storage.store import open_store

    arguments, clock, settings, names, _ = start
    feeding.check(settings)
    with closing(open_store(settings.database, clock, patience=PATIENCE)) as store:
        for line in store.preflight():
            _log.info(line)
        shared = feeding.shared_by(settings)
        token, workers = TokenCache(settings, clock, shared), workers_for(settings.rate_limit)
        client = KisClient.of(settings, token, clock, urgent=True, connections=workers, shared=shared)
        check_key(client, next(iter(names)), clock.now())
        with lease_of(settings, offered=not arguments.once) as lease:
            if lease and arguments.standby:
                wait_as_standby(start, lease)
            with tenure(lease, clock) as held:
                try:
                    return update(start, held, client, store)
                except Stopped as stopped:
                    raise LeaseLost(str(stopped)) if held.is_lost else stopped from None


def wait_as_standby(start: Start, lease: "Lease") -> None:
    """Wait until no other host holds the lease, and say so in the status file. Raises `Stopped`."""
    reported = ""

    def report(holder: str) -> None:
        nonlocal reported
        now = start.clock.now()
        if f"{now:%H:%M} {holder}" == reported:
            return
        if not reported.endswith(f" {holder}"):
            _log.info("💤 대기합니다. 지금 갱신하는 서버: %s", holder or "확인하는 중")
        reported = f"{now:%H:%M} {holder}"
        with suppress(OSError):
            more = {"pid": os.getpid(), "holder": holder}
            status_file.write(start.settings.log_dir, UpdaterState.STANDBY, now, now + STANDBY_PATIENCE, **more)

    wait_for_lease(lease, start.clock, report)
    _log.info("🔁 갱신을 이어받습니다.")


def update(start: Start, held: "Tenure", client: "KisClient", store: "Store") -> int:
    """Run the service with the feed, the alerts and the file of running minutes."""
    from minute_candles.alerts.setup import alerting
    from minute_candles.live.service import Service
    from minute_candles.redis_feed import setup as feeding

    arguments, _, settings, names, alerts = start
    with (
        feeding.feeding(settings, held.clock, store, names) as feed,
        alerting(alerts, settings, held.clock, store, names) as watch,
        running_file.writing(settings.log_dir) as running,
    ):
        service = Service(settings, held.clock, client, store, names, held, feed)
        if feed:
            service.stream.on_running.append(feed.on_running)
        service.stream.on_running.append(running.add)
        client.on_previous_close = running.add_previous_close
        watch(service)
        return service.once() if arguments.once else service.run()


def check_key(client: "KisClient", symbol: str, now: datetime) -> None:
    """Request one quote. A refused key is a mistake in the settings; any other fault of KIS is waited out later."""
    try:
        client.today_minutes(symbol, now)
    except (TokenRefused, SourceError) as error:
        _log.warning("⚠️ %s 계속 다시 시도합니다.", error)


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
