"""A WebSocket that does nothing but trade: so many symbols, so many trades a second each, all of one chain a symbol.

`trades_process.py '{"symbols": ["005930"], "rate": 100, "seconds": 60, "at": "2026-11-20T10:30:30"}'` prints its URL
and begins when it is connected to. Frames hold ten records; a process of its own, so that only the reader is measured.
"""

import asyncio
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from kis_simulator.exchange.ticks import frame

IN_A_FRAME = 10


class Trades:
    """One symbol's trades, each a hundred KRW up or down."""

    def __init__(self, symbol: str) -> None:
        self._fields = ["0"] * 47
        self._fields[0], self._fields[44], self._fields[46] = symbol, "", "2"
        self._volume, self._turnover, self._count = 1_000, 70_000_000, 0

    def next(self, count: int, at: datetime) -> list[list[str]]:
        found = []
        for _ in range(count):
            self._count += 1
            price, volume = 70_000 + 100 * (self._count % 3), 1 + self._count % 7
            self._volume, self._turnover = self._volume + volume, self._turnover + price * volume
            fields = self._fields.copy()
            fields[1], fields[2], fields[33] = f"{at:%H%M%S}", str(price), f"{at:%Y%m%d}"
            fields[12], fields[13], fields[14] = str(volume), str(self._volume), str(self._turnover)
            found.append(fields)
        return found


async def trade(socket: Any, options: dict[str, Any]) -> None:
    symbols = [Trades(symbol) for symbol in options["symbols"]]
    started, clock = datetime.fromisoformat(options["at"]), asyncio.get_running_loop().time
    began, step = clock(), IN_A_FRAME / options["rate"]
    for number in range(round(options["seconds"] / step)):
        at = started + timedelta(seconds=number * step)
        for one in symbols:
            await socket.send(frame("H0STCNT0", one.next(IN_A_FRAME, at)).encode(), text=True)
        await asyncio.sleep(max(0.0, began + (number + 1) * step - clock()))
    await socket.wait_closed()


async def main(options: dict[str, Any]) -> None:
    from websockets.asyncio.server import serve

    async def attend(socket: Any) -> None:
        await trade(socket, options)

    async with serve(attend, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"ws://127.0.0.1:{port}", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(json.loads(sys.argv[1])))
