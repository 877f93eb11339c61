"""Whose recent sets are kept: everybody's in a small market; in a large one those that are named or requested.

Three sets of 400 candles take some 0.4 MB of Redis: a gigabyte for 2,700 symbols of which a backend reads a few.
"""

from collections.abc import Collection, Iterable

FEW = 200
"""So many symbols have their sets without being named."""
ALL = "all"


class RecentSymbols:
    """The symbols whose sets are kept. `named`: those of REDIS_RECENT, (`ALL`,) for each; () where it is not set."""

    def __init__(self, symbols: Iterable[str], named: Collection[str] = ()) -> None:
        self._symbols = dict.fromkeys(symbols)
        is_each = ALL in named or (not named and len(self._symbols) <= FEW)
        self.kept = dict.fromkeys(symbol for symbol in self._symbols if is_each or symbol in named)

    def request(self, symbols: Collection[str]) -> list[str]:
        """Keep these sets from now on, too; return those that were not kept before. Others' symbols are passed over."""
        new = [symbol for symbol in symbols if symbol in self._symbols and symbol not in self.kept]
        self.kept.update(dict.fromkeys(new))
        return new

    def __contains__(self, symbol: object) -> bool:
        """Return whether the symbol's sets are kept; those of a symbol that is not ours are."""
        return symbol in self.kept or symbol not in self._symbols
