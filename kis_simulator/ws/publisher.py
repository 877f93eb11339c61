"""What each session receives, and what goes wrong with it: records, frames, PINGPONG, cuts.

Runs on the event loop of server.py; it sends, and decides when a connection ends.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

from kis_simulator.exchange.market import Market
from kis_simulator.exchange.ticks import Tape, TickForm, frame
from kis_simulator.faults.active import ActiveFaults
from kis_simulator.ws.subscriptions import TICKS, Session, SubscriptionRules, said

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

SPOILT_FIELDS = (("ws_hour", 1, "9Z1500"), ("ws_absurd", 13, "9" * 30))
MOST_RECORDS = 14
"""Records a frame holds at most."""


@dataclass
class StreamBehaviour(SubscriptionRules):
    """How the server behaves, beyond the rules of subscriptions; seconds are the host's.

    `look` = seconds between two looks at the market. `gather` = seconds a symbol's records are held back for one frame.
    `idle` = PINGPONG after so long without anything sent, `regular` = PINGPONG every so many seconds instead.
    `patience` = an unanswered PINGPONG is followed by a cut. `hates_pings` = a protocol ping is answered by a cut.
    `most_connects` = connections a minute that get an address blocked for `block` seconds (0 = any number).
    """

    look: float = 0.02
    gather: float = 0.0
    idle: float = 10.0
    regular: float = 0.0
    patience: float = 100.0
    hates_pings: bool = False
    most_connects: int = 0
    block: float = 60.0


@dataclass
class Listener(Session):
    """A session on its socket: how far each symbol was published, what is held back; times are monotonic seconds."""

    socket: "ServerConnection | None" = None
    opened: float = field(default_factory=time.monotonic)
    sent_at: float = field(default_factory=time.monotonic)
    ping_at: float = 0.0
    unanswered_since: float = 0.0
    sent: dict[str, tuple[date, int]] = field(default_factory=dict)
    held_since: dict[str, float] = field(default_factory=dict)
    stalled_until: float = 0.0
    swapped: list[bytes] = field(default_factory=list)


class Publisher:
    """Sends listeners what trades on the market."""

    def __init__(
        self, now: Callable[[], datetime], market: Market, active: ActiveFaults, behaviour: StreamBehaviour,
        form: TickForm,
    ) -> None:  # fmt: skip
        self._now, self._market, self._active, self.behaviour, self.form = now, market, active, behaviour, form
        self.records = 0
        self._tapes: dict[str, Tape] = {}

    def begin(self, listener: Listener, symbol: str) -> None:
        """Begin a registered symbol: its trades from now on; no replay, no snapshot (kis_websocket.md §6)."""
        tape, second = self._tape(symbol)
        listener.sent[symbol] = (tape.day.day, tape.sent_by(second))

    async def tell(self, listener: Listener) -> bool:
        """Send what has happened since the last look; return whether the connection may go on."""
        now = time.monotonic()
        if self._is_over(listener, now):
            return False
        for tr_id, symbol in sorted(listener.registered):
            if tr_id != TICKS:
                continue
            if now < listener.stalled_until:
                self.begin(listener, symbol)
            else:
                await self._tell_symbol(listener, symbol, now)
        if now >= listener.stalled_until:
            await self._ping(listener, now)
        return True

    async def send(self, listener: Listener, data: bytes) -> None:
        """Send a text frame, whatever its bytes; to nobody who has gone."""
        from websockets.exceptions import ConnectionClosed

        if listener.socket is None:
            return
        listener.sent_at = time.monotonic()
        try:
            await listener.socket.send(data, text=True)
        except ConnectionClosed:
            return

    def _is_over(self, listener: Listener, now: float) -> bool:
        """Return whether patience with an unanswered PINGPONG or a fault ends this session."""
        if listener.unanswered_since and now - listener.unanswered_since > self.behaviour.patience:
            return True
        cuts = (fault for fault in self._active.faults if fault.kind == "ws_cut")
        return any(now - listener.opened >= fault.seconds and fault.strikes() for fault in cuts)

    async def _tell_symbol(self, listener: Listener, symbol: str, now: float) -> None:
        tape, second = self._tape(symbol)
        day, sent = listener.sent.get(symbol, (tape.day.day, 0))
        count = tape.sent_by(second)
        if day != tape.day.day or count < sent:  # a new day, or a clock that was set back
            sent = 0 if day < tape.day.day else count
        held = now - listener.held_since.setdefault(symbol, now) if count > sent else 0.0
        if count > sent and held < self.behaviour.gather:
            return
        listener.held_since.pop(symbol, None)
        listener.sent[symbol] = (tape.day.day, count)
        if self._active.strike(("ws_mute",), "ws", symbol, key=listener.key):
            return
        for start in range(sent, count, MOST_RECORDS):
            records = [self._record(tape, number) for number in range(start, min(start + MOST_RECORDS, count))]
            await self._tell_records(listener, symbol, records)

    def _record(self, tape: Tape, number: int) -> list[str]:
        """Return a record, its day's turnover as REST tells it: with what was dealt outside the book or cancelled."""
        record = tape.record(number)
        minute = int(record[1][:2]) * 60 + int(record[1][2:4])
        beyond = self._active.beyond(self._market, tape.symbol, tape.day.day, minute)
        record[14] = str(int(record[14]) + beyond)
        return record

    async def _tell_records(self, listener: Listener, symbol: str, records: list[list[str]]) -> None:
        """Send one frame, after what faults make of it."""
        kept = [record for record in records if not self._active.strike(("ws_lost",), "ws", symbol, key=listener.key)]
        if not kept:
            return
        if self._active.strike(("ws_stray",), "ws", symbol, key=listener.key):
            await self.send(listener, json.dumps(said("OPSP8993", "(null)", "")).encode())
        for kind, index, value in SPOILT_FIELDS:
            if self._active.strike((kind,), "ws", symbol, key=listener.key):
                kept[0][index] = value
        self.records += len(kept)
        data = frame(TICKS, kept).encode()
        if self._active.strike(("ws_garbled",), "ws", symbol, key=listener.key):
            data = data[: len(data) // 2] + b"\xb0\xff\xa1" + data[len(data) // 2 + 3 :]
        if stall := self._active.strike(("ws_stall",), "ws", symbol, key=listener.key):
            listener.stalled_until = time.monotonic() + stall.seconds
        if self._active.strike(("ws_swapped",), "ws", symbol, key=listener.key):
            listener.swapped.append(data)
            return
        for one in (data, *listener.swapped):
            await self.send(listener, one)
        listener.swapped.clear()
        if self._active.strike(("ws_doubled",), "ws", symbol, key=listener.key):
            await self.send(listener, data)

    async def _ping(self, listener: Listener, now: float) -> None:
        due = self.behaviour.regular or self.behaviour.idle
        since = max(listener.opened, listener.ping_at) if self.behaviour.regular else listener.sent_at
        if now - since < due:
            return
        listener.ping_at = now
        listener.unanswered_since = listener.unanswered_since or now
        header = {"tr_id": "PINGPONG", "datetime": f"{self._now():%Y%m%d%H%M%S}"}
        await self.send(listener, json.dumps({"header": header}).encode())

    def _tape(self, symbol: str) -> tuple[Tape, float]:
        """Return the tape of a symbol's day, and the second of the day it is now."""
        now = self._now()
        tape = self._tapes.get(symbol)
        if not tape or tape.day.day != now.date():
            market = self._market
            before = market.last_price(symbol, market.calendar.before(now.date()))
            tape = self._tapes[symbol] = Tape(symbol, market.day(symbol, now.date()), before, self.form)
        return tape, _second(now)


def _second(now: datetime) -> float:
    return now.hour * 3600 + now.minute * 60 + now.second + now.microsecond / 1e6
