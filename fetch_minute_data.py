"""Fill the past: 1-, 5- and 15-minute candles of the last 30 days into `stock_minute_prices`, once or again at will.

    python fetch_minute_data.py            the 97 symbols of symbols.csv, the last 30 days
    python fetch_minute_data.py --check    what is missing, without a call to KIS
    python fetch_minute_data.py --demo     a first look: no key, no MySQL, no network

Only what is missing is fetched (collector.plan): running it again resumes, repairs, or does nothing. Exit 0 complete ·
1 some symbol-days failed or are missing · 2 usage or configuration · 130 interrupted.
"""

import argparse
import logging
import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.settings import Database, Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError, NotOffered, Stopped
from minute_candles.core.korean import number
from minute_candles.market.calendar import TradingCalendar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.backfill.report import RunResult
    from minute_candles.backfill.request import Wanted
    from minute_candles.storage.store import Store
    from minute_candles.verification.plan import SymbolDay

HERE = Path(__file__).resolve().parent
LOG_FILE = "minute_data_collection.log"
_log = logging.getLogger("minute_candles.scripts")
_EXAMPLES = """\
예:
  python fetch_minute_data.py --demo                    키도 DB도 없이 먼저 보기
  python fetch_minute_data.py --doctor                  키를 받은 뒤 첫 점검
  python fetch_minute_data.py                           97개 종목, 최근 30일
  python fetch_minute_data.py --symbols 005930,000660 --days 7
  python fetch_minute_data.py --from 2026-10-01 --to 2026-10-31
  python fetch_minute_data.py --check                   종목마다 빠진 날
  python fetch_minute_data.py --check --symbols 005930  한 종목을 날짜별로
  python fetch_minute_data.py --check --from today      오늘 장에서 지금까지

종료 코드: 0 모두 있음 · 1 빠진 종목일 있음 · 2 사용법·설정 오류 · 130 중단
종목일: 한 종목의 하루
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = command_line.Parser(
        "fetch_minute_data.py",
        "KIS Open API의 과거 1·5·15분봉으로 MySQL stock_minute_prices 테이블을 채웁니다.",
        _EXAMPLES,
    )
    command_line.add_range(made.add_argument_group("무엇을"), "마감된 마지막 거래일")
    how = made.add_argument_group("어떻게")
    mode = how.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="빠진 것을 보이기만, 전부는 --verbose (호출·저장 없음)")
    mode.add_argument("--dry-run", action="store_true", help="받을 양과 걸릴 시간만 보이기 (KIS 호출·저장 없음)")
    mode.add_argument("--doctor", action="store_true", help="첫 실행 점검: KIS·DB·이 컴퓨터를 2분 안에 (저장 없음)")
    mode.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (키·MySQL 불필요)")
    how.add_argument("--dedupe", action="store_true", help="중복 행을 최신만 남기고 시작 (--dry-run: 보기만)")
    again = how.add_mutually_exclusive_group()
    again.add_argument("--force", action="store_true", help="이미 확인된 날도 다시 받기")
    again.add_argument("--recheck", action="store_true", help="증명되지 않은(UNPROVEN) 날을 KIS에 다시 묻기")
    how.add_argument("--workers", metavar="N", default="8", help="동시에 받는 작업자 수 (기본 8)")
    how.add_argument("--dask", metavar="ADDRESS", help="Dask 스케줄러의 작업자들로 받기 (docs/scale.md)")
    how.add_argument("--record", metavar="FILE", help="--doctor 가 받은 KIS의 답을 비밀 없이 파일로 (문제 신고용)")
    command_line.add_talk(how, "경고와 결과만")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; answers the exit code."""
    console.prepare_streams()
    arguments = parser().parse_args(argv)
    clock = clock or Clock()
    console.on_stop(clock)
    try:
        if arguments.demo:
            return show_demo(arguments, clock)
        settings = load_settings()
        clock.start_at(settings.clock_at)
        return run(arguments, clock, settings)
    except MinuteDataError as error:
        console.complain(explained(error))
        return error.exit_code


def show_demo(arguments: argparse.Namespace, clock: Clock) -> int:
    """Run against the built-in simulator and a SQLite file."""
    from minute_candles.demo import demo

    return demo.backfill(arguments, clock, HERE / "demo", run)


def load_settings() -> Settings:
    """Return the user's settings. Raises `ConfigError`."""
    return user_settings.load(os.environ, HERE)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """Do the whole job for these settings. Raises `MinuteDataError` for what the user has to mend."""
    from minute_candles.backfill.request import wanted
    from minute_candles.config import holiday_cache as kis_days
    from minute_candles.market.calendar import known_calendar
    from minute_candles.redis_feed import setup as feeding

    calendar = known_calendar(settings.csat_days, kis_days.said(settings, clock.now().date()))
    if arguments.doctor or arguments.record:
        return examine(arguments, clock, settings, calendar)
    if arguments.dedupe and arguments.check:
        raise ConfigError("--dedupe 와 --check 는 함께 쓸 수 없습니다. 지울 것을 먼저 보려면: --dedupe --dry-run")
    from minute_candles.config.universe import Universe

    want = wanted(arguments, calendar, clock.now(), Universe.of(settings, clock))
    reads_only = arguments.check or arguments.dry_run
    log_file = None if reads_only else settings.log_dir / LOG_FILE
    quiet = arguments.quiet or reads_only
    console.setup_logging(log_file, clock, settings.secrets(), verbose=arguments.verbose, quiet=quiet)
    greet(settings, calendar, want)
    if reads_only:
        console.say(want.taken)
    else:
        feeding.check(settings)
    with ExitStack() as stack:
        store = opened(settings.database, clock, stack, read_only=reads_only)
        from minute_candles.storage.messages import WarningLine

        for line in store.preflight(dedupe=arguments.dedupe, read_only=reads_only):
            _log.log(logging.WARNING if isinstance(line, WarningLine) else logging.INFO, line)
        from minute_candles.verification.plan import plan

        clock.check()
        asks = not arguments.check  # what is missing does not depend on what is requested again
        again = {"force": asks and arguments.force, "recheck": asks and arguments.recheck}
        missing = plan(store, calendar, list(want.names), want.days, **again)
        clock.check()
        if arguments.check:
            return check(store, want, missing, settings, clock.now(), calendar, whole=arguments.verbose)
        if arguments.dry_run:
            return dry_run(want, missing, calendar, [key.rate_limit for key in settings.kis_keys])
        if arguments.dask:
            return backfill_by_dask(settings, clock, want, missing, arguments)
        return backfill(settings, clock, calendar, store, want, missing, quiet=quiet)


def examine(arguments: argparse.Namespace, clock: Clock, settings: Settings, calendar: TradingCalendar) -> int:
    """`--doctor`: examine the first run."""
    from minute_candles.doctor import checks as doctor

    if not arguments.doctor:
        raise ConfigError("--record 는 --doctor 와 함께 씁니다.")
    from minute_candles.config.universe import Universe

    lists = Universe.of(settings, clock)
    symbol = next(iter(symbols_file.choose(arguments.symbols, arguments.symbols_file, lists)))
    console.setup_logging(None, clock, settings.secrets(), verbose=arguments.verbose, quiet=True)
    return doctor.report(settings, clock, calendar, symbol, arguments.record and Path(arguments.record))


def greet(settings: Settings, calendar: TradingCalendar, want: "Wanted") -> None:
    """Log what is to be done, and what the user should know before."""
    _log.info("✅ KIS 환경변수 로드 완료")
    _log.info(want.taken)
    for line in settings.warnings:
        _log.warning(line)
    for year in calendar.unlisted_csat_years(want.first, want.last):
        _log.warning(
            "⚠️ %d년 수능일을 모릅니다. 그날은 한 시간 늦게 열리니 .env에 CSAT_DATES=YYYY-MM-DD 로 적어 주세요.", year
        )
    for day in calendar.trading_days(want.first, want.last)[len(want.days) :]:
        _log.info("ℹ️ %s 장은 아직 마감되지 않아 받지 않습니다. 오늘 장은 realtime_updater.py가 채웁니다.", day)


def opened(database: Database, clock: Clock, stack: ExitStack, *, read_only: bool) -> "Store":
    """Open the store, to be closed with `stack`. Looking makes no SQLite file."""
    from minute_candles.storage.store import open_store

    if read_only and database.path and not database.path.exists():
        database = replace(database, path=Path(":memory:"))
    store = open_store(database, clock)
    stack.callback(store.close)
    return store


def check(
    store: "Store", want: "Wanted", missing: Sequence["SymbolDay"], settings: Settings, now: datetime,
    calendar: TradingCalendar, *, whole: bool,
) -> int:  # fmt: skip
    """`--check`: a table of what is there and what is not; exit 1 where something is missing."""
    running = check_running(store, want, settings, now) if want.running else 0
    return (
        max(running, check_closed(store, want, missing, calendar, whole=whole))
        if want.days or not want.running
        else running
    )


def check_running(store: "Store", want: "Wanted", settings: Settings, now: datetime) -> int:
    """Print what is stored of the session that runs, against what it has shown; exit 1 where minutes lack."""
    from minute_candles.backfill.check_today import running_text, standings
    from minute_candles.monitoring import single_instance, status_file

    assert want.running
    status = status_file.read(settings.log_dir) if single_instance.is_running(settings) else None
    found = standings(store, status, want.names, want.running, now)
    console.say(running_text(found, want.running, now))
    return 1 if any(one.missing for one in found) else 0


def check_closed(
    store: "Store", want: "Wanted", missing: Sequence["SymbolDay"], calendar: TradingCalendar, *, whole: bool
) -> int:
    """Print the symbols with problems, all of them where `whole`; exit 1 where something is missing."""
    from minute_candles.backfill.report import check_table, problems_first
    from minute_candles.verification.plan import unproven

    if not want.days:
        console.say(want.nothing_traded)
        return 0
    symbols = list(want.names)
    doubtful = unproven(store, symbols, want.days)
    shown, remark = problems_first(want.names, missing, doubtful, calendar, whole=whole)
    if shown:
        spans = store.spans(dict.fromkeys(shown, datetime.max))
        console.say(check_table(shown, want.days, missing, spans, doubtful, by_day=len(want.names) == 1))
    if remark:
        console.say(f"\n{remark}" if shown else remark)
    total = len(want.names) * len(want.days)
    if missing:
        lost = len(missing)
        console.say(f"\n⚠️ {total:,}종목일 중 {lost:,}종목일이 빠져 있습니다. --check 없이 실행하면 채웁니다.")
        return 1
    console.say(f"\n✅ {total:,}종목일이 모두 있습니다 ({want.days[0]} ~ {want.days[-1]}).")
    return 0


def dry_run(want: "Wanted", missing: Sequence["SymbolDay"], calendar: TradingCalendar, rates: Sequence[float]) -> int:
    """`--dry-run`: how much there is to fetch, and how long it takes."""
    from minute_candles.backfill.report import forecast

    nothing = "✅ 받을 것이 없습니다. 모두 있습니다." if want.days else want.nothing_traded
    console.say(forecast(missing, calendar, rates) if missing else nothing)
    return 0


def backfill(
    settings: Settings,
    clock: Clock,
    calendar: TradingCalendar,
    store: "Store",
    want: "Wanted",
    missing: list["SymbolDay"],
    *,
    quiet: bool,
) -> int:
    """Collect what is missing, tell it as it comes, leave a result file behind."""
    from minute_candles.backfill.report import RunResult
    from minute_candles.backfill.runner import Backfill
    from minute_candles.core.worker_pool import threads_for
    from minute_candles.kis.client import KisClient
    from minute_candles.kis.token import TokenCache
    from minute_candles.redis_feed.setup import caught_up, shared_by

    result = RunResult.of(want.names, want.first, want.last, clock.now())
    if not missing:
        return nothing_missing(settings, clock, want, result)
    threads = threads_for(want.workers, settings.rate_limit)
    shared = shared_by(settings)
    client = KisClient.of(settings, TokenCache(settings, clock, shared), clock, connections=threads, shared=shared)
    job = Backfill(client, store, calendar, clock, result, quiet)
    try:
        _log.info("📊 %s개 종목 분봉 데이터 수집 시작!", number(len({task.symbol for task in missing})))
        with caught_up(settings, clock, store):
            job.run(missing, threads)
        code = 1 if result.failures else 0
    except MinuteDataError as error:
        code = error.exit_code
        _log.error("⏹️ %s" if isinstance(error, Stopped) else "❌ %s", explained(error))
    if trouble := client.clock_trouble():
        _log.warning("⚠️ %s", trouble)
    store.close()
    result.calls = client.calls
    return finish(settings, clock, result, code)


def backfill_by_dask(
    settings: Settings, clock: Clock, want: "Wanted", missing: list["SymbolDay"], arguments: argparse.Namespace
) -> int:
    """Have the workers of a Dask scheduler collect what is missing; report it as any run."""
    from minute_candles.backfill.report import RunResult
    from minute_candles.core.extras import extra

    extra("distributed", "여러 컴퓨터로 채우기(--dask)")
    from minute_candles.backfill.dask_run import DaskBackfill

    result = RunResult.of(want.names, want.first, want.last, clock.now())
    if not missing:
        return nothing_missing(settings, clock, want, result)
    job = DaskBackfill(arguments.dask, clock, result, quiet=arguments.quiet)
    try:
        _log.info("📊 %s개 종목 분봉 데이터 수집 시작!", number(len({task.symbol for task in missing})))
        job.run(missing, force=arguments.force, recheck=arguments.recheck)
        code = 1 if result.failures else 0
    except ConfigError:
        raise
    except MinuteDataError as error:
        code = error.exit_code
        _log.error("⏹️ %s" if isinstance(error, Stopped) else "❌ %s", explained(error))
    return finish(settings, clock, result, code)


def nothing_missing(settings: Settings, clock: Clock, want: "Wanted", result: "RunResult") -> int:
    """Say that there is nothing to fetch."""
    nothing = "✅ 모두 있습니다. 받을 것이 없어 KIS를 호출하지 않았습니다."
    console.say(nothing if want.days else want.nothing_traded)
    return finish(settings, clock, result, 0)


def explained(error: MinuteDataError) -> str:
    """Return what happened and what to do next, in Korean."""
    if isinstance(error, Stopped):
        return "중단했습니다. 저장된 것은 그대로 있으니 다시 실행하면 이어서 받습니다."
    if isinstance(error, NotOffered):
        return f"과거 분봉에는 실전 키가 필요합니다. KIS_ENV=real 과 실전 앱 키를 쓰세요. {error}"
    return str(error)


def finish(settings: Settings, clock: Clock, result: "RunResult", code: int) -> int:
    """Print the summary, write the result file next to the log; a full disk costs a warning, not the run."""
    from minute_candles.backfill.report import RESULT_FILE

    if result.days or result.failures:
        console.say(result.summary((clock.now() - result.started_at).total_seconds()))
    try:
        result.write(settings.log_dir / RESULT_FILE, clock.now(), code)
    except OSError as error:
        _log.warning("⚠️ 결과 파일을 쓰지 못했습니다 (%s): %s", error.strerror, settings.log_dir / RESULT_FILE)
    if code == 0 and result.days:
        console.say(f"✅ 완료: {result.first} ~ {result.last}")
    return code


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
