"""Who is let in, and what every answer carries: an ASGI layer around the whole application.

Without a password only this computer's names are answered (a foreign name that resolves to 127.0.0.1 is an attack);
with one, HTTP Basic on every path and on the WebSocket, compared in constant time. A WebSocket's `Origin`, where a
browser tells one, must be the page's own host.
"""

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from minute_candles.config.addresses import is_loopback

HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self';"
        " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Guard:
    """`password` "" = whoever reaches loopback."""

    def __init__(self, app: ASGIApp, password: str) -> None:
        self._app, self._password = app, password

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(scope["type"], headers)
        if refusal is None:
            return await self._app(scope, receive, _with_headers(send))
        if scope["type"] == "websocket":
            await receive()
            return await send({"type": "websocket.close", "code": 1008})
        await refusal(scope, receive, _with_headers(send))

    def _refusal(self, kind: str, headers: Headers) -> PlainTextResponse | None:
        host = _host(headers.get("host", ""))
        if self._password:
            if not self._knows(headers.get("authorization", "")):
                ask = {"WWW-Authenticate": 'Basic realm="chart", charset="UTF-8"'}
                return PlainTextResponse("비밀번호가 필요합니다.", 401, ask)
        elif not is_loopback(host):
            return PlainTextResponse("이 이름으로는 답하지 않습니다. http://127.0.0.1 로 여세요.", 421)
        origin = headers.get("origin")
        if kind == "websocket" and origin is not None and not _is_own(origin, headers.get("host", "")):
            return PlainTextResponse("다른 페이지에서는 볼 수 없습니다.", 403)
        return None

    def _knows(self, header: str) -> bool:
        """Any user name will do."""
        scheme, _, value = header.partition(" ")
        try:
            given = b64decode(value.strip(), validate=True).partition(b":")[2]
        except (Base64Error, ValueError):
            given = b""
        return hmac.compare_digest(given, self._password.encode()) and scheme.lower() == "basic"


def _host(text: str) -> str:
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""


def _is_own(origin: str, host: str) -> bool:
    """Scheme and port may be a proxy's; the host (and its port, where told) must be the one that was asked."""
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("Cache-Control", "no-store")
        await send(message)

    return sending
