"""Where a setting is found: the environment, then `.env` files; first hit per key wins.

Errors name the key and the place, never the value: it may be a secret in the wrong place.
"""

import io
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle

ENV_FILE = "KIS_ENV_FILE"
"""Names one more `.env` file; read from the environment only."""
BACKEND = os.path.join("..", "..", "BE")
"""The backend's folder, relative to the scripts: it keeps a `.env` and the token file too."""


class Source(NamedTuple):
    """One place settings come from; `label` is how a person finds it."""

    label: str
    values: Mapping[str, str]


class Found:
    """The first hit per key over the sources."""

    def __init__(self, sources: list[Source]) -> None:
        self._sources = sources

    def text(self, name: str) -> str | None:
        """Return the value without blanks around it; an empty one counts as not set."""
        return next((value for _, value in self._hits(name)), None)

    def secret(self, name: str) -> str:
        """Return a key or code: printable ASCII without blanks inside; "" where it is not set."""
        text = self.text(name) or ""
        if not is_plain(text):
            raise self.wrong(name, "공백, 한글, 보이지 않는 문자가 섞여 있습니다. 값을 다시 복사해 붙여 넣으세요")
        return text

    def password(self) -> str | None:
        """Return `DB_PASSWORD` as it stands, blanks included: an empty one is a real one."""
        return next((source.values["DB_PASSWORD"] for source in self._sources if "DB_PASSWORD" in source.values), None)

    def whole(self, name: str, default: int, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        text = self.text(name)
        if text is None:
            return default
        if not is_whole(text, low, high):
            raise self.wrong(name, f"{low}~{high} 사이의 정수여야 합니다")
        return int(text)

    def wrong(self, name: str, reason: str) -> ConfigError:
        """Return what is wrong with a key and where it stands; never its value."""
        where = next((label for label, _ in self._hits(name)), "")
        return ConfigError(f"{name} 값이 잘못되었습니다: {reason}." + (f" (찾은 곳: {where})" if where else ""))

    def _hits(self, name: str) -> list[tuple[str, str]]:
        stripped = [(label, values.get(name, "").strip()) for label, values in self._sources]
        return [(label, value) for label, value in stripped if value]


def sources(environ: Mapping[str, str], here: Path, names: frozenset[str]) -> list[Source]:
    """Return them in the order they are read: the environment, the file KIS_ENV_FILE names, `.env` here, the backend's.

    `here` is the folder of the scripts, `names` the keys that count. Raises `ConfigError`.
    """
    named = environ.get(ENV_FILE, "").strip()
    files = [rooted(here, named)] if named else []
    if named and not os.path.exists(files[0]):
        raise ConfigError(
            f"{particle(ENV_FILE, '이/가')} 가리키는 파일이 없습니다: {files[0]}. 경로를 고치거나 지우세요."
        )
    files += [rooted(here, ".env"), rooted(here, os.path.join(BACKEND, ".env"))]
    return [Source("환경변수", environ), *(Source(str(file), _parse(file, _read(file), names)) for file in files)]


def rooted(here: Path, text: str) -> Path:
    """Return a path a user wrote: relative to the scripts' folder; `~` is the user's home."""
    return Path(os.path.abspath(os.path.join(here, os.path.expanduser(text))))


def is_plain(text: str) -> bool:
    """Return whether the text is printable ASCII without blanks."""
    return all("!" <= character <= "~" for character in text)


def is_whole(text: str, low: int, high: int) -> bool:
    """Return whether the text is ASCII digits only (`int` takes １２ and 1_2, too), from `low` to `high`."""
    return bool(re.fullmatch(r"\d{1,9}", text, re.ASCII)) and low <= int(text) <= high


def _read(path: Path) -> str:
    """Return the text of a `.env` file, "" where there is none."""
    if os.path.isdir(path):
        raise ConfigError(f"설정 파일이어야 하는데 폴더입니다: {path}. 폴더를 지우거나 이름을 바꾸세요.")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except UnicodeDecodeError:
        text = "\0"
    except OSError as error:
        raise ConfigError(f"설정 파일을 읽을 수 없습니다: {path} ({error.strerror}). 파일 권한을 확인하세요.") from None
    if "\0" in text:  # UTF-16, as PowerShell's > writes it
        raise ConfigError(f"설정 파일이 UTF-8이 아닙니다: {path}. 편집기에서 UTF-8로 다시 저장하세요.")
    return text


def _parse(path: Path, text: str, names: frozenset[str]) -> dict[str, str]:
    """Return the `names` a `.env` text sets; `${…}` in a value is left as it stands.

    A line that cannot be read matters only where it holds one of `names`. An unclosed quote ends lines below, and a
    backslash in double quotes may make a line break: both give a value of several lines, which nobody means.
    """
    from dotenv.parser import parse_stream

    values: dict[str, str] = {}
    for key, value, original, error in parse_stream(io.StringIO(text)):
        statement = original.string.lstrip()
        if (error and any(name in statement for name in names)) or (key in names and "\n" in (value or "")):
            line = original.line + original.string[: len(original.string) - len(statement)].count("\n")
            reason = f"설정 파일 {path} 의 {line}번째 줄을 읽을 수 없습니다."
            raise ConfigError(f"{reason} 값을 작은따옴표(')로 감싸 보세요.")
        if key in names and value is not None:
            values[key] = value
    return values
