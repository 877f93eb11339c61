"""The approval key, which opens the WebSocket as the access token opens HTTP. Never printed.

Every request brings a new key, good for a day (docs/dev/kis_websocket.md §5). One process uses one socket, so the key
is kept in memory alone. KIS's messages about the key may quote it, so they are not passed on.
"""

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import SourceError
from minute_candles.kis.http import exchange
from minute_candles.kis.transport import new_session

LIFE = 23 * 3600.0
"""Seconds a key is used for a new session; one that runs needs no other."""


class Approval:
    """One key, requested when there is none or an old one."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings, self._clock = settings, clock
        self._key, self._requested_at = "", 0.0

    def get(self) -> str:
        """Return the key. Raises `MinuteDataError`: what KIS or the connection says."""
        if not self._key or not 0 <= self._clock.time() - self._requested_at < LIFE:
            self._key, self._requested_at = self._request(), self._clock.time()
        return self._key

    def forget(self) -> None:
        """Request another one next time: KIS refused this one."""
        self._key = ""

    def _request(self) -> str:
        settings = self._settings
        body = {"grant_type": "client_credentials", "appkey": settings.app_key, "secretkey": settings.app_secret}
        with new_session(settings.base_url, 1) as session:
            answer, _ = exchange(session, "POST", f"{settings.base_url}/oauth2/Approval", settings.env, json=body)
        key = answer.get("approval_key")
        if not (isinstance(key, str) and key.isascii() and key.isprintable() and key):
            raise SourceError("KIS의 승인 키 답을 알아볼 수 없습니다.")
        return key
