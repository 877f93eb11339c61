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
    ssl_ca: Path | None = None
    """The CA that the server's certificate is verified by."""

    def addresses(self) -> list[tuple[str, int]]:
        """Return the servers that `host` names (`a,b:3307,[::1]`), in the order in which they are tried."""
        found = []
        for part in self.host.split(","):
            host, port = split_port(part)
            found.append((host, int(port or self.port)))
        return found

    def places(self) -> list[str]:
        """Return the same as host:port, to be shown."""
        return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host, port in self.addresses()]

    def describe(self) -> str:
        """Return the address without the password."""
        if self.path is not None:
            return f"sqlite:///{self.path}"
        return f"mysql://{self.user}@{','.join(self.places())}/{self.name}"


def split_port(text: str) -> tuple[str, str | None]:
    """Return host and port of `host`, `host:port`, `[::1]:port` or a bare IPv6 address."""
    if is_host(text):
        return text, None
    found = re.fullmatch(r"(\[.*\]|[^:]*)(?::(.*))?", text, re.DOTALL)
    return (found[1].strip("[]"), found[2]) if found else (text, None)


def _check_hosts(found: Found, key: str, text: str) -> None:
    for part in text.split(","):
        host, port = split_port(part)
        if not is_host(host):
            raise found.wrong(key, "호스트가 없거나 잘못되었습니다(여러 서버는 쉼표로: a,b:3307)")
        if port is not None and not is_whole(port, 1, 65535):
            raise found.wrong(key, "포트는 1~65535 사이의 숫자여야 합니다")


def _ssl_ca(found: Found, here: Path) -> Path | None:
    text = found.text("DB_SSL_CA")
    if text is None:
        return None
    path = rooted(here, text)
    if not path.is_file():
        raise found.wrong("DB_SSL_CA", "그런 파일이 없습니다(서버의 인증서를 확인할 CA, PEM)")
    return path


def read_database(found: Found, here: Path) -> Database:
    """Return the database the user named; `here` is the folder of the scripts. Raises `ConfigError`."""
    url = found.text("DB_URL")
    if url is None:
        return _by_keys(found, here)
    scheme, separator, rest = url.partition("://")
    if separator and scheme.lower() in {"mysql", "mariadb"}:
        return _mysql_url(found, rest, here)
    if separator and scheme.lower() == "sqlite":
        return _sqlite_url(found, rest, here)
    raise found.wrong("DB_URL", "mysql://사용자:비밀번호@호스트:포트/이름 또는 sqlite:///파일 형태여야 합니다")


def _by_keys(found: Found, here: Path) -> Database:
    host = found.text("DB_HOST") or "localhost"
    user = found.text("DB_USER") or "hanazoom_user"
    name = found.text("DB_NAME") or "hanazoom"
    if "," not in host and not is_host(host):
        raise found.wrong("DB_HOST", "호스트 이름이나 주소만 쓰세요(포트는 DB_PORT)")
    _check_hosts(found, "DB_HOST", host)
    for key, text in (("DB_USER", user), ("DB_NAME", name)):
        if not text.isprintable():
            raise found.wrong(key, "보이지 않는 문자가 섞여 있습니다")
    port, secret = found.whole("DB_PORT", 3306, 1, 65535), found.password() or ""
    return Database("mysql", host, port, user, secret, name, ssl_ca=_ssl_ca(found, here))


def _mysql_url(found: Found, rest: str, here: Path) -> Database:
    """Read `user:password@host:port/name`. The password ends at the last `@` and may hold any character."""
    userinfo, _, place = rest.rpartition("@")
    user, _, password = (_decoded(part) for part in userinfo.partition(":"))
    address, _, name = place.partition("/")
    if "?" in place or "#" in place:
        raise found.wrong("DB_URL", "? 뒤의 옵션은 쓸 수 없습니다")
    if not user or not user.isprintable():
        raise found.wrong("DB_URL", "사용자가 없습니다(mysql://사용자:비밀번호@호스트:포트/이름)")
    _check_hosts(found, "DB_URL", address)
    if not name or "/" in name or not _decoded(name).isprintable():
        raise found.wrong(
            "DB_URL", "데이터베이스 이름이 없거나 잘못되었습니다(mysql://사용자:비밀번호@호스트:포트/이름)"
        )
    host, port = split_port(address) if "," not in address else (address, None)
    return Database("mysql", host, int(port or 3306), user, password, _decoded(name), ssl_ca=_ssl_ca(found, here))


def _sqlite_url(found: Found, rest: str, here: Path) -> Database:
    name = rest.removeprefix("/")
    if name == rest or not name or name == ":memory:" or "?" in name:
        raise found.wrong("DB_URL", "sqlite:///파일 (절대 경로는 sqlite:////경로/파일) 형태여야 합니다")
    path = rooted(here, name)
    if path.is_dir():
        raise found.wrong("DB_URL", "SQLite 파일 자리에 폴더가 있습니다")
    return Database("sqlite", path=path)


def _decoded(text: str) -> str:
    """Return the text percent-decoded where that gives text, else as it stands (a `%` that encodes nothing)."""
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text


def must_exist(database: Database) -> None:
    """Raise `ConfigError` for a SQLite file that is not there: reading makes none."""
    if database.path is not None and not database.path.exists():
        raise ConfigError(f"SQLite 파일이 없습니다: {database.path}. 먼저 채우세요: python fetch_minute_data.py")
