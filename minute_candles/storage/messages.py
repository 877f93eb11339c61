"""Failures of a database in Korean: what happened, and what to do next. No password and no address with one in it."""

from minute_candles.config.settings import Database
from minute_candles.core.errors import ConfigError, MinuteDataError, StoreError
from minute_candles.storage.driver import AWAY, Failure, Problem

_RUNNING = {
    Problem.READ_ONLY: "데이터베이스가 읽기 전용입니다 {mark}. 쓸 수 있는 서버(DB_HOST)인지 확인하세요.",
    Problem.DENIED: "{user} 계정에 이 작업의 권한이 없습니다 {mark}. 관리자에게 권한(GRANT)을 요청하세요.",
    Problem.CROWDED: "데이터베이스의 연결 수가 한도에 이르렀습니다 {mark}.",
    Problem.LOCKED: "다른 연결이 같은 행이나 테이블을 잠그고 있습니다 {mark}.",
    Problem.DISTURBED: "{detail}",
    Problem.FULL: "데이터베이스 서버의 디스크나 테이블 공간이 가득 찼습니다 {mark}. 공간을 비우세요.",
    Problem.NO_PARTITION: (
        "테이블에 이 날짜의 파티션이 없습니다 {mark}. 파티션을 더하세요(docs/tables.md): "
        "ALTER TABLE stock_minute_prices ADD PARTITION (PARTITION future VALUES LESS THAN (MAXVALUE));"
    ),
}
_AT_START = {
    Problem.UNKNOWN_HOST: "데이터베이스 호스트를 찾을 수 없습니다: {host} {mark}. DB_HOST(또는 DB_URL)를 확인하세요.",
    Problem.TLS_FAILED: (
        "데이터베이스 서버({host})와 TLS로 연결할 수 없습니다 {mark}: {detail} "
        "DB_SSL_CA가 이 서버의 인증서를 만든 CA의 파일인지, 서버가 TLS를 쓰는지 확인하세요."
    ),
    Problem.NEEDS_TLS: (
        "{user} 계정은 TLS로만 비밀번호를 보낼 수 있는데(caching_sha2_password) 서버가 TLS를 쓰지 않습니다 {mark}. "
        "호스트와 비밀번호는 문제가 아닙니다. 서버의 TLS를 켜거나(tls_version, ssl_cert), MySQL 8까지는 "
        "계정의 인증 방식을 바꾸세요: ALTER USER '{user}'@'%' IDENTIFIED WITH mysql_native_password BY '비밀번호';"
    ),
    Problem.LOGIN_REFUSED: (
        "데이터베이스가 {account} 계정의 로그인을 거부했습니다 {mark}. "
        "DB_USER와 DB_PASSWORD(또는 DB_URL)를 확인하세요. "
        "맞다면 새로 설치한 서버의 익명 사용자(''@'localhost')가 '{user}'@'%' 보다 먼저 고른 것일 수 있습니다: "
        "DROP USER ''@'localhost';"
    ),
    Problem.NO_DATABASE: (
        "{name} 데이터베이스가 없거나 {user} 계정에 권한이 없습니다 {mark}. "
        "DB_NAME(또는 DB_URL)을 확인하거나, 관리자 계정으로 만드세요: "
        "CREATE DATABASE IF NOT EXISTS `{name}` CHARACTER SET utf8mb4; "
        "CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED BY '비밀번호'; GRANT ALL ON `{name}`.* TO '{user}'@'%';"
    ),
}
_UNREACHABLE = (
    "데이터베이스 서버 {host}에 연결할 수 없습니다 {mark}. "
    "서버가 켜져 있는지, DB_HOST와 DB_PORT(또는 DB_URL)가 맞는지 확인하세요."
)
_FILES = {
    Problem.LOCKED: "다른 프로세스가 잠그고 있는 파일입니다: {path} {mark}.",
    Problem.READ_ONLY: "{path}에 쓸 수 없습니다 {mark}. 파일과 폴더의 권한을 확인하세요.",
    Problem.FULL: "디스크가 가득 찼습니다: {path} {mark}. 공간을 비우세요.",
}


class WarningLine(str):
    """A line of the preflight about what is not in order; any other line is news."""

    __slots__ = ()


def running_line(failure: Failure, database: Database) -> str:
    """Return what went wrong in the middle of the work."""
    if database.path is not None:
        return _filled(
            _FILES.get(failure.problem, "SQLite 파일 {path}에 문제가 있습니다 {mark}: {detail}"), failure, database
        )
    if failure.problem in AWAY:
        return _filled("데이터베이스 연결이 끊어졌습니다 {mark}.", failure, database)
    rejected = "데이터베이스가 문장을 거부했습니다 {mark}: {detail}"
    text = _RUNNING.get(failure.problem) or _AT_START.get(failure.problem, rejected)
    return _filled(text, failure, database)


def start_error(failure: Failure, database: Database) -> MinuteDataError:
    """Return why the first connection failed, with the settings to look at."""
    if database.path is not None:
        return ConfigError(f"{running_line(failure, database)} DB_URL을 확인하세요.")
    if failure.problem in (Problem.CROWDED, Problem.READ_ONLY):
        return StoreError(f"{running_line(failure, database)} 잠시 뒤 다시 실행하세요.")
    if failure.problem in (Problem.LOST, Problem.UNREACHABLE):
        return ConfigError(_filled(_UNREACHABLE, failure, database))
    other = (
        "데이터베이스에 연결할 수 없습니다 {mark}: {detail} "
        "DB_HOST, DB_PORT, DB_USER, DB_PASSWORD(또는 DB_URL)를 확인하세요."
    )
    return ConfigError(_filled(_AT_START.get(failure.problem, other), failure, database))


def _filled(text: str, failure: Failure, database: Database) -> str:
    return text.format(
        mark=failure.mark, detail=failure.detail, user=database.user, account=failure.account or database.user,
        name=database.name, path=database.path, host=", ".join(database.places()),
    )  # fmt: skip
