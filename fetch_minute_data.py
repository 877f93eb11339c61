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
import re
import shutil
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import command_line
import console
import settings as user_settings
import symbols_file
from clock import Clock
from errors import ConfigError, MinuteDataError, NotOffered, SourceError, Stopped
from market_hours import TradingCalendar
from settings import Database, Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector import SymbolDay
    from db import Store
    from kis_client import KisClient
    from pool import Outcome
    from report import RunResult

HERE = Path(__file__).resolve().parent
LOG_FILE, RESULT_FILE = "minute_data_collection.log", "minute_data_collection_results.json"
MOST_DAYS = 365
MOST_TOLD = 20
"""Failed symbol-days that are told one by one."""
DEMO_SYMBOLS, DEMO_SESSIONS = 10, 5
_log = logging.getLogger("minute_data")
_EXAMPLES = """\
예:
  python fetch_minute_data.py --demo                    키도 DB도 없이 먼저 보기
  python fetch_minute_data.py                           97개 종목, 최근 30일
  python fetch_minute_data.py --symbols 005930,000660 --days 7
  python fetch_minute_data.py --from 2026-10-01 --to 2026-10-31
  python fetch_minute_data.py --check                   종목마다 빠진 날
  python fetch_minute_data.py --check --symbols 005930  한 종목을 날짜별로

종료 코드: 0 모두 있음 · 1 빠진 종목일 있음 · 2 사용법·설정 오류 · 130 중단
"""


def parser() -> argparse.ArgumentParser:
    made = command_line.Parser(
        "fetch_minute_data.py",
        "KIS Open API의 과거 1·5·15분봉으로 MySQL stock_minute_prices 테이블을 채웁니다.",
        _EXAMPLES,
    )
    add_range(made.add_argument_group("무엇을"))
    how = made.add_argument_group("어떻게")
    mode = how.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="빠진 것을 표로 보이기만 (KIS 호출·저장 없음)")
    mode.add_argument("--dry-run", action="store_true", help="받을 양과 걸릴 시간만 보이기 (KIS 호출·저장 없음)")
    mode.add_argument("--dedupe", action="store_true", help="테이블의 중복 행을 (최신만 남기고) 정리하고 시작")
    mode.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (키·MySQL 불필요)")
    how.add_argument("--force", action="store_true", help="이미 확인된 날도 다시 받기")
    how.add_argument("--workers", metavar="N", default="8", help="동시에 받는 작업자 수 (기본 8)")
    talk = how.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="경고와 결과만")
    talk.add_argument("--verbose", action="store_true", help="자세히")
    return made


def add_range(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--days", metavar="N", help="최근 며칠 (달력 날짜, 기본 30)")
    group.add_argument("--from", dest="first", metavar="DATE", help="시작 날짜 YYYY-MM-DD")
    group.add_argument("--to", dest="last", metavar="DATE", help="끝 날짜 YYYY-MM-DD (기본: 마감된 마지막 거래일)")
    which = group.add_mutually_exclusive_group()
    which.add_argument("--symbols", metavar="A,B", help="종목코드를 쉼표로 (기본: symbols.csv의 97개)")
    which.add_argument("--symbols-file", metavar="F", help="종목 파일: 한 줄에 종목코드[,이름]")


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; answers the exit code."""
    console.prepare_streams()
    arguments = parser().parse_args(argv)
    clock = clock or Clock()
    console.on_stop(clock)
    try:
        return demo(arguments, clock) if arguments.demo else run(arguments, clock, load_settings())
    except MinuteDataError as error:
        console.complain(explained(error))
        return error.exit_code


def load_settings() -> Settings:
    return user_settings.load(os.environ, HERE)


class Wanted(NamedTuple):
    """What the user asked for, checked: symbols with their names, calendar days (both included), workers."""

    names: dict[str, str]
    first: date
    last: date
    days: list[date]
    """The closed sessions among them."""
    workers: int


def wanted(arguments: argparse.Namespace, calendar: TradingCalendar, now: datetime) -> Wanted:
    """Raises `ConfigError`."""
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file)
    workers = whole("--workers", arguments.workers, 64)
    closed = calendar.last_closed(now)
    first, last = date_range(arguments, closed, now.date())
    days = [day for day in calendar.trading_days(first, last) if day <= closed]
    return Wanted(names, first, last, days, workers)


def date_range(arguments: argparse.Namespace, closed: date, today: date) -> tuple[date, date]:
    """The calendar days asked for, both included; `closed` is the last closed session. Raises `ConfigError`."""
    days, first, last = arguments.days, arguments.first, arguments.last
    if days is not None and (first, last) != (None, None):
        raise ConfigError("--days 와 --from/--to 는 함께 쓸 수 없습니다.")
    count = whole("--days", "30" if days is None else days, MOST_DAYS)
    until = closed if last is None else a_date("--to", last, today)
    since = min(until, closed) - timedelta(days=count - 1) if first is None else a_date("--from", first, today)
    if since > until and last is None:
        until = since  # today's session: not closed yet, and nothing to complain about
    if since > until:
        raise ConfigError(f"--from {since} 이 --to {until} 보다 늦습니다.")
    return since, until


def a_date(flag: str, text: str, today: date) -> date:
    try:
        if not re.fullmatch(r"\d{4}-?\d\d-?\d\d", text, re.ASCII):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{flag} {text[:20]!r} 은 날짜가 아닙니다. YYYY-MM-DD 로 적으세요.") from None
    if day > today:
        raise ConfigError(f"{flag} {day} 은 미래 날짜입니다.")
    if day < today - timedelta(days=MOST_DAYS):
        raise ConfigError(f"{flag} {day} 은 1년이 넘은 날짜입니다. KIS는 분봉을 약 1년만 보관합니다.")
    return day


def whole(flag: str, text: str, most: int) -> int:
    if not (re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) and 1 <= int(text) <= most):
        raise ConfigError(f"{flag} {text[:20]!r} 은 1부터 {most}까지의 정수여야 합니다.")
    return int(text)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """The whole job for these settings. Raises `MinuteDataError` for what the user has to mend."""
    calendar = TradingCalendar(csat_days=settings.csat_days)
    want = wanted(arguments, calendar, clock.now())
    reads_only = arguments.check or arguments.dry_run
    log_file = None if reads_only else settings.log_dir / LOG_FILE
    quiet = arguments.quiet or reads_only
    console.setup_logging(log_file, clock, settings.secrets(), verbose=arguments.verbose, quiet=quiet)
    greet(settings, calendar, want)
    with ExitStack() as stack:
        store = opened(settings.database, clock, stack, read_only=reads_only)
        for line in store.preflight(dedupe=arguments.dedupe, read_only=reads_only):
            _log.log(logging.WARNING if line.startswith("⚠️") else logging.INFO, line)
        clock.check()
        from collector import plan

        missing = plan(store, calendar, list(want.names), want.days, force=arguments.force)
        clock.check()
        if arguments.check:
            return check(store, want, missing)
        if arguments.dry_run:
            return dry_run(want, missing, calendar, settings.rate_limit)
        return backfill(settings, clock, calendar, store, want, missing, quiet=quiet)


def greet(settings: Settings, calendar: TradingCalendar, want: Wanted) -> None:
    _log.info("✅ KIS 환경변수 로드 완료")
    for line in settings.warnings:
        _log.warning(line)
    for year in calendar.unlisted_csat_years(want.first, want.last):
        _log.warning(
            "⚠️ %d년 수능일을 모릅니다. 그날은 한 시간 늦게 열리니 .env에 CSAT_DATES=YYYY-MM-DD 로 적어 주세요.", year
        )
    for day in calendar.trading_days(want.first, want.last)[len(want.days) :]:
        _log.info("ℹ️ %s 장은 아직 마감되지 않아 받지 않습니다. 오늘 장은 realtime_updater.py가 채웁니다.", day)


def opened(database: Database, clock: Clock, stack: ExitStack, *, read_only: bool) -> "Store":
    """The store, closed with `stack`. A SQLite file that is not there yet is not made by looking."""
    from db import open_store

    if read_only and database.path and not database.path.exists():
        database = replace(database, path=Path(":memory:"))
    store = open_store(database, clock)
    stack.callback(store.close)
    return store


def check(store: "Store", want: Wanted, missing: Sequence["SymbolDay"]) -> int:
    """`--check`: a table of what is there and what is not; exit 1 where something is missing."""
    from report import check_table

    if not want.days:
        console.say(nothing_traded(want))
        return 0
    console.say(check_table(want.names, want.days, missing, store.spans(list(want.names))))
    total = console.number(len(want.names) * len(want.days))
    if missing:
        lost = console.number(len(missing))
        console.say(f"\n⚠️ {total}종목일 중 {lost}종목일이 빠져 있습니다. --check 없이 실행하면 채웁니다.")
        return 1
    console.say(f"\n✅ {total}종목일이 모두 있습니다 ({want.days[0]} ~ {want.days[-1]}).")
    return 0


def nothing_traded(want: Wanted) -> str:
    return f"✅ {want.first} ~ {want.last} 에는 마감된 거래일이 없습니다."


def dry_run(want: Wanted, missing: Sequence["SymbolDay"], calendar: TradingCalendar, rate: float) -> int:
    from report import forecast

    nothing = "✅ 받을 것이 없습니다. 모두 있습니다." if want.days else nothing_traded(want)
    console.say(forecast(missing, calendar, rate) if missing else nothing)
    return 0


def backfill(
    settings: Settings,
    clock: Clock,
    calendar: TradingCalendar,
    store: "Store",
    want: Wanted,
    missing: list["SymbolDay"],
    *,
    quiet: bool,
) -> int:
    """Collect what is missing, tell it as it comes, leave a result file behind."""
    from kis_client import KisClient
    from pool import threads_for
    from report import RunResult

    result = RunResult.of(want.names, want.first, want.last, clock.now())
    if not missing:
        nothing = "✅ 모두 있습니다. 받을 것이 없어 KIS를 호출하지 않았습니다."
        console.say(nothing if want.days else nothing_traded(want))
        return finish(settings, clock, result, 0)
    threads = threads_for(want.workers, settings.rate_limit)
    client = KisClient.of(settings, clock, connections=threads)
    job = Backfill(client, store, calendar, clock, result, quiet)
    try:
        _log.info("📊 %d개 종목 분봉 데이터 수집 시작!", len({task.symbol for task in missing}))
        job.run(missing, threads)
        code = 1 if result.failures else 0
    except MinuteDataError as error:
        code = error.exit_code
        _log.error("⏹️ %s" if isinstance(error, Stopped) else "❌ %s", explained(error))
    store.close()
    result.calls = client.calls
    return finish(settings, clock, result, code)


def explained(error: MinuteDataError) -> str:
    if isinstance(error, Stopped):
        return "중단했습니다. 저장된 것은 그대로 있으니 다시 실행하면 이어서 받습니다."
    if isinstance(error, NotOffered):
        return f"과거 분봉에는 실전 키가 필요합니다. KIS_ENV=real 과 실전 앱 키를 쓰세요. {error}"
    return str(error)


def finish(settings: Settings, clock: Clock, result: "RunResult", code: int) -> int:
    """Summary to stdout, result file beside the log; a full disk for it costs a warning, not the run."""
    if result.days or result.failures:
        console.say(result.summary((clock.now() - result.started_at).total_seconds()))
    try:
        result.write(settings.log_dir / RESULT_FILE, clock.now(), code)
    except OSError as error:
        _log.warning("⚠️ 결과 파일을 쓰지 못했습니다 (%s): %s", error.strerror, settings.log_dir / RESULT_FILE)
    if code == 0 and result.days:
        console.say(f"✅ 완료: {result.first} ~ {result.last}")
    return code


class Backfill:
    """Works through the plan with a pool, symbol by symbol for the eye, and once more through what failed."""

    def __init__(
        self,
        client: "KisClient",
        store: "Store",
        calendar: TradingCalendar,
        clock: Clock,
        result: "RunResult",
        quiet: bool,
    ) -> None:
        from collector import Collector

        self._store, self._calendar, self._clock = store, calendar, clock
        self._result, self._quiet, self._told_failures = result, quiet, 0
        self._collector = Collector(client, store, calendar, clock, (result.first, result.last))

    def run(self, tasks: list["SymbolDay"], workers: int) -> None:
        """Raises what ends the run: `Stopped`, a refused key, an outage, a lost database."""
        self._pass(tasks, workers, final=False)
        again = [task for task in tasks if task.day in self._result.symbols[task.symbol].failed]
        if again:
            _log.info("🔁 실패한 %d종목일을 한 번 더 받습니다.", len(again))
            self._pass(again, workers, final=True)

    def _pass(self, tasks: list["SymbolDay"], workers: int, *, final: bool) -> None:
        from pool import work_through

        left = Counter(task.symbol for task in tasks)
        with console.Progress(len(left), "📊 종목별 분봉 데이터 수집", self._clock, quiet=self._quiet) as bar:
            for outcome in work_through(tasks, self._collector.collect, workers, self._clock):
                if isinstance(outcome.error, Stopped):
                    continue  # what is in hand still comes in
                self._note(outcome, final=final)
                symbol = outcome.task.symbol
                left[symbol] -= 1
                if not left[symbol]:
                    self._tell(symbol)
                    bar.advance()
            self._clock.check()

    def _note(self, outcome: "Outcome", *, final: bool) -> None:
        from errors import Outage

        result = self._result.symbols[outcome.task.symbol]
        day = outcome.task.day
        if outcome.error is None:
            result.failed.pop(day, None)
            result.days.append(day)
            result.rows = [had + new for had, new in zip(result.rows, outcome.answer, strict=True)]
        elif isinstance(outcome.error, SourceError) and not isinstance(outcome.error, Outage):
            result.failed[day] = str(outcome.error)
            self._tell_failure(outcome.task, outcome.error, final=final)
        else:
            raise outcome.error

    def _tell_failure(self, task: "SymbolDay", error: SourceError, *, final: bool) -> None:
        """What failed is asked once more before it is news; where all days fail alike, a screen of them is enough."""
        level = logging.WARNING if final and self._told_failures < MOST_TOLD else logging.DEBUG
        _log.log(level, "⚠️ %s %s 실패: %s", task.symbol, task.day, error)
        self._told_failures += final
        if final and self._told_failures == MOST_TOLD + 1:
            _log.warning("⚠️ 그 밖의 실패는 결과 파일 %s에 있습니다.", RESULT_FILE)

    def _tell(self, symbol: str) -> None:
        """What KIS sent against what the table holds now, once a symbol."""
        result = self._result.symbols[symbol]
        if not result.days:
            return
        held = self._store.counts([symbol], [self._calendar.session(day) for day in sorted(result.days)])
        sent, kept = result.rows[0], sum(counts[0] for counts in held.values())
        _log.info("✅ %s 1분봉 데이터 %d건 저장 완료", symbol, sent)
        if kept >= sent:
            _log.info("✅ 데이터 검증 성공: %s 1min - 예상 %d건, 실제 %d건", symbol, sent, kept)
            return
        _log.error("❌ 데이터 검증 실패: %s 1min - 예상 %d건, 실제 %d건", symbol, sent, kept)
        for day in result.days:
            result.failed.setdefault(day, "저장한 뒤 테이블에서 사라진 행이 있음")


def demo(arguments: argparse.Namespace, clock: Clock) -> int:
    """A first look: the simulator in the background, a SQLite file, nothing of the user's is read or written."""
    from kis_simulator import Simulator

    folder = emptied(HERE / "demo")
    calendar = TradingCalendar()
    closed = calendar.last_closed(clock.now())
    if arguments.symbols is None and arguments.symbols_file is None:
        arguments.symbols = ",".join(list(symbols_file.choose(None, None))[:DEMO_SYMBOLS])
    if (arguments.days, arguments.first, arguments.last) == (None, None, None):
        arguments.first = calendar.trading_days(closed - timedelta(days=30), closed)[-DEMO_SESSIONS].isoformat()
    with Simulator(now=clock.now) as simulator:
        settings = user_settings.demo_settings(simulator.url, folder)
        console.say("🎬 시연: 내장 KIS 시뮬레이터와 SQLite로 돌립니다. 키·MySQL·네트워크를 쓰지 않습니다.")
        code = run(arguments, clock, settings)
        if code == 0:
            show_demo(settings, clock, symbols_file.choose(arguments.symbols, arguments.symbols_file))
    return code


def emptied(folder: Path) -> Path:
    """The demo's folder without what an earlier demo left. Raises `ConfigError`."""
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise ConfigError(f"시연 폴더를 비울 수 없습니다 ({error.strerror}): {folder}") from error
    return folder


def show_demo(settings: Settings, clock: Clock, names: dict[str, str]) -> None:
    """A small table of what was stored for the first symbol, and the next step."""
    from db import open_store

    _log.setLevel(logging.WARNING)  # that the file is opened once more is no news
    store = open_store(settings.database, clock)
    now = clock.now().replace(tzinfo=None)
    symbol, name = next(iter(names.items()))
    for interval in (1, 5, 15):
        candles = store.candles(symbol, interval, now - timedelta(days=MOST_DAYS), now)[-3:]
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


if __name__ == "__main__":
    raise SystemExit(main())
