"""What the user sets, from the environment and `.env` files into one frozen, validated object.

Every mistake is a `ConfigError` in one Korean line that names the key, the place it came from and the remedy. It never
repeats the value, which may be a secret in the wrong place.
"""

import hashlib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Literal, NamedTuple
from urllib.parse import urlsplit

from minute_candles.config.addresses import is_host, is_loopback
from minute_candles.config.database_url import Database, read_database
from minute_candles.config.env_files import BACKEND, Found, is_plain, rooted, sources
from minute_candles.config.integrations import MAX_STREAMED, Integrations, read_integrations, ws_url
from minute_candles.config.key_file import KisKey, open_to_others, read_keys
from minute_candles.core.errors import ConfigError
from minute_candles.core.kst import KST

__all__ = ["KEYS", "Database", "Key", "Settings", "demo_settings", "load"]

BASE_URLS = {"real": "https://openapi.koreainvestment.com:9443", "vts": "https://openapivts.koreainvestment.com:29443"}
DEFAULT_RATES = {"real": 15.0, "vts": 0.9}
OFFICIAL_RATES = {"real": 18.0, "vts": 1.0}
"""Calls a second and key (docs/dev/kis_http.md §4)."""
DEFAULT_EVERY: Mapping[int, int] = MappingProxyType({1: 1, 5: 5, 15: 15})
DEFAULT_ACTIVE = 30


class Key(NamedTuple):
    """A key a user may set; `default` and `help` as a person reads them. README and .env.example show this table."""

    name: str
    default: str
    help: str


KEYS = (
    Key("KIS_APP_KEY", "(필수)", "KIS Open API 앱 키"),
    Key("KIS_APP_SECRET", "(필수)", "KIS Open API 앱 시크릿"),
    Key("KIS_ACCOUNT_CODE", "(없음)", "계좌번호 앞 8자리. 시세 조회에는 필요 없습니다"),
    Key("KIS_PRODUCT_CODE", "(없음)", "계좌 상품 코드 2자리. 시세 조회에는 필요 없습니다"),
    Key("KIS_ENV", "real", "real(실전) 또는 vts(모의투자). 앱 키를 발급받은 환경과 같아야 합니다"),
    Key("KIS_BASE_URL", "KIS_ENV에 따름", "다른 주소(프록시, 시뮬레이터). http는 이 컴퓨터(127.0.0.1)에서만 됩니다"),
    Key("KIS_RATE_LIMIT", "실전 15, 모의 0.9", "앱 키 하나로 1초에 보낼 호출 수(소수 가능)"),
    Key("KIS_TOKEN_FILE", "../../BE/kis_rest_token.json", "토큰 파일. ../../BE 폴더가 없으면 스크립트 옆에 둡니다"),
    Key("KIS_KEYS_FILE", "(없음)", "KIS 키가 여럿일 때의 키 파일(kis_keys.toml). .env의 키도 그 가운데 하나입니다"),
    Key("DB_URL", "(없음)", "mysql://사용자:비밀번호@호스트:포트/이름 또는 sqlite:///파일. 아래 DB_* 보다 앞섭니다"),
    Key("DB_HOST", "localhost", "MySQL 호스트. 여러 서버(클러스터)는 쉼표로: 쓸 수 있는 첫 서버를 씁니다"),
    Key("DB_PORT", "3306", "MySQL 포트"),
    Key("DB_USER", "hanazoom_user", "MySQL 사용자"),
    Key("DB_PASSWORD", "(필수)", "MySQL 비밀번호. 빈 비밀번호라면 DB_PASSWORD= 라고 씁니다"),
    Key("DB_NAME", "hanazoom", "MySQL 데이터베이스 이름"),
    Key("DB_SSL_CA", "(없음)", "서버의 인증서를 확인할 CA 파일(PEM). 쓰면 TLS로만 연결합니다"),
    Key("LOG_DIR", "스크립트 옆", "로그, 결과, 상태, 잠금 파일을 두는 폴더"),
    Key("CSAT_DATES", "(없음)", "수능일(YYYY-MM-DD, 쉼표로 구분). 2024~2027년은 이미 알고 있습니다"),
    Key("EVERY_1MIN", "1", "1분봉을 몇 분마다 갱신할지(1~60)"),
    Key("EVERY_5MIN", "5", "5분봉을 몇 분마다 갱신할지(1~300)"),
    Key("EVERY_15MIN", "15", "15분봉을 몇 분마다 갱신할지(1~900)"),
    Key("ACTIVE_SYMBOLS", "30", "매분 먼저 갱신할 거래 활발 종목 수"),
    Key("STREAM_SYMBOLS", "키마다 40", "실시간 체결(WebSocket)로 받을 거래 활발 종목 수. 0이면 쓰지 않습니다"),
    Key("KIS_WS_URL", "KIS_ENV에 따름", "다른 WebSocket 주소. KIS_BASE_URL을 바꾸면 이것도 적어야 합니다"),
    Key("REDIS_URL", "(없음)", "redis://:비밀번호@호스트:포트/번호. 있으면 저장한 캔들을 Redis에도 알립니다"),
    Key("REDIS_RECENT", "200종목까지 모두", "Redis에 최근 캔들을 늘 둘 종목코드(쉼표로). 모두라면 all (docs/redis.md)"),
    Key("KIS_SHARED", "file", "호출 한도와 토큰을 나누는 곳. 여러 컴퓨터가 같은 키를 쓰면 redis"),
    Key("ALERTS_FILE", "alerts.toml", "알림 규칙 파일. 있을 때만 알림을 계산합니다"),
    Key("ALERT_URLS", "(없음)", "알림을 보낼 apprise 주소. 공백으로 여러 개. critical=주소 처럼 등급도 붙습니다"),
    Key("CHART_HOST", "127.0.0.1", "차트 서버 주소. 이 컴퓨터가 아니면 CHART_PASSWORD 가 필요합니다"),
    Key("CHART_PORT", "8765", "차트 서버 포트"),
    Key("CHART_PASSWORD", "(없음)", "차트 비밀번호(사용자 이름은 아무것이나)"),
    Key("CHART_ORIGINS", "(없음)", "프록시가 차트를 보여 주는 주소, 쉼표로 여럿. 예: https://chart.example.com"),
    Key("FORECAST", "0", "1이면 마감 확정이 끝난 뒤 업데이터가 예측 모델을 다시 학습합니다(docs/forecast.md)"),
    Key("CHART_URL", "(없음)", "알림에 붙일 차트 주소. 예: http://127.0.0.1:8765"),
    Key("CLOCK_AT", "(없음)", "스크립트의 시계가 시작할 시각(KST). 시뮬레이터용: KIS_BASE_URL이 이 컴퓨터일 때만"),
)


@dataclass(frozen=True)
class Settings:
    """Everything a run needs to know of its user; paths are absolute, `rate_limit` is calls a second."""

    app_key: str = field(repr=False)
    app_secret: str = field(repr=False)
    account_code: str = field(repr=False)
    env: Literal["real", "vts"]
    base_url: str
    rate_limit: float
    token_file: Path
    database: Database
    log_dir: Path
    csat_days: frozenset[date] = frozenset()
    every: Mapping[int, int] = field(default_factory=lambda: DEFAULT_EVERY)
    active: int = DEFAULT_ACTIVE
    integrations: Integrations = field(default_factory=Integrations)
    clock_at: datetime | None = None
    warnings: tuple[str, ...] = ()
    key_name: str = ".env"
    members: "tuple[Settings, ...]" = field(default=(), repr=False)
    """Where KIS_KEYS_FILE names more keys: the settings of each; `rate_limit` above is their sum."""

    def secrets(self) -> tuple[str, ...]:
        """Return every non-empty secret, for redaction.

        The product code (`01`) is none: hiding it would hide most of the log.
        """
        keys = [secret for key in self.kis_keys for secret in (key.app_key, key.app_secret)]
        known = (*keys, self.account_code, self.database.password, *self.integrations.secrets())
        return tuple(secret for secret in known if secret)

    @property
    def kis_keys(self) -> "tuple[Settings, ...]":
        """The settings of each KIS key: its token file and its own `rate_limit`. One key: these settings."""
        return self.members or (self,)


def load(environ: Mapping[str, str], here: Path, *, needs_key: bool = True) -> Settings:
    """Return a user's settings; `here` is the folder of the scripts. Raises `ConfigError`: one line without secrets.

    Without `needs_key` (who only reads the table) a KIS key may be missing.
    """
    found = Found(sources(environ, here, frozenset(key.name for key in KEYS)))
    has_keys_file = found.text("KIS_KEYS_FILE") and not found.text("KIS_APP_KEY")
    _require(found, here, ("KIS_APP_KEY", "KIS_APP_SECRET") if needs_key and not has_keys_file else ())
    env = _environment(found)
    rate, warnings = _rate_limit(found, env)
    base_url = _base_url(found, env)
    found.secret("KIS_PRODUCT_CODE")  # accepted, checked, and not needed
    settings = Settings(
        app_key=found.secret("KIS_APP_KEY"),
        app_secret=found.secret("KIS_APP_SECRET"),
        account_code=found.secret("KIS_ACCOUNT_CODE"),
        env=env,
        base_url=base_url,
        rate_limit=rate,
        token_file=_token_file(found, here),
        database=read_database(found, here),
        log_dir=rooted(here, found.text("LOG_DIR") or "."),
        csat_days=_csat_days(found),
        every={n: found.whole(f"EVERY_{n}MIN", default, 1, 60 * n) for n, default in DEFAULT_EVERY.items()},
        active=found.whole("ACTIVE_SYMBOLS", DEFAULT_ACTIVE, 0, 10_000),
        integrations=read_integrations(found, here, env),
        clock_at=_clock_at(found, base_url),
        warnings=warnings,
    )
    return _with_keys(settings, found, here)


def _with_keys(settings: Settings, found: Found, here: Path) -> Settings:
    """Return the settings of all keys: that of `.env` first, then those of KIS_KEYS_FILE, each app key once."""
    text = found.text("KIS_KEYS_FILE")
    if text is None:
        return settings
    path = rooted(here, text)
    if not path.is_file():
        raise found.wrong("KIS_KEYS_FILE", "그런 파일이 없습니다")
    keys = read_keys(path, settings.env)
    own = [settings] if settings.app_key and settings.app_key not in {key.app_key for key in keys} else []
    members = (*own, *(_of_key(settings, key, found) for key in keys))
    first, rate = members[0], sum(member.rate_limit for member in members)
    integrations = replace(settings.integrations, stream_symbols=_streamed(found, len(members)))
    warnings = (*settings.warnings, *filter(None, [open_to_others(path)]))
    return replace(first, rate_limit=rate, members=members, integrations=integrations, warnings=warnings)


def _of_key(settings: Settings, key: KisKey, found: Found) -> Settings:
    """Return the settings of one key: with a token file of its own: no two keys overwrite each other."""
    is_own = key.app_key == settings.app_key
    file = settings.token_file
    mark = hashlib.sha256(key.app_key.encode()).hexdigest()[:16]
    return replace(
        settings,
        app_key=key.app_key,
        app_secret=key.app_secret,
        env=key.env,
        base_url=settings.base_url if found.text("KIS_BASE_URL") else BASE_URLS[key.env],
        rate_limit=key.rate_limit or DEFAULT_RATES[key.env],
        token_file=file if is_own else file.with_name(f"{file.stem}-{mark}{file.suffix}"),
        integrations=replace(settings.integrations, ws_url=ws_url(found, key.env)),
        key_name=key.name,
    )


def _streamed(found: Found, keys: int) -> int:
    return found.whole("STREAM_SYMBOLS", MAX_STREAMED * keys, 0, MAX_STREAMED * keys)


def demo_settings(base_url: str, folder: Path) -> Settings:
    """Return the settings of the demo: a made-up key, all files in `folder`; no file of the user is read."""
    return Settings(
        app_key="DEMO-APP-KEY-FOR-THE-SIMULATOR",
        app_secret="DEMO-APP-SECRET-FOR-THE-SIMULATOR",
        account_code="",
        env="real",
        base_url=base_url.rstrip("/"),
        rate_limit=DEFAULT_RATES["real"],
        token_file=folder / "kis_rest_token.json",
        database=Database("sqlite", path=folder / "demo.sqlite3"),
        log_dir=folder,
    )


def _require(found: Found, here: Path, keys: Iterable[str]) -> None:
    missing = [name for name in keys if not found.text(name)]
    if not found.text("DB_URL") and found.password() is None:
        missing.append("DB_PASSWORD")
    if missing:
        hint = " 빈 비밀번호라면 DB_PASSWORD= 라고 쓰세요." if "DB_PASSWORD" in missing else ""
        env = here / ".env"
        way = f"{env} 파일에" if env.is_file() else f"{here} 폴더에서 `cp .env.example .env` 로 {env} 파일을 만들고"
        raise ConfigError(
            f"설정이 없습니다: {', '.join(missing)}. {way} 값을 채우세요.{hint}"
            " 키 없이 먼저 보려면: `python fetch_minute_data.py --demo`"
        )


def _environment(found: Found) -> Literal["real", "vts"]:
    match (found.text("KIS_ENV") or "real").lower():
        case "real":
            return "real"
        case "vts":
            return "vts"
    raise found.wrong("KIS_ENV", "real(실전) 또는 vts(모의투자)여야 합니다")


def _base_url(found: Found, env: str) -> str:
    text = found.text("KIS_BASE_URL")
    if text is None:
        return BASE_URLS[env]
    if not _is_base_url(text):
        form = "https://호스트:포트 형태여야 합니다(http는 이 컴퓨터 127.0.0.1에서만, 사용자와 ?는 쓸 수 없습니다)"
        raise found.wrong("KIS_BASE_URL", form)
    return text.rstrip("/")


def _is_base_url(text: str) -> bool:
    """Return whether it is https, or http on loopback: a key must not cross a network unencrypted."""
    if not is_plain(text) or re.search(r"[?#@\\]", text):
        return False
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return False
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    return secure and is_host(host) and port != 0 and not parts.netloc.endswith(":")


def _rate_limit(found: Found, env: str) -> tuple[float, tuple[str, ...]]:
    text = found.text("KIS_RATE_LIMIT")
    if text is None:
        return DEFAULT_RATES[env], ()
    number = re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", text, re.ASCII | re.IGNORECASE)
    rate = float(text) if number else math.nan
    if not (math.isfinite(rate) and rate > 0):
        raise found.wrong("KIS_RATE_LIMIT", "0보다 큰 숫자여야 합니다(예: 15, 0.9)")
    if rate <= OFFICIAL_RATES[env]:
        return rate, ()
    limit = f"KIS 공식 한도 초당 {OFFICIAL_RATES[env]:g}회({env})"
    return rate, (f"⚠️ KIS_RATE_LIMIT {rate:g} 은 {limit}보다 큽니다. 한도 초과(EGW00201)로 오히려 느려질 수 있습니다.",)


def _token_file(found: Found, here: Path) -> Path:
    text = found.text("KIS_TOKEN_FILE")
    backend = rooted(here, BACKEND)
    path = rooted(here, text) if text else (backend if backend.is_dir() else here) / "kis_rest_token.json"
    if path.is_dir():
        raise ConfigError(f"토큰 파일 자리에 폴더가 있습니다: {path}. KIS_TOKEN_FILE 에 파일 이름까지 쓰세요.")
    return path


def _clock_at(found: Found, base_url: str) -> datetime | None:
    """Return when the clock starts, aware KST; only a simulator on this host has a made-up time."""
    text = found.text("CLOCK_AT")
    if text is None:
        return None
    if not is_loopback(urlsplit(base_url).hostname or ""):
        raise found.wrong("CLOCK_AT", "KIS_BASE_URL 이 이 컴퓨터(127.0.0.1)의 시뮬레이터일 때만 쓸 수 있습니다")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise found.wrong("CLOCK_AT", "2026-11-20T10:00 처럼 쓰세요") from None
    return moment.astimezone(KST) if moment.tzinfo else moment.replace(tzinfo=KST)


def _csat_days(found: Found) -> frozenset[date]:
    texts = [text.strip() for text in (found.text("CSAT_DATES") or "").split(",") if text.strip()]
    try:
        if all(re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII) for text in texts):
            return frozenset(date.fromisoformat(text) for text in texts)
    except ValueError:
        pass
    raise found.wrong("CSAT_DATES", "YYYY-MM-DD 날짜를 쉼표로 구분해 쓰세요(예: 2027-11-18)")
