"""The database's address: from `DB_URL`, or from the five `DB_*` keys. A password in it is never shown.

mysql://user:password@host:port/name     MySQL or MariaDB
sqlite:///file                           relative to the scripts' folder; sqlite:////folder/file is absolute
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote

from minute_candles.config.addresses import is_host
from minute_candles.config.env_files import Found, is_whole, rooted
from minute_candles.core.errors import ConfigError


@dataclass(frozen=True)
class Database:
    """Where the candles go: a MySQL or MariaDB server, or a SQLite file."""

    kind: Literal["mysql", "sqlite"]
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    name: str = ""
    path: Path | None = None

    def describe(self) -> str:
        """The address without the password."""
        if self.path is not None:
            return f"sqlite:///{self.path}"
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"mysql://{self.user}@{host}:{self.port}/{self.name}"


def read_database(found: Found, here: Path) -> Database:
    """The database the user named; `here` is the folder of the scripts. Raises `ConfigError`."""
    url = found.text("DB_URL")
    if url is None:
        return _by_keys(found)
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() in {"mysql", "mariadb"}:
        return _mysql_url(found, rest)
    if separator and scheme.lower() == "sqlite":
        return _sqlite_url(found, rest, here)
    raise found.wrong("DB_URL", "mysql://사용자:비밀번호@호스트:포트/이름 또는 sqlite:///파일 형태여야 합니다")


def _by_keys(found: Found) -> Database:
    host = found.text("DB_HOST") or "localhost"
    user = found.text("DB_USER") or "hanazoom_user"
    name = found.text("DB_NAME") or "hanazoom"
    if not is_host(host):
        raise found.wrong("DB_HOST", "호스트 이름이나 주소만 쓰세요(포트는 DB_PORT)")
    for key, text in (("DB_USER", user), ("DB_NAME", name)):
        if not text.isprintable():
            raise found.wrong(key, "보이지 않는 문자가 섞여 있습니다")
    return Database("mysql", host, found.whole("DB_PORT", 3306, 1, 65535), user, found.password() or "", name)


def _mysql_url(found: Found, rest: str) -> Database:
    """`user:password@host:port/name`; the password may hold any character, encoded or not: the last `@` ends it."""
    userinfo, _, place = rest.rpartition("@")
    user, _, password = (_decoded(part) for part in userinfo.partition(":"))
    address, _, name = place.partition("/")
    host, port = re.fullmatch(r"(\[.*\]|[^:]*)(?::(.*))?", address, re.DOTALL).groups()  # type: ignore[union-attr]
    host = host.strip("[]")
    if "?" in place or "#" in place:
        raise found.wrong("DB_URL", "? 뒤의 옵션은 쓸 수 없습니다")
    if not user or not user.isprintable():
        raise found.wrong("DB_URL", "사용자가 없습니다(mysql://사용자:비밀번호@호스트:포트/이름)")
    if not is_host(host):
        raise found.wrong("DB_URL", "호스트가 없거나 잘못되었습니다(mysql://사용자:비밀번호@호스트:포트/이름)")
    if port is not None and not is_whole(port, 1, 65535):
        raise found.wrong("DB_URL", "포트는 1~65535 사이의 숫자여야 합니다")
    if not name or "/" in name or not _decoded(name).isprintable():
        raise found.wrong(
            "DB_URL", "데이터베이스 이름이 없거나 잘못되었습니다(mysql://사용자:비밀번호@호스트:포트/이름)"
        )
    return Database("mysql", host, int(port or 3306), user, password, _decoded(name))


def _sqlite_url(found: Found, rest: str, here: Path) -> Database:
    name = rest.removeprefix("/")
    if name == rest or not name or name == ":memory:" or "?" in name:
        raise found.wrong("DB_URL", "sqlite:///파일 (절대 경로는 sqlite:////경로/파일) 형태여야 합니다")
    path = rooted(here, name)
    if path.is_dir():
        raise found.wrong("DB_URL", "SQLite 파일 자리에 폴더가 있습니다")
    return Database("sqlite", path=path)


def _decoded(text: str) -> str:
    """Percent-decoded where that gives text; as it stands otherwise (a `%` that encodes nothing)."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def must_exist(database: Database) -> None:
    """A SQLite file is not made by looking. Raises `ConfigError`."""
    if database.path is not None and not database.path.exists():
        raise ConfigError(f"SQLite 파일이 없습니다: {database.path}. 먼저 채우세요: python fetch_minute_data.py")
