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
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from minute_candles.backfill.error_text import explained
from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.settings import Database, Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError
from minute_candles.market.calendar import TradingCalendar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.backfill.request import Wanted
    from minute_candles.storage.store import Store

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
    """Run from the command line; return the exit code."""
    arguments, clock = command_line.read(parser(), argv), clock or Clock()
    console.on_stop(clock)
    return command_line.carry_out(lambda: start(arguments, clock), explained)


def start(arguments: argparse.Namespace, clock: Clock) -> int:
    """Run with the user's settings, or with the demo's. Raises `MinuteDataError`."""
    if arguments.demo:
        from minute_candles.demo import demo

        return demo.backfill(arguments, clock, HERE / "demo", run)
    settings = user_settings.load(os.environ, HERE)
    clock.start_at(settings.clock_at)
    return run(arguments, clock, settings)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """Do the whole job for these settings. Raises `MinuteDataError` for what the user has to mend."""
    from minute_candles.backfill.request import wanted
    from minute_candles.config.universe import Universe
    from minute_candles.frames.calendar import calendar_of
    from minute_candles.redis_feed import setup as feeding

    calendar = calendar_of(settings, clock)
    if arguments.doctor or arguments.record:
        return examine(arguments, clock, settings, calendar)
    if arguments.dedupe and arguments.check:
        raise ConfigError("--dedupe 와 --check 는 함께 쓸 수 없습니다. 지울 것을 먼저 보려면: --dedupe --dry-run")
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
    with closing(opened(settings.database, clock, read_only=reads_only)) as store:
        return work(arguments, clock, settings, calendar, store, want)


def work(
    arguments: argparse.Namespace, clock: Clock, settings: Settings, calendar: TradingCalendar, store: "Store",
    want: "Wanted",
) -> int:  # fmt: skip
    """Prepare the tables, plan, then check, estimate or fetch."""
    from minute_candles.backfill import check, job
    from minute_candles.storage.messages import WarningLine
    from minute_candles.verification.plan import plan

    for line in store.preflight(dedupe=arguments.dedupe, read_only=arguments.check or arguments.dry_run):
        _log.log(logging.WARNING if isinstance(line, WarningLine) else logging.INFO, line)
    clock.check()
    asks = not arguments.check  # what is missing does not depend on what is requested again
    again = {"force": asks and arguments.force, "recheck": asks and arguments.recheck}
    missing = plan(store, calendar, list(want.names), want.days, **again)
    clock.check()
    if arguments.check:
        return check.check(store, want, missing, settings, clock.now(), calendar, whole=arguments.verbose)
    if arguments.dry_run:
        return check.dry_run(want, missing, calendar, [key.rate_limit for key in settings.kis_keys])
    if arguments.dask:
        collect = job.by_dask(arguments.dask, clock, missing, **again, quiet=arguments.quiet)
    else:
        collect = job.by_threads(settings, clock, calendar, store, want, missing, quiet=arguments.quiet)
    return job.backfill(settings, clock, want, missing, collect)


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


def opened(database: Database, clock: Clock, *, read_only: bool) -> "Store":
    """Open the store. Looking makes no SQLite file."""
    from minute_candles.storage.store import open_store

    if read_only and database.path and not database.path.exists():
        database = replace(database, path=Path(":memory:"))
    return open_store(database, clock)


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
