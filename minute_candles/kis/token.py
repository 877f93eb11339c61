"""The 24-hour access token: cached in a file that all processes of the key share, renewed an hour early.

KIS issues one token a minute and notifies its owner by KakaoTalk each time. It answers the same token for six hours
(docs/dev/kis_http.md §2). So there is one file with one lock, read again before a request. Several hosts share one
place in Redis (shared_token.py). `python kis_token.py` shows the state, never the token.
"""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import AuthError, ConfigError, RateLimited, TokenRefused
from minute_candles.core.kst import KST
from minute_candles.kis.error_text import TOKEN_REFUSED, TOKEN_WITHHELD
from minute_candles.kis.http import TokenTooSoon, Transient, exchange
from minute_candles.kis.key_lock import key_lock
from minute_candles.kis.patience import outage, patiently
from minute_candles.kis.shared_state import Shared
from minute_candles.kis.shared_token import SharedToken
from minute_candles.kis.token_file import UNREADABLE, Token, TokenFile, header_safe
from minute_candles.kis.transport import new_session

EARLY = timedelta(hours=1)
ONE_A_MINUTE = 61.0
TRUSTED_SECONDS = 1800
"""A token that KIS gave us is used for so long even where it looks expired: then this host's clock is wrong."""
REFUSED_SECONDS = 10.0
"""A key that KIS refused is not requested for again so long: every thread that waits for a token would."""
_log = logging.getLogger(__name__)


class TokenCache:
    """The key's token, whichever of its processes requested it. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, shared: Shared | None = None) -> None:
        self._settings, self._clock, self._file = settings, clock, TokenFile(settings, clock)
        self._shared = SharedToken(shared, settings, clock)
        self._thread_lock = threading.Lock()
        self._session: requests.Session | None = None
        self._token: Token | None = None
        self._issued_at = float("-inf")
        self._insisted = ""
        self._refusal: tuple[float, AuthError | ConfigError] | None = None

    def get(self) -> str:
        """Return a token good for an hour at least, where KIS gives one; from memory, the file, or KIS."""
        token = self._token
        if token and self._is_fresh(token):
            return token.value
        with self._locked():
            if self._token and self._is_fresh(self._token):
                return self._token.value  # another thread got it meanwhile, and could not save it
            self._token = self._usable_file() or self._issue(refused=None)
            return self._token.value

    def renew(self, refused: str) -> str:
        """Return another token than the refused one, or the same where KIS insists on it (one request a minute).

        The caller counts: a token refused again and again is `TokenRefused`.
        """
        with self._locked():
            token = self._usable_file()
            if token is None or token.value == refused:
                mine = self._token
                keep = mine and (
                    self._was_issued_within(ONE_A_MINUTE) or (mine.value != refused and self._is_fresh(mine))
                )
                token = mine if mine and keep else self._issue(refused)
            self._token = token
            return token.value

    def reissue(self, refused: str) -> str:
        """Return another token for one that is refused though it was just issued: another program may have revoked it.

        Waits out the minute in which KIS issues no second one. Raises `TokenRefused` where KIS insists on the same.
        """
        with self._locked():
            if self._token and self._token.value != refused:
                return self._token.value  # another thread has waited
            if self._insisted == refused:
                raise TokenRefused(TOKEN_REFUSED)
            left = self._issued_at + ONE_A_MINUTE - self._clock.time()
            if 0 < left <= ONE_A_MINUTE:
                _log.info("⏳ 막 발급받은 토큰을 KIS가 거절합니다. %.0f초 뒤 다시 발급받습니다.", left)
                self._clock.sleep(left)
            self._token = self._issue(refused)
            self._insisted = refused if self._token.value == refused else ""
            return self._token.value

    def state(self) -> tuple[Token | None, str]:
        """Return what the file holds, and a Korean line about it without the token."""
        token = self.load()
        if token is None:
            return None, f"저장된 토큰이 없습니다: {self._file.path} (수집을 시작하면 자동으로 발급됩니다)"
        left = token.expires_at - self._clock.now()
        word = (
            f"{left // timedelta(hours=1)}시간 {left // timedelta(minutes=1) % 60}분 남음"
            if left > timedelta(0)
            else "만료됨"
        )
        return token, f"토큰 만료시간 {token.expires_at:%Y-%m-%d %H:%M:%S} ({word}): {self._file.path}"

    def load(self) -> Token | None:
        """Return the file's token if it is readable and of this key and environment."""
        return self._file.load()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Let one thread, and one process of this host, work at a time."""
        path = self._file.path
        with self._thread_lock, key_lock(Path(f"{path}.lock"), self._clock, "다른 프로그램이 토큰을 받는 중이라"):
            yield

    def _of_another_host(self, refused: str | None) -> Token | None:
        """Return the token that another host of the key was given, from now on in our file, too."""
        try:
            token = self._file.parse(self._shared.read() or "{}")
        except UNREADABLE:
            return None
        if token is None or token.value == refused or not self._is_fresh(token):
            return None
        _log.info("✅ 다른 컴퓨터가 받은 토큰을 씁니다: 만료시간 %s", token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        self._file.save(token)
        return token

    def _usable_file(self) -> Token | None:
        token = self.load()
        if token is None or not self._is_fresh(token):
            return None
        if self._token is None or self._token.value != token.value:
            where = "BE 폴더에서 " if self._file.path.parent.name == "BE" else ""
            _log.info("✅ %s기존 토큰 로드: 만료시간 %s", where, token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        return token

    def _is_fresh(self, token: Token) -> bool:
        """Return whether an hour is left; or one that KIS itself gave us lately."""
        trusted = self._token == token and self._was_issued_within(TRUSTED_SECONDS)
        return trusted or token.expires_at - self._clock.now() > EARLY

    def _was_issued_within(self, seconds: float) -> bool:
        return 0 <= self._clock.time() - self._issued_at < seconds

    def _issue(self, refused: str | None) -> Token:
        """Request a token.

        Where another process did so within the minute, take its token from the file, or wait out the minute.
        """
        if self._refusal and 0 <= self._clock.time() - self._refusal[0] < REFUSED_SECONDS:
            raise type(self._refusal[1])(str(self._refusal[1]))
        for _ in range(4):
            with self._shared.turn():
                if token := self._of_another_host(refused):
                    return token
                try:
                    answer = patiently(self._ask, self._clock, reachable=lambda: self._token is not None)
                    return self._keep(Token(answer["access_token"], self._expiry(answer)))
                except TokenTooSoon:
                    token = self._usable_file()
                    if token and token.value != refused:
                        return token
                    _log.info("⏳ 토큰은 1분에 한 번만 발급됩니다. 61초 뒤 다시 요청합니다.")
                    self._clock.sleep(ONE_A_MINUTE)
                except (AuthError, ConfigError) as error:
                    self._refusal = self._clock.time(), error
                    raise
                except (Transient, RateLimited) as error:  # tried often enough here: the caller must not try it again
                    raise outage(error, self._settings.base_url) from error
        raise TokenRefused(TOKEN_WITHHELD)

    def _keep(self, token: Token) -> Token:
        self._issued_at = self._clock.time()
        self._file.save(token)
        self._shared.write(self._file.text(token), (token.expires_at - self._clock.now()).total_seconds())
        _log.info("✅ 새 토큰 발급: 만료시간 %s", token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        return token

    def _ask(self) -> dict[str, Any]:
        settings = self._settings
        self._session = self._session or new_session(settings.base_url, 1)
        body = {"grant_type": "client_credentials", "appkey": settings.app_key, "appsecret": settings.app_secret}
        answer, _ = exchange(self._session, "POST", f"{settings.base_url}/oauth2/tokenP", settings.env, json=body)
        try:
            header_safe(answer.get("access_token"))
            self._expiry(answer)
        except (ValueError, TypeError, OverflowError) as error:
            raise Transient("KIS의 토큰 답을 알아볼 수 없습니다.") from error
        return answer

    def _expiry(self, answer: dict[str, Any]) -> datetime:
        """Return when the token expires (KST).

        The wall-clock text is preferred to `expires_in`, which drifts (docs/dev/kis_http.md §2).
        """
        text = answer.get("access_token_token_expired")
        if isinstance(text, str):
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST)
        return self._clock.now() + timedelta(seconds=int(answer.get("expires_in", 86400)))
