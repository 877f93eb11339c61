"""The second source: a symbol's daily candles, against which its minutes are checked (docs/dev/kis_http.md §7)."""

import threading
from collections.abc import Callable, Sequence
from datetime import date, timedelta

from minute_candles.core.errors import BadRow
from minute_candles.kis.client import MOST_DAYS, KisClient
from minute_candles.market.daily import DailyAnswer, daily_by_date
from minute_candles.market.rows import DailyRow

EMPTY_TRIES = 4
"""So often an empty answer is requested before it counts (rule "Empty is not success")."""
_BEFORE = timedelta(days=12)
"""So many days more are requested in the same call: the close before the first day; no holidays last longer."""
DAILY_SPAN = timedelta(days=MOST_DAYS - 1) - _BEFORE
"""From the first to the last day of one call."""
Keep = Callable[[str, Sequence[DailyRow]], None]
"""Called with each answer's rows, by the thread that requested it."""


class DailyCandles:
    """The second source: daily candles of the span, one call a symbol, requested again while the answer is empty.

    Where nothing comes at all, the days around the span are requested: they tell a halt from an empty answer.
    """

    def __init__(
        self, client: KisClient, first: date, last: date, today: date, keep: Keep = lambda _symbol, _rows: None
    ) -> None:
        self._client, self._first, self._last, self._keep = client, first, last, keep
        self._beyond = max(last, min(today, last + DAILY_SPAN / 2))
        self._known: dict[str, DailyAnswer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, symbol: str, *, instead_of: DailyAnswer | None = None) -> DailyAnswer:
        """Return what KIS reported of this symbol; {} where it reported nothing, which proves nothing.

        `instead_of` an answer that contradicts: a newer one, requested once for all that got the same. Only they wait.
        """
        known = self._known.get(symbol)
        if known is None or known is instead_of:
            with self._lock(symbol):
                known = self._known.get(symbol)
                if known is None or known is instead_of:
                    known = self._known[symbol] = self._fetch(symbol)
        return known

    def prefetch(self, symbol: str) -> None:
        """Ask for a symbol's candles now unless another thread does: they are needed when the minutes have come."""
        if symbol not in self._known and self._lock(symbol).acquire(blocking=False):
            try:
                if symbol not in self._known:
                    self._known[symbol] = self._fetch(symbol)
            finally:
                self._lock(symbol).release()

    def _lock(self, symbol: str) -> threading.Lock:
        with self._guard:
            return self._locks.setdefault(symbol, threading.Lock())

    def _fetch(self, symbol: str) -> DailyAnswer:
        known: DailyAnswer = {}
        first = self._first
        while first <= self._last:
            known |= self._answer(symbol, first, min(self._last, first + DAILY_SPAN))
            first += DAILY_SPAN + timedelta(days=1)
        return known or self._answer(symbol, self._beyond - DAILY_SPAN, self._beyond)

    def _answer(self, symbol: str, first: date, last: date) -> DailyAnswer:
        """Return the candles of one call; rows of other dates count as nothing. Raises `BadRow`.

        A row that stays unreadable costs only its own day the comparison.
        """
        for attempt in range(EMPTY_TRIES):
            is_last = attempt == EMPTY_TRIES - 1
            try:
                rows = daily_by_date(self._client.daily(symbol, first - _BEFORE, last), strict=not is_last)
            except BadRow:
                if is_last:
                    raise
                continue
            self._keep(symbol, [row for row in rows.values() if row and first - _BEFORE <= row.day <= last])
            if inside := {day: candle for day, candle in rows.items() if first <= day <= last}:
                return inside
        return {}
