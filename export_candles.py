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
from typing import NamedTuple

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.config.settings import Settings
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError, Stopped
from minute_candles.market.intervals import SHOWN, parse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from minute_candles.export.dataset import Format
    from minute_candles.export.export import Order, Told
    from minute_candles.export.staging import Workshop
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
    made = command_line.Parser(
        "export_candles.py",
        "저장된 캔들을 Parquet이나 CSV로 내보냅니다. KIS 키가 필요 없습니다(--adjusted 말고는).",
        _EXAMPLES,
    )
    what = made.add_argument_group("무엇을")
    command_line.add_range(what, "오늘")
    what.add_argument("--interval", metavar="I", default="1", help=f"봉 간격: {', '.join(map(str, SHOWN))} (기본 1)")
    adjusting = "수정주가: 액면분할 등을 오늘의 주식 수로 맞춤 (KIS에 물음: 키 필요, 100일마다 종목당 2번)"
    what.add_argument("--adjusted", action="store_true", help=adjusting)
    how = made.add_argument_group("어떻게")
    how.add_argument("--format", choices=["parquet", "csv"], help="형식 (기본 parquet; --out 이 .csv 로 끝나면 csv)")
    where = "폴더(기본 export), .parquet·.csv 파일, 또는 - (CSV를 표준 출력으로)"
    how.add_argument("--out", metavar="PATH", default="export", help=where)
    how.add_argument("--force", action="store_true", help="바뀌지 않은 파일도 다시 쓰기")
    command_line.add_talk(how, "경고와 결과만")
    return made


class Target(NamedTuple):
    """Where to: a folder, one file, or standard output (`path` None)."""

    kind: "Format"
    path: Path | None
    is_file: bool


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; answers the exit code."""
    console.prepare_streams()
    arguments = parser().parse_args(argv)
    clock = clock or Clock()
    console.on_stop(clock)
    try:
        return run(arguments, clock, user_settings.load(os.environ, HERE, needs_key=arguments.adjusted))
    except Stopped:
        console.complain("중단했습니다. 이미 쓴 파일은 온전하니 다시 실행하면 이어집니다.")
        return Stopped.exit_code
    except MinuteDataError as error:
        console.complain(str(error))
        return error.exit_code


def target_of(out: str, kind: "Format | None") -> Target:
    """Raises `ConfigError`."""
    if not out:
        raise ConfigError("--out 이 비어 있습니다. 폴더나 파일의 이름을 쓰세요.")
    if out == "-":
        return Target(_agreed("csv", kind, out), None, True)
    path = Path(out)
    for suffix, meant in ((".parquet", "parquet"), (".csv", "csv")):
        if path.suffix.lower() == suffix and not path.is_dir():
            return Target(_agreed(meant, kind, out), path, True)  # type: ignore[arg-type]
    if path.exists() and not path.is_dir():
        raise ConfigError(f"--out {out} 은 폴더가 아닙니다. 폴더나 .parquet, .csv 로 끝나는 파일을 쓰세요.")
    return Target(kind or "parquet", path, False)


def _agreed(meant: "Format", kind: "Format | None", out: str) -> "Format":
    if kind not in (None, meant):
        raise ConfigError(f"--out {out} 과 --format {kind} 이 서로 다릅니다.")
    return meant


def order_of(arguments: argparse.Namespace, settings: Settings, clock: Clock) -> "Order":
    """What the user asked for, checked. Raises `ConfigError`."""
    from minute_candles.config import holiday_cache as kis_days
    from minute_candles.export.export import Order
    from minute_candles.frames.request import day_of, range_of
    from minute_candles.market.calendar import told_calendar

    days, first, last = arguments.days, arguments.first, arguments.last
    if days is not None and (first, last) != (None, None):
        raise ConfigError("--days 와 --from/--to 는 함께 쓸 수 없습니다.")
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file)
    today = clock.now().date()
    until = day_of("--to", last, today)
    count = command_line.whole("--days", "30" if days is None else days, MOST_DAYS)
    since = day_of("--from", first, until - timedelta(days=count - 1))
    calendar = told_calendar(settings.csat_days, kis_days.said(settings, clock.now().date()))
    asked = range_of(since, until, calendar, clock.now(), ("--from", "--to"))
    return Order(list(names), parse(arguments.interval), asked, arguments.force, arguments.adjusted)


def run(arguments: argparse.Namespace, clock: Clock, settings: Settings) -> int:
    """The whole job for these settings. Raises `MinuteDataError` for what the user has to mend."""
    from minute_candles.config.database_url import must_exist
    from minute_candles.core.extras import extra
    from minute_candles.storage.store import open_store

    target, order = target_of(arguments.out, arguments.format), order_of(arguments, settings, clock)
    extra("pyarrow", "Parquet·CSV 내보내기")
    console.setup_logging(None, clock, settings.secrets(), verbose=arguments.verbose, quiet=arguments.quiet)
    must_exist(settings.database)
    with at_work(target, order) as shop, closing(open_store(settings.database, clock, patience=_PATIENCE)) as store:
        if order.adjusted:
            order = ask_for_factors(settings, clock, store, order, target, quiet=arguments.quiet)
        progress = console.Progress(order.steps(), "📦 내보내기", clock, quiet=arguments.quiet)
        with progress:

            def done() -> None:
                progress.advance()
                clock.check()

            told = export(store, order, target, shop, done)
    return summary(told, order, target)


@contextmanager
def at_work(target: Target, order: "Order") -> "Iterator[Workshop | None]":
    """Alone at the target, which takes such files. Raises `ConfigError`."""
    from minute_candles.export.dataset import check
    from minute_candles.export.staging import workshop

    if target.path is None:
        yield None
        return
    with workshop(target.path) as shop:
        if not target.is_file:
            check(target.path, target.kind, order.interval, order.about().prices, order.symbols, force=order.force)
        yield shop


def ask_for_factors(
    settings: Settings, clock: Clock, store: "Store", order: "Order", target: Target, *, quiet: bool
) -> "Order":
    """The order with the days that are adjusted anew, and with whom cannot be adjusted."""
    from minute_candles.export.adjustment_request import refresh
    from minute_candles.export.export import with_earlier
    from minute_candles.kis.client import KisClient
    from minute_candles.kis.token import TokenCache
    from minute_candles.redis_feed.setup import shared_by

    if target.path is not None and not target.is_file and target.kind == "parquet":
        order = with_earlier(order, store, target.path)
    spans = {symbol: order.span(symbol) for symbol in order.symbols if symbol not in order.refused}
    shared = shared_by(settings)
    client = KisClient.of(settings, TokenCache(settings, clock, shared), clock, shared=shared)
    with console.Progress(len(spans), "📐 수정계수", clock, quiet=quiet) as progress:
        failed = refresh(client, store, spans, clock.now(), done=progress.advance)
    return replace(order, refused={**order.refused, **failed})


def export(store: "Store", order: "Order", target: Target, shop: "Workshop | None", done: Callable[[], None]) -> "Told":
    from minute_candles.export.export import to_file, to_folder, to_stream

    if target.path is None or shop is None:
        return to_stream(store, order, sys.stdout.buffer, done=done)
    write = to_file if target.is_file else to_folder
    return write(store, order, target.kind, target.path, shop, done=done)


def summary(told: "Told", order: "Order", target: Target) -> int:
    """What was written and what is doubtful; to stderr where stdout carries the candles."""
    from minute_candles.frames.day_states import told as named

    stream = sys.stderr if target.path is None else sys.stdout
    span = f"{order.asked.first} ~ {order.asked.last}"
    if told.cut:
        console.say(f"ℹ️ 읽는 쪽이 먼저 닫아 {console.number(told.rows)}개 캔들까지만 썼습니다.", stream=stream)
    elif told.rows:
        counts = f"{console.number(told.rows)}개 캔들, 파일 {told.written}개 씀, {told.unchanged}개 그대로"
        console.say(f"✅ 내보내기: {target.path or '표준 출력'} ({span}, {counts})", stream=stream)
    elif not told.refused:
        console.complain(f"{span} 에 저장된 캔들이 없습니다. 먼저 채우세요: python fetch_minute_data.py")
    if told.kept:
        named_days = f"{', '.join(told.kept[:12])}{' …' if len(told.kept) > 12 else ''}"
        console.say(f"ℹ️ 테이블에 없어 전에 내보낸 것을 그대로 둔 {len(told.kept)}건: {named_days}", stream=sys.stderr)
    if told.splits:
        console.say(f"ℹ️ 수정된 분할·병합: {', '.join(told.splits)}", stream=stream)
    if told.empty and told.rows:
        console.say(f"⚠️ 캔들이 하나도 없는 종목: {', '.join(told.empty)}", stream=stream)
    for reason in told.refused.values():
        console.say(f"⚠️ 수정주가로 쓰지 못한 종목: {reason}", stream=stream)
    if told.doubtful:
        where = stream if told.rows else sys.stderr
        console.say(f"⚠️ 빠졌거나 확인되지 않은 {len(told.doubtful)}종목일: {named(told.doubtful)}", stream=where)
    return 1 if told.doubtful or told.refused or not told.rows else 0


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
