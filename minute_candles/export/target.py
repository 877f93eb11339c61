"""Where an export goes: a folder, one file, or standard output. Nothing of somebody else's is replaced."""

import os
from pathlib import Path
from typing import NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle
from minute_candles.export.dataset import Format, check_own

_SUFFIXES: dict[str, Format] = {".parquet": "parquet", ".csv": "csv"}


class Target(NamedTuple):
    """A folder, one file, or standard output (`path` None)."""

    kind: Format
    path: Path | None
    is_file: bool


def target_of(out: str, kind: Format | None) -> Target:
    """Return what `--out` and `--format` mean. Raises `ConfigError`."""
    if not out:
        raise ConfigError("--out 이 비어 있습니다. 폴더나 파일의 이름을 쓰세요.")
    if out == "-":
        return Target(_agreed("csv", kind, out), None, is_file=True)
    path = Path(out)
    exists = _exists(path)
    if path.name.lower() in _SUFFIXES:
        raise ConfigError(f"--out {out} 에 파일 이름이 없습니다(예: candles{path.name}).")
    if exists and not path.is_dir() and not path.is_file():
        raise ConfigError(
            f"--out {particle(out, '은/는')} 보통 파일도 폴더도 아닙니다. 표준 출력으로는 --out - 를 쓰세요."
        )
    meant = _SUFFIXES.get(path.suffix.lower())
    if meant and not path.is_dir():
        return Target(_agreed(meant, kind, out), path, is_file=True)
    if exists and not path.is_dir():
        raise ConfigError(
            f"--out {particle(out, '은/는')} 폴더가 아닙니다. 폴더나 .parquet, .csv 로 끝나는 파일을 쓰세요."
        )
    return Target(kind or "parquet", path, is_file=False)


def check_file(target: Target, *, force: bool) -> None:
    """Raise `ConfigError` where the file is not an export of ours, but with `force`."""
    if target.path is not None and target.is_file and not force:
        check_own(target.path, target.kind)


def _exists(path: Path) -> bool:
    """Return whether something stands there. Raises `ConfigError` for a name that no file can have."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        _check_length(path)
        return False
    except (OSError, ValueError) as error:
        raise ConfigError(f"--out {str(path)[:40]}… 은 쓸 수 없는 이름입니다 ({type(error).__name__}).") from None
    return True


def _check_length(path: Path) -> None:
    """Raise `ConfigError` where the staging directory's name would be too long."""
    if len(os.fsencode(path.name)) > 220:
        raise ConfigError(f"--out {str(path)[:40]}… 은 이름이 너무 깁니다.")


def _agreed(meant: Format, kind: Format | None, out: str) -> Format:
    if kind not in (None, meant):
        raise ConfigError(f"--out {particle(out, '과/와')} --format {particle(kind, '이/가')} 서로 다릅니다.")
    return meant
