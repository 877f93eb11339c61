"""A client of the user's Redis that gives up quickly, and its errors in Korean, never with the address.

redis-py waits up to 4 s a command for a dead server; here a command has a second, and one more try on a new connection:
a server that closed an idle one is no outage. RESP2: it is all we need, and every server speaks it.
"""

import re
from contextlib import suppress
from types import ModuleType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra

if TYPE_CHECKING:
    from redis import Redis

SECONDS = 1.0
WRONG_TYPE = "WRONGTYPE"
_WORDS = {
    "TimeoutError": f"{SECONDS:.0f}초 안에 답하지 않습니다",
    "OutOfMemoryError": "메모리가 가득 찼습니다(maxmemory)",
    "ReadOnlyError": "읽기 전용(복제본)입니다",
    "BusyLoadingError": "데이터를 읽어 들이는 중입니다",
    "AuthenticationError": "비밀번호를 거절합니다",
    "MISCONF": "디스크에 저장하지 못해 쓰기를 거절합니다",
    "NOPERM": "이 사용자에게 권한이 없다고 합니다",
    WRONG_TYPE: "키에 다른 종류의 값이 있습니다",
}
_CODES = {*_WORDS, "WRONGPASS", "NOAUTH"}


def library() -> ModuleType:
    """Return redis-py. Raises `ConfigError` where it is not installed."""
    return extra("redis", "Redis 알림")


def connect(url: str) -> "Redis":
    """Return a client for commands, not connected yet. Raises `ConfigError`."""
    redis = library()
    once_more = redis.retry.Retry(redis.backoff.NoBackoff(), 1)
    return _client(url, protocol=2, retry=once_more, socket_timeout=SECONDS, socket_connect_timeout=SECONDS)


def connect_to_listen(url: str) -> "Redis":
    """Return a client for a subscription, not connected yet. Raises `ConfigError`.

    Its reads have no timeout: between two candles a night may pass; a dead server ends them by keepalive.
    """
    return _client(url, socket_connect_timeout=2, socket_timeout=None, socket_keepalive=True)


def _client(url: str, **options: object) -> "Redis":
    """Return a client of `url`. Raises `ConfigError`.

    redis-py takes a word for database 0, and refuses an unknown option only when it connects.
    """
    if not re.fullmatch(r"/?|/[0-9]{1,9}", urlsplit(url).path):
        raise ConfigError(_wrong("데이터베이스는 번호여야 합니다(예: redis://호스트:6379/0)"))
    try:
        client: Redis = library().Redis.from_url(url, decode_responses=True, encoding_errors="replace", **options)
        client.connection_pool.make_connection()
    except (ValueError, TypeError):
        raise ConfigError(_wrong("주소를 알아볼 수 없습니다(물음표 뒤의 옵션은 redis-py의 것만)")) from None
    return client


def check(url: str) -> None:
    """Raise `ConfigError` for a Redis that refuses us or cannot serve; one that is away may come."""
    redis = library()
    with connect(url) as client:
        try:
            client.ping()
            with suppress(redis.exceptions.NoPermissionError):
                if client.execute_command("ROLE")[0] == "sentinel":
                    raise ConfigError(_wrong("Redis Sentinel은 지원하지 않습니다. 마스터의 주소를 쓰세요"))
        except (redis.AuthenticationError, redis.ResponseError) as error:
            raise ConfigError(_wrong(f"Redis가 접속을 거절했습니다 [{code(error)}]")) from None
        except (redis.RedisError, OSError):
            return


def describe(error: Exception) -> str:
    """Say what is wrong, for people: a few words and the code; what the server said may hold a secret."""
    name = code(error)
    return f"{_WORDS.get(name) or _by_kind(error)} [{name}]"


def code(error: Exception) -> str:
    """Return the error's code in the server's answer (the protocol's first word), else its class."""
    found = re.search(r"(?:^|caused error: )([A-Z]{4,}) ", str(error))
    return found[1] if found and found[1] in _CODES else type(error).__name__


def place(url: str) -> str:
    """Return host and port, without user and password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}:{parts.port or 6379}"


def _by_kind(error: Exception) -> str:
    return "명령을 거절합니다" if isinstance(error, library().ResponseError) else "연결할 수 없습니다"


def _wrong(what: str) -> str:
    return f"{what}. .env의 REDIS_URL(사용자, 비밀번호, 호스트, 번호)을 확인하세요."
