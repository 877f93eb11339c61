"""What trades on the simulated exchange. Pure: a day is a function of (seed, symbol, date), down to every single trade.

This is the oracle the collector is measured against, so it shares no code with it: it has its own calendar and its own
sessions, and its truth is folded from trades, not from candles. Minutes and seconds are counted from midnight KST.
"""

import zlib
from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import NamedTuple

from kis_simulator.exchange.calendar import CSAT_DAYS, LATE_MINUTES, Calendar
from kis_simulator.exchange.day import MarketDay
from kis_simulator.exchange.trading import Trading, base_price
from kis_simulator.faults.server_behaviour import ServerBehaviour

SHARES = ((72, "liquid"), (88, "medium"), (95, "illiquid"), (97, "halted"), (98, "listed"), (99, "exact120"))
"""Of a hundred symbols: 72 liquid, 16 medium and so on; the last one "exact240"."""
PROFILES = (
    "liquid", "medium", "illiquid", "halted", "listed", "exact120", "exact240", "suspended", "call_auction", "brisk",
)  # fmt: skip
ODDITIES = (
    "plain", "late", "off_grid", "half_tick", "shifted", "auction_only", "halted", "halted_no_daily", "vi", "late_open",
    "late_tick", "lively", "paused",
)  # fmt: skip


class TruthCandle(NamedTuple):
    """What traded in a window of the regular session; `turnover` is None where nothing need prove it."""

    timestamp: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int | None


class Market:
    """Every symbol's every day.

    `profiles` and `oddities` overrule the dice for one symbol or one symbol-day. `listed` gives first trading days,
    `csat` adds CSAT days that are not announced.
    `anchor` is the day the simulation starts on: "listed" symbols came to the market twelve days before it.
    `days_kept`: symbol-days kept in memory, about 170 KB each; one that was dropped is made again in 3 ms.
    """

    def __init__(
        self,
        seed: int,
        anchor: date,
        *,
        profiles: Mapping[str, str] | None = None,
        oddities: Mapping[tuple[str, date], str] | None = None,
        listed: Mapping[str, date] | None = None,
        csat: Collection[date] = (),
        days_kept: int = 256,
        behaviour: ServerBehaviour | None = None,
    ) -> None:
        self.calendar = Calendar(csat)
        self._seed, self._anchor, self._behaviour = seed, anchor, behaviour or ServerBehaviour()
        self._profiles, self._oddities, self._listed = dict(profiles or {}), dict(oddities or {}), dict(listed or {})
        self._check_overrides()
        self.day = lru_cache(maxsize=days_kept)(self._day)
        self.last_price = lru_cache(maxsize=8192)(self._last_price)

    def _check_overrides(self) -> None:
        unknown = {*self._profiles.values()} - {*PROFILES} | {*self._oddities.values()} - {*ODDITIES}
        if unknown:
            raise ValueError(f"unknown profile or oddity: {sorted(unknown)}")

    def profile(self, symbol: str) -> str:
        """Return how a symbol trades, one of PROFILES."""
        roll = zlib.crc32(f"{symbol}-3".encode()) % 100
        by_dice = next((name for share, name in SHARES if roll < share), "exact240")
        return self._profiles.get(symbol, by_dice)

    def listing(self, symbol: str) -> date | None:
        """Return the first trading day of a symbol that came to the market lately; None for all others."""
        if symbol in self._listed or self.profile(symbol) != "listed":
            return self._listed.get(symbol)
        return self.calendar.at_or_before(self._anchor - timedelta(days=12))

    def is_listed(self, symbol: str, day: date) -> bool:
        """Return whether a symbol trades on a day or did before."""
        listing = self.listing(symbol)
        return listing is None or day >= listing

    def truth(
        self,
        symbol: str,
        day: date,
        interval: int = 1,
        *,
        unproven: Collection[int] = (),
        without: Collection[int] = (),
        opening: bool = False,
    ) -> list[TruthCandle]:
        """Return what traded in the regular session, per window of `interval` minutes floored from midnight, ascending.

        `unproven` = minutes whose turnover is to be None, `without` = minutes that are left out.
        `opening` = give the turnover of the day's first minute, too, which a filler row before it proves.
        """
        market = self.day(symbol, day)
        windows: dict[int, list[int]] = {}
        unknown: set[int] = set()
        for second, price, volume, turnover in market.trades:
            label = market.label(second // 60) // 60
            if label >= market.session.close + LATE_MINUTES:
                break
            if second // 60 in without:
                continue
            if second // 60 in unproven:
                unknown.add(label - label % interval)
            _trade_into(windows.setdefault(label - label % interval, []), price, volume, turnover)
        midnight = datetime.combine(day, datetime.min.time())
        unknown |= set() if opening else {min(windows, default=-1)}
        return [
            TruthCandle(midnight + timedelta(minutes=at), w[0], w[1], w[2], w[3], w[4], None if at in unknown else w[5])
            for at, w in sorted(windows.items())
        ]

    def _last_price(self, symbol: str, day: date) -> int:
        """Return the last price of the regular session of `day`, or of the newest day before it that traded."""
        for _ in range(30):
            market = self.day(symbol, day)
            if market.rows:
                return [row for row in market.rows if row.minute < market.session.after][-1].close
            day = self.calendar.before(day)
        return base_price(symbol)

    def _day(self, symbol: str, day: date) -> MarketDay:
        session = self.calendar.session(day)
        if not self.calendar.is_open(day) or not self.is_listed(symbol, day):
            return MarketDay(day, session)
        dice = Random(f"{self._seed}/{symbol}/{day}")
        oddity = self._oddity(symbol, day, dice)
        if oddity.startswith("halted"):
            return MarketDay(day, session, halt="gone" if oddity == "halted_no_daily" else "zero")
        return Trading(symbol, day, session, self.profile(symbol), oddity, dice, self._behaviour).run()

    def _oddity(self, symbol: str, day: date, dice: Random) -> str:
        """Return what is strange about this symbol-day, one of ODDITIES."""
        roll = dice.random()
        if (symbol, day) in self._oddities:
            return self._oddities[symbol, day]
        if self.profile(symbol) == "suspended":
            return "halted"
        if self.profile(symbol) == "halted" and roll < 0.2:
            return "halted" if roll < 0.1 else "halted_no_daily"
        if day in CSAT_DAYS and day < self._anchor and roll > 0.8:
            return "shifted"
        odd = ((0.47, "plain"), (0.49, "late"), (0.51, "off_grid"), (0.55, "half_tick"))
        return next((name for below, name in odd if roll < below), "plain")


def _trade_into(window: list[int], price: int, volume: int, turnover: int) -> None:
    """Fold one trade into [open, high, low, close, volume, turnover]."""
    if not window:
        window += [price, price, price, price, 0, 0]
    window[1] = max(window[1], price)
    window[2] = min(window[2], price)
    window[3] = price
    window[4] += volume
    window[5] += turnover
