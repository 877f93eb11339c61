"""How a symbol's day comes to be: dice, a price that walks, trades minute by minute, the auctions, the blocks. Pure."""

import math
import zlib
from bisect import bisect_right
from datetime import date
from random import Random

from kis_simulator.exchange.calendar import AFTER_MARKET_END, AFTER_MARKET_SINCE, AUCTION_MINUTES, Session
from kis_simulator.exchange.day import NO_BLOCK, Block, MarketDay, Row, Trade, Trades, fold
from kis_simulator.faults.server_behaviour import ServerBehaviour

TICK_LIMITS, TICKS = (2_000, 5_000, 20_000, 50_000, 200_000, 500_000), (1, 5, 10, 50, 100, 500, 1_000)
KNOWN_PRICES = {"005930": 71_000, "000660": 260_000, "035420": 222_000, "035720": 62_000, "069500": 43_000}


class Trading:
    """One symbol's day in the making."""

    def __init__(
        self,
        symbol: str,
        day: date,
        session: Session,
        profile: str,
        oddity: str,
        dice: Random,
        behaviour: ServerBehaviour,
    ) -> None:
        self.day, self.session, self.profile, self.oddity, self.dice = day, session, profile, oddity, dice
        self.behaviour = behaviour
        self.busy = profile != "illiquid"
        self.lot = 40 if profile == "illiquid" else 150 + zlib.crc32(f"{symbol} lot".encode()) % 4000
        base = _on_tick(int(day_price(symbol, day) * (0.99 + 0.02 * dice.random())))
        self.price, self.floor, self.ceiling = base, int(base * 0.91), int(base * 1.09)
        self.trades: list[Trade] = []

    def run(self) -> MarketDay:
        """Trade the whole day."""
        roll = self.dice.random()
        block = self._block() if roll < 0.5 or roll < self.behaviour.off_hours else NO_BLOCK
        before = block if roll < self.behaviour.off_hours else NO_BLOCK
        for minute in self._continuous_minutes():
            self._trade_minute(minute)
        auction = self._auction() if self._has_auction() else -1
        between = self._block() if self.session.after - self.session.close >= 30 else NO_BLOCK
        for minute in self._after_market_minutes():
            self._trade_minute(minute)
        before = before if self._may_precede(before) else NO_BLOCK
        shift = {"off_grid": 11, "shifted": -60}.get(self.oddity, 0)
        rows = tuple(_rows(self.trades, before, between, self.session))
        return MarketDay(self.day, self.session, Trades(self.trades), rows, before, between, auction, shift)

    def _may_precede(self, block: Block) -> bool:
        """Return whether so much can precede the open: at most 0.32 % of a day that begins behind it (§6)."""
        opens = bool(self.trades) and self.trades[0][0] // 60 == self.session.open
        return opens or 1000 * block.turnover <= 3 * sum(trade[3] for trade in self.trades)

    def _continuous_minutes(self) -> list[int]:
        """Return the minutes of continuous trading in which somebody trades."""
        pool = range(self.session.open, self.session.close - AUCTION_MINUTES)
        count = {"exact120": 119, "exact240": 239}.get(self.profile, len(pool))
        if self.oddity == "auction_only":
            count = 0
        elif self.profile == "call_auction":
            return list(pool[::30])
        elif self.profile == "medium":
            count -= self.dice.randint(1, 31)
        elif self.profile == "illiquid":
            return self._rare_minutes(pool)
        minutes = list(pool) if count == len(pool) else sorted(self.dice.sample(pool, count))
        if self.oddity == "late_tick":
            minutes.append(pool.stop)
        return [at for at in minutes if not self._is_halted(at - self.session.open)]

    def _is_halted(self, since_open: int) -> bool:
        """Return whether an interruption (vi, 3 minutes), a suspension (20) or a late opening (2) stops trading."""
        first, last = {"vi": (150, 153), "paused": (60, 80), "late_open": (0, 2)}.get(self.oddity, (0, 0))
        return first <= since_open < last

    def _rare_minutes(self, pool: range) -> list[int]:
        """Return an illiquid day: sometimes only the auction, sometimes nothing for the first hours."""
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
        """Make one to three trades; the first some seconds into the minute.

        A brisk symbol trades within two seconds, in seven minutes of eight within one: two trades a second or so. The
        slowest symbol whose frames were captured had 2.8 (data/kis_websocket_frames.txt: counts since the open).
        """
        bits = self.dice.getrandbits(8)
        second = minute * 60 + (bits % 8 == 0 if self.profile == "brisk" else 1 + bits % 20)
        if self.oddity == "late_open" and not self.trades:
            second = minute * 60 + 34
        if self.oddity == "late_tick" and minute == self.session.close - AUCTION_MINUTES:
            self._trade(minute * 60 + 1)  # in the first second in which there should be none
            return
        if self.oddity == "lively" and minute < self.session.close:
            self._trade_lively(minute)
            return
        for _ in range(1 + (bits >> 5) % 3 if self.busy else 1):
            second = self._trade(second)

    def _trade_lively(self, minute: int) -> None:
        """Make a small trade in nearly every second from the minute's first on; one in eight moves the price."""
        second = minute * 60
        while second < minute * 60 + 60:
            price, bits = self.price, self.dice.getrandbits(8)
            self._trade(second)
            self.price = self.price if bits % 8 == 0 else price
            volume = 1 + self.trades[-1][2] // 16
            self.trades[-1] = (second, self.price, volume, self.price * volume)
            second += 1 + (bits & 24 == 0)

    def _trade(self, second: int) -> int:
        """Return one trade a tick up or down, never beyond the day's limits; the second of the next one."""
        bits = self.dice.getrandbits(48)
        price = self.price + tick_size(self.price) * (bits % 3 - 1)
        if self.floor <= price <= self.ceiling:
            self.price = price
        tick = tick_size(self.price) if self.oddity == "half_tick" and not bits & 48 else 0
        price, volume = self.price + tick // 2, 1 + (bits >> 8) % self.lot
        turnover = (self.price * 2 + tick) * volume // 2 if self.behaviour.cut_half_ticks else price * volume
        self.trades.append((second, price, volume, turnover))
        return second + 1 + (bits >> 40) % 13

    def _auction(self) -> int:
        """Return the closing auction: one big trade at one price; the minute it prints in."""
        minute = self.session.close + (2 if self.oddity == "late" else 0)
        self._trade(minute * 60 + self.dice.randint(2, 25))
        second, price, volume, turnover = self.trades[-1]
        times = self.dice.randint(5, 60)
        self.trades[-1] = (second, price, volume * times, turnover * times)
        return minute

    def _block(self) -> Block:
        volume = 1 + self.dice.getrandbits(20) % (self.lot * 5)
        return Block(volume, volume * self.price)


def _rows(trades: list[Trade], before: Block, between: Block, session: Session) -> list[Row]:
    """Return the minutes with a trade, in one pass."""
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


def tick_size(price: int) -> int:
    """Return KRW between two prices at this height."""
    return TICKS[bisect_right(TICK_LIMITS, price)]


def _on_tick(price: int) -> int:
    return price - price % tick_size(price)


def base_price(symbol: str) -> int:
    """Return a plausible price in KRW: 3,000 to 600,000, more often low than high."""
    if symbol in KNOWN_PRICES:
        return KNOWN_PRICES[symbol]
    return _on_tick(int(3_000 * 200 ** (zlib.crc32(f"{symbol} base".encode()) % 1000 / 1000)))


def day_price(symbol: str, day: date) -> float:
    """Return where a symbol stands on a day: a slow wave, so that two days in a row stay within the ±30 % limit."""
    phase = zlib.crc32(f"{symbol} phase".encode()) % 628 / 100
    return base_price(symbol) * (1 + 0.05 * math.sin(day.toordinal() / 7 + phase))
