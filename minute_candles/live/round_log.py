"""One line a round in the log: a WARNING where other symbols fail than before."""

import logging
from collections.abc import Collection

from minute_candles.live.round import Round
from minute_candles.live.session import LiveSession
from minute_candles.live.stream.ingest import StreamIngest
from minute_candles.market.calendar import Session

_log = logging.getLogger(__name__)


class LoggedRounds:
    """Runs rounds and logs each; `last_line` is the line of the last one."""

    def __init__(self, live: LiveSession, stream: StreamIngest) -> None:
        self._live, self._stream = live, stream
        self.last_line = ""
        self._last_was_incomplete = False
        self._failing: frozenset[str] = frozenset()

    def run(self, session: Session, due: Collection[int], *, hurried: bool = True) -> Round:
        """Run a round; see `LiveSession.round`."""
        done = self._live.round(session, due, hurried=hurried)
        failing = frozenset(self._live.failing)
        is_news, self._failing = bool(failing - self._failing), failing
        if done.symbols or not self._last_was_incomplete:
            self.last_line, self._last_was_incomplete = done.line(due) + self._stream.line(), done.is_incomplete
            _log.log(logging.WARNING if done.errors and is_news else logging.INFO, self.last_line)
        return done
