"""Clients of the page's WebSocket: what each requested, and what it has not taken yet."""

import asyncio
from collections.abc import Iterable

from minute_candles.market.intervals import Interval

Pair = tuple[str, Interval]

MOST_SUBSCRIBERS, MOST_PAIRS, MOST_WAITING = 500, 100, 10


class Subscriber:
    """One page. Of each pair the newest few windows wait for it, and no more: a slow one skips."""

    def __init__(self) -> None:
        """Begin with no pair."""
        self.pairs: frozenset[Pair] = frozenset()
        self.wants_prices = False
        self.ready = asyncio.Event()
        self._waiting: dict[object, dict[str, str]] = {}

    def offer(self, key: object, window: str, text: str) -> bool:
        """Let a message wait; return False where an older window had to go for it."""
        waiting = self._waiting.setdefault(key, {})
        waiting[window] = text
        self.ready.set()
        if len(waiting) > MOST_WAITING:
            del waiting[next(iter(waiting))]
            return False
        return True

    def take(self) -> list[str]:
        """Return all that waits, oldest first."""
        waiting, self._waiting = self._waiting, {}
        self.ready.clear()
        return [text for windows in waiting.values() for text in windows.values()]


class Subscribers:
    """All of them, by the pairs they watch."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self.all: set[Subscriber] = set()
        self._by_pair: dict[Pair, set[Subscriber]] = {}

    def join(self) -> Subscriber | None:
        """Return a new subscriber; None where there are too many."""
        if len(self.all) >= MOST_SUBSCRIBERS:
            return None
        subscriber = Subscriber()
        self.all.add(subscriber)
        return subscriber

    def leave(self, subscriber: Subscriber) -> None:
        """Forget a subscriber."""
        self.replace(subscriber, frozenset())
        self.all.discard(subscriber)

    def replace(self, subscriber: Subscriber, pairs: frozenset[Pair]) -> frozenset[Pair]:
        """Take over the whole list of a subscriber's pairs; return the new ones."""
        for pair in subscriber.pairs - pairs:
            self._by_pair[pair].discard(subscriber)
            if not self._by_pair[pair]:
                del self._by_pair[pair]
        new = pairs - subscriber.pairs
        for pair in new:
            self._by_pair.setdefault(pair, set()).add(subscriber)
        subscriber.pairs = pairs
        return new

    def symbols(self) -> set[str]:
        """Return the symbols that anybody watches."""
        return {symbol for symbol, _ in self._by_pair}

    def of(self, symbol: str) -> Iterable[tuple[Interval, set[Subscriber]]]:
        """Return who watches a symbol, by interval."""
        return [(interval, some) for (watched, interval), some in self._by_pair.items() if watched == symbol]

    def everybody_of(self, symbol: str) -> set[Subscriber]:
        """Return who watches any interval of a symbol."""
        return {subscriber for _, some in self.of(symbol) for subscriber in some}
