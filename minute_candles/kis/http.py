"""One exchange with KIS: every strange answer becomes a typed error.

The HTTP status means little there: an over-limit call may come as 500, 429 or 200. So the JSON is parsed first, and
its code decides: `error_code` of the auth endpoints, `msg_cd` of the data ones (docs/dev/kis_http.md §3).
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any, TypedDict, Unpack

import requests

from minute_candles.core.errors import AuthError, ConfigError, NotOffered, RateLimited, SourceError
from minute_candles.core.redact import Redactor
from minute_candles.core.timed_http import READ_SECONDS, TooLarge
from minute_candles.kis.codes import ACTIONS, Action
from minute_candles.kis.error_text import proxy_text, refusal_text, socks_text, unreachable_text, untrusted_text
from minute_candles.kis.transport import proxy_of, proxy_variable

_log = logging.getLogger(__name__)
_CODE_WITHIN = re.compile(rb"\b(?:EGW\d{5}|90020000)\b")
"""Error bodies come with unquoted keys, too: no JSON, but a code that must be obeyed."""
_NAMES_A_TOKEN = re.compile(r"token|토큰", re.IGNORECASE)


class Transient(SourceError):
    """KIS answered with a passing fault, or with something that is not an answer: repeat the call."""


class Unreachable(Transient):
    """No answer came at all: refused, reset, timed out."""


class TokenExpired(SourceError):
    """KIS refuses the token: renew it once and repeat the call. `is_certain`: the code says so, not its text alone."""

    def __init__(self, text: str, *, is_certain: bool = True) -> None:
        super().__init__(text)
        self.is_certain = is_certain


class TokenTooSoon(SourceError):
    """A token was requested twice within a minute."""


_ERRORS: Mapping[Action, type[Exception]] = {
    Action.RENEW: TokenExpired,
    Action.SLOW_DOWN: RateLimited,
    Action.WAIT_FOR_TOKEN: TokenTooSoon,
    Action.STOP_KEY: AuthError,
    Action.STOP_HOST: ConfigError,
    Action.STOP_PERMISSION: AuthError,
    Action.STOP_ADDRESS: AuthError,
    Action.NOT_OFFERED: NotOffered,
    Action.THIS_SYMBOL: SourceError,
}


class Request(TypedDict, total=False):
    """What a request carries."""

    headers: Mapping[str, str]
    params: Mapping[str, str]
    json: Mapping[str, str]


def exchange(
    session: requests.Session, method: str, url: str, env: str, **request: Unpack[Request]
) -> tuple[dict[str, Any], str]:
    """Send one request; return the JSON object and the `Date` header.

    Raises `Unreachable`, `Transient`, `RateLimited`, `TokenExpired`, `TokenTooSoon`, or a refusal.
    """
    try:
        answer = session.request(method, url, timeout=READ_SECONDS, allow_redirects=False, **request)
    except TooLarge as error:
        raise Transient("KIS가 너무 큰 답을 보냈습니다.") from error
    except requests.RequestException as error:
        raise _connection_error(error, url) from error
    body = _json_object(answer.status_code, answer.content)
    _raise_for(body, answer.status_code, env, request)
    return body, answer.headers.get("Date", "")


def _connection_error(error: requests.RequestException, url: str) -> Exception:
    """Return what a request that got no answer means. A proxy that is no address never becomes one."""
    variable = proxy_variable(url)
    if isinstance(error, requests.exceptions.InvalidSchema) and proxy_of(variable).lower().startswith("socks"):
        return ConfigError(socks_text(variable))
    if variable and isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return ConfigError(proxy_text(variable))
    if isinstance(error, requests.exceptions.SSLError) and "CERTIFICATE_VERIFY_FAILED" in str(error):
        return ConfigError(untrusted_text())  # nothing was sent, and nothing will be
    return Unreachable(unreachable_text(type(error).__name__))


def _json_object(status: int, content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits is a ValueError too
        if code := _CODE_WITHIN.search(content):
            return {"rt_cd": "1", "msg_cd": code[0].decode()}
        raise _without_json(status, content) from error
    if not isinstance(body, dict):
        raise Transient(f"KIS가 JSON 객체가 아닌 답을 보냈습니다 (HTTP {status}).")
    return body


def _without_json(status: int, content: bytes) -> Exception:
    if status == 404 and not content.strip():
        return ConfigError("KIS 서버에 그 경로가 없습니다 (404). KIS_BASE_URL이 KIS Open API 주소인지 확인하세요.")
    if status == 429:
        return RateLimited("KIS의 초당 호출 한도를 넘었습니다 (HTTP 429).")
    return Transient(f"KIS가 JSON이 아닌 답을 보냈습니다 (HTTP {status}).")


def _raise_for(body: Mapping[str, Any], status: int, env: str, request: Request) -> None:
    """Raise what the answer's code means, nothing where it is a success."""
    code = str(body.get("error_code") or body.get("msg_cd") or "").strip()
    action = ACTIONS.get(code, Action.RETRY)
    if action in _ERRORS:
        raise _ERRORS[action](refusal_text(action, code, env))
    if body.get("rt_cd") == "0" or body.keys() & {"access_token", "approval_key"}:
        return
    words = f"{code or '코드 없음'} {body.get('error_description') or body.get('msg1') or ''}"
    text = f"KIS가 오류로 답했습니다 (HTTP {status}, {_quoted(words, request)})."
    if code not in ACTIONS and "authorization" in request.get("headers", {}) and _NAMES_A_TOKEN.search(words):
        raise TokenExpired(text, is_certain=False)
    raise Transient(text)


def _quoted(text: str, request: Mapping[str, Any]) -> str:
    """Return KIS's message in one short line, without the secrets of the request that it may echo."""
    sent = {**request.get("headers", {}), **request.get("json", {})}
    names = ("authorization", "appkey", "appsecret", "secretkey")
    secrets = (sent.get(name, "").removeprefix("Bearer ") for name in names)
    shown = "".join(character if character.isprintable() else " " for character in Redactor(secrets)(text))
    return " ".join(shown.split())[:120]
