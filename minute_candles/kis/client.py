"""KIS's quotation endpoints for one key: paced, retried, typed errors, typed rows.

Sources: docs/dev/kis_http.md §3 (errors), §4 (limits), §5–§8 (endpoints).
"""

import logging
import threading
from collections import deque
from collections.abc import Callable
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

from minute_candles.config.settings import Settings
from minute_candles.console.console import duration
from minute_candles.core.clock import Clock
from minute_candles.core.errors import RateLimited, TokenRefused
from minute_candles.kis import parse
from minute_candles.kis.error_text import TOKEN_REFUSED
from minute_candles.kis.http import TokenExpired, Transient, Unreachable, exchange
from minute_candles.kis.patience import Waiting, outage, patiently
from minute_candles.kis.shared_call_limiter import Limiter, limiter_of
from minute_candles.kis.shared_state import Shared
from minute_candles.kis.transport import new_session
from minute_candles.market.rows import DailyRows, HolidayRow, MinuteRows, Quote

_QUOTES = "/uapi/domestic-stock/v1/quotations"
MOST_DAYS = 100
"""Rows a daily answer holds at most; 100 calendar days never hold more trading days."""
TRUSTED_SKEW = timedelta(seconds=2)
"""So far the clocks of host and KIS may differ: the `Date` header knows whole seconds."""
_JUMP = timedelta(seconds=30)
"""No answer is delayed by so much: this host's clock was set, or one server's is wrong."""
_AGREEING = 3
"""So many answers in a row must tell of the same jump before it counts."""
_OUTAGE_SECONDS = 120
"""Every call has failed for this long: more symbols would fail alike."""
_TOKEN_TRIES = 5
Body = dict[str, Any]
"""A JSON object as KIS sent it."""
_log = logging.getLogger(__name__)


class TokenSource(Protocol):
    """Who hands out the key's token (`kis_token.TokenCache`)."""

    def get(self) -> str: ...
    def renew(self, refused: str) -> str: ...
    def reissue(self, refused: str) -> str: ...


class KisClient:
    """KIS's quotation endpoints for one key. Thread-safe; every call waits for its slot of the shared budget."""

    def __init__(
        self,
        settings: Settings,
        token: TokenSource,
        limiter: Limiter,
        clock: Clock,
        *,
        hurried: bool = False,
        connections: int = 16,
    ) -> None:
        self._hurried = hurried
        self._settings, self._token, self._limiter, self._clock = settings, token, limiter, clock
        self._session = new_session(settings.base_url, connections)
        self._lock, self._waiting, self._refused = threading.Lock(), Waiting(), ""
        self._has_guessed = False
        self._answered_at, self._failing_since = float("-inf"), float("inf")
        self.calls = 0
        """Requests sent so far, repeats included."""
        self._skews: deque[timedelta] = deque(maxlen=20)
        self._suspected: list[timedelta] = []

    @classmethod
    def of(
        cls, settings: Settings, token: TokenSource, clock: Clock, *, urgent: bool = False, connections: int = 16,
        shared: Shared | None = None,
    ) -> "KisClient":  # fmt: skip
        """The client of these settings: the call budget is shared through a file beside the token's, or `shared`."""
        limiter = limiter_of(settings, clock, urgent=urgent, shared=shared)
        return cls(settings, token, limiter, clock, hurried=urgent, connections=connections)

    def listen(self, hear: Callable[[Any], None]) -> None:
        """Hand every answer (a `requests.Response`) to `hear`, too, before it is judged."""
        self._session.hooks["response"].append(lambda answer, **_: hear(answer))

    def past_minutes(self, symbol: str, last: datetime) -> MinuteRows:
        """≤ 120 one-minute rows at and before `last` (KST), newest first; they may run into earlier days (§6)."""
        body = self._body(
            "inquire-time-dailychartprice",
            "FHKST03010230",
            FID_COND_MRKT_DIV_CODE="J",
            FID_INPUT_ISCD=symbol,
            FID_INPUT_HOUR_1=f"{last:%H%M%S}",
            FID_INPUT_DATE_1=f"{last:%Y%m%d}",
            FID_PW_DATA_INCU_YN="N",
            FID_FAKE_TICK_INCU_YN="",
        )
        return parse.minute_rows(body["output2"])

    def today_minutes(self, symbol: str, last: datetime) -> MinuteRows:
        """≤ 30 one-minute rows of today at and before `last` (KST), newest first; never ask beyond now (§5)."""
        return parse.minute_rows(self._today_body(symbol, last)["output2"])

    def _today_body(self, symbol: str, last: datetime) -> Body:
        return self._body(
            "inquire-time-itemchartprice",
            "FHKST03010200",
            FID_ETC_CLS_CODE="",
            FID_COND_MRKT_DIV_CODE="J",
            FID_INPUT_ISCD=symbol,
            FID_INPUT_HOUR_1=f"{last:%H%M%S}",
            FID_PW_DATA_INCU_YN="N",
        )

    def daily(self, symbol: str, first: date, last: date, *, adjusted: bool = False) -> DailyRows:
        """Daily rows from `first` to `last`, unadjusted unless told, a call for every hundred days (§7)."""
        rows: DailyRows = []
        while first <= last:
            until = min(last, first + timedelta(days=MOST_DAYS - 1))
            body = self._body(
                "inquire-daily-itemchartprice",
                "FHKST03010100",
                FID_COND_MRKT_DIV_CODE="J",
                FID_INPUT_ISCD=symbol,
                FID_INPUT_DATE_1=f"{first:%Y%m%d}",
                FID_INPUT_DATE_2=f"{until:%Y%m%d}",
                FID_PERIOD_DIV_CODE="D",
                FID_ORG_ADJ_PRC="0" if adjusted else "1",
            )
            rows += parse.daily_rows(body["output2"])
            first = until + timedelta(days=1)
        return rows

    def holidays(self, first: date) -> list[HolidayRow]:
        """About thirty days from `first`; real keys only, at most once a day (§8)."""
        day = f"{first:%Y%m%d}"
        body = self._body("chk-holiday", "CTCA0903R", field="output", BASS_DT=day, CTX_AREA_FK="", CTX_AREA_NK="")
        return parse.holiday_rows(body["output"])

    def quote(self, symbol: str, now: datetime) -> Quote | None:
        """The symbol's live quote, which comes with today's minutes; None where KIS sends none (§5)."""
        return parse.quote(self._today_body(symbol, now).get("output1"))

    @property
    def skew(self) -> timedelta:
        """KIS's clock minus this host's, to a second: the least delayed of the last answers' `Date` headers."""
        first = self._suspected[-1] if self._suspected else timedelta(0)
        return max(self._skews, default=first)

    @property
    def suspected_skew(self) -> timedelta | None:
        """Return the jumped skew that too few answers have confirmed yet, None without one."""
        with self._lock:
            return self._suspected[-1] if self._skews and self._suspected else None

    def clock_trouble(self) -> str:
        """What is wrong with this host's clock and what to do; "" while it agrees with KIS's."""
        seconds = self.skew.total_seconds()
        if abs(seconds) <= TRUSTED_SKEW.total_seconds():
            return ""
        side = "느립니다" if seconds > 0 else "빠릅니다"
        how = "시간 동기화(NTP)를 켜세요 (예: timedatectl set-ntp true)."
        return f"이 컴퓨터의 시계가 KIS보다 {duration(abs(seconds))} {side}. {how}"

    def token(self) -> str:
        """The token, asked for now: a refused key shows before anything else is done."""
        return self._token.get()

    def _body(self, path: str, tr_id: str, *, field: str = "output2", **params: str) -> Body:
        """An answer with the list `field`. Raises `SourceError` (this call failed), `Outage`, or a refusal of the key."""

        def call() -> Body:
            body = self._with_token(path, tr_id, params)
            if not isinstance(body.get(field), list):
                raise Transient(f"KIS의 답에 {field} 목록이 없습니다.")
            return body

        began = self._clock.time()
        try:
            return patiently(
                call, self._clock, reachable=self._ever_answered, hurried=self._hurried, waiting=self._waiting
            )
        except RateLimited as error:
            raise outage(error, self._settings.base_url) from error
        except Transient as error:
            if self._is_outage(error, began):
                raise outage(error, self._settings.base_url) from error
            raise

    def _ever_answered(self) -> bool:
        return self._answered_at > float("-inf")

    def _is_outage(self, error: Transient, began: float) -> bool:
        """Whether it is not this call alone: nobody reached KIS since it began, or all have failed for minutes."""
        if isinstance(error, Unreachable):
            return self._answered_at <= began
        return self._clock.time() - self._failing_since > _OUTAGE_SECONDS

    def _with_token(self, path: str, tr_id: str, params: dict[str, str]) -> Body:
        """One paced call; an expired token is renewed and the call repeated.

        One that stays refused, though it was just issued, is waited for once more: somebody may have revoked it (§3).
        """
        token = self._token.get()
        for left in reversed(range(_TOKEN_TRIES)):
            try:
                return self._send(path, tr_id, params, token)
            except TokenExpired as error:
                if not error.is_certain and self._has_guessed:
                    raise Transient(str(error)) from error
                self._has_guessed = not error.is_certain
                self._tell_of_token(token, error)
                refused = token
                if left > 1:
                    token = self._token.renew(refused=refused)
                    self._clock.sleep(1.0 if token == refused else 0.0)
                elif left == 1:
                    token = self._token.reissue(refused=refused)
        raise TokenRefused(TOKEN_REFUSED)

    def _tell_of_token(self, refused: str, error: TokenExpired) -> None:
        """Once a token, however many threads hold it."""
        with self._lock:
            news, self._refused = refused != self._refused, refused
        _log.log(logging.INFO if news else logging.DEBUG, "🔑 %s 토큰을 갱신합니다.", error)

    def _send(self, path: str, tr_id: str, params: dict[str, str], token: str) -> Body:
        self._limiter.wait()
        with self._lock:
            self.calls += 1
        try:
            body, date_header = exchange(
                self._session,
                "GET",
                f"{self._settings.base_url}{_QUOTES}/{path}",
                self._settings.env,
                params=params,
                headers=self._headers(tr_id, token),
            )
        except RateLimited:
            self._limiter.slow_down()
            raise
        except Transient:
            self._failing_since = min(self._failing_since, self._clock.time())
            raise
        self._answered_at, self._failing_since = self._clock.time(), float("inf")
        self._has_guessed = False
        self._waiting.end()
        self._compare_clocks(date_header)
        return body

    def _headers(self, tr_id: str, token: str) -> dict[str, str]:
        return {
            "authorization": f"Bearer {token}",
            "appkey": self._settings.app_key,
            "appsecret": self._settings.app_secret,
            "tr_id": tr_id,
            "tr_cont": "",
            "custtype": "P",
            "content-type": "application/json; charset=utf-8",
        }

    def _compare_clocks(self, date_header: str) -> None:
        try:
            skew = parsedate_to_datetime(date_header) - self._clock.now()
        except (ValueError, TypeError, OverflowError):
            return  # no Date header, or not a date: nothing to compare
        with self._lock:
            self._note_skew(skew)

    def _note_skew(self, skew: timedelta) -> None:
        """Take a jump of KIS's clock for one only where several answers in a row agree."""
        if abs(skew - self.skew) <= _JUMP:
            self._suspected.clear()
            self._skews.append(skew)
            return
        if self._suspected and abs(skew - self._suspected[-1]) > _JUMP:
            self._suspected.clear()
        self._suspected.append(skew)
        if len(self._suspected) >= _AGREEING:
            self._skews.clear()
            self._skews.extend(self._suspected)
            self._suspected.clear()
