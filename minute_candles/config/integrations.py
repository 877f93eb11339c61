"""What users set for what works with the two scripts: stream, Redis, alerts, chart. All of it may be left out."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from minute_candles.config.addresses import is_host, is_loopback
from minute_candles.config.env_files import Found, is_plain, rooted

WS_URLS = {"real": "ws://ops.koreainvestment.com:21000", "vts": "ws://ops.koreainvestment.com:31000"}
_OWN_HOSTS = ".koreainvestment.com"
MAX_STREAMED = 40
"""Symbols one key may have streamed (docs/dev/kis_websocket.md §2)."""


@dataclass(frozen=True)
class Integrations:
    """`stream_symbols` 0 = no WebSocket; `redis_url` "" = no Redis anywhere; the addresses of alerts are secrets."""

    ws_url: str = ""
    stream_symbols: int = MAX_STREAMED
    redis_url: str = field(default="", repr=False)
    redis_recent: tuple[str, ...] = ()
    """Symbols whose recent sets Redis keeps in any case, ("all",) for each; () = chosen by their number."""
    shared: Literal["file", "redis"] = "file"
    alerts_file: Path | None = None
    alert_urls: tuple[str, ...] = field(default=(), repr=False)
    chart_host: str = "127.0.0.1"
    chart_port: int = 8765
    chart_password: str = field(default="", repr=False)
    chart_url: str = ""
    chart_origins: tuple[str, ...] = ()
    forecast: bool = False
    """Whether the updater trains the forecast after a whole settle."""

    def secrets(self) -> tuple[str, ...]:
        """Return passwords and whole alert addresses, these with and without their severity."""
        redis = unquote(urlsplit(self.redis_url).password or "") if self.redis_url else ""
        alone = (re.sub(r"^(info|warning|critical)=", "", url) for url in self.alert_urls)
        return tuple(secret for secret in (redis, self.chart_password, *self.alert_urls, *alone) if secret)


def read_integrations(found: Found, here: Path, env: str) -> Integrations:
    """Return the integrations' part of the settings; `here` is the folder of the scripts. Raises `ConfigError`."""
    redis_url = _redis_url(found)
    host = found.text("CHART_HOST") or "127.0.0.1"
    if not is_host(host):
        raise found.wrong("CHART_HOST", "호스트 이름이나 주소만 쓰세요(포트는 CHART_PORT)")
    return Integrations(
        ws_url=ws_url(found, env),
        stream_symbols=found.whole(
            "STREAM_SYMBOLS", MAX_STREAMED, 0, 10_000 if found.text("KIS_KEYS_FILE") else MAX_STREAMED
        ),
        redis_url=redis_url,
        redis_recent=_redis_recent(found),
        shared=_shared(found, redis_url),
        alerts_file=_alerts_file(found, here),
        alert_urls=tuple(re.split(r"[\s,]+(?=[\w+]+[:=])", found.text("ALERT_URLS") or ""))
        if found.text("ALERT_URLS")
        else (),
        chart_host=host,
        chart_port=found.whole("CHART_PORT", 8765, 1, 65535),
        chart_password=found.text("CHART_PASSWORD") or "",
        chart_url=_chart_url(found),
        chart_origins=_chart_origins(found),
        forecast=found.whole("FORECAST", 0, 0, 1) == 1,
    )


def ws_url(found: Found, env: str) -> str:
    """KIS offers plain `ws://` only: allowed for its own hosts and loopback.

    Quotes of another host (the simulator, a proxy) do not go with KIS's own trades: no stream there.
    """
    text = found.text("KIS_WS_URL")
    if text is None:
        base = _parts(found.text("KIS_BASE_URL") or WS_URLS[env])
        return WS_URLS[env] if base and base[1].endswith(_OWN_HOSTS) else ""
    parts = _parts(text)
    own = parts is not None and (is_loopback(parts[1]) or parts[1].endswith(_OWN_HOSTS))
    if parts is None or not (parts[0] == "wss" or (parts[0] == "ws" and own)):
        raise found.wrong("KIS_WS_URL", "ws://호스트:포트 형태여야 합니다(ws는 KIS와 이 컴퓨터 127.0.0.1에서만)")
    return text.rstrip("/")


def _redis_url(found: Found) -> str:
    text = found.text("REDIS_URL") or ""
    parts = _parts(text) if text else ("redis", "localhost")
    if parts is None or parts[0] not in {"redis", "rediss"}:
        raise found.wrong("REDIS_URL", "redis://:비밀번호@호스트:포트/번호 형태여야 합니다(TLS는 rediss://)")
    return text


def _redis_recent(found: Found) -> tuple[str, ...]:
    names = tuple(re.findall(r"[^\s,]+", found.text("REDIS_RECENT") or ""))
    if not all(re.fullmatch(r"Q?[0-9][0-9A-Z]{5}|all", name) for name in names):
        raise found.wrong("REDIS_RECENT", "종목코드를 쉼표로 나눠 적거나 all 이라고 쓰세요")
    return names


def _shared(found: Found, redis_url: str) -> Literal["file", "redis"]:
    match (found.text("KIS_SHARED") or "file").lower():
        case "file":
            return "file"
        case "redis" if redis_url:
            return "redis"
    raise found.wrong("KIS_SHARED", "file 또는 redis여야 합니다(redis는 REDIS_URL 이 있을 때)")


def _alerts_file(found: Found, here: Path) -> Path | None:
    """Return the file the user named, or `alerts.toml` where it exists."""
    text = found.text("ALERTS_FILE")
    path = rooted(here, text or "alerts.toml")
    if path.is_file():
        return path
    if text:
        raise found.wrong("ALERTS_FILE", "그런 파일이 없습니다")
    return None


def _chart_url(found: Found) -> str:
    text = found.text("CHART_URL") or ""
    parts = _parts(text) if text else ("http", "localhost")
    if parts is None or parts[0] not in {"http", "https"}:
        raise found.wrong("CHART_URL", "http://호스트:포트 형태여야 합니다")
    return text.rstrip("/")


def _chart_origins(found: Found) -> tuple[str, ...]:
    """Return the addresses under which a proxy shows the page, as a browser names them in `Origin`."""
    origins = [text.rstrip("/").lower() for text in re.split(r"[\s,]+", found.text("CHART_ORIGINS") or "") if text]
    for text in origins:
        parts = _parts(text)
        if parts is None or parts[0] not in {"http", "https"} or "/" in text.partition("://")[2]:
            raise found.wrong("CHART_ORIGINS", "https://호스트[:포트] 를 쉼표로 나눠 적으세요(경로 없이)")
    return tuple(origins)


def _parts(text: str) -> tuple[str, str] | None:
    """Return scheme and host of an address; None where it is none."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return None
    right = is_plain(text) and is_host(host) and port != 0 and not parts.netloc.endswith(":")
    return (parts.scheme, host) if right else None
