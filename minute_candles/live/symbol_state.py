"""What is known of each symbol's running day; the poller and the stream are its two writers.

Who writes a symbol holds its lock: `with states.exclusive(symbol) as state`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from minute_candles.live.stream.streamed_symbol import StreamedSymbol
from minute_candles.live.symbol_locks import SymbolLocks
from minute_candles.market.calendar import Session
from minute_candles.market.intraday import Watermark


class SymbolState:
    """One symbol's running day.

    `watermark`: how far it is known, None before the first page. `derived`: for each interval, the minute (naive KST)
    up to which its windows follow from the minutes. `streamed`: the stream's proof, None where nothing is streamed.
    """

    def __init__(self, symbol: str, watermark: Watermark | None = None) -> None:
        self.symbol, self.watermark = symbol, watermark
        self.polled_at: datetime | None = None
        self.derived: dict[int, datetime] = {}
        self.owed: set[int] = set()
        """Intervals that were due in a round that did not reach the symbol."""
        self.streamed: StreamedSymbol | None = None

    def needs_poll(self, session: Session, now: datetime) -> bool:
        """Return whether REST may know more of the symbol than is stored."""
        if self.watermark is None:
            return True
        if self.watermark.read >= session.end_label:
            return False
        return not (self.streamed and self.streamed.keeps_current(self.watermark, session, now))

    def derived_until(self, interval: int) -> datetime:
        """Return the minute up to which the windows of `interval` follow from the minutes."""
        return self.derived.get(interval, datetime.min)


class SymbolStates:
    """The symbols' states in one session, each with its lock. Thread-safe."""

    def __init__(self) -> None:
        self._locks = SymbolLocks()
        self._states: dict[str, SymbolState] = {}
        self._streamed: Mapping[str, StreamedSymbol] = {}

    def begin(self, watermarks: Mapping[str, Watermark]) -> None:
        """Begin a session of which so much is stored already."""
        self._states = {symbol: SymbolState(symbol, watermark) for symbol, watermark in watermarks.items()}
        self.attach(self._streamed)

    def attach(self, streamed: Mapping[str, StreamedSymbol]) -> None:
        """Take these symbols' proofs of the stream, and no others."""
        self._streamed = streamed
        for symbol, state in self._states.items():
            state.streamed = streamed.get(symbol)

    def of(self, symbol: str) -> SymbolState:
        """Return the symbol's state, to look at."""
        state = self._states.setdefault(symbol, SymbolState(symbol))
        state.streamed = self._streamed.get(symbol)
        return state

    @contextmanager
    def exclusive(self, symbol: str, *, brief: bool = False) -> Iterator[SymbolState | None]:
        """Yield the state to write to, None where somebody else holds it. A `brief` holder is waited for."""
        with self._locks.exclusive(symbol, brief=brief) as is_free:
            yield self.of(symbol) if is_free else None

    @property
    def watermarks(self) -> dict[str, Watermark]:
        """Return how far each symbol is known."""
        states = dict(self._states)
        return {symbol: state.watermark for symbol, state in states.items() if state.watermark}

    @property
    def unbroken(self) -> list[str]:
        """Return the symbols of which the stream proves that all but their running minute is stored."""
        states = dict(self._states)
        return [
            symbol for symbol, state in states.items()
            if state.watermark and state.streamed and state.streamed.continues(state.watermark)
        ]  # fmt: skip
