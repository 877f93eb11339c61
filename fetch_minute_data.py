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
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from datetime import date, timedelta
from pathlib import Path

import console
import settings as user_settings
import symbols_file
from clock import Clock
from errors import ConfigError, MinuteDataError, NotOffered, SourceError, Stopped
from market_hours import TradingCalendar
from settings import Settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collector import Outcome, SymbolDay
    from db import Store
    from kis_client import KisClient
    from report import RunResult

HERE = Path(__file__).resolve().parent
LOG_FILE, RESULT_FILE = "minute_data_collection.log", "minute_data_collection_results.json"
MOST_DAYS = 365
DEMO_SYMBOLS, DEMO_SESSIONS = 10, 5
_log = logging.getLogger("minute_data")
_EXAMPLES = """\
예:
  python fetch_minute_data.py --demo                          키도 DB도 없이 먼저 보기
  python fetch_minute_data.py                                 97개 종목, 최근 30일
  python fetch_minute_data.py --symbols 005930,000660 --days 7
  python fetch_minute_data.py --from 2026-10-01 --to 2026-10-31
  python fetch_minute_data.py --check --symbols 005930        빠진 날 확인 (KIS 호출 없음)

종료 코드: 0 모두 있음 · 1 못 받거나 빠진 종목일 있음 · 2 사용법·설정 오류 · 130 중단
"""


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="fetch_minute_data.py",
        description="KIS Open API의 과거 1·5·15분봉으로 MySQL stock_minute_prices 테이블을 채웁니다.",
        epilog=_EXAMPLES,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, width=100),
        allow_abbrev=False,
    )
    made.add_argument("--days", metavar="N", help="최근 며칠 (달력 날짜, 기본 30)")
    made.add_argument("--from", dest="first", metavar="DATE", help="시작 날짜 YYYY-MM-DD")
    made.add_argument("--to", dest="last", metavar="DATE", help="끝 날짜 YYYY-MM-DD (기본: 마감된 마지막 거래일)")
    which = made.add_mutually_exclusive_group()
    which.add_argument("--symbols", metavar="A,B", help="종목코드를 쉼표로 (기본: symbols.csv의 97개)")
    which.add_argument("--symbols-file", metavar="F", help="종목 파일: 한 줄에 종목코드[,이름]")
    made.add_argument("--workers", metavar="N", default="8", help="동시에 받는 작업자 수 (기본 8)")
    made.add_argument("--force", action="store_true", help="이미 확인된 날도 다시 받기")
    mode = made.add_mutually_exclusive_group()
    mode.add_argument("--check", action="store_true", help="빠진 것을 표로 보이기만 (KIS 호출·저장 없음)")
    mode.add_argument("--dry-run", action="store_true", help="받을 양과 걸릴 시간만 보이기 (KIS 호출·저장 없음)")
    mode.add_argument("--dedupe", action="store_true", help="테이블의 중복 행을 (최신만 남기고) 정리하고 시작")
    mode.add_argument("--demo", action="store_true", help="내장 시뮬레이터와 SQLite로 시연 (키·MySQL·네트워크 불필요)")
    talk = made.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="경고와 결과만")
    talk.add_argument("--verbose", action="store_true", help="자세히")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; answers the exit code."""
    console.prepare_streams()
    arguments = parser().parse_args(argv)
    clock = clock or Clock()
    try:
        return demo(arguments, clock) if arguments.demo else run(arguments, clock, load_settings())
    except MinuteDataError as error:
        say_error(error)
        return error.exit_code


def load_settings() -> Settings:
    return user_settings.load(os.environ, HERE)


def say_error(error: Exception) -> None:
    console.say(f"❌ {error}", stream=sys.stderr)


def date_range(arguments: argparse.Namespace, calendar: TradingCalendar, clock: Clock) -> tuple[date, date]:
    """The calendar days wanted, both included, never beyond the last closed session. Raises `ConfigError`."""
    closed, today = calendar.last_closed(clock.now()), clock.now().date()
    if arguments.days is not None and (arguments.first or arguments.last):
        raise ConfigError("--days 와 --from/--to 는 함께 쓸 수 없습니다.")
    days = (
        whole("--days", arguments.days or "30", MOST_DAYS) if arguments.days != "" else whole("--days", "", MOST_DAYS)
    )
    last = a_date("--to", arguments.last, today) if arguments.last else closed
    first = (
        a_date("--from", arguments.first, today) if arguments.first else min(last, closed) - timedelta(days=days - 1)
    )
    if first > last:
        raise ConfigError(f"--from {first} 이 --to {last} 보다 늦습니다.")
    if last > closed:
        _log.info(
            "ℹ️ %s 장이 아직 마감되지 않아 %s까지 받습니다. 오늘 장은 realtime_updater.py가 채웁니다.", last, closed
        )
    return first, min(last, closed)


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
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file)
    workers = whole("--workers", arguments.workers, 64)
    first, last = date_range(arguments, calendar, clock)
    reads_only = arguments.check or arguments.dry_run
    console.setup_logging(
        None if reads_only else settings.log_dir / LOG_FILE,
        clock,
        settings.secrets(),
        verbose=arguments.verbose,
        quiet=arguments.quiet or reads_only,
    )
    warn(settings, calendar, first, last)
    days = calendar.trading_days(first, last)
    with ExitStack() as stack:
        store = opened(settings, clock, stack)
        for line in store.preflight(dedupe=arguments.dedupe, read_only=reads_only):
            _log.info(line)
        from collector import plan

        missing = plan(store, calendar, list(names), days, force=arguments.force)
        if arguments.check:
            return check(store, names, days, missing)
        if arguments.dry_run:
            return dry_run(missing, calendar, settings.rate_limit)
        return backfill(settings, clock, calendar, store, names, (first, last), missing, workers, arguments.quiet)


def warn(settings: Settings, calendar: TradingCalendar, first: date, last: date) -> None:
    _log.info("✅ KIS 환경변수 로드 완료")
    for line in settings.warnings:
        _log.warning(line)
    for year in calendar.unlisted_csat_years(first, last):
        _log.warning(
            "⚠️ %d년 수능일을 모릅니다. 그날은 한 시간 늦게 열리니 .env에 CSAT_DATES=YYYY-MM-DD 로 적어 주세요.", year
        )


def opened(settings: Settings, clock: Clock, stack: ExitStack) -> "Store":
    from db import open_store

    store = open_store(settings.database, clock)
    stack.callback(store.close)
    return store


def check(store: "Store", names: Mapping[str, str], days: Sequence[date], missing: Sequence["SymbolDay"]) -> int:
    """`--check`: a table of what is there and what is not; exit 1 where something is missing."""
    from report import check_table

    console.say(check_table(names, days, missing, store.spans(list(names))))
    wanted = console.number(len(names) * len(days))
    if missing:
        console.say(
            f"\n⚠️ {wanted}종목일 중 {console.number(len(missing))}종목일이 빠져 있습니다."
            " --check 없이 실행하면 채웁니다."
        )
    else:
        console.say(
            f"\n✅ {wanted}종목일이 모두 있습니다 ({days[0]} ~ {days[-1]})."
            if days
            else "\n✅ 그 기간에는 거래일이 없습니다."
        )
    return 1 if missing else 0


def dry_run(missing: Sequence["SymbolDay"], calendar: TradingCalendar, rate: float) -> int:
    from report import forecast

    console.say(forecast(missing, calendar, rate) if missing else "✅ 받을 것이 없습니다. 모두 있습니다.")
    return 0


def backfill(
    settings: Settings,
    clock: Clock,
    calendar: TradingCalendar,
    store: "Store",
    names: Mapping[str, str],
    span: tuple[date, date],
    missing: list["SymbolDay"],
    workers: int,
    quiet: bool,
) -> int:
    """Collect what is missing, tell it as it comes, leave a result file behind."""
    from kis_client import KisClient
    from report import RunResult, SymbolResult

    result = RunResult(clock.now(), *span, {symbol: SymbolResult(symbol, name) for symbol, name in names.items()})
    if not missing:
        console.say("✅ 모두 있습니다. 받을 것이 없어 KIS를 호출하지 않았습니다.")
        return finish(settings, clock, result, 0)
    console.on_stop(clock)
    client = KisClient.of(settings, clock, connections=2 * workers)
    job = Backfill(client, store, calendar, clock, result, quiet)
    code = 1
    try:
        _log.info("📊 %d개 종목 분봉 데이터 수집 시작!", len({task.symbol for task in missing}))
        job.run(missing, 2 * workers)
        code = 1 if result.failures else 0
    except MinuteDataError as error:
        code = error.exit_code
        _log.error("❌ %s", explained(error))
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
    seconds = (clock.now() - result.started_at).total_seconds()
    if result.days or result.failures or code:
        console.say(result.summary(seconds))
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
        self._result, self._quiet = result, quiet
        self._collector = Collector(client, store, calendar, clock, (result.first, result.last))

    def run(self, tasks: list["SymbolDay"], workers: int) -> None:
        """Raises what ends the run: `Stopped`, a refused key, an outage, a lost database."""
        self._pass(tasks, workers)
        again = [task for task in tasks if task.day in self._result.symbols[task.symbol].failed]
        if again:
            _log.info("🔁 실패한 %d종목일을 한 번 더 받습니다.", len(again))
            self._pass(again, workers)

    def _pass(self, tasks: list["SymbolDay"], workers: int) -> None:
        from collector import work_through

        left = Counter(task.symbol for task in tasks)
        with console.Progress(len(left), "📊 종목별 분봉 데이터 수집", self._clock, quiet=self._quiet) as bar:
            for outcome in work_through(tasks, self._collector.collect, workers, self._clock):
                self._note(outcome)
                symbol = outcome.task.symbol
                left[symbol] -= 1
                if not left[symbol]:
                    self._tell(symbol)
                    bar.advance()

    def _note(self, outcome: "Outcome") -> None:
        from errors import Outage

        result = self._result.symbols[outcome.task.symbol]
        day = outcome.task.day
        if outcome.error is None:
            result.failed.pop(day, None)
            result.days.append(day)
            result.rows = [had + new for had, new in zip(result.rows, outcome.answer, strict=True)]
        elif isinstance(outcome.error, SourceError) and not isinstance(outcome.error, Outage):
            result.failed[day] = str(outcome.error)
            _log.warning("⚠️ %s %s 실패: %s", outcome.task.symbol, day, outcome.error)
        else:
            raise outcome.error

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

    folder = HERE / "demo"
    with suppress(FileNotFoundError):
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    calendar = TradingCalendar()
    closed = calendar.last_closed(clock.now())
    sessions = calendar.trading_days(closed - timedelta(days=30), closed)[-DEMO_SESSIONS:]
    arguments.symbols = arguments.symbols or ",".join(list(symbols_file.choose(None, None))[:DEMO_SYMBOLS])
    if not (arguments.days or arguments.first):
        arguments.first = sessions[0].isoformat()
    with Simulator(now=clock.now) as simulator:
        settings = user_settings.demo_settings(simulator.url, folder)
        console.say("🎬 시연: 내장 KIS 시뮬레이터와 SQLite로 돌립니다. 키·MySQL·네트워크를 쓰지 않습니다.")
        code = run(arguments, clock, settings)
        if code == 0:
            show_demo(settings, clock)
    return code


def show_demo(settings: Settings, clock: Clock) -> None:
    """A small table of what was stored, and the next step."""
    from db import open_store

    store = open_store(settings.database, clock)
    now = clock.now().replace(tzinfo=None)
    for interval in (1, 5, 15):
        candles = store.candles("005930", interval, now - timedelta(days=30), now)[-3:]
        rows = [[f"{c.timestamp:%Y-%m-%d %H:%M}", *map(console.number, c[1:6]), str(c.vwap or "-")] for c in candles]
        console.say(f"\n005930 삼성전자 {interval}분봉 (마지막 3개, 시뮬레이터가 지어낸 값)")
        console.say(console.table(["시각", "시가", "고가", "저가", "종가", "거래량", "VWAP"], rows))
    store.close()
    console.say(
        f"\n저장된 파일: {settings.database.path}"
        "\n다음: .env.example 을 .env 로 복사해 KIS 키와 DB 비밀번호를 적고  python fetch_minute_data.py"
    )


if __name__ == "__main__":
    raise SystemExit(main())
