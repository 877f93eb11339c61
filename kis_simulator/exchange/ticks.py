"""Records of H0STCNT0, one for each execution of a symbol-day, made of the market's own trades (kis_websocket.md §1).

Pure. A symbol's records rebuild its minutes exactly; off-hours volume and turnover stand in ACML_* and in no record.
"""

from array import array
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import accumulate
from typing import NamedTuple

from kis_simulator.exchange.calendar import AFTER_MARKET_SINCE
from kis_simulator.exchange.day import MarketDay, Trade
from kis_simulator.exchange.trading import tick_size

CLASS_SINCE = AFTER_MARKET_SINCE
"""Since then MARKET_CLS_CODE is the 47th field."""
_GOLDEN = (5**0.5 - 1) / 2


@dataclass
class TickForm:
    """How ticks come; change them before a symbol is registered.

    `width` = fields of a record (0 = 46, since 2026-09-14 47). `split` = the most executions that a trade is reported
    as, over the time to the next one. `auction_class`, `auction_code` = classes of the closing cross. `closing_price` =
    the off-hours block between close and after-market comes as a record of class 5.
    """

    width: int = 0
    split: int = 1
    auction_class: str = "2"
    auction_code: str = "20"
    closing_price: bool = False


_EACH = 64
"""Of so many trades the state before one is kept."""


class _State(NamedTuple):
    """A symbol's day before a trade: totals (off-hours included), extremes as (price, second), counts and sums."""

    volume: int
    turnover: int
    own_volume: int
    own_turnover: int
    opened: tuple[int, int]
    high: tuple[int, int]
    low: tuple[int, int]
    sells: int
    buys: int
    sold: int
    bought: int


class Tape:
    """The records of one symbol-day in order, the n-th made when it is requested."""

    def __init__(self, symbol: str, day: MarketDay, previous_close: int, form: TickForm) -> None:
        self.symbol, self.day, self._previous, self._form = symbol, day, previous_close, form
        self._trades = _with_closing_price(day) if form.closing_price else day.trades
        self._seconds = array("l", (trade[0] for trade in self._trades))
        self._moments = array("d", (second + at * _GOLDEN % 1 for at, second in enumerate(self._seconds)))
        self._first = array("l", (0, *accumulate(self._executions(at) for at in range(len(self._trades)))))
        self._kept: list[_State] = []
        for at in range(0, len(self._trades), _EACH):
            self._kept.append(self._state(at))

    def __len__(self) -> int:
        return self._first[-1]

    def sent_by(self, second: float) -> int:
        """Return how many records have come by this second: each some time within the second of its label."""
        at = bisect_right(self._moments, second) - 1
        if at < 0:
            return 0
        count = self._first[at + 1] - self._first[at]
        begun = int((second - self._moments[at]) / self._span(at) * count) + 1
        return self._first[at] + min(count, begun)

    def record(self, number: int) -> list[str]:
        """Return the fields of a record."""
        at = bisect_right(self._first, number) - 1
        part, count = number - self._first[at], self._first[at + 1] - self._first[at]
        second, price, volume, turnover = self._trades[at]
        before, until = volume * part // count, volume * (part + 1) // count
        second = int(self._moments[at] + self._span(at) * part / count)
        return self._fields(at, (second, price, until - before, 0), part, until, turnover * until // volume)

    def _executions(self, at: int) -> int:
        """Return the opening and the closing cross are one record each."""
        second, _, volume, _ = self._trades[at]
        return 1 if at == 0 or second // 60 == self.day.auction else max(1, min(self._form.split, volume))

    def _span(self, at: int) -> float:
        """Return the seconds from a trade to the next one, within its minute."""
        minute_end = self._seconds[at] // 60 * 60 + 60
        following = self._moments[at + 1] if at + 1 < len(self._moments) else minute_end
        return min(minute_end, following) - self._moments[at]

    def _state(self, at: int) -> _State:
        """Return the state before a trade, from the last kept one: all states of a day would take 5 MB a symbol."""
        if not self._kept:
            before, nothing = self.day.before, (0, 0)
            state = _State(before.volume, before.turnover, 0, 0, nothing, nothing, nothing, 0, 0, 0, 0)
            self._last = (0, self._with_block(state, 0))
            return self._last[1]
        kept = min(at // _EACH, len(self._kept) - 1)
        begin, state = max(
            ((kept * _EACH, self._kept[kept]), self._last), key=lambda one: one[0] if one[0] <= at else -1
        )
        for step in range(begin, at):
            count = self._first[step + 1] - self._first[step]
            state = self._with_block(self._after(state, step, self._trades[step], count), step + 1)
        self._last = (at, state)  # records are read in order
        return state

    def _with_block(self, state: _State, at: int) -> _State:
        """Return the state with the off-hours block, which precedes the first trade of the after-market.

        It is not a record of its own there.
        """
        if self._form.closing_price or not self._is_first_after_market(at):
            return state
        block = self.day.between
        return state._replace(volume=state.volume + block.volume, turnover=state.turnover + block.turnover)

    def _after(self, state: _State, at: int, trade: Trade, count: int) -> _State:
        second, price, volume, turnover = trade
        here = (price, second)
        buys = 0 if at == 0 else count * self._is_buy(at)
        sells = 0 if at == 0 else count - buys
        return _State(
            state.volume + volume, state.turnover + turnover, state.own_volume + volume, state.own_turnover + turnover,
            state.opened if at else here,
            here if not at or price > state.high[0] else state.high,
            here if not at or price < state.low[0] else state.low,
            state.sells + sells, state.buys + buys,
            state.sold + (volume if sells else 0), state.bought + (volume if buys else 0),
        )  # fmt: skip

    def _is_buy(self, at: int) -> bool:
        price, before = self._trades[at][1], self._trades[at - 1][1]
        return price > before or (price == before and self._seconds[at] % 2 == 0)

    def _is_first_after_market(self, at: int) -> bool:
        start = self.day.session.after * 60
        return self._seconds[at] >= start and (at == 0 or self._seconds[at - 1] < start)

    def _classes(self, at: int) -> tuple[str, str]:
        """Return NEW_MKOP_CLS_CODE and MARKET_CLS_CODE."""
        minute = self._seconds[at] // 60
        if minute == self.day.auction:
            return self._form.auction_code, self._form.auction_class
        if minute >= self.day.session.after:
            return "30", "3"
        return ("31", "5") if minute > self.day.session.close + 10 else ("20", "2")

    def _fields(self, at: int, execution: Trade, part: int, volume: int, turnover: int) -> list[str]:
        """Return the fields of a record; `volume`, `turnover` = of the trade, up to and with this execution."""
        second, price, shares, _ = execution
        state = self._state(at)
        opened, high, low = self._extremes(state, price, second)
        sells, buys, sold, bought, side = self._sides(at, state, part, volume)
        own_volume, own_turnover = state.own_volume + volume, state.own_turnover + turnover
        tick = tick_size(price)
        code, market_class = self._classes(at)
        fields = [
            self.symbol, hhmmss(second), str(price), *_against(price, self._previous, rate=True),
            f"{own_turnover / own_volume:.2f}", str(opened[0]), str(high[0]), str(low[0]),
            str(price + tick), str(price), str(shares), str(state.volume + volume), str(state.turnover + turnover),
            str(sells), str(buys), str(buys - sells), f"{bought / sold * 100 if sold else 0:.2f}",
            str(sold), str(bought), side, f"{bought / (sold + bought) if sold + bought else 0:.2f}", "100.00",
            *_extreme(opened, price), *_extreme(high, price), *_extreme(low, price),
            f"{self.day.day:%Y%m%d}", code, "N", "1200", "1300", "52000", "61000",
            "0.10", "10000000", "100.00", "0", "", str(opened[0]), market_class, *["0"] * 8,
        ]  # fmt: skip
        return fields[: self._form.width or width_of(self.day.day)]

    def _extremes(self, state: _State, price: int, second: int) -> tuple[tuple[int, int], ...]:
        here = (price, second)
        if not state.own_volume:
            return here, here, here
        return (
            state.opened,
            here if price > state.high[0] else state.high,
            here if price < state.low[0] else state.low,
        )

    def _sides(self, at: int, state: _State, part: int, volume: int) -> tuple[int, int, int, int, str]:
        """Return counts and sums of both sides with this execution, and CCLD_DVSN; the opening cross has none."""
        if at == 0:
            return 0, 0, 0, 0, ""
        if self._is_buy(at):
            return state.sells, state.buys + part + 1, state.sold, state.bought + volume, "1"
        return state.sells + part + 1, state.buys, state.sold + volume, state.bought, "5"


def frame(tr_id: str, records: Sequence[list[str]]) -> str:
    """Return a data frame: `0|H0STCNT0|002|…^…`."""
    return f"0|{tr_id}|{len(records):03}|" + "^".join("^".join(record) for record in records)


def width_of(day: date) -> int:
    """Return how many fields a record has."""
    return 47 if day >= CLASS_SINCE else 46


def hhmmss(second: int) -> str:
    """Return a second of the day as KIS writes it."""
    return f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"


def _against(price: int, other: int, *, rate: bool = False) -> list[str]:
    """Sign (2 up, 3 flat, 5 down), difference, and the difference in per cent."""
    sign = "3" if price == other else "2" if price > other else "5"
    return [sign, str(price - other), *([f"{(price - other) / other * 100:.2f}"] if rate else [])]


def _extreme(point: tuple[int, int], price: int) -> list[str]:
    return [hhmmss(point[1]), *_against(price, point[0])]


def _with_closing_price(day: MarketDay) -> Sequence[Trade]:
    """Return the trades with the closing-price trades (15:40–16:00) as one more, at the last price of the session."""
    start = (day.session.after - 10) * 60
    session = tuple(trade for trade in day.trades if trade[0] < start)
    if not session or not day.between.volume:
        return day.trades
    block = (start, day.between.turnover // day.between.volume, *day.between)
    return (*session, block, *day.trades[len(session) :])
