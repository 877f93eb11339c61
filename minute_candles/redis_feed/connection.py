"""A client of the user's Redis that is quick to give up, and what its errors mean in Korean (never with the address).

redis-py waits up to 4 s a command for a dead server; here a command has a second, and one more try on a new connection:
a server that closed an idle one is no outage. RESP2: it is all we need, and every server speaks it.
"""

import re
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra

SECONDS = 1.0
_WORDS = {
    "TimeoutError": f"{SECONDS:.0f}초 안에 답하지 않습니다",
    "OutOfMemoryError": "메모리가 가득 찼습니다(maxmemory)",
    "ReadOnlyError": "읽기 전용(복제본)입니다",
    "BusyLoadingError": "데이터를 읽어 들이는 중입니다",
    "AuthenticationError": "비밀번호를 거절합니다",
    "MISCONF": "디스크에 저장하지 못해 쓰기를 거절합니다",
    "NOPERM": "이 사용자에게 권한이 없다고 합니다",
}


def library() -> ModuleType:
    """redis-py. Raises `ConfigError` where it is not installed."""
    return extra("redis", "Redis 알림")


def connect(url: str) -> Any:
    """A client, not connected yet. Raises `ConfigError`."""
    redis = library()
    once_more = redis.retry.Retry(redis.backoff.NoBackoff(), 1)
    times = {"socket_timeout": SECONDS, "socket_connect_timeout": SECONDS}
    try:
        return redis.Redis.from_url(url, decode_responses=True, protocol=2, retry=once_more, **times)
    except (ValueError, TypeError):
        raise ConfigError(_wrong("주소를 알아볼 수 없습니다")) from None


def check(url: str) -> None:
    """Whether these settings can be right: a Redis that refuses us is `ConfigError` now, one that is away may come."""
    redis = library()
    client = connect(url)
    try:
        client.ping()
    except (redis.AuthenticationError, redis.ResponseError) as error:
        raise ConfigError(_wrong(f"Redis가 접속을 거절했습니다 [{code(error)}]")) from None
    except (redis.RedisError, OSError):
        return
    finally:
        client.close()


def trouble(error: Exception) -> str:
    """What is wrong, for people: a few words and the code; what the server said may hold a secret."""
    name = code(error)
    return f"{_WORDS.get(name) or _by_kind(error)} [{name}]"


def code(error: Exception) -> str:
    """The error's first word in the server's answer, else its class."""
    said = re.search(r"(?:^|caused error: )([A-Z]{4,}) ", str(error))
    return said[1] if said and said[1] in _WORDS | {"WRONGPASS": "", "NOAUTH": "", "WRONGTYPE": ""} else _name(error)


def place(url: str) -> str:
    """Host and port, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def _name(error: Exception) -> str:
    return type(error).__name__


def _by_kind(error: Exception) -> str:
    return "명령을 거절합니다" if isinstance(error, library().ResponseError) else "연결할 수 없습니다"


def _wrong(what: str) -> str:
    return f"{what}. .env의 REDIS_URL(사용자, 비밀번호, 호스트, 번호)을 확인하세요."
