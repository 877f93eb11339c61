"""Ask KIS for what split-adjusted prices are adjusted by: two daily answers a symbol for every hundred days.

A split changes the factors of every earlier day. So all factors of a symbol are requested anew each time, and have one
basis. Today's candles still move from one answer to the next; today's factor is 1, for KIS adjusts to today's shares.
"""

from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from fractions import Fraction

from minute_candles.core.errors import Outage, SourceError
from minute_candles.core.kst import KST
from minute_candles.kis.client import KisClient
from minute_candles.market.adjustment import Factor, factors, joined_equal
from minute_candles.market.daily import daily_by_date
from minute_candles.storage.store import Store


def refresh(
    client: KisClient, store: Store, spans: Mapping[str, tuple[date, date]], now: datetime,
    *, done: Callable[[], None] = lambda: None,
) -> dict[str, str]:  # fmt: skip
    """Store the factors of each symbol's days, first and last; answers whom KIS did not tell them of, and why.

    A symbol whose answers hold no daily rows has none afterwards. Raises `Outage` where KIS is away for all of them.
    """
    failed = {}
    for symbol, (first, last) in spans.items():
        try:
            known = store.factors(symbol)
            span = min([first, *(one.first for one in known)]), max([last, *(one.last for one in known)])
            store.keep_factors(symbol, _factors_of(client, symbol, *span, now.astimezone(KST).date()), now)
        except Outage:
            raise
        except SourceError as error:
            failed[symbol] = f"{symbol}: 수정계수를 알 수 없습니다 ({error})"
        done()
    return failed


def _factors_of(client: KisClient, symbol: str, first: date, last: date, today: date) -> list[Factor]:
    until = min(last, today - timedelta(days=1))
    found = [Factor(today, today, 1, 1, Fraction(1))] if last >= today else []
    if first <= until:
        raw, adjusted = (daily_by_date(client.daily(symbol, first, until, adjusted=way)) for way in (False, True))
        found = [*factors(raw, adjusted, first, until), *found]
    return joined_equal(found)
