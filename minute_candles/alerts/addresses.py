"""Where alerts go: apprise services made from `ALERT_URLS`, and one try to deliver a message.

Addresses are secrets ("Secrets never print"): they are named by their number and kind alone.
"""

import logging
import re
import threading
import time
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from minute_candles.alerts.digest import Message
from minute_candles.alerts.rules import SEVERITIES, Severity
from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.redact import Redactor

CONNECT_SECONDS, READ_SECONDS = 10.0, 30.0
"""Apprise waits four seconds by itself: a slower service would deliver a message and get it again.
`?cto=` and `?rto=` in an address set others."""
_MOST_BYTES = 2**20
"""The largest answer that is read of a service."""
_RETRIABLE = frozenset({401, 403, 404, 407, 408, 425, 429})
"""Statuses of 4xx that say nothing of the message: who asks, how often, or where."""
_LEVELS = {"info": "info", "warning": "warning", "critical": "failure"}
_SHORTEST_SECRET = 4
_log = logging.getLogger(__name__)
_answer = threading.local()


class Outcome(Enum):
    """How a try ended; UNCONFIRMED: no answer in time, the message may have arrived."""

    ARRIVED = auto()
    FAILED = auto()
    UNCONFIRMED = auto()
    REFUSED = auto()


class Address(NamedTuple):
    """Where notes of `least` severity and above go; `name` may be shown, `service` (apprise's) may not."""

    name: str
    service: Any
    least: Severity = "info"


def addresses_of(urls: Iterable[str], folder: Path | None = None) -> list[Address]:
    """Parse addresses; `critical=mailto://…`: the severity before `=` is the least that goes there.

    `folder` is where a service may keep a token that it receives (KakaoTalk's refresh token). Raises `ConfigError`.
    """
    apprise, listed = extra("apprise", "알림"), list(urls)
    _take_over_the_log(listed)
    _bound_calls()
    asset = apprise.AppriseAsset(storage_path=str(folder)) if folder else apprise.AppriseAsset()
    return [_address(apprise, asset, number, text) for number, text in enumerate(listed, 1)]


def _address(apprise: ModuleType, asset: object, number: int, text: str) -> Address:
    marked = re.match(rf"({'|'.join(SEVERITIES)})=", text)
    url = text[marked.end() :] if marked else text
    service = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if service is None:
        raise ConfigError(
            f"ALERT_URLS 의 {number}번째 주소를 알아볼 수 없습니다. apprise 주소를 쓰세요(예: tgram://토큰/채팅ID)."
        )
    for name, seconds in (("socket_connect_timeout", CONNECT_SECONDS), ("socket_read_timeout", READ_SECONDS)):
        if getattr(service, name) == getattr(type(service), name):
            setattr(service, name, max(seconds, getattr(service, name)))
    name = f"{number}번 {url.partition(':')[0]}"
    return Address(name, service, marked[1]) if marked else Address(name, service)  # type: ignore[arg-type]


def deliver(address: Address, message: Message) -> Outcome:
    """Try once. A plugin may raise anything: then the message has not arrived."""
    limit = address.service.socket_read_timeout
    _answer.status, _answer.is_endless, began = None, False, time.monotonic()
    _answer.seconds = address.service.socket_connect_timeout + limit
    try:
        arrived = address.service.notify(title=message.title, body=message.body, notify_type=_LEVELS[message.severity])
    except Exception as error:  # noqa: BLE001 - a plugin's own, and its text may hold a secret
        _log.debug("alert plugin: %s", type(error).__name__)
        return Outcome.FAILED
    finally:
        _answer.seconds = None
    if arrived:
        return Outcome.ARRIVED
    return Outcome.UNCONFIRMED if _answer.is_endless else _failure(_answer.status, time.monotonic() - began, limit)


def _failure(status: int | None, seconds: float, limit: float) -> Outcome:
    if status is None:
        return Outcome.UNCONFIRMED if seconds >= limit else Outcome.FAILED
    return Outcome.REFUSED if status // 100 == 4 and status not in _RETRIABLE else Outcome.FAILED


def _bound_calls() -> None:
    """Let the calls of a delivery end: apprise makes them by itself, with a timeout for each read alone."""
    import requests

    from minute_candles.core.timed_http import TimedAdapter, TooLarge

    def send(
        session: requests.Session,
        request: requests.PreparedRequest,
        **options: Any,  # noqa: ANN401 - as apprise passes
    ) -> requests.Response:
        if (seconds := getattr(_answer, "seconds", None)) is None:
            return unbounded(session, request, **options)
        for scheme in ("http://", "https://"):
            session.mount(scheme, TimedAdapter(seconds, _MOST_BYTES))
        try:
            return unbounded(session, request, **options)
        except TooLarge:
            _answer.is_endless = True
            raise

    unbounded = requests.Session.send
    if unbounded.__module__ != __name__:
        requests.Session.send = send  # type: ignore[method-assign, assignment]


def _take_over_the_log(urls: Sequence[str]) -> None:
    """Send apprise's records to our log, at DEBUG, without any part of an address: its own log shows tokens."""
    log, parts = logging.getLogger("apprise"), [part for url in urls for part in re.split(r"[/?&=:@,;+]+", url)]
    log.handlers[:] = [_Redacted([*urls, *(part for part in parts if len(part) >= _SHORTEST_SECRET)])]
    log.propagate = False


class _Redacted(logging.Handler):
    """Apprise answers yes or no; the HTTP status of a failure stands in its log alone, as `error=404`."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._redact = Redactor(secrets)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the status for `deliver`, which runs in this thread, and log the rest."""
        text = record.getMessage()
        if found := re.search(r"\berror=(\d{3})\b", text):
            _answer.status = int(found[1])
        _log.debug("apprise: %s", self._redact(text))
