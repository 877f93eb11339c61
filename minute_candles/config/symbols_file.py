"""Which symbols: from `--symbols`, a file of the user's, or the 97 of `symbols.csv` (docs/dev/kis_http.md §13)."""

import codecs
import csv
import logging
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Protocol

from minute_candles.config.project import bundled_file
from minute_candles.core.errors import ConfigError

_SYMBOL = re.compile(r"[0-9][0-9A-Z]{5}|Q[0-9][0-9A-Z]{5}", re.ASCII)
"""A share or a fund begins with a digit; an ETN has a Q in front of its six characters."""
_ELSEWHERE = re.compile(r"A([0-9][0-9A-Z]{5})|([0-9A-Z]{6})\.K[SQ]", re.ASCII)
"""How other vendors write a code: A005930, 005930.KS, 035720.KQ."""
_WITHOUT_ZEROS = re.compile(r"(?=0*[1-9])[0-9]{1,5}", re.ASCII)
_CODE_WORDS = ("단축코드", "종목코드", "종목번호", "코드", "symbol", "stock_symbol", "code", "ticker", "티커")
_NAME_WORDS = ("종목명", "한글종목약명", "한글종목명", "이름", "회사명", "name", "종목")
_log = logging.getLogger(__name__)
THE_97 = bundled_file("symbols.csv")
USUALLY_ACTIVE = tuple(
    "005930 000660 035420 035720 051910 006400 033780 003550 012330 017670 090430 009830 012450 010140 088350 "  # noqa: SIM905
    "034020 003490 028260 066570 009150 096770 024110 316140 011200 010130 055550 030200 011170 004990 336260".split()
)
"""The thirty most active ones until activity is measured (docs/dev/kis_http.md §13)."""


class Lists(Protocol):
    """The universes and names of the exchange (`config.universe.Universe`)."""

    def members(self, name: str) -> dict[str, str]:
        """Return symbol → name of "@kospi200" and its like. Raises `ConfigError`."""
        ...

    def names(self) -> dict[str, str]:
        """Return the name of every symbol that is known without a download."""
        ...


@cache
def default_symbols() -> Mapping[str, str]:
    """Return symbol → name of `symbols.csv`."""
    return read(THE_97)


def choose(
    listed: str | None, file: str | None, lists: Lists | None = None, *, takes_names: bool = False
) -> dict[str, str]:
    """Return symbol → Korean name (empty where unknown), in the given order, each once. Raises `ConfigError`.

    `listed`: codes and, where there are `lists`, "@kospi" and its like; names, too, for who only reads (`takes_names`).
    """
    if listed is None and file is None:
        return dict(default_symbols())
    names = (lists.names() if lists else {}) | dict(default_symbols())
    if listed is None:
        return {symbol: name or names.get(symbol, "") for symbol, name in read(Path(file or "")).items()}
    found: dict[str, str] = {}
    for word in map(str.strip, listed.split(",")):
        if word.startswith("@") and lists:
            found |= lists.members(word)
        else:
            symbol = (_by_name(word, names) if takes_names else "") or _symbol_of(word)
            found[symbol] = names.get(symbol, "")
    return found


def _by_name(word: str, names: Mapping[str, str]) -> str:
    """Return the symbol of a Korean name, "" where it is none. Raises `ConfigError` for one that is nearly a name."""
    if not word or (word.isascii() and _SYMBOL.fullmatch(word)):
        return ""
    found = next((symbol for symbol, name in names.items() if _plain(name) == _plain(word)), "")
    if not found and not word.isascii():
        from difflib import get_close_matches  # only for who mistyped

        close = get_close_matches(word, names.values(), 3, 0.5)
        hint = f" 혹시: {', '.join(close)}" if close else ""
        raise ConfigError(f"종목 이름이나 종목코드가 아닙니다: {word[:20]!r}.{hint}")
    return found


def _plain(name: str) -> str:
    return "".join(name.split()).casefold()


def _symbol_of(word: str) -> str:
    """Return the code that a word of `--symbols` means; put back zeros are said. Raises `ConfigError`."""
    elsewhere = _ELSEWHERE.fullmatch(word)
    symbol = (elsewhere[1] or elsewhere[2]) if elsewhere else word
    if _WITHOUT_ZEROS.fullmatch(symbol):
        _log.warning("⚠️ 앞자리 0이 빠진 종목코드를 채웠습니다 (%s → %s).", symbol, symbol.zfill(6))
    return _checked(symbol.zfill(6) if _WITHOUT_ZEROS.fullmatch(symbol) else symbol)


def read(path: Path) -> dict[str, str]:
    """Return the symbols of a CSV of `symbol,name`, or a symbol a line, as editors and Excel save it.

    UTF-8, UTF-16 or CP949; comma, semicolon or tab; empty lines and `#` comments are passed over, a header is known by
    its words. Zeros that Excel removed are put back, and that is said. A line without a code is named and passed over.
    Raises `ConfigError` for a file without any.
    """
    rows = _rows(_text(path))
    code, name = 0, 1
    if rows and (header := _header(rows[0][1])):
        (code, name), rows = header, rows[1:]
    found, padded, wrong = {}, {}, []
    for number, row in rows:
        written = _bare(_cell(row, code))
        symbol = written.zfill(6) if _WITHOUT_ZEROS.fullmatch(written) else written
        try:
            found[_checked(symbol, f" ({path.name} {number}번째 줄)")] = _printable(_cell(row, name))
        except ConfigError as error:
            wrong.append(error)
            continue
        if symbol != written:
            padded[written] = symbol
    _check_any(found, wrong, path)
    for refused in wrong:
        _log.warning("⚠️ %s 이 줄은 건너뜁니다.", refused)
    if padded:
        (written, symbol), more = next(iter(padded.items())), f" 등 {len(padded)}개" if len(padded) > 1 else ""
        _log.warning("⚠️ %s: 앞자리 0이 빠진 종목코드를 채웠습니다 (%s → %s%s).", path.name, written, symbol, more)
    return found


def _check_any(found: Mapping[str, str], wrong: Sequence[ConfigError], path: Path) -> None:
    """Raise `ConfigError` for a list without a symbol."""
    if found:
        return
    if wrong:
        raise wrong[0]
    raise ConfigError(f"종목 파일에 종목이 없습니다: {path}. 한 줄에 종목코드 하나씩 적으세요 (예: 005930,삼성전자).")


def _text(path: Path) -> str:
    """Return the text: UTF-8 with or without a mark, UTF-16 with one, else Korean Excel's CP949."""
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
    """Return line number and cells of every line that says something; what ends the first cell separates them all."""
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if _says_something(line)]
    mark = next((character for character in lines[0][1] if character in ",;\t"), ",") if lines else ","
    return [(number, next(csv.reader([line], delimiter=mark))) for number, line in lines]


def _says_something(line: str) -> bool:
    return bool(line.strip('\t;, "')) and not line.lstrip().startswith("#")


def _header(row: Sequence[str]) -> tuple[int, int] | None:
    """Return where symbol and name stand (-1: no name), by the words of a header; None where the row is none."""
    words = [cell.strip().lower().replace(" ", "") for cell in row]

    def column(known: Sequence[str]) -> int:
        return next((words.index(word) for word in known if word in words), -1)

    code = column(_CODE_WORDS)
    return (code, column(_NAME_WORDS)) if code >= 0 else None


def _cell(row: Sequence[str], column: int) -> str:
    return row[column].strip() if 0 <= column < len(row) else ""


def _bare(text: str) -> str:
    """Return the text without Excel's ways to keep it one: ="005930" and '005930."""
    return text.removeprefix("=").strip('"').removeprefix("'").strip()


def _printable(name: str) -> str:
    """Return a name without what a terminal would obey."""
    return "".join(character for character in name if character.isprintable()).strip()


def _checked(symbol: str, where: str = "") -> str:
    symbol = symbol.strip()
    if not _SYMBOL.fullmatch(symbol):
        raise ConfigError(
            f"종목코드가 아닙니다{where}: {symbol[:20]!r}. 숫자로 시작하는 여섯 글자(예: 005930)나 "
            "Q와 여섯 글자(ETN)여야 합니다."
        )
    return symbol
