"""Codes that KIS does not know: delisted, or mistyped in the list. Named once a day, and left out of the day's work.

An empty answer proves nothing (law 8): it is asked twice, and a symbol that everybody knows must be answered meanwhile.
"""

import logging
from datetime import date, timedelta

from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.kis.client import KisClient
from minute_candles.market.daily import DailyAnswer, parse_daily

LOOK_BACK = timedelta(days=30)
GONE_AFTER = timedelta(days=14)
"""A suspended symbol has daily candles of volume 0; one without any for so long is gone."""
_WHAT_TO_DO = "상장폐지됐거나 잘못된 코드면 종목 파일(symbols.csv, --symbols)에서 빼세요."
_log = logging.getLogger(__name__)


class Strangers:
    """Who is a stranger today. Thread-safe enough: at worst one is asked about twice."""

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._found: dict[str, date] = {}
        self._alive: dict[str, date] = {}

    def know(self, symbol: str) -> bool:
        """Whether the symbol was found to be one today."""
        return self._found.get(symbol) == self._clock.now().date()

    def is_one(self, symbol: str) -> bool:
        """Whether KIS knows others and not this one; named the first time."""
        today = self._clock.now().date()
        if self.know(symbol) or self._alive.get(symbol) == today:
            return self.know(symbol)
        told = self.daily(symbol)
        if told and today - max(told) < GONE_AFTER:
            self._alive[symbol] = today
            return False
        again = self.daily(symbol)
        if told is None or again is None or not self.daily(well_known(symbol)):
            return False
        newest = max({**told, **again}, default=None)
        if newest and today - newest < GONE_AFTER:
            return False
        why = f"마지막 일봉이 {newest}입니다" if newest else "KIS에 분봉도 일봉도 없습니다"
        _log.warning("⚠️ %s: %s. %s", symbol, why, _WHAT_TO_DO)
        self._found[symbol] = today
        return True

    def daily(self, symbol: str) -> DailyAnswer | None:
        """The symbol's last daily candles; None where KIS cannot be asked."""
        today = self._clock.now().date()
        try:
            return parse_daily(self._client.daily(symbol, today - LOOK_BACK, today), strict=False)
        except Stopped:
            raise
        except MinuteDataError as error:
            _log.debug("daily candles of %s: %s", symbol, error)
            return None


def well_known(symbol: str, others: frozenset[str] = frozenset()) -> str:
    """A symbol that trades every minute, another one than this and, where possible, than the others."""
    usual = [one for one in USUALLY_ACTIVE if one != symbol]
    return next((one for one in usual if one not in others), usual[0])
