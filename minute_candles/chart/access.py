"""Who may look, and what every answer carries: an ASGI layer around the whole application.

Without a password only this computer is answered: a foreign name that resolves to 127.0.0.1 is an attack, and what a
proxy forwards comes from somewhere else. With one, HTTP Basic holds on every path and on the WebSocket. A WebSocket's
`Origin`, where a browser names one, must be the page's own host or one of `CHART_ORIGINS`.
"""

import asyncio
import hmac
import logging
from base64 import b64decode
from binascii import Error as Base64Error
from collections import Counter
from collections.abc import Collection, Mapping
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
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
WRONG_SECONDS, MOST_WRONG = 1.0, 10
"""How long a wrong password waits for its answer, and how many of one address may wait; the others are not read."""
MOST_LOGGED = 20
"""Different origins that are logged; an attacker can make up any number."""
_log = logging.getLogger(__name__)


class AccessControl:
    """`password` "": only this computer; `origins`: addresses under which a proxy shows the page."""

    def __init__(self, app: ASGIApp, password: str, origins: Collection[str] = ()) -> None:
        self._app, self._password, self._origins = app, password, frozenset(origins)
        self._wrong: Counter[str] = Counter()
        self._logged: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        refusal = None if scope["type"] == "lifespan" else await self._refusal(scope, Headers(scope=scope))
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif refusal is None:
            await self._app(scope, receive, _with_headers(send))
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await refusal(scope, receive, _with_headers(send))

    async def _refusal(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        refusal = await self._unknown(scope, headers) if self._password else self._foreign(headers)
        if refusal is None and scope["type"] == "websocket" and not self._is_own(headers):
            return PlainTextResponse("다른 페이지에서는 볼 수 없습니다.", 403)
        return refusal

    def _foreign(self, headers: Headers) -> PlainTextResponse | None:
        """Refuse what does not come from this computer."""
        if any(name in headers for name in FORWARDED):
            self._warn("proxy", "⚠️ 프록시를 거친 요청을 거절했습니다. 프록시로 열려면 CHART_PASSWORD 를 적으세요.")
            return PlainTextResponse("프록시로 열려면 CHART_PASSWORD 가 있어야 합니다.", 403)
        if not is_loopback(_host(headers.get("host", ""))):
            return PlainTextResponse("이 이름으로는 답하지 않습니다. http://127.0.0.1 로 여세요.", 421)
        return None

    async def _unknown(self, scope: Scope, headers: Headers) -> PlainTextResponse | None:
        """Refuse whoever does not know the password; a wrong one waits."""
        given, address = headers.get("authorization"), (scope.get("client") or ("",))[0]
        if given is not None and self._wrong[address] >= MOST_WRONG:
            return PlainTextResponse("틀린 비밀번호가 너무 많습니다.", 429, {"Retry-After": "1"})
        if given is not None and self._is_right(given):
            return None
        if given is not None:
            await self._wait(address)
        ask = {"WWW-Authenticate": 'Basic realm="chart", charset="UTF-8"'}
        return PlainTextResponse("비밀번호가 필요합니다.", 401, ask)

    async def _wait(self, address: str) -> None:
        self._wrong[address] += 1
        try:
            await asyncio.sleep(WRONG_SECONDS)
        finally:
            self._wrong[address] -= 1
            if not self._wrong[address]:
                del self._wrong[address]

    def _is_right(self, header: str) -> bool:
        """Compare the password in constant time; any user name will do."""
        scheme, _, value = header.partition(" ")
        try:
            given = b64decode(value.strip(), validate=True).partition(b":")[2]
        except (Base64Error, ValueError):
            given = b""
        return hmac.compare_digest(given, self._password.encode()) and scheme.lower() == "basic"

    def _is_own(self, headers: Headers) -> bool:
        """Tell whether a page of ours opens the WebSocket. Scheme and port may be a proxy's."""
        origin = headers.get("origin")
        if origin is None or origin.lower() in self._origins or _is_same(origin, headers.get("host", "")):
            return True
        shown = ascii(origin[:80])
        line = "⚠️ %s 에서 온 WebSocket을 거절했습니다. 그 주소의 프록시로 보여 주는 것이면 CHART_ORIGINS 에 적으세요."
        self._warn(origin, line % shown)
        return False

    def _warn(self, what: str, line: str) -> None:
        """Log a refusal once."""
        if what not in self._logged and len(self._logged) < MOST_LOGGED:
            self._logged.add(what)
            _log.warning(line)


def _host(text: str) -> str:
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""


def _is_same(origin: str, host: str) -> bool:
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
