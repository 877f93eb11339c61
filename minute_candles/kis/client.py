"""KIS's quotation endpoints: what is requested, and the typed rows that come back.

Sources: docs/dev/kis_http.md §5–§9 (endpoints). How a call is sent is in key_caller.py, how several keys are one in
key_ring.py.
"""

from collections.abc import Callable
from datetime import date, datetime, timedelta

import requests

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.kis import parse
from minute_candles.kis.clock_skew import TRUSTED_SKEW, ClockSkew
from minute_candles.kis.key_caller import Body, Caller, KeyCaller, Query, TokenSource
from minute_candles.kis.key_ring import KeyRing, KeyStatus
from minute_candles.kis.shared_call_limiter import limiter_of
from minute_candles.kis.shared_state import Shared
from minute_candles.kis.token import TokenCache
from minute_candles.market.rows import DailyRows, HolidayRow, MinuteRows, Quote

__all__ = ["MOST_DAYS", "TRUSTED_SKEW", "KisClient"]

MOST_DAYS = 100
"""Rows a daily answer holds at most; 100 calendar days never hold more trading days."""


class KisClient:
    """KIS's quotations. Thread-safe; `caller` sends the calls."""

    def __init__(self, caller: Caller) -> None:
        self.caller = caller
        self.on_previous_close: Callable[[str, date, int], None] | None = None
        """Called with a symbol, the day of its newest minutes and the close (KRW) of the session before."""

    @classmethod
    def of(
        cls, settings: Settings, token: TokenSource, clock: Clock, *, urgent: bool = False, connections: int = 16,
        shared: Shared | None = None,
    ) -> "KisClient":  # fmt: skip
        """Return the client of these settings: of one key, whose `token` it is, or of all keys of KIS_KEYS_FILE.

        A key's budget is shared through a file next to its token's, or through `shared`.
        """
        skew = ClockSkew(clock)

        def caller(of: Settings, source: TokenSource) -> KeyCaller:
            limiter = limiter_of(of, clock, urgent=urgent, shared=shared)
            return KeyCaller(of, source, limiter, clock, hurried=urgent, connections=connections, skew=skew)

        first, *others = settings.kis_keys
        callers = [caller(first, token), *(caller(other, TokenCache(other, clock, shared)) for other in others)]
        return cls(KeyRing(callers, clock, skew) if others else callers[0])

    @property
    def calls(self) -> int:
        """Requests sent so far, repeats included."""
        return self.caller.calls

    @property
    def skew(self) -> timedelta:
        """KIS's clock minus this host's, to a second."""
        return self.caller.skew.value

    @property
    def suspected_skew(self) -> timedelta | None:
        """The jumped skew that too few answers have confirmed yet, None without one."""
        return self.caller.skew.suspected

    def clock_trouble(self) -> str:
        """Return what is wrong with this host's clock and what to do; "" while it agrees with KIS's."""
        return self.caller.skew.trouble()

    def token(self) -> str:
        """Return a token: a refused key shows before anything else is done."""
        return self.caller.token()

    def keys(self) -> "list[tuple[str, KisClient]]":
        """Return a client for each key of several, by its name; [] for one key alone."""
        ring = self.caller
        return [(one.name, KisClient(one.caller)) for one in ring.members] if isinstance(ring, KeyRing) else []

    def key_status(self) -> list[KeyStatus]:
        """Return how each key of several fares; [] for one key alone."""
        return self.caller.status() if isinstance(self.caller, KeyRing) else []

    def listen(self, on_answer: Callable[[requests.Response], None]) -> None:
        """Hand every answer to `on_answer`, too, before it is judged."""
        self.caller.listen(on_answer)

    def past_minutes(self, symbol: str, last: datetime) -> MinuteRows:
        """Return ≤ 120 one-minute rows at and before `last` (KST), newest first.

        They may run into earlier days (§6).
        """
        body = self._send(
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
        """Return ≤ 30 one-minute rows of today at and before `last` (KST), newest first; never ask beyond now (§5)."""
        body = self._today_body(symbol, last)
        rows = parse.minute_rows(body["output2"])
        if self.on_previous_close and any(row.minute and row.minute.date() == last.date() for row in rows):
            quote = parse.quote(body.get("output1"))
            if quote and quote.previous_close:
                self.on_previous_close(symbol, last.date(), quote.previous_close)
        return rows

    def _today_body(self, symbol: str, last: datetime) -> Body:
        return self._send(
            "inquire-time-itemchartprice",
            "FHKST03010200",
            FID_ETC_CLS_CODE="",
            FID_COND_MRKT_DIV_CODE="J",
            FID_INPUT_ISCD=symbol,
            FID_INPUT_HOUR_1=f"{last:%H%M%S}",
            FID_PW_DATA_INCU_YN="N",
        )

    def daily(self, symbol: str, first: date, last: date, *, adjusted: bool = False) -> DailyRows:
        """Return daily rows from `first` to `last`, unadjusted unless `adjusted`.

        Every hundred days take one call (§7).
        """
        rows: DailyRows = []
        while first <= last:
            until = min(last, first + timedelta(days=MOST_DAYS - 1))
            body = self._send(
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
        """Return about thirty days from `first`; real keys only, at most once a day (§8)."""
        day = f"{first:%Y%m%d}"
        body = self._send("chk-holiday", "CTCA0903R", field="output", BASS_DT=day, CTX_AREA_FK="", CTX_AREA_NK="")
        return parse.holiday_rows(body["output"])

    def quote(self, symbol: str, now: datetime) -> Quote | None:
        """Return the symbol's live quote, which comes with today's minutes; None where KIS sends none (§5)."""
        return parse.quote(self._today_body(symbol, now).get("output1"))

    def _send(self, path: str, tr_id: str, *, field: str = "output2", **params: str) -> Body:
        """Return an answer with the list `field`. Raises `SourceError`, `Outage`, or a refusal of the key."""
        return self.caller.send(Query(path, tr_id, params, field))
