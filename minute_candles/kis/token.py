"""The 24-hour access token: cached in a file that all processes of the key share, renewed an hour early.

KIS issues one token a minute, tells its owner by KakaoTalk each time, and answers the same token for six hours
(kis_http.md §2). So: one file, one lock, re-read before asking; among hosts one place in Redis (minute_candles/kis/shared_token.py).
`python kis_token.py` tells the state, never the token.

The file keeps `access_token` and `expires_at` (naive local time) as its older format did, and is bound to environment,
address and key; a file without that mark is tried once, until KIS refuses it.
"""

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import requests

from minute_candles.config.settings import Settings
from minute_candles.core import files
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, RateLimited, TokenRefused
from minute_candles.core.kst import KST
from minute_candles.kis.http import INSISTS, TokenTooSoon, Transient, exchange, new_session, outage, patiently
from minute_candles.kis.shared_state import Shared, key_hash
from minute_candles.kis.shared_token import SharedToken

EARLY = timedelta(hours=1)
ONE_A_MINUTE = 61.0
TRUSTED_SECONDS = 1800
"""A token that KIS gave us is used for so long even where it looks expired: then this host's clock is wrong."""
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)
_log = logging.getLogger(__name__)


class Token(NamedTuple):
    value: str
    expires_at: datetime
    """Aware KST."""


class TokenCache:
    """The key's token, whoever of its processes asked KIS for it. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock, shared: Shared | None = None) -> None:
        self._settings, self._clock, self._file = settings, clock, settings.token_file
        self._shared = SharedToken(shared, settings, clock)
        self._thread_lock = threading.Lock()
        self._session: requests.Session | None = None
        self._token: Token | None = None
        self._issued_at = float("-inf")
        self._told_unreadable = False
        self._insisted = ""

    def get(self) -> str:
        """A token good for an hour at least, where KIS gives one; from memory, the file, or KIS."""
        token = self._token
        if token and self._is_fresh(token):
            return token.value
        with self._thread_lock, _turn_of(self._file, self._clock):
            self._token = self._usable_file() or self._issue(refused=None)
            return self._token.value

    def renew(self, refused: str) -> str:
        """Another token than the one KIS just refused, or the same where KIS insists on it (asked once a minute).

        The caller counts: a token refused again and again is `TokenRefused`.
        """
        with self._thread_lock, _turn_of(self._file, self._clock):
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
        """Another token for one that is refused though it was just issued: another program may have revoked it.

        Waits out the minute in which KIS issues no second one. Raises `TokenRefused` where KIS insists on the same.
        """
        with self._thread_lock, _turn_of(self._file, self._clock):
            if self._token and self._token.value != refused:
                return self._token.value  # another thread has waited
            if self._insisted == refused:
                raise TokenRefused(INSISTS)
            left = self._issued_at + ONE_A_MINUTE - self._clock.time()
            if 0 < left <= ONE_A_MINUTE:
                _log.info("⏳ 막 발급받은 토큰을 KIS가 거절합니다. %.0f초 뒤 다시 발급받습니다.", left)
                self._clock.sleep(left)
            self._token = self._issue(refused)
            self._insisted = refused if self._token.value == refused else ""
            return self._token.value

    def state(self) -> tuple[Token | None, str]:
        """What the file holds, and a Korean line about it without the token."""
        token = self.load()
        if token is None:
            return None, f"저장된 토큰이 없습니다: {self._file} (수집을 시작하면 자동으로 발급됩니다)"
        left = token.expires_at - self._clock.now()
        word = (
            f"{left // timedelta(hours=1)}시간 {left // timedelta(minutes=1) % 60}분 남음"
            if left > timedelta(0)
            else "만료됨"
        )
        return token, f"토큰 만료시간 {token.expires_at:%Y-%m-%d %H:%M:%S} ({word}): {self._file}"

    def load(self) -> Token | None:
        """The file's token if it is readable and of this key and environment."""
        try:
            return self._told(self._file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, *_UNREADABLE):
            level, self._told_unreadable = logging.DEBUG if self._told_unreadable else logging.WARNING, True
            _log.log(level, "⚠️ 토큰 파일을 읽을 수 없어 새로 발급받습니다: %s", self._file)
            return None

    def _told(self, text: str) -> Token | None:
        kept = json.loads(text)
        if any(kept.get(name, mine) != mine for name, mine in _mark(self._settings).items()):
            _log.info("저장된 토큰은 다른 키나 환경의 것이라 쓰지 않습니다.")
            return None
        expires = datetime.fromisoformat(kept.get("expires_at_kst") or kept["expires_at"])
        return Token(_plausible(kept["access_token"]), expires.astimezone(KST))

    def _of_another_host(self, refused: str | None) -> Token | None:
        """The token that another host of the key was given, from now on in our file, too."""
        try:
            token = self._told(self._shared.read() or "{}")
        except _UNREADABLE:
            return None
        if token is None or token.value == refused or not self._is_fresh(token):
            return None
        _log.info("✅ 다른 컴퓨터가 받은 토큰을 씁니다: 만료시간 %s", token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        self._save(token)
        return token

    def _usable_file(self) -> Token | None:
        token = self.load()
        if token is None or not self._is_fresh(token):
            return None
        if self._token is None or self._token.value != token.value:
            where = "BE 폴더에서 " if self._file.parent.name == "BE" else ""
            _log.info("✅ %s기존 토큰 로드: 만료시간 %s", where, token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        return token

    def _is_fresh(self, token: Token) -> bool:
        """An hour left; or one that KIS itself gave us lately."""
        trusted = self._token == token and self._was_issued_within(TRUSTED_SECONDS)
        return trusted or token.expires_at - self._clock.now() > EARLY

    def _was_issued_within(self, seconds: float) -> bool:
        return 0 <= self._clock.time() - self._issued_at < seconds

    def _issue(self, refused: str | None) -> Token:
        """Ask KIS; where somebody asked within the minute, take their token from the file or wait the minute out."""
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
                except (Transient, RateLimited) as error:  # tried often enough here: the caller must not try it again
                    raise outage(error, self._settings.base_url) from error
        raise TokenRefused(
            "KIS가 몇 분째 토큰을 내주지 않습니다 (EGW00133). 같은 키를 쓰는 다른 프로그램을 확인하세요."
        )

    def _keep(self, token: Token) -> Token:
        self._issued_at = self._clock.time()
        self._save(token)
        self._shared.write(self._written(token), (token.expires_at - self._clock.now()).total_seconds())
        _log.info("✅ 새 토큰 발급: 만료시간 %s", token.expires_at.strftime("%Y-%m-%d %H:%M:%S"))
        return token

    def _ask(self) -> dict[str, Any]:
        settings = self._settings
        self._session = self._session or new_session(settings.base_url, 1)
        body = {"grant_type": "client_credentials", "appkey": settings.app_key, "appsecret": settings.app_secret}
        answer, _ = exchange(self._session, "POST", f"{settings.base_url}/oauth2/tokenP", settings.env, json=body)
        try:
            _plausible(answer.get("access_token"))
            self._expiry(answer)
        except (ValueError, TypeError, OverflowError) as error:
            raise Transient("KIS의 토큰 답을 알아볼 수 없습니다.") from error
        return answer

    def _expiry(self, answer: dict[str, Any]) -> datetime:
        """KST wall-clock text is preferred to `expires_in`, which drifts (kis_http.md §2)."""
        text = answer.get("access_token_token_expired")
        if isinstance(text, str):
            return datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=KST)
        return self._clock.now() + timedelta(seconds=int(answer.get("expires_in", 86400)))

    def _save(self, token: Token) -> None:
        try:
            files.atomic_write(self._file, self._written(token), mode=0o600)
        except OSError as error:
            _log.warning("⚠️ 토큰을 파일에 저장하지 못해 이 실행에서만 씁니다 (%s): %s", error.strerror, self._file)

    def _written(self, token: Token) -> str:
        kept = {
            "access_token": token.value,
            "expires_at": token.expires_at.astimezone().replace(tzinfo=None).isoformat(),
            "expires_at_kst": token.expires_at.isoformat(),
            "created_at": self._clock.now().astimezone().replace(tzinfo=None).isoformat(),
            **_mark(self._settings),
        }
        return json.dumps(kept, indent=2)


@contextmanager
def _turn_of(file: Path, clock: Clock) -> Iterator[None]:
    """One process of this host at a time. Raises `ConfigError` where the folder takes no lock, `Stopped`."""
    import filelock

    clock.check()
    try:
        lock = filelock.FileLock(f"{file}.lock", timeout=0, thread_local=False)
        while True:
            try:
                lock.acquire()
                break
            except filelock.Timeout:
                clock.sleep(0.05)
    except OSError as error:
        raise ConfigError(
            f"토큰 폴더에 쓸 수 없습니다 ({error.strerror}): {file.parent}. KIS_TOKEN_FILE을 확인하세요."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _mark(settings: Settings) -> dict[str, str]:
    return {"env": settings.env, "base_url": settings.base_url, "key_hash": key_hash(settings)}


def _plausible(value: object) -> str:
    """A token fit for a header; anything else would be an error that prints it."""
    if not (isinstance(value, str) and value.isascii() and value.isprintable() and value and " " not in value):
        raise ValueError("not a token")
    return value
