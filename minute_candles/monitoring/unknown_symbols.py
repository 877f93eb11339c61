"""Codes that KIS does not know: delisted, or mistyped. Named once a day, and left out of the day's work.

An empty answer proves nothing ("Empty is not success"): it is requested twice, and a symbol that always trades must be
answered meanwhile.
"""

import logging
from datetime import date, timedelta

from minute_candles.config.symbols_file import USUALLY_ACTIVE
from minute_candles.core.clock import Clock
from minute_candles.core.errors import MinuteDataError, Stopped
from minute_candles.kis.client import KisClient
from minute_candles.market.daily import DailyAnswer, daily_by_date

LOOK_BACK = timedelta(days=30)
GONE_AFTER = timedelta(days=14)
"""A suspended symbol has daily candles of volume 0; one without any for so long is gone."""
_WHAT_TO_DO = "상장폐지됐거나 잘못된 코드면 종목 파일(symbols.csv, --symbols)에서 빼세요."
_log = logging.getLogger(__name__)


class UnknownSymbols:
    """The symbols that KIS does not know today. Two threads may ask about the same symbol at once."""

    def __init__(self, client: KisClient, clock: Clock) -> None:
        self._client, self._clock = client, clock
        self._unknown: dict[str, date] = {}
        self._listed: dict[str, date] = {}

    def __contains__(self, symbol: str) -> bool:
        """Return whether the symbol was found to be unknown today."""
        return self._unknown.get(symbol) == self._clock.now().date()

    def check(self, symbol: str) -> bool:
        """Return whether KIS knows other symbols and not this one; log it the first time."""
        today = self._clock.now().date()
        if symbol in self or self._listed.get(symbol) == today:
            return symbol in self
        first = self.daily(symbol)
        if first and today - max(first) < GONE_AFTER:
            self._listed[symbol] = today
            return False
        second = self.daily(symbol)
        if first is None or second is None or not self.daily(well_known(symbol)):
            return False
        newest = max({**first, **second}, default=None)
        if newest and today - newest < GONE_AFTER:
            return False
        why = f"마지막 일봉이 {newest}입니다" if newest else "KIS에 분봉도 일봉도 없습니다"
        _log.warning("⚠️ %s: %s. %s", symbol, why, _WHAT_TO_DO)
        self._unknown[symbol] = today
        return True

    def daily(self, symbol: str) -> DailyAnswer | None:
        """Return the symbol's last daily candles, None where KIS does not answer."""
        today = self._clock.now().date()
        try:
            return daily_by_date(self._client.daily(symbol, today - LOOK_BACK, today), strict=False)
        except Stopped:
            raise
        except MinuteDataError as error:
            _log.debug("daily candles of %s: %s", symbol, error)
            return None


def well_known(symbol: str, others: frozenset[str] = frozenset()) -> str:
    """Return a symbol that trades every minute: not this one and, where possible, none of the others."""
    usual = [candidate for candidate in USUALLY_ACTIVE if candidate != symbol]
    return next((candidate for candidate in usual if candidate not in others), usual[0])
