"""Half a million minutes that KIS really reported, as KIS would report them again.

A captured minute without volume whose turnover went up is one that showed late (kis_http.md §5): the reader never
requested it again, so its volume is put back here: the turnover that is missing, at the price that stood.
Turnover is printed to seven digits; what is chosen inside keeps low·volume ≤ Δ ≤ high·volume where rows allow it.
"""

import csv
import gzip
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable
from datetime import date, datetime, timedelta
from functools import cache
from itertools import chain
from typing import NamedTuple

from places import SHARED

from minute_candles.kis.parse import daily_rows, minute_rows
from minute_candles.market.rows import DailyRows, MinuteRows

CAPTURED = SHARED / "data" / "kis_minutes_2025-10-31_2025-11-28.csv.gz"
MINUTE = timedelta(minutes=1)
UNTRADED_PRICE = 1_000
"""KRW, of a day without a trade."""
OPEN, AUCTION, END = 900, 1530, 1539
DAILY = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")
Raw = dict[str, str]


class Traded(NamedTuple):
    """A minute with a trade; `turnover` is the day's so far, KRW. `late` = it was captured as a filler."""

    minute: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    late: bool = False


class RealDay:
    """One symbol's day: what traded, ascending."""

    def __init__(self, rows: list[Traded]) -> None:
        self.rows, self.minutes = rows, [row.minute for row in rows]
        self.late = [row.minute for row in rows if row.late]


@cache
def load(only: date | None = None) -> dict[date, dict[str, RealDay]]:
    """Every captured day, or one date alone, by date and symbol."""
    captured: dict[tuple[str, str], dict[str, Raw]] = defaultdict(dict)
    with gzip.open(CAPTURED, "rt") as file:
        names = next(file)
        wanted = f",{only:%Y%m%d}," if only else ","
        lines = (line for line in file if wanted in line)
        for raw in csv.DictReader(chain([names], lines)):
            known = captured[raw["date"], raw["code"]].setdefault(raw["time"], raw)
            if float(known["volume"]) == 0 or raw["section"] == "Historical":
                captured[raw["date"], raw["code"]][raw["time"]] = raw
    found: dict[date, dict[str, RealDay]] = defaultdict(dict)
    for day, symbol in sorted(captured):
        rows = _traded(sorted(captured[day, symbol].values(), key=lambda raw: raw["time"]))
        found[datetime.strptime(day, "%Y%m%d").date()][symbol] = RealDay(rows)
    return dict(found)


def _traded(raws: list[Raw]) -> list[Traded]:
    rows: list[Traded] = []
    turnover, before = 0, None
    for raw in raws:
        minute = datetime.fromisoformat(f"{raw['date']}T{raw['time']}")
        if not OPEN <= int(raw["time"][:4]) <= END:
            continue
        volume, reported = int(float(raw["volume"])), int(float(raw["acml_tr_pbmn"]))
        prices = tuple(int(float(raw[name])) for name in ("open", "high", "low", "close"))
        if volume:
            low, high = turnover + prices[2] * volume, turnover + prices[1] * volume
            turnover = min(max(reported, low), high) if rows else max(reported, low)
            rows.append(Traded(minute, *prices, volume, turnover))
        elif rows and before and rows[-1].minute < before:
            price = prices[3]
            shares = (reported - int(float(raw["rounding_half_step"])) - turnover) // price
            if shares > 0:
                turnover += shares * price
                rows.append(Traded(before, price, price, price, price, shares, turnover, late=True))
        before = minute
    return rows


class Replay:
    """KIS's answers about one date at the clock's moment; a symbol that is not there has never been listed.

    Today's TR is as it was captured: a minute shows only once a later one has traded (the running one: in its first
    seconds), and the closing auction is doubled.
    """

    skew, suspected_skew = timedelta(0), None

    def __init__(self, days: dict[str, RealDay], now: Callable[[], datetime]) -> None:
        self._days, self._now, self.calls = days, now, 0

    def token(self) -> str:
        return "token"

    def clock_trouble(self) -> str:
        return ""

    def today_minutes(self, symbol: str, last: datetime) -> MinuteRows:
        self.calls += 1
        day = self._days[symbol]
        now = self._now().replace(tzinfo=None, second=0, microsecond=0)
        closed = day.rows[: bisect_left(day.minutes, now)]
        auction_over = bool(closed) and closed[-1].minute.hour * 100 + closed[-1].minute.minute >= AUCTION
        trades_now = len(closed) < len(day.rows) and day.minutes[len(closed)] == now
        shown = {row.minute: row for row in (closed if auction_over or trades_now else closed[:-1])}
        found, minute = [], last.replace(tzinfo=None, second=0, microsecond=0)
        while len(found) < 30 and minute.hour * 100 + minute.minute >= OPEN:
            found.append(_row(shown[minute], doubled=True) if minute in shown else self._filler(closed, shown, minute))
            minute -= MINUTE
        return minute_rows(found)

    def _filler(self, closed: list[Traded], shown: dict[datetime, Traded], minute: datetime) -> Raw:
        """At the last shown price; the turnover of a minute that does not show stands in the fillers after it."""
        before = bisect_left(closed, minute, key=lambda row: row.minute)
        last_shown = next((row for row in reversed(closed[:before]) if row.minute in shown), None)
        price = last_shown.close if last_shown else closed[0].open if closed else UNTRADED_PRICE
        turnover = closed[before - 1].turnover if before else 0
        return _row(Traded(minute, price, price, price, price, 0, turnover))

    def past_minutes(self, symbol: str, last: datetime) -> MinuteRows:
        self.calls += 1
        until = min(last, self._now()).replace(tzinfo=None)
        return minute_rows([_row(row) for row in self._days[symbol].rows[::-1] if row.minute <= until][:120])

    def quote(self, symbol: str, now: datetime) -> None:
        """No live quote is captured."""

    def daily(self, symbol: str, first: date, last: date) -> DailyRows:
        self.calls += 1
        rows = self._days[symbol].rows or [Traded(self._now(), *[UNTRADED_PRICE] * 4, 0, 0)]
        high, low = max(row.high for row in rows), min(row.low for row in rows)
        numbers = (rows[0].open, high, low, rows[-1].close, sum(row.volume for row in rows))
        texts = zip(DAILY, map(str, numbers), strict=True)
        return daily_rows([{"stck_bsop_date": f"{rows[0].minute:%Y%m%d}", **dict(texts)}])


def _row(row: Traded, *, doubled: bool = False) -> Raw:
    is_auction = row.minute.hour * 100 + row.minute.minute >= AUCTION
    return {
        "stck_bsop_date": f"{row.minute:%Y%m%d}", "stck_cntg_hour": f"{row.minute:%H%M%S}",
        "stck_oprc": f"{row.open}", "stck_hgpr": f"{row.high}", "stck_lwpr": f"{row.low}", "stck_prpr": f"{row.close}",
        "cntg_vol": f"{row.volume * (2 if doubled and is_auction else 1)}", "acml_tr_pbmn": f"{row.turnover}",
    }  # fmt: skip
