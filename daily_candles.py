"""The second source: a symbol's daily candles, against which its minutes are checked (law 8, kis_api.md §7)."""

import threading
from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple

from candles import is_number
from errors import BadRow
from kis_client import MOST_DAYS, KisClient

EMPTY_TRIES = 4
"""How often an empty answer is asked for before it is taken for one; empty is not success."""
DAILY_SPAN = timedelta(days=MOST_DAYS - 1)
"""From the first to the last day of one call."""


class DailyCandle(NamedTuple):
    """A symbol's day from the daily TR: KRW, shares. `volume` includes off-hours trades: an upper bound (§7)."""

    open: int
    high: int
    low: int
    close: int
    volume: int


DailyAnswer = dict[date, DailyCandle]
"""A symbol's daily candles as KIS told them at one time."""


class DailyCandles:
    """The second source: daily candles of the span, one call a symbol, asked again while the answer is empty.

    Where nothing comes at all, the days around the span are asked for: they tell a halted symbol from an empty answer.
    """

    def __init__(self, client: KisClient, first: date, last: date, today: date) -> None:
        self._client, self._first, self._last = client, first, last
        self._beyond = max(last, min(today, last + DAILY_SPAN / 2))
        self._known: dict[str, DailyAnswer] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._guard = threading.Lock()

    def get(self, symbol: str, *, instead_of: DailyAnswer | None = None) -> DailyAnswer:
        """What KIS told of this symbol; {} where it told nothing, which proves nothing.

        `instead_of` an answer that is doubted: a newer one, asked for once by all who doubt the same. Only they wait.
        """
        known = self._known.get(symbol)
        if known is None or known is instead_of:
            with self._lock(symbol):
                known = self._known.get(symbol)
                if known is None or known is instead_of:
                    known = self._known[symbol] = self._fetch(symbol)
        return known

    def prefetch(self, symbol: str) -> None:
        """Ask for a symbol's candles now unless somebody does: they are needed when the minutes have come."""
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
        """One call's candles; rows of other dates count as nothing."""
        for attempt in range(EMPTY_TRIES):
            try:
                rows = parse_daily(self._client.daily(symbol, first, last))
            except BadRow:
                if attempt == EMPTY_TRIES - 1:
                    raise
                continue
            if inside := {day: candle for day, candle in rows.items() if first <= day <= last}:
                return inside
        return {}


def parse_daily(raws: Iterable[object]) -> DailyAnswer:
    """Daily rows by date. Raises `BadRow` for one that cannot be read, or that came twice with different values."""
    found: DailyAnswer = {}
    for raw in raws:
        day, candle = _daily_row(raw)
        if found.setdefault(day, candle) != candle:
            raise BadRow(f"{day} 일봉이 서로 다른 값으로 두 번 왔습니다.")
    return found


def _daily_row(raw: object) -> tuple[date, DailyCandle]:
    fields = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")
    if not isinstance(raw, dict):
        raise BadRow("일봉 행이 JSON 객체가 아닙니다.")
    texts = [text for field in ("stck_bsop_date", *fields) if is_number(text := raw.get(field))]
    if len(texts) <= len(fields) or len(texts[0]) != 8:
        raise BadRow("일봉 행에 없거나 0 이상의 정수가 아닌 값이 있습니다.")
    try:
        return date.fromisoformat(texts[0]), DailyCandle(*map(int, texts[1:]))
    except ValueError as error:
        raise BadRow("일봉 행의 날짜가 있을 수 없는 값입니다.") from error
