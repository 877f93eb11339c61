"""Take the candles along: Parquet or CSV of any interval, for pandas, DuckDB, Polars, Spark, Excel.

    python export_candles.py                                 30 days of symbols.csv into export/, Parquet, 1 minute
    python export_candles.py --interval day --out daily.csv  one file for Excel
    python export_candles.py --symbols 005930 --out -        CSV for the next command in a pipe

It only reads the table; --adjusted alone asks KIS, and keeps the factors in a table of their own. Exit 0 complete · 1
nothing there, or days missing, unproven or provisional (named) · 2 usage or configuration · 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.settings import Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.export.request import ExportRequest, ExportResult
    from minute_candles.export.staging import Staging
    from minute_candles.export.target import Target
    from minute_candles.storage.store import Store

HERE = Path(__file__).resolve().parent
MOST_DAYS = 3660
_PATIENCE = 30.0
_EXAMPLES = """\
예:
  python export_candles.py                                  97개 종목, 최근 30일, 1분봉 → export/
  python export_candles.py --interval day --days 365 --out daily.csv
  python export_candles.py --from 2026-01-01 --interval 5 --out data
  python export_candles.py --symbols 005930 --out - | head

종료 코드: 0 모두 있음 · 1 아무것도 없거나, 빠짐·증명 안 됨·잠정인 날이 있음 · 2 사용법·설정 오류 · 130 중단
"""


def parser() -> argparse.ArgumentParser:
    """Return the flags, in Korean."""
    made = command_line.Parser(
        "export_candles.py",
        "저장된 캔들을 Parquet이나 CSV로 내보냅니다. KIS 키가 필요 없습니다(--adjusted 말고는).",
        _EXAMPLES,
    )
    what = made.add_argument_group("무엇을")
    command_line.add_range(what, "오늘")
    what.add_argument(
        "--interval", metavar="I", default="1", help="봉 간격: 1, 3, 5, 10, 15, 30, 60, day, week, month 등 (기본 1)"
    )
    adjusting = "수정주가: 액면분할 등을 오늘의 주식 수로 맞춤, total 은 분배금도 (KIS 키 필요, 100일마다 종목당 2번)"
    what.add_argument("--adjusted", nargs="?", const=True, default=False, choices=["total"], help=adjusting)
    how = made.add_argument_group("어떻게")
    how.add_argument("--format", choices=["parquet", "csv"], help="형식 (기본 parquet; --out 이 .csv 로 끝나면 csv)")
    where = "폴더(기본 export), .parquet·.csv 파일, 또는 - (CSV를 표준 출력으로)"
    how.add_argument("--out", metavar="PATH", default="export", help=where)
    how.add_argument("--excel", action="store_true", help="CSV의 종목코드를 Excel이 글자로 읽는 꼴로")
    how.add_argument("--force", action="store_true", help="바뀌지 않은 파일도, 내보내기가 쓰지 않은 파일도 다시 쓰기")
    command_line.add_talk(how, "경고와 결과만")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; return the exit code."""
    arguments, clock = command_line.read(parser(), argv), clock or Clock()
    console.on_stop(clock)
    return command_line.carry_out(lambda: start(arguments, clock), explained)


def explained(error: MinuteDataError) -> str:
    """Return what happened, in Korean."""
    return (
        "중단했습니다. 이미 쓴 파일은 온전하니 다시 실행하면 이어집니다." if isinstance(error, Stopped) else str(error)
    )


def start(arguments: argparse.Namespace, clock: Clock) -> int:
    """Run with the user's settings. Raises `MinuteDataError`."""
    settings = user_settings.load(os.environ, HERE, needs_key=bool(arguments.adjusted))
    clock.start_at(settings.clock_at)
    return run(arguments, clock, settings)


def request_of(arguments: argparse.Namespace, settings: Settings, clock: Clock) -> "ExportRequest":
    """Return what the user asks for, checked. Raises `ConfigError`."""
    from minute_candles.config.universe import Universe
    from minute_candles.export.request import ExportRequest
    from minute_candles.frames.calendar import calendar_of
    from minute_candles.frames.intervals import parse_interval
    from minute_candles.frames.range import parse_day, parse_range

    days, first, last = arguments.days, arguments.first, arguments.last
    if days is not None and (first, last) != (None, None):
        raise ConfigError("--days 와 --from/--to 는 함께 쓸 수 없습니다.")
    interval = parse_interval(arguments.interval)
    if arguments.adjusted and interval in ("week", "month"):
        raise ConfigError("--adjusted 는 주봉·월봉과 함께 쓸 수 없습니다. --interval day 를 쓰세요.")
    lists = Universe.of(settings, clock)
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists, takes_names=True)
    until = parse_day("--to", last, clock.now().date())
    if days is not None:
        first = until - timedelta(days=command_line.whole("--days", days, MOST_DAYS) - 1)
    calendar = calendar_of(settings, clock)
    period = parse_range(first, until, calendar, clock.now(), interval=interval, names=("--from", "--to"))
    return ExportRequest(list(names), interval, period, arguments.force, arguments.adjusted, arguments.excel)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """Do the whole job for these settings. Raises `MinuteDataError` for what the user has to mend."""
    from minute_candles.config.database_url import must_exist
    from minute_candles.core.extras import extra
    from minute_candles.export.target import check_file, target_of
    from minute_candles.storage.store import open_store

    target = target_of(arguments.out, arguments.format)
    if arguments.excel and target.kind != "csv":
        raise ConfigError("--excel 은 CSV에만 씁니다: --format csv 나 .csv 로 끝나는 --out 과 함께 쓰세요.")
    console.setup_logging(None, clock, settings.secrets(), verbose=arguments.verbose, quiet=arguments.quiet)
    request = request_of(arguments, settings, clock)
    extra(
        "pyarrow" if target.kind == "parquet" else "numpy",
        "Parquet 내보내기" if target.kind == "parquet" else "내보내기",
    )
    check_file(target, force=request.force)
    must_exist(settings.database)
    with staged(target, request) as stage, closing(open_store(settings.database, clock, patience=_PATIENCE)) as store:
        if request.adjusted:
            request = ask_for_factors(settings, clock, store, request, target, quiet=arguments.quiet)
        with console.Progress(request.steps(), "📦 내보내기", clock, quiet=arguments.quiet) as progress:

            def on_year() -> None:
                progress.advance()
                clock.check()

            result = export(store, request, target, stage, on_year)
    return summary(result, request, target)


@contextmanager
def staged(target: "Target", request: "ExportRequest") -> "Iterator[Staging | None]":
    """Yield the staging directory, alone at a target that takes such files. Raises `ConfigError`."""
    from minute_candles.export.dataset import check_folder
    from minute_candles.export.staging import staging

    if target.path is None:
        yield None
        return
    with staging(target.path) as stage:
        if not target.is_file:
            prices, symbols = request.about().prices, request.symbols
            check_folder(target.path, target.kind, request.interval, prices, symbols, force=request.force)
        yield stage


def ask_for_factors(
    settings: Settings, clock: Clock, store: "Store", request: "ExportRequest", target: "Target", *, quiet: bool
) -> "ExportRequest":
    """Return the request with the days that are adjusted anew, and with whom cannot be adjusted."""
    from minute_candles.export.adjustment_request import refresh
    from minute_candles.export.dataset import migrate
    from minute_candles.export.request import with_earlier_days
    from minute_candles.kis.client import KisClient
    from minute_candles.kis.token import TokenCache
    from minute_candles.redis_feed.setup import shared_by

    if target.path is not None and not target.is_file and target.kind == "parquet":
        migrate(target.path)
        request = with_earlier_days(request, store, target.path)
    spans = {symbol: request.span(symbol) for symbol in request.symbols if symbol not in request.refused}
    shared = shared_by(settings)
    client = KisClient.of(settings, TokenCache(settings, clock, shared), clock, shared=shared)
    with console.Progress(len(spans), "📐 수정계수", clock, quiet=quiet) as progress:
        failed = refresh(client, store, spans, clock.now(), done=progress.advance)
    return replace(request, refused={**request.refused, **failed})


def export(
    store: "Store", request: "ExportRequest", target: "Target", stage: "Staging | None", on_year: Callable[[], None]
) -> "ExportResult":
    """Write the candles to the target. Raises `MinuteDataError`."""
    from minute_candles.export.writer import to_file, to_folder, to_stream

    if target.path is None or stage is None:
        return to_stream(store, request, sys.stdout.buffer, on_year=on_year)
    write = to_file if target.is_file else to_folder
    return write(store, request, target.kind, target.path, stage, on_year=on_year)


def summary(result: "ExportResult", request: "ExportRequest", target: "Target") -> int:
    """Say what was written and what is doubtful, to stderr where stdout carries the candles; return the exit code."""
    stream = sys.stderr if target.path is None else sys.stdout
    span = f"{request.period.first} ~ {request.period.last}"
    if result.is_closed:
        console.say(f"ℹ️ 읽는 쪽이 먼저 닫아 {console.number(result.rows)}개 캔들까지만 썼습니다.", stream=stream)
    elif result.rows:
        written = f"파일 {console.number(result.written)}개 씀, {console.number(result.unchanged)}개 그대로"
        counts = f"{console.number(result.rows)}개 캔들, {written}"
        console.say(f"✅ 내보내기: {target.path or '표준 출력'} ({span}, {counts})", stream=stream)
    elif not result.refused:
        console.complain(f"{span} 에 저장된 캔들이 없습니다.")
    if result.kept:
        days = f"{', '.join(result.kept[:12])}{' …' if len(result.kept) > 12 else ''}"
        console.say(f"ℹ️ 테이블에 없어 전에 내보낸 것을 그대로 둔 {len(result.kept):,}건: {days}", stream=sys.stderr)
    for line in remarks(result, request):
        console.say(line, stream=stream if result.rows else sys.stderr)
    return 1 if result.doubtful or result.refused or not result.rows else 0


def remarks(result: "ExportResult", request: "ExportRequest") -> "Iterator[str]":
    """Yield in Korean what the files lack, and what helps."""
    from minute_candles.frames.folding import fold_days, remedy

    if result.moved:
        yield f"ℹ️ 옛 형식(symbol=…)의 파일 {console.number(result.moved)}개를 새 이름으로 옮겼습니다."
    if result.splits:
        yield f"ℹ️ 수정된 분할·병합: {', '.join(result.splits)}"
    if result.empty and result.rows:
        yield f"⚠️ 캔들이 하나도 없는 종목: {', '.join(result.empty)}"
    if result.cut:
        yield f"⚠️ 범위가 잘라 뺀 봉: {', '.join(map(str, sorted(result.cut)))}"
    for line in request.period.oddities():
        yield f"⚠️ {line}"
    for reason in result.refused.values():
        yield f"⚠️ 수정주가로 쓰지 못한 종목: {reason}"
    if result.doubtful:
        count, folded = len(result.doubtful), fold_days(result.doubtful, request.period.calendar)
        yield f"⚠️ 빠졌거나 확인되지 않은 {count:,}종목일: {folded}"
        if helps := remedy(result.doubtful, request.period):
            yield f"   {helps}"


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
