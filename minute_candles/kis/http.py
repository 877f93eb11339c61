"""One exchange with KIS: a kept-alive session, timeouts, and every strange answer turned into a typed error.

The HTTP status means little there (an over-limit call may come as 500, 429 or 200): parse the JSON first, branch on the
code, `error_code` from the auth endpoints and `msg_cd` from the data ones (kis_http.md §3).
"""

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from minute_candles.config.addresses import is_loopback
from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, NotOffered, Outage, RateLimited, SourceError
from minute_candles.core.redact import Redactor

TIMEOUT_SECONDS = 10
LOST_SECONDS = 300
"""How long a server that was there before is waited for."""
_log = logging.getLogger(__name__)
T = TypeVar("T")

_BAD_KEY = (
    "KIS가 앱 키를 거절했습니다 ({code}). .env의 KIS_APP_KEY·KIS_APP_SECRET에 빈칸이나 빠진 글자가 없는지, "
    "KIS_ENV({env})와 같은 환경의 키인지 확인하세요."
)
_WRONG_HOST = "키와 서버의 환경이 다릅니다 ({code}). 모의투자 키는 KIS_ENV=vts, 실전 키는 real 입니다 (지금: {env})."
_NOT_ON_VTS = "이 조회는 모의투자(VTS)에서 제공되지 않습니다 ({code})."
_REFUSALS: Mapping[str, tuple[type[Exception], str]] = {
    "EGW00103": (AuthError, _BAD_KEY),
    "EGW00105": (AuthError, _BAD_KEY),
    "EGW00304": (AuthError, _BAD_KEY),
    "EGW02004": (ConfigError, _WRONG_HOST),
    "EGW02007": (ConfigError, _WRONG_HOST),
    "EGW02006": (NotOffered, _NOT_ON_VTS),
}
INSISTS = "KIS가 내준 토큰을 KIS가 거절합니다. 몇 분 뒤에도 계속되면 앱 키 상태를 확인하세요."
_CODE_WITHIN = re.compile(rb"\b(?:EGW\d{5}|90020000)\b")
"""Error bodies come with unquoted keys, too: no JSON, but a code that must be obeyed (kis_http.md §3)."""


class Transient(SourceError):
    """KIS answered with a passing fault, or with something that is not an answer: repeat the call."""


class Unreachable(Transient):
    """No answer came at all: refused, reset, timed out."""


class TokenExpired(SourceError):
    """EGW00121 / EGW00123: renew the token once and repeat the call."""


class TokenTooSoon(SourceError):
    """EGW00133: a token was asked for twice within a minute."""


def new_session(base_url: str, connections: int) -> requests.Session:
    """A session that keeps up to `connections` connections; TLS is verified, the environment's proxies are used."""
    session = requests.Session()
    session.auth = lambda request: request  # else a ~/.netrc entry would replace the authorization header
    session.trust_env = not is_loopback(urlsplit(base_url).hostname or "")
    session.mount(f"{urlsplit(base_url).scheme}://", HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return session


def exchange(session: requests.Session, method: str, url: str, env: str, **request: Any) -> tuple[dict[str, Any], str]:
    """Send one request; answers (the JSON object, the `Date` header), or raises what KIS's code means.

    Raises `Unreachable`, `Transient`, `RateLimited`, `TokenExpired`, `TokenTooSoon`, or a refusal (kis_http.md §3).
    """
    try:
        answer = session.request(method, url, timeout=TIMEOUT_SECONDS, allow_redirects=False, **request)
    except requests.exceptions.SSLError as error:
        raise _without_trust(error) from error
    except requests.RequestException as error:
        raise Unreachable(f"KIS 서버에 연결할 수 없습니다 ({type(error).__name__}).") from error
    body = _json_object(answer.status_code, answer.content)
    _raise_for(body, answer.status_code, env, request)
    return body, answer.headers.get("Date", "")


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


def _without_trust(error: requests.exceptions.SSLError) -> Exception:
    """A certificate that cannot be verified is no passing fault: nothing was sent, and nothing will be."""
    if "CERTIFICATE_VERIFY_FAILED" not in str(error):
        return Unreachable(f"KIS 서버에 연결할 수 없습니다 ({type(error).__name__}).")
    return ConfigError(
        "KIS 서버의 TLS 인증서를 믿을 수 없어 키를 보내지 않았습니다. KIS_BASE_URL과 이 컴퓨터의 시계를 확인하세요. "
        "회사 프록시를 쓴다면 그 인증서를 REQUESTS_CA_BUNDLE 환경변수로 알려 주세요."
    )


def _raise_for(body: Mapping[str, Any], status: int, env: str, request: Mapping[str, Any]) -> None:
    code = str(body.get("error_code") or body.get("msg_cd") or "").strip()
    if code in _REFUSALS:
        kind, text = _REFUSALS[code]
        raise kind(text.format(code=code, env=env))
    if code == "EGW00201":
        raise RateLimited("KIS의 초당 호출 한도를 넘었습니다 (EGW00201).")
    if code in ("EGW00121", "EGW00123"):
        raise TokenExpired(f"토큰이 만료되었거나 유효하지 않습니다 ({code}).")
    if code == "EGW00133":
        raise TokenTooSoon("토큰은 1분에 한 번만 발급됩니다 (EGW00133).")
    if body.get("rt_cd") != "0" and not body.keys() & {"access_token", "approval_key"}:
        words = f"{code or '코드 없음'} {body.get('error_description') or body.get('msg1') or ''}"
        raise Transient(f"KIS가 오류로 답했습니다 (HTTP {status}, {_quoted(words, request)}).")


def _quoted(text: str, request: Mapping[str, Any]) -> str:
    """KIS's words in one short line, without the secrets of the request that it may echo."""
    sent = {**request.get("headers", {}), **request.get("json", {})}
    names = ("authorization", "appkey", "appsecret", "secretkey")
    secrets = (sent.get(name, "").removeprefix("Bearer ") for name in names)
    return " ".join(Redactor(secrets)(text).split())[:120]


def outage(error: Exception, base_url: str) -> Outage:
    """What ends the run: `error`, and what its user can do."""
    if isinstance(error, RateLimited):
        return Outage(f"{error} 같은 키를 쓰는 다른 프로그램을 멈추거나 .env의 KIS_RATE_LIMIT을 낮추세요.")
    return Outage(f"{error} 인터넷과 KIS_BASE_URL({base_url})을 확인하세요.")


class Waiting:
    """Says once that calls are being repeated, until one of them is answered: many threads wait for the same KIS."""

    def __init__(self) -> None:
        self._told = threading.Event()

    def begin(self, state: Any) -> None:
        """The hook of tenacity before it sleeps."""
        news = state.attempt_number == 3 and not self._told.is_set()
        if news:
            self._told.set()
        level = logging.WARNING if news else logging.DEBUG
        _log.log(level, "⚠️ %s 다시 시도합니다 (%d번째).", state.outcome.exception(), state.attempt_number)

    def end(self) -> None:
        self._told.clear()


def patiently(
    call: Callable[[], T],
    clock: Clock,
    reachable: Callable[[], bool],
    *,
    hurried: bool = False,
    waiting: Waiting | None = None,
) -> T:
    """Call until it answers: six to eight tries for a passing fault, minutes for a server that was there before.

    `hurried` (the updater's round, which comes again in a minute and tells of outages itself): six tries for a fault,
    three for a lost server, and no word about them.

    An over-limit answer is no failure: it waits at least a second and may come a hundred times. `reachable` tells
    whether KIS has answered this process at all; if not, an address may be wrong and six tries are enough.
    """
    import tenacity  # 40 ms: only where a call is made

    began = clock.time()

    def enough(state: tenacity.RetryCallState) -> bool:
        lost = isinstance(state.outcome and state.outcome.exception(), Unreachable)
        if hurried:
            return state.attempt_number >= (3 if lost else 6)
        if lost and reachable():
            return clock.time() - began > LOST_SECONDS
        return state.attempt_number >= (6 if lost else 8)

    within_limit = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(RateLimited),
        wait=tenacity.wait_random(1.0, 1.5),
        stop=tenacity.stop_after_attempt(20 if hurried else 100),
        sleep=clock.sleep,
        reraise=True,
    )
    whole = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(Transient),
        wait=tenacity.wait_exponential_jitter(multiplier=0.5, max=2 if hurried else 20, jitter=0.5),
        stop=enough,
        sleep=clock.sleep,
        before_sleep=None if hurried else (waiting or Waiting()).begin,
        reraise=True,
    )
    return whole(lambda: within_limit(call))
