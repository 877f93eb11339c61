"""Calls of one key: paced, with its token, repeated while a fault passes; every refusal as a typed error."""

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import requests

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import RateLimited, TokenRefused
from minute_candles.kis.clock_skew import ClockSkew
from minute_candles.kis.error_text import TOKEN_REFUSED
from minute_candles.kis.http import TokenExpired, Transient, Unreachable, exchange
from minute_candles.kis.patience import Waiting, outage, patiently
from minute_candles.kis.shared_call_limiter import Limiter
from minute_candles.kis.transport import new_session

_QUOTES = "/uapi/domestic-stock/v1/quotations"
_OUTAGE_SECONDS = 120
"""Every call has failed for this long: more symbols would fail alike."""
_TOKEN_TRIES = 5
Body = dict[str, Any]
"""A JSON object as KIS sent it."""
_log = logging.getLogger(__name__)


class Query(NamedTuple):
    """One call: the path below the quotations, the TR, its parameters, and the list that its answer must hold."""

    path: str
    tr_id: str
    params: Mapping[str, str]
    field: str = "output2"


class TokenSource(Protocol):
    """Who hands out a key's token (`token.TokenCache`)."""

    def get(self) -> str:
        """Return a token."""
        ...

    def renew(self, refused: str) -> str:
        """Return another one than the refused."""
        ...

    def reissue(self, refused: str) -> str:
        """Return another one, after the minute in which KIS issues none."""
        ...


class Caller(Protocol):
    """Who sends calls: one key, or several as one."""

    @property
    def calls(self) -> int:
        """Requests sent so far, repeats included."""
        ...

    @property
    def skew(self) -> ClockSkew:
        """How far KIS's clock and this host's are apart."""
        ...

    def send(self, query: Query) -> Body:
        """Return the answer. Raises `SourceError` (this call failed), `Outage`, or a refusal of the key."""
        ...

    def token(self) -> str:
        """Return a token: a refused key shows before anything else is done."""
        ...

    def listen(self, on_answer: Callable[[requests.Response], None]) -> None:
        """Hand every answer to `on_answer`, too, before it is judged."""
        ...


class KeyCaller:
    """One key. Thread-safe; every call waits for its slot of the key's budget."""

    def __init__(
        self, settings: Settings, token: TokenSource, limiter: Limiter, clock: Clock, *,
        hurried: bool = False, connections: int = 16, skew: ClockSkew | None = None,
    ) -> None:  # fmt: skip
        self.settings, self.limiter, self.hurried = settings, limiter, hurried
        self.session = new_session(settings.base_url, connections)
        self.skew = skew or ClockSkew(clock)
        self.calls = 0
        self._token, self._clock = token, clock
        self._lock, self._waiting, self._refused = threading.Lock(), Waiting(), ""
        self._has_guessed = False
        self._answered_at, self._failing_since = float("-inf"), float("inf")

    def listen(self, on_answer: Callable[[requests.Response], None]) -> None:
        """Hand every answer to `on_answer`, too, before it is judged."""
        self.session.hooks["response"].append(lambda answer, **_: on_answer(answer))

    def token(self) -> str:
        """Return the token: a refused key shows before anything else is done."""
        return self._token.get()

    def send(self, query: Query, *, hurried: bool | None = None) -> Body:
        """Return the answer. Raises `SourceError` (this call failed), `Outage`, or a refusal of the key."""

        def call() -> Body:
            body = self._with_token(query)
            if not isinstance(body.get(query.field), list):
                raise Transient(f"KIS의 답에 {query.field} 목록이 없습니다.")
            return body

        began, hurried = self._clock.time(), self.hurried if hurried is None else hurried
        try:
            return patiently(call, self._clock, reachable=self._ever_answered, hurried=hurried, waiting=self._waiting)
        except RateLimited as error:
            raise outage(error, self.settings.base_url) from error
        except Transient as error:
            if self._is_outage(error, began):
                raise outage(error, self.settings.base_url) from error
            raise

    def has_answered_since(self, moment: float) -> bool:
        """Return whether KIS has answered this key since (seconds of the clock)."""
        return self._answered_at > moment

    def _ever_answered(self) -> bool:
        return self._answered_at > float("-inf")

    def _is_outage(self, error: Transient, began: float) -> bool:
        """Return whether it is not this call alone: nobody reached KIS since it began, or all failed for minutes."""
        if isinstance(error, Unreachable):
            return self._answered_at <= began
        return self._clock.time() - self._failing_since > _OUTAGE_SECONDS

    def _with_token(self, query: Query) -> Body:
        """Send one paced call; a refused token is renewed and the call repeated.

        One that stays refused, though it was just issued, is waited for once more: another program may have revoked it.
        """
        token = self._token.get()
        for left in reversed(range(_TOKEN_TRIES)):
            try:
                return self._send(query, token)
            except TokenExpired as error:
                if not error.is_certain and self._has_guessed:
                    raise Transient(str(error)) from error
                self._has_guessed = not error.is_certain
                self._report_token(token, error)
                refused = token
                if left > 1:
                    token = self._token.renew(refused=refused)
                    self._clock.sleep(1.0 if token == refused else 0.0)
                elif left == 1:
                    token = self._token.reissue(refused=refused)
        raise TokenRefused(TOKEN_REFUSED)

    def _report_token(self, refused: str, error: TokenExpired) -> None:
        """Log it once a token, however many threads hold it."""
        with self._lock:
            is_new, self._refused = refused != self._refused, refused
        _log.log(logging.INFO if is_new else logging.DEBUG, "🔑 %s 토큰을 갱신합니다.", error)

    def _send(self, query: Query, token: str) -> Body:
        self.limiter.wait()
        with self._lock:
            self.calls += 1
        url = f"{self.settings.base_url}{_QUOTES}/{query.path}"
        headers = self._headers(query.tr_id, token)
        try:
            body, date = exchange(
                self.session, "GET", url, self.settings.env, params=dict(query.params), headers=headers
            )
        except RateLimited:
            self.limiter.slow_down()
            raise
        except Transient:
            self._failing_since = min(self._failing_since, self._clock.time())
            raise
        self._answered_at, self._failing_since = self._clock.time(), float("inf")
        self._has_guessed = False
        self._waiting.end()
        self.skew.note(date)
        return body

    def _headers(self, tr_id: str, token: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {token}",
            "appkey": self.settings.app_key,
            "appsecret": self.settings.app_secret,
            "tr_id": tr_id,
            "tr_cont": "",
            "custtype": "P",
            "content-type": "application/json; charset=utf-8",
        }
