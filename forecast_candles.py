"""Forecast volume and high–low range of the next minutes, and show how far that beats a baseline.

    python forecast_candles.py --evaluate      walk forward over the stored days, one line a target
    python forecast_candles.py --train         keep a model of the last 60 sessions
    python forecast_candles.py                 the next windows of the running session

Only what has skill on this very table is shown; nothing says buy or sell. Exit 0 complete · 1 too few days, or no model
yet · 2 usage or configuration · 130 interrupted.
"""

import argparse
import os
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from minute_candles.config import settings as user_settings
from minute_candles.config import symbols_file
from minute_candles.console import command_line, console
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, MinuteDataError, Stopped
from minute_candles.core.korean import particle

if TYPE_CHECKING:
    from minute_candles.config.settings import Settings

HERE = Path(__file__).resolve().parent
MOST_DAYS = 3660
_EXAMPLES = """\
예:
  python forecast_candles.py --evaluate                     저장된 날들로 얼마나 맞는지 재기
  python forecast_candles.py --evaluate --plot forecast.png 시각마다의 오차를 그림으로
  python forecast_candles.py --train                        최근 60거래일을 학습
  python forecast_candles.py --symbols 005930,000660        다음 5분, 15분, 남은 하루

종료 코드: 0 정상 · 1 날이 모자라거나 모델이 없음 · 2 사용법·설정 오류 · 130 중단
"""


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = command_line.Parser(
        "forecast_candles.py",
        "다음 구간의 거래량과 고저폭을 예측하고, 기준선보다 얼마나 나은지 보입니다. 사고팔라는 말이 아닙니다.",
        _EXAMPLES,
    )
    what = made.add_argument_group("무엇을")
    command_line.add_symbols(what)
    mode = what.add_mutually_exclusive_group()
    mode.add_argument("--evaluate", action="store_true", help="저장된 날을 앞에서부터 하루씩 예측해 재기")
    mode.add_argument("--train", action="store_true", help="최근 60거래일을 학습해 모델 파일을 남기기")
    what.add_argument("--from", dest="first", metavar="DATE", help="--evaluate 의 시작 날짜 YYYY-MM-DD")
    what.add_argument(
        "--to", dest="last", metavar="DATE", help="--evaluate 의 끝 날짜 YYYY-MM-DD (기본: 마감된 마지막 날)"
    )
    what.add_argument("--plot", metavar="FILE", help="--evaluate 의 오차를 시각마다 그린 그림 (PNG, SVG)")
    command_line.add_talk(made.add_argument_group("어떻게"), "경고와 결과만")
    return made


def main(argv: Sequence[str] | None = None, clock: Clock | None = None) -> int:
    """Run from the command line; return the exit code."""
    arguments, clock = command_line.read(parser(), argv), clock or Clock()
    console.on_stop(clock)
    return command_line.carry_out(lambda: start(arguments, clock), explained)


def explained(error: MinuteDataError) -> str:
    """Return what happened, in Korean."""
    return "중단했습니다. 먼저 있던 모델 파일은 그대로입니다." if isinstance(error, Stopped) else str(error)


def start(arguments: argparse.Namespace, clock: Clock) -> int:
    """Run with the user's settings. Raises `MinuteDataError`."""
    settings = user_settings.load(os.environ, HERE, needs_key=False)
    clock.start_at(settings.clock_at)
    return run(arguments, clock, settings)


def run(arguments: argparse.Namespace, clock: Clock, settings: "Settings") -> int:
    """Do what the flags say. Raises `MinuteDataError`."""
    if (arguments.first or arguments.last or arguments.plot) and not arguments.evaluate:
        raise ConfigError("--from, --to, --plot 은 --evaluate 와 함께 씁니다.")
    from minute_candles.config.universe import Universe

    lists = Universe.of(settings, clock)
    names = symbols_file.choose(arguments.symbols, arguments.symbols_file, lists, takes_names=True)
    console.setup_logging(None, clock, settings.secrets(), verbose=arguments.verbose, quiet=not arguments.verbose)
    if arguments.evaluate:
        return evaluate(arguments, names, clock, settings)
    if arguments.train:
        return train(names, clock, settings)
    return show(names, clock, settings)


def evaluate(arguments: argparse.Namespace, names: Mapping[str, str], clock: Clock, settings: "Settings") -> int:
    """Print how good each target's forecasts would have been."""
    from minute_candles.forecast import service, wording
    from minute_candles.frames.calendar import calendar_of
    from minute_candles.frames.range import parse_day

    calendar = calendar_of(settings, clock)
    closed = calendar.last_closed(clock.now())
    last = parse_day("--to", arguments.last, closed)
    first = parse_day("--from", arguments.first, last - timedelta(days=100))
    if first > last:
        raise ConfigError(f"--from {particle(first, '이/가')} --to {last} 보다 늦습니다.")
    panel = service.training_panel(list(names), first, last, settings, clock, calendar)
    clock.check()
    evaluated = service.evaluate(panel)
    console.say(wording.evaluation_table(found for found, _ in evaluated.values()))
    if arguments.plot:
        from minute_candles.forecast.plot import write_plot

        write_plot(Path(arguments.plot), evaluated)
    return 0


def train(names: Mapping[str, str], clock: Clock, settings: "Settings") -> int:
    """Keep a model of the last sessions in the log folder."""
    from minute_candles.forecast import service, wording
    from minute_candles.frames.calendar import calendar_of

    trained = service.retrain(list(names), settings, clock, calendar_of(settings, clock))
    console.say(f"✅ {wording.summary(trained)}")
    return 0


def show(names: Mapping[str, str], clock: Clock, settings: "Settings") -> int:
    """Print the next windows of the running session."""
    from minute_candles.forecast import api, service, wording

    trained = service.load(settings.log_dir)
    if trained is None:
        console.complain("예측 모델이 없습니다. 먼저 학습하세요: python forecast_candles.py --train")
        return 1
    forecasts = api.current(trained, list(names), settings, clock)
    if forecasts:
        console.say(wording.forecast_table(forecasts, names))
    else:
        console.say("ℹ️ 지금 보일 예측이 없습니다: 장중(개장 15분 뒤부터)에, 기준선보다 나은 것만 보입니다.")
    console.say(wording.summary(trained))
    return 0


if __name__ == "__main__":
    raise SystemExit(command_line.run(main))
