"""Packages that only an integration needs (requirements-extra.txt): imported where used, a missing one is a line."""

from importlib import import_module
from types import ModuleType

from minute_candles.core.errors import ConfigError
from minute_candles.core.korean import particle

INSTALL = "python -m pip install -r requirements-extra.txt"


def extra(name: str, what: str) -> ModuleType:
    """Return the module `name`, which `what` (Korean: 실시간 차트) needs.

    Raises `ConfigError` with how to install it.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        named = particle(error.name or name, "이/가")
        raise ConfigError(f"{what}에 필요한 파이썬 패키지 {named} 없습니다. 설치하세요: {INSTALL}") from None
