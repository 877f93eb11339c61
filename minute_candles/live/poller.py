"""Poll one symbol: read its page, store its closed minutes, and hand the page to the stream's cross-check."""

from collections.abc import Collection
from datetime import datetime

from minute_candles.core.clock import Clock
from minute_candles.kis.client import KisClient
from minute_candles.live.intraday_backfill import IntradayBackfill
from minute_candles.live.minute_writer import MinuteWriter
from minute_candles.live.server_clock import ServerClock
from minute_candles.live.symbol_state import SymbolState, SymbolStates
from minute_candles.live.today_pages import TodayPage, read_day
from minute_candles.market.calendar import Session
from minute_candles.market.intraday import Watermark, minute_of
from minute_candles.market.windows import INTERVALS


class Poller:
    """Reads symbols' running days from REST. Every method may be called by many threads."""

    def __init__(
        self, client: KisClient, clock: Clock, states: SymbolStates, writer: MinuteWriter, backfill: IntradayBackfill,
        server_clock: ServerClock,
    ) -> None:  # fmt: skip
        self._client, self._clock, self._states = client, clock, states
        self._writer, self._backfill, self._server_clock = writer, backfill, server_clock

    def poll(self, symbol: str, session: Session, due: Collection[int]) -> dict[int, int] | None:
        """Store the symbol's new minutes and `due` windows; return the count of new candles by interval.

        None where a poll of an earlier round still hangs. Raises `SourceError`, `StoreError`.
        """
        with self._states.exclusive(symbol) as state:
            if state is None:
                return None
            state.polled_at = self._clock.now()
            state.owed |= {*due}
            is_current = not state.needs_poll(session, self._server_clock.now())
            new = (self._close_windows if is_current else self._poll)(state, session, state.owed)
            state.owed = set()
            return new

    def _close_windows(self, state: SymbolState, session: Session, due: Collection[int]) -> dict[int, int]:
        """Store the `due` windows that closed without a trade since the last one, for a streamed symbol: no call."""
        known, now = state.watermark, self._server_clock.cautious_now()
        is_quiet = known is not None and state.streamed is not None and state.streamed.is_quiet_since(known)
        if known is None or not is_quiet or now >= session.close or known.read >= minute_of(now) or not {*due} - {1}:
            return dict.fromkeys(INTERVALS, 0)
        return self._writer.store_page(state, session, [], known._replace(read=minute_of(now)), due, now)

    def _poll(self, state: SymbolState, session: Session, due: Collection[int]) -> dict[int, int]:
        page, now = self._read(state, session)
        if page is None:
            return dict.fromkeys(INTERVALS, 0)
        new = self._writer.store_page(state, session, page.candles, page.watermark, due, now)
        if state.streamed:
            for proven in state.streamed.on_page(page.candles, page.watermark, self._server_clock.now()):
                self._writer.store_proven(state, session, proven)
        return new

    def _read(self, state: SymbolState, session: Session) -> tuple[TodayPage | None, datetime]:
        """Return the page and the moment at which its minutes were closed; None where that is in doubt.

        The answer also brings KIS's clock: where ours ran ahead, rows that looked closed may be phantoms.
        """
        requested_at, known = self._server_clock.now(), state.watermark
        heal = self._backfill.reader(state.symbol, session)
        page = read_day(self._client, state.symbol, session, requested_at, known, heal)
        now = min(requested_at, self._server_clock.now())
        if minute_of(self._server_clock.cautious_now()) < minute_of(now):
            return None, now  # one answer shows another time: the next ones decide
        if minute_of(now) < minute_of(requested_at):
            candles = [candle for candle in page.candles if candle.timestamp < minute_of(now)]
            traded = candles[-1].timestamp if candles else known and known.traded
            page = TodayPage(candles, Watermark(minute_of(now), traded, None, known and known.shown))
        return page, now
