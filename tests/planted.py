"""Simulated days of planted events only: two trades as a minute begins, ten shares each, at one price.

An event changes the trades of a day; the simulator folds them as it folds its own.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cache

from kis_simulator.exchange.calendar import AUCTION_MINUTES
from kis_simulator.exchange.day import NO_BLOCK, MarketDay, Trade
from kis_simulator.exchange.trading import _rows
from kis_simulator.simulator import Simulator

PRICE, SHARES = 70_000, 10
Prices = dict[int, list[tuple[int, int]]]
"""Minute of the day → price and shares of its trades."""
Event = Callable[[Prices], None]


def jump(hour: int, minute: int, by: int) -> Event:
    """From this minute on everything is worth `by` more."""

    def event(prices: Prices) -> None:
        for when in [when for when in prices if when >= hour * 60 + minute]:
            prices[when] = [(price + by, shares) for price, shares in prices[when]]

    return event


def surge(hour: int, minute: int, times: int) -> Event:
    """So many times the usual shares, in this minute alone."""
    at = hour * 60 + minute

    def event(prices: Prices) -> None:
        prices[at] = [(price, shares * times) for price, shares in prices[at]]

    return event


def hammer(hour: int, minute: int, fall: int = 30) -> Event:
    """A slow fall of so many minutes, then a candle with a long lower shadow; from there on as it was."""

    def event(prices: Prices) -> None:
        end = hour * 60 + minute
        for step, when in enumerate(range(end - fall, end)):
            prices[when] = [(PRICE - 200 * step, SHARES), (PRICE - 200 * (step + 1), SHARES)]
        low = PRICE - 200 * fall
        prices[end] = [(low, SHARES), (low - 1_500, SHARES), (low + 100, SHARES)]
        for when in [when for when in prices if when > end]:
            prices[when] = [(low + 100, shares) for _, shares in prices[when]]

    return event


def planted(sim: Simulator, events: Mapping[tuple[str, date], Sequence[Event]]) -> Callable[[str, date], MarketDay]:
    """For `sim.market.day`."""
    return cache(lambda symbol, when: _planted(sim.market._day(symbol, when), events.get((symbol, when), ())))


def _planted(own: MarketDay, events: Sequence[Event]) -> MarketDay:
    if not own.trades:
        return own
    session = own.session
    minutes = [*range(session.open, session.close - AUCTION_MINUTES), session.close]
    prices: Prices = {minute: [(PRICE, SHARES), (PRICE, SHARES)] for minute in minutes}
    for event in events:
        event(prices)
    prices[session.close] = prices[session.close][:1]
    trades: list[Trade] = [
        (minute * 60 + at, price, shares, price * shares)
        for minute, traded in sorted(prices.items())
        for at, (price, shares) in enumerate(traded)
    ]
    rows = tuple(_rows(trades, NO_BLOCK, NO_BLOCK, session))
    made = replace(own, trades=tuple(trades), rows=rows, before=NO_BLOCK, between=NO_BLOCK, shift=0)
    return replace(made, auction=session.close)
