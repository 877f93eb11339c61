"""A command line that speaks Korean from its usage line to its errors; argparse has no Korean of its own."""

import argparse
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import NoReturn

from minute_candles.console import console
from minute_candles.core.errors import ConfigError, MinuteDataError
from minute_candles.core.korean import particle

_ERRORS = (
    (r"unrecognized arguments: (.*)", "모르는 옵션입니다: {0}."),
    (r"argument (\S+): not allowed with argument (\S+)", "{0:과/와} {1:은/는} 함께 쓸 수 없습니다."),
    (r"argument (\S+): expected one argument", "{0} 뒤에 값이 없습니다."),
    (r"argument (\S+): ignored explicit argument (.*)", "{0} 에는 값을 쓰지 않습니다: {1}."),
    (
        r"argument (\S+): invalid choice: (\S+) \(choose from (.*)\)",
        "{0} 값 {1:은/는} 쓸 수 없습니다. 쓸 수 있는 값: {2}.",
    ),
    (r"argument (\S+): invalid \S+ value: (.*)", "{0} 값 {1:을/를} 읽을 수 없습니다."),
)  # fmt: skip
"""argparse's own sentences, and ours."""


class Parser(argparse.ArgumentParser):
    """`script` is how people call it: "fetch_minute_data.py". Usage errors end with exit 2."""

    def __init__(self, script: str, description: str, epilog: str) -> None:
        super().__init__(
            prog=script,
            usage=f"python {script} [옵션 …]",
            description=description,
            epilog=epilog,
            formatter_class=_Formatter,
            allow_abbrev=False,
            add_help=False,
        )
        self.add_argument("-h", "--help", action="help", help="이 도움말")

    def error(self, message: str) -> NoReturn:
        """Say in Korean what is wrong, and end with exit code 2."""
        console.complain(f"{_in_korean(message)} 쓸 수 있는 옵션 보기: `python {self.prog} --help`")
        raise SystemExit(2)


Group = argparse._ArgumentGroup  # noqa: SLF001 - what add_argument_group() returns has no public name


def add_symbols(group: Group) -> None:
    """Add the options for the symbols: `arguments.symbols` or `arguments.symbols_file`."""
    which = group.add_mutually_exclusive_group()
    which.add_argument(
        "--symbols",
        metavar="A,B",
        help="종목코드, @kospi200 @etf @all 등 (기본: symbols.csv의 97개)",
    )
    which.add_argument("--symbols-file", metavar="F", help="종목 파일: 한 줄에 종목코드[,이름]")


def add_range(group: Group, last: str) -> None:
    """Add the options for days and symbols; `last` says in Korean which day is the last by default."""
    group.add_argument("--days", metavar="N", help="최근 며칠 (달력 날짜, 기본 30)")
    group.add_argument("--from", dest="first", metavar="DATE", help="시작 날짜 YYYY-MM-DD")
    group.add_argument("--to", dest="last", metavar="DATE", help=f"끝 날짜 YYYY-MM-DD (기본: {last})")
    add_symbols(group)


def add_talk(group: Group, quiet: str) -> None:
    """Add how much is printed: `quiet` says in Korean what is left then."""
    talk = group.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help=quiet)
    talk.add_argument("--verbose", action="store_true", help="자세히")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """As wide as the longest line, whatever the terminal and the Python: README quotes it literally."""

    def __init__(self, prog: str, **_: object) -> None:
        super().__init__(prog, width=100, max_help_position=22)

    def start_section(self, heading: str | None) -> None:
        super().start_section({"options": "도움말", "positional arguments": "값"}.get(heading or "", heading))

    def add_usage(
        self,
        usage: str | None,
        actions: Iterable[argparse.Action],
        groups: "Iterable[argparse._MutuallyExclusiveGroup]",
        prefix: str | None = None,
    ) -> None:
        super().add_usage(usage, actions, groups, "사용법: ")


def read(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> argparse.Namespace:
    """Return a script's flags, with streams that take any character."""
    console.prepare_streams()
    return parser.parse_args(argv)


def carry_out(act: Callable[[], int], explain: Callable[[MinuteDataError], str] = str) -> int:
    """Return a script's exit code; what the user has to mend is one line on stderr, as `explain` says it."""
    try:
        return act()
    except MinuteDataError as error:
        console.complain(explain(error))
        return error.exit_code


def run(main: Callable[[], int]) -> int:
    """Return a script's exit code; name a package that is missing: usually the virtual environment is not on."""
    try:
        return main()
    except ModuleNotFoundError as error:
        console.complain(
            f"파이썬 패키지 {particle(error.name or '', '이/가')} 없습니다. "
            "가상환경을 켜거나(source .venv/bin/activate) 설치하세요: python -m pip install -r requirements.txt"
        )
        return 2


def whole(flag: str, text: str, most: int) -> int:
    """Return the whole number of a flag, 1 to `most`. Raises `ConfigError`."""
    if not (re.fullmatch(r"[0-9]{1,6}", text, re.ASCII) and 1 <= int(text) <= most):
        raise ConfigError(f"{flag} {particle(repr(text[:20]), '은/는')} 1부터 {most}까지의 정수여야 합니다.")
    return int(text)


def past_day(flag: str, text: str, today: date, allowed: str = "YYYY-MM-DD 로") -> date:
    """Return the date of a flag, today at the latest.

    `allowed` says in Korean how to write it. Raises `ConfigError`.
    """
    try:
        if not re.fullmatch(r"\d{4}-?\d\d-?\d\d", text, re.ASCII):
            raise ValueError
        day = date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{flag} {particle(repr(text[:20]), '은/는')} 날짜가 아닙니다. {allowed} 적으세요.") from None
    if day > today:
        raise ConfigError(f"{flag} {particle(day, '은/는')} 미래 날짜입니다.")
    return day


class _Word(str):
    """A word that a format may give its particle: `{0:은/는}`."""

    __slots__ = ()

    def __format__(self, pair: str) -> str:
        return particle(self, pair) if pair else str(self)


def _in_korean(message: str) -> str:
    for pattern, sentence in _ERRORS:
        if found := re.fullmatch(pattern, message, re.DOTALL):
            return sentence.format(*map(_Word, found.groups()))
    return message
