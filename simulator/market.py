"""What trades on the simulated exchange. Pure: a day is a function of (seed, symbol, date), down to every single trade.

This is the oracle the collector is measured against, so it shares no code with it: it has its own calendar and its own
sessions, and its truth is folded from trades, not from candles. Minutes and seconds are counted from midnight KST.
"""

import math
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from random import Random
from typing import NamedTuple

import holidays

CSAT_DAYS = (date(2024, 11, 14), date(2025, 11, 13), date(2026, 11, 19))
AFTER_MARKET_SINCE = date(2026, 9, 14)
AFTER_MARKET_END = 20 * 60
AUCTION_MINUTES = 10
"""The last minutes before the close collect orders for the closing auction: no trades."""
LATE_MINUTES = 10
"""Rows up to this long after the close belong to the session (a late auction, kis_api.md §6)."""
TICK_LIMITS, TICKS = (2_000, 5_000, 20_000, 50_000, 200_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000)
SHARES = ((72, "liquid"), (88, "medium"), (95, "illiquid"), (97, "halted"), (98, "listed"), (99, "exact120"))
"""Of a hundred symbols: 72 liquid, 16 medium and so on; the last one "exact240"."""
KNOWN_PRICES = {"005930": 71_000, "000660": 260_000, "035420": 222_000, "035720": 62_000, "069500": 43_000}
PROFILES = ("liquid", "medium", "illiquid", "halted", "listed", "exact120", "exact240")
ODDITIES = ("plain", "late", "off_grid", "half_tick", "shifted", "auction_only", "halted", "halted_no_daily")

Trade = tuple[int, int, int]
"""Second of the day, price in KRW, shares."""


class Session(NamedTuple):
    """Minutes of the day: continuous trading from `open`, the auction at `close`, the after-market from `after`."""

    open: int
    close: int
    after: int


class Row(NamedTuple):
    """One minute as KIS knows it; `acml` = turnover of the day so far in KRW, `first` = index of its first trade."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    acml: int
    first: int


class Block(NamedTuple):
    """Trades outside the sessions: in the day's volume and turnover, in no minute."""

    volume: int
    turnover: int


NO_BLOCK = Block(0, 0)


class TruthCandle(NamedTuple):
    """What traded in a window of the regular session; `turnover` is None where the day's first minute is within."""

    timestamp: datetime
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int | None


@dataclass(frozen=True)
class MarketDay:
    """A symbol's day, all of it: `trades` ascending, the after-market included; `rows` are its minutes with a trade."""

    day: date
    session: Session
    trades: tuple[Trade, ...] = ()
    rows: tuple[Row, ...] = ()
    before: Block = NO_BLOCK
    between: Block = NO_BLOCK
    auction: int = -1
    shift: int = 0
    halt: str = ""

    def label(self, minute: int) -> int:
        """The second of the day KIS writes on this minute: off the grid on odd days, a minute early on a CSAT day.

        The after-market has its own labels: a minute early, its first row would fall into the session.
        """
        return minute * 60 + (self.shift if minute < self.session.after else 0)

    def closed_rows(self, second: int) -> tuple[Row, ...]:
        """The rows of the minutes that are over at this second of the day."""
        return self.rows[: bisect_left(self.rows, second // 60, key=lambda row: row.minute)]

    def running_row(self, second: int) -> Row | None:
        """The row of the running minute as far as it has traded."""
        closed = self.closed_rows(second)
        start = self.rows[len(closed)].first if len(closed) < len(self.rows) else len(self.trades)
        stop = bisect_right(self.trades, second, key=lambda trade: trade[0])
        return fold(self.trades[start:stop], acml_before=self._acml(start), first=start) if stop > start else None

    def seen(self, second: int) -> tuple[Trade, ...]:
        """Every trade up to and with this second of the day."""
        return self.trades[: bisect_right(self.trades, second, key=lambda trade: trade[0])]

    def _acml(self, index: int) -> int:
        """Turnover of the day before the trade at `index`."""
        total = self.before.turnover + sum(price * volume for _, price, volume in self.trades[:index])
        after = index < len(self.trades) and self.trades[index][0] >= self.session.after * 60
        return total + (self.between.turnover if after else 0)


def fold(trades: Sequence[Trade], *, acml_before: int, first: int) -> Row:
    """Trades of one minute as its row."""
    second, opening, _ = trades[0]
    high = low = price = opening
    total, acml = 0, acml_before
    for _, price, volume in trades:
        high, low = max(high, price), min(low, price)
        total += volume
        acml += price * volume
    return Row(second // 60, opening, high, low, price, total, acml, first)


class Calendar:
    """Trading days and sessions of the simulated exchange, 2015–2035."""

    def __init__(self) -> None:
        closed = holidays.financial_holidays("XKRX", years=range(2015, 2036))
        every = (date(2015, 1, 1) + timedelta(days=n) for n in range(7670))
        self.days = [day for day in every if day.weekday() < 5 and day not in closed]
        self._set = frozenset(self.days)

    def is_open(self, day: date) -> bool:
        return day in self._set

    def at_or_before(self, day: date) -> date:
        """The newest trading day up to and with `day`."""
        return self.days[bisect_right(self.days, day) - 1]

    def before(self, day: date, count: int = 1) -> date:
        """The trading day `count` before `day`."""
        return self.days[bisect_left(self.days, day) - count]

    def session(self, day: date) -> Session:
        if day in CSAT_DAYS:
            return Session(600, 990, 1000)
        first_of_year = self.before(day).year < day.year
        return Session(600 if first_of_year else 540, 930, 960)


@cache
def calendar() -> Calendar:
    """The one calendar (making it takes 0.15 s)."""
    return Calendar()


class Market:
    """Every symbol's every day.

    `profiles` and `oddities` overrule the dice for one symbol or one symbol-day, `listed` gives first trading days.
    `anchor` is the day the simulation starts on: "listed" symbols came to the market twelve days before it.
    """

    def __init__(
        self,
        seed: int,
        anchor: date,
        *,
        profiles: Mapping[str, str] | None = None,
        oddities: Mapping[tuple[str, date], str] | None = None,
        listed: Mapping[str, date] | None = None,
    ) -> None:
        self.calendar = calendar()
        self._seed, self._anchor = seed, anchor
        self._profiles, self._oddities, self._listed = dict(profiles or {}), dict(oddities or {}), dict(listed or {})
        self._check_overrides()
        self.day = lru_cache(maxsize=256)(self._day)
        self.last_price = lru_cache(maxsize=8192)(self._last_price)

    def _check_overrides(self) -> None:
        unknown = {*self._profiles.values()} - {*PROFILES} | {*self._oddities.values()} - {*ODDITIES}
        if unknown:
            raise ValueError(f"unknown profile or oddity: {sorted(unknown)}")

    def profile(self, symbol: str) -> str:
        """How a symbol trades, one of PROFILES."""
        roll = zlib.crc32(f"{symbol}-3".encode()) % 100
        by_dice = next((name for share, name in SHARES if roll < share), "exact240")
        return self._profiles.get(symbol, by_dice)

    def listing(self, symbol: str) -> date | None:
        """The first trading day of a symbol that came to the market lately; None for all others."""
        if symbol in self._listed or self.profile(symbol) != "listed":
            return self._listed.get(symbol)
        return self.calendar.at_or_before(self._anchor - timedelta(days=12))

    def is_listed(self, symbol: str, day: date) -> bool:
        listing = self.listing(symbol)
        return listing is None or day >= listing

    def truth(self, symbol: str, day: date, interval: int = 1) -> list[TruthCandle]:
        """What traded in the regular session, per window of `interval` minutes floored from midnight, ascending."""
        market = self.day(symbol, day)
        windows: dict[int, list[int]] = {}
        for second, price, volume in market.trades:
            label = market.label(second // 60) // 60
            if label >= market.session.close + LATE_MINUTES:
                break
            _trade_into(windows.setdefault(label - label % interval, []), price, volume)
        midnight = datetime.combine(day, datetime.min.time())
        first = min(windows, default=-1)
        return [
            TruthCandle(midnight + timedelta(minutes=at), w[0], w[1], w[2], w[3], w[4], None if at == first else w[5])
            for at, w in sorted(windows.items())
        ]

    def _last_price(self, symbol: str, day: date) -> int:
        """The last price of the regular session of `day`, or of the newest day before it that traded."""
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
        return _Trading(symbol, day, session, self.profile(symbol), oddity, dice).run()

    def _oddity(self, symbol: str, day: date, dice: Random) -> str:
        """What is strange about this symbol-day, one of ODDITIES."""
        roll = dice.random()
        if (symbol, day) in self._oddities:
            return self._oddities[symbol, day]
        if self.profile(symbol) == "halted" and roll < 0.2:
            return "halted" if roll < 0.1 else "halted_no_daily"
        if day in CSAT_DAYS and day < self._anchor and roll > 0.8:
            return "shifted"
        odd = ((0.47, "plain"), (0.49, "late"), (0.51, "off_grid"), (0.55, "half_tick"))
        return next((name for below, name in odd if roll < below), "plain")


class _Trading:
    """One symbol's day in the making."""

    def __init__(self, symbol: str, day: date, session: Session, profile: str, oddity: str, dice: Random) -> None:
        self.day, self.session, self.profile, self.oddity, self.dice = day, session, profile, oddity, dice
        self.busy = profile != "illiquid"
        self.lot = 40 if profile == "illiquid" else 150 + zlib.crc32(f"{symbol} lot".encode()) % 4000
        base = _on_tick(int(day_price(symbol, day) * (0.99 + 0.02 * dice.random())))
        self.price, self.floor, self.ceiling = base, int(base * 0.91), int(base * 1.09)
        self.trades: list[Trade] = []

    def run(self) -> MarketDay:
        """Trade the whole day."""
        before = self._block() if self.dice.random() < 0.5 else NO_BLOCK
        for minute in self._continuous_minutes():
            self._trade_minute(minute)
        auction = self._auction() if self._has_auction() else -1
        between = self._block() if self.session.after - self.session.close >= 30 else NO_BLOCK
        for minute in self._after_market_minutes():
            self._trade_minute(minute)
        shift = {"off_grid": 11, "shifted": -60}.get(self.oddity, 0)
        rows = tuple(_rows(self.trades, before, between, self.session))
        return MarketDay(self.day, self.session, tuple(self.trades), rows, before, between, auction, shift)

    def _continuous_minutes(self) -> list[int]:
        """The minutes of continuous trading in which somebody trades."""
        pool = range(self.session.open, self.session.close - AUCTION_MINUTES)
        count = {"exact120": 119, "exact240": 239}.get(self.profile, len(pool))
        if self.oddity == "auction_only":
            count = 0
        elif self.profile == "medium":
            count -= self.dice.randint(1, 31)
        elif self.profile == "illiquid":
            return self._rare_minutes(pool)
        return list(pool) if count == len(pool) else sorted(self.dice.sample(pool, count))

    def _rare_minutes(self, pool: range) -> list[int]:
        """An illiquid day: sometimes only the auction, sometimes nothing for the first hours."""
        roll = self.dice.random()
        if roll < 0.1:
            return []
        late_start = pool[self.dice.randint(60, 240) :] if roll < 0.3 else pool
        return sorted(self.dice.sample(late_start, min(len(late_start), self.dice.randint(2, 100))))

    def _has_auction(self) -> bool:
        return self.busy or not self.trades or self.oddity == "late" or self.dice.random() < 0.8

    def _after_market_minutes(self) -> list[int]:
        if self.day < AFTER_MARKET_SINCE:
            return []
        pool = range(self.session.after, AFTER_MARKET_END)
        return sorted(self.dice.sample(pool, self.dice.randint(80, 160) if self.busy else self.dice.randint(0, 4)))

    def _trade_minute(self, minute: int) -> None:
        """One to three trades; the first some seconds into the minute."""
        bits = self.dice.getrandbits(8)
        second = minute * 60 + 1 + bits % 20
        for _ in range(1 + (bits >> 5) % 3 if self.busy else 1):
            second = self._trade(second)

    def _trade(self, second: int) -> int:
        """One trade a tick up or down, never beyond the day's limits; the second of the next one."""
        bits = self.dice.getrandbits(48)
        price = self.price + tick_size(self.price) * (bits % 3 - 1)
        if self.floor <= price <= self.ceiling:
            self.price = price
        half = tick_size(self.price) // 2 if self.oddity == "half_tick" and not bits & 48 else 0
        self.trades.append((second, self.price + half, 1 + (bits >> 8) % self.lot))
        return second + 1 + (bits >> 40) % 13

    def _auction(self) -> int:
        """The closing auction: one big trade at one price; the minute it prints in."""
        minute = self.session.close + (2 if self.oddity == "late" else 0)
        self._trade(minute * 60 + self.dice.randint(2, 25))
        second, price, volume = self.trades[-1]
        self.trades[-1] = (second, price, volume * self.dice.randint(5, 60))
        return minute

    def _block(self) -> Block:
        volume = 1 + self.dice.getrandbits(20) % (self.lot * 5)
        return Block(volume, volume * self.price)


def _rows(trades: list[Trade], before: Block, between: Block, session: Session) -> list[Row]:
    """The minutes with a trade, in one pass."""
    rows: list[Row] = []
    acml, start = before.turnover, 0
    while start < len(trades):
        end = trades[start][0] // 60 * 60 + 60
        stop = start + 1
        while stop < len(trades) and trades[stop][0] < end:
            stop += 1
        if end > session.after * 60 and (not rows or rows[-1].minute < session.after):
            acml += between.turnover
        rows.append(fold(trades[start:stop], acml_before=acml, first=start))
        acml, start = rows[-1].acml, stop
    return rows


def _trade_into(window: list[int], price: int, volume: int) -> None:
    """Fold one trade into [open, high, low, close, volume, turnover]."""
    if not window:
        window += [price, price, price, price, 0, 0]
    window[1] = max(window[1], price)
    window[2] = min(window[2], price)
    window[3] = price
    window[4] += volume
    window[5] += price * volume


def tick_size(price: int) -> int:
    """KRW between two prices at this height."""
    return TICKS[bisect_right(TICK_LIMITS, price)]


def _on_tick(price: int) -> int:
    return price - price % tick_size(price)


def base_price(symbol: str) -> int:
    """A plausible price in KRW: 3,000 to 600,000, more often low than high."""
    if symbol in KNOWN_PRICES:
        return KNOWN_PRICES[symbol]
    return _on_tick(int(3_000 * 200 ** (zlib.crc32(f"{symbol} base".encode()) % 1000 / 1000)))


def day_price(symbol: str, day: date) -> float:
    """Where a symbol stands on a day: a slow wave, so that two days in a row stay within the ±30 % limit."""
    phase = zlib.crc32(f"{symbol} phase".encode()) % 628 / 100
    return base_price(symbol) * (1 + 0.05 * math.sin(day.toordinal() / 7 + phase))
