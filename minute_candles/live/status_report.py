"""The updater's own report: what the status file says of the rounds, the stream, the keys, Redis and the lease."""

import os
from datetime import datetime
from typing import TYPE_CHECKING

from minute_candles.config.settings import Settings
from minute_candles.core.clock import Clock
from minute_candles.kis.client import KisClient
from minute_candles.live.round_log import LoggedRounds
from minute_candles.live.session import LiveSession
from minute_candles.live.stream.ingest import StreamIngest
from minute_candles.monitoring import status_file
from minute_candles.monitoring.incidents import STATUS_FILE, STREAM
from minute_candles.monitoring.lease import Tenure
from minute_candles.monitoring.status_file import UpdaterState

if TYPE_CHECKING:
    from minute_candles.redis_feed.publisher import Feed


class StatusReport:
    """Writes the status file; a full disk costs the file, not the updater."""

    def __init__(
        self, settings: Settings, clock: Clock, client: KisClient, live: LiveSession, stream: StreamIngest,
        rounds: LoggedRounds, tenure: Tenure | None, feed: "Feed | None",
    ) -> None:  # fmt: skip
        self._folder, self._clock, self._client, self._live = settings.log_dir, clock, client, live
        self._stream, self._rounds, self._tenure, self._feed = stream, rounds, tenure, feed

    def write(self, state: UpdaterState, expect_by: datetime, **more: object) -> None:
        """Replace the file; `expect_by`: when the next report is due at the latest."""
        try:
            status_file.write(self._folder, state, self._clock.now(), expect_by, **more, **self._facts())
            self._live.incidents.end(STATUS_FILE)
        except OSError as error:
            self._live.incidents.begin(STATUS_FILE, f"쓰지 못했습니다 ({error.strerror})")

    def _facts(self) -> dict[str, object]:
        live = self._live
        failing = {symbol: (since.isoformat(timespec="seconds"), why) for symbol, (since, why) in live.failing.items()}
        current = {incident: ongoing for incident, ongoing in live.incidents.current.items() if incident != STREAM}
        return {
            "pid": os.getpid(),
            "last_round": self._rounds.last_line,
            "left": live.left,
            "failing": failing,
            "stream": self._stream.status(),
            "keys": self._client.key_status(),
            "unbroken": live.states.unbroken,
            "holder": self._tenure.holder if self._tenure else "",
            "redis": self._feed.status() if self._feed else None,
            **status_file.incidents_json(current),
        }
