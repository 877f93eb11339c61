"""Which symbols: from `--symbols`, a file of the user's, or the 97 of `symbols.csv` (kis_api.md §13)."""

import csv
import re
from pathlib import Path

from base.errors import ConfigError

_SYMBOL = re.compile(r"[0-9A-Z]{6}", re.ASCII)
HERE = Path(__file__).resolve().parent.parent
THE_97 = HERE / "symbols.csv"
USUALLY_ACTIVE = tuple(
    "005930 000660 035420 035720 051910 006400 033780 003550 012330 017670 090430 009830 012450 010140 088350 "  # noqa: SIM905
    "034020 003490 028260 066570 009150 096770 024110 316140 011200 010130 055550 030200 011170 004990 336260".split()
)
"""The thirty most active ones until activity is measured (kis_api.md §13)."""


def choose(listed: str | None, file: str | None) -> dict[str, str]:
    """Symbol → Korean name (empty where unknown), in the given order, each once. Raises `ConfigError`."""
    known = read(THE_97)
    if listed is not None:
        return {symbol: known.get(symbol, "") for symbol in map(_checked, listed.split(","))}
    if file is None:
        return known
    return {symbol: name or known.get(symbol, "") for symbol, name in read(Path(file)).items()}


def read(path: Path) -> dict[str, str]:
    """A CSV of `symbol,name`, or a symbol a line; empty lines, `#` comments and the header are passed over."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = "UTF-8이 아닙니다" if isinstance(error, UnicodeDecodeError) else error.strerror
        raise ConfigError(f"종목 파일을 읽을 수 없습니다 ({reason}): {path}") from error
    rows = [row for row in csv.reader(text.splitlines()) if row and row[0].strip() and not row[0].startswith("#")]
    if rows and rows[0][0].strip().lower() == "symbol":
        rows = rows[1:]
    if not rows:
        raise ConfigError(
            f"종목 파일에 종목이 없습니다: {path}. 한 줄에 종목코드 하나씩 적으세요 (예: 005930,삼성전자)."
        )
    return {_checked(row[0]): _printable(row[1]) if len(row) > 1 else "" for row in rows}


def _printable(name: str) -> str:
    """A name goes to the terminal: nothing that a terminal would obey."""
    return "".join(character for character in name if character.isprintable()).strip()


def _checked(symbol: str) -> str:
    symbol = symbol.strip()
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(
            f"종목코드가 아닙니다: {symbol[:20]!r}. 숫자나 영문 대문자 여섯 글자여야 합니다 (예: 005930)."
        )
    return symbol
