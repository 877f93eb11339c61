"""Which symbols: from `--symbols`, a file of the user's, or the 97 of `symbols.csv` (kis_http.md §13)."""

import codecs
import csv
import logging
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from minute_candles.config.project import bundled_file
from minute_candles.core.errors import ConfigError

_SYMBOL = re.compile(r"[0-9A-Z]{6}", re.ASCII)
_EATEN = re.compile(r"(?=0*[1-9])[0-9]{1,5}", re.ASCII)
_CODE_WORDS = ("단축코드", "종목코드", "종목번호", "코드", "symbol", "stock_symbol", "code", "ticker", "티커")
_NAME_WORDS = ("종목명", "한글종목약명", "한글종목명", "이름", "회사명", "name", "종목")
_log = logging.getLogger(__name__)
THE_97 = bundled_file("symbols.csv")
USUALLY_ACTIVE = tuple(
    "005930 000660 035420 035720 051910 006400 033780 003550 012330 017670 090430 009830 012450 010140 088350 "  # noqa: SIM905
    "034020 003490 028260 066570 009150 096770 024110 316140 011200 010130 055550 030200 011170 004990 336260".split()
)
"""The thirty most active ones until activity is measured (kis_http.md §13)."""


def choose(listed: str | None, file: str | None) -> dict[str, str]:
    """Symbol → Korean name (empty where unknown), in the given order, each once. Raises `ConfigError`."""
    known = read(THE_97)
    if listed is not None:
        return {symbol: known.get(symbol, "") for symbol in map(_checked, listed.split(","))}
    if file is None:
        return known
    return {symbol: name or known.get(symbol, "") for symbol, name in read(Path(file)).items()}


def read(path: Path) -> dict[str, str]:
    """A CSV of `symbol,name`, or a symbol a line, as editors and Excel save it.

    UTF-8, UTF-16 or CP949; comma, semicolon or tab; empty lines and `#` comments are passed over, a header is known by
    its words. The zeros that Excel ate are put back, and that is told.
    """
    rows = _rows(_text(path))
    code, name = 0, 1
    if rows and (header := _header(rows[0][1])):
        (code, name), rows = header, rows[1:]
    if not rows:
        raise ConfigError(
            f"종목 파일에 종목이 없습니다: {path}. 한 줄에 종목코드 하나씩 적으세요 (예: 005930,삼성전자)."
        )
    found, padded = {}, {}
    for number, row in rows:
        told = _bare(_cell(row, code))
        symbol = told.zfill(6) if _EATEN.fullmatch(told) else told
        found[_checked(symbol, f" ({path.name} {number}번째 줄)")] = _printable(_cell(row, name))
        if symbol != told:
            padded[told] = symbol
    if padded:
        (told, symbol), more = next(iter(padded.items())), f" 등 {len(padded)}개" if len(padded) > 1 else ""
        _log.warning("⚠️ %s: 앞자리 0이 빠진 종목코드를 채웠습니다 (%s → %s%s).", path.name, told, symbol, more)
    return found


def _text(path: Path) -> str:
    """UTF-8 with or without a mark, UTF-16 with one, else Korean Excel's CP949."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"종목 파일을 읽을 수 없습니다 ({error.strerror}): {path}") from error
    wide = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if wide else ("utf-8-sig", "cp949"):
        with suppress(UnicodeDecodeError):
            return raw.decode(encoding)
    raise ConfigError(f"종목 파일을 읽을 수 없습니다 (UTF-8도 CP949도 아닙니다): {path}")


def _rows(text: str) -> list[tuple[int, list[str]]]:
    """Line number and cells of every line that says something; what ends the first cell separates them all."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line)]
    mark = next((character for character in lines[0][1] if character in ",;\t"), ",") if lines else ","
    return [(number, next(csv.reader([line], delimiter=mark))) for number, line in lines]


def _says_something(line: str) -> bool:
    return bool(line.strip('\t;, "')) and not line.lstrip().startswith("#")


def _header(row: Sequence[str]) -> tuple[int, int] | None:
    """Where symbol and name stand (-1: no name), by the words of a header; None where the row is none."""
    words = [cell.strip().lower().replace(" ", "") for cell in row]

    def column(known: Sequence[str]) -> int:
        return next((words.index(word) for word in known if word in words), -1)

    code = column(_CODE_WORDS)
    return (code, column(_NAME_WORDS)) if code >= 0 else None


def _cell(row: Sequence[str], column: int) -> str:
    return row[column].strip() if 0 <= column < len(row) else ""


def _bare(text: str) -> str:
    """Excel's ways to keep a number a text: ="005930" and '005930."""
    return text.removeprefix("=").strip('"').removeprefix("'").strip()


def _printable(name: str) -> str:
    """A name goes to the terminal: nothing that a terminal would obey."""
    return "".join(character for character in name if character.isprintable()).strip()


def _checked(symbol: str, where: str = "") -> str:
    symbol = symbol.strip()
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(
            f"종목코드가 아닙니다{where}: {symbol[:20]!r}. 숫자나 영문 대문자 여섯 글자여야 합니다 (예: 005930)."
        )
    return symbol
