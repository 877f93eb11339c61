"""Asks KIS for what split-adjusted prices are adjusted by: two daily answers a symbol for every hundred days.

A split changes the factors of every earlier day, so they are asked for anew each time. Today's candles still move from
one answer to the next; its factor is 1, for KIS adjusts to today's shares.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta

from base.kst import KST
from db import Store
from kis.client import KisClient
from market.adjustment import Factor, factors
from market.daily import parse_daily


def refresh(
    client: KisClient, store: Store, symbols: Sequence[str], first: date, last: date, now: datetime,
    *, done: Callable[[], None] = lambda: None,
) -> None:  # fmt: skip
    """Keep the factors of these days. A symbol whose answers tell nothing has none afterwards."""
    today = now.astimezone(KST).date()
    until = min(last, today - timedelta(days=1))
    for symbol in symbols:
        found = [Factor(today, today, 1, 1)] if last >= today else []
        if first <= until:
            raw, adjusted = (parse_daily(client.daily(symbol, first, until, adjusted=way)) for way in (False, True))
            found = [*factors(raw, adjusted, first, until), *found]
        store.keep_factors(symbol, found, now)
        done()
