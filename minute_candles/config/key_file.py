"""`KIS_KEYS_FILE`: more KIS keys, a table each. The key of `.env` is one of them.

[[key]]
name = "두번째"
app_key = "…"
app_secret = "…"
env = "real"        # real (default: as KIS_ENV) or vts
rate_limit = 15     # calls a second; default 15 real, 0.9 vts
"""

import math
import os
import stat
import tomllib
from pathlib import Path
from typing import Literal, NamedTuple

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle

Environment = Literal["real", "vts"]
_FIELDS = {"name", "app_key", "app_secret", "env", "rate_limit"}


class KisKey(NamedTuple):
    """A key; `rate_limit` is calls a second, None = the environment's default."""

    name: str
    app_key: str
    app_secret: str
    env: Environment
    rate_limit: float | None


def read_keys(path: Path, env: Environment) -> list[KisKey]:
    """Return the keys of the file, each app key once. Raises `ConfigError`, which never repeats a value."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):  # no TOML, or no UTF-8
        raise ConfigError(f"키 파일을 읽을 수 없습니다 (TOML, UTF-8이어야 합니다): {path}") from None
    except OSError as error:
        raise ConfigError(
            f"키 파일을 읽을 수 없습니다 ({error.strerror}): {path}. KIS_KEYS_FILE을 확인하세요."
        ) from None
    tables = content.get("key")
    if not isinstance(tables, list) or not tables or content.keys() != {"key"}:
        raise ConfigError(f"키 파일에는 [[key]] 표만 씁니다 (하나 이상): {path}")
    found = [_key(table, f"{path} 의 {n}번째 [[key]]", env) for n, table in enumerate(tables, 1)]
    for field in ("name", "app_key"):
        if len({getattr(key, field) for key in found}) < len(found):
            raise ConfigError(f"키 파일에 같은 {particle(field, '이/가')} 두 번 있습니다: {path}")
    return found


def open_to_others(path: Path) -> str:
    """Return a warning (Korean) where other users may read the file; "" where not, and on Windows."""
    if os.name == "nt" or not stat.S_IMODE(path.stat().st_mode) & 0o077:
        return ""
    return f"⚠️ 키 파일을 다른 사용자가 읽을 수 있습니다: {path}. 막으려면: chmod 600 {path}"


def _key(table: object, where: str, env: Environment) -> KisKey:
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: 표가 아닙니다.")
    if unknown := sorted(table.keys() - _FIELDS):
        raise ConfigError(f"{where}: 모르는 이름이 있습니다: {', '.join(name[:20] for name in unknown)}")
    name, app_key, app_secret = (_text(table, field, where) for field in ("name", "app_key", "app_secret"))
    mine = table.get("env", env)
    if mine not in ("real", "vts"):
        raise ConfigError(f"{where}: env 는 real 또는 vts 여야 합니다.")
    rate = table.get("rate_limit")
    if rate is not None and not (type(rate) in (int, float) and math.isfinite(rate) and rate > 0):
        raise ConfigError(f"{where}: rate_limit 은 0보다 큰 숫자여야 합니다.")
    return KisKey(name, app_key, app_secret, mine, None if rate is None else float(rate))


def _text(table: dict[str, object], field: str, where: str) -> str:
    value = table.get(field)
    text = value.strip() if isinstance(value, str) else ""
    if not text or not text.isprintable() or (field != "name" and not (text.isascii() and " " not in text)):
        raise ConfigError(f"{where}: {particle(field, '이/가')} 없거나 쓸 수 없는 글자가 있습니다.")
    return text
