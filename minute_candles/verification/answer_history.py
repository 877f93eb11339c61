"""What KIS reported of doubtful days, across passes and collectors: accepted once it reports the same again.

Rule "Doubt costs a mark, never the data".
"""

import threading
from datetime import date

from minute_candles.market.daily import DailyAnswer


class AnswerHistory:
    """Digests of answers by symbol-day. Thread-safe as far as a symbol-day is one thread's at a time."""

    def __init__(self) -> None:
        self._answers: dict[tuple[str, date], tuple[str, int]] = {}
        self._contradicted: dict[tuple[str, date], DailyAnswer] = {}
        self._advised: set[date] = set()
        self._guard = threading.Lock()

    def times(self, symbol: str, day: date, evidence: str) -> int:
        """Return how often KIS has reported this of the day, and nothing else in between."""
        last, times = self._answers.get((symbol, day), ("", 0))
        return times if last == evidence else 0

    def add(self, symbol: str, day: date, evidence: str) -> None:
        """Count an answer."""
        self._answers[symbol, day] = (evidence, self.times(symbol, day, evidence) + 1)

    def keep_contradicted(self, symbol: str, day: date, answer: DailyAnswer | None) -> None:
        """Keep the daily answer that contradicts, so that the next collector asks for a newer one."""
        if answer is not None:
            self._contradicted[symbol, day] = answer

    def contradicted(self, symbol: str, day: date) -> DailyAnswer | None:
        """Return the daily answer that contradicted the minutes when the day was last collected."""
        return self._contradicted.get((symbol, day))

    def forget(self, symbol: str, day: date) -> None:
        """Forget a day that is stored."""
        self._answers.pop((symbol, day), None)
        self._contradicted.pop((symbol, day), None)

    def is_first_advice(self, day: date) -> bool:
        """Return whether nobody was advised about the day's hours before; from now on somebody was."""
        with self._guard:
            is_first = day not in self._advised
            self._advised.add(day)
        return is_first
