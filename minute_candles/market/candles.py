"""A candle: one window of trading, in whole KRW and whole shares, times naive KST (the table's DATETIME). Pure."""

from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple

_CENT = Decimal("0.01")


class Candle(NamedTuple):
    """One window of trading, [timestamp, timestamp + interval).

    `turnover` (KRW) and `vwap` (KRW, two decimals) are None where turnover does not prove them. A candle read back from
    the store has its `vwap` only; one that a `CandleReader` returns has the turnover that follows from it, too.
    """

    timestamp: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int | None
    vwap: Decimal | None

    @property
    def price_change(self) -> int:
        """KRW, close − open of this candle (the backend's meaning, kis_http.md §12)."""
        return self.close - self.open

    @property
    def price_change_percent(self) -> Decimal:
        """Change over the candle in percent, two decimals."""
        return (Decimal(100 * self.price_change) / self.open).quantize(_CENT, ROUND_HALF_UP)


Candles = dict[int, list[Candle]]
"""Candles of one symbol, by interval in minutes."""


def with_vwap(ohlcv: tuple[datetime, int, int, int, int, int], turnover: int | None) -> Candle:
    """Return a candle of these values; its VWAP is exact where its turnover is known."""
    vwap = None if turnover is None else (Decimal(turnover) / ohlcv[5]).quantize(_CENT, ROUND_HALF_UP)
    return Candle(*ohlcv, turnover, vwap)
