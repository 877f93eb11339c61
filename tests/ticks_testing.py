"""What the tests of the stream share: captured frames, records as KIS writes them, and the truth of them."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from places import SHARED

from minute_candles.kis.parse import trade_tick
from minute_candles.market.calendar import Session, TradingCalendar
from minute_candles.market.candles import Candle, with_vwap
from minute_candles.market.rows import TradeTick

FRIDAY = date(2026, 11, 20)
FRAMES = SHARED / "data" / "kis_websocket_frames.txt"


class Trade(NamedTuple):
    """One execution of a made-up day; `second` of the day."""

    second: int
    price: int
    volume: int


def captured(start: str) -> list[str]:
    """Return the lines of the recording that begin so; none where the captured frames are not at hand."""
    if not FRAMES.exists():
        return []
    lines = FRAMES.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith(start)]


def records_of(frame: str) -> list[list[str]]:
    """Its records, split once more, plainly."""
    count, body = frame.split("|", 3)[2:]
    fields = body.split("^")
    width = len(fields) // int(count)
    return [fields[at : at + width] for at in range(0, len(fields), width)]


def session(day: date = FRIDAY) -> Session:
    return TradingCalendar().session(day)


def record(trade: Trade, so_far: Sequence[Trade], *, before: tuple[int, int] = (0, 0), symbol: str = "005930",
           day: date = FRIDAY, width: int = 47, market_class: str = "2") -> list[str]:  # fmt: skip
    """What KIS says of a trade that comes after these; `before`: off-hours volume and turnover of the morning."""
    traded = [*so_far, trade]
    volume, turnover = sum(t.volume for t in traded), sum(t.price * t.volume for t in traded)
    fields = ["0"] * 46
    fields[0], fields[1], fields[2] = symbol, clock(trade.second), str(trade.price)
    fields[6], fields[7] = f"{turnover / volume:.2f}", str(traded[0].price)
    fields[8], fields[9] = str(max(t.price for t in traded)), str(min(t.price for t in traded))
    fields[12], fields[13], fields[14] = str(trade.volume), str(volume + before[0]), str(turnover + before[1])
    fields[15], fields[21] = str(len(so_far)), "1" if so_far else ""
    fields[24], fields[33], fields[34], fields[44] = clock(traded[0].second), f"{day:%Y%m%d}", "20", ""
    return [*fields, market_class, "9", "9"][:width]


def clock(second: int) -> str:
    return f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}"


def ticks_of(trades: Sequence[Trade], *, before: tuple[int, int] = (0, 0)) -> list[TradeTick]:
    found = (trade_tick(record(trade, trades[:at], before=before)) for at, trade in enumerate(trades))
    return [tick for tick in found if tick]


def true_minutes(trades: Iterable[Trade], day: date = FRIDAY) -> dict[datetime, Candle]:
    """The candles of these trades, folded once more, plainly."""
    inside: dict[datetime, list[Trade]] = {}
    for trade in trades:
        minute = datetime(day.year, day.month, day.day) + timedelta(minutes=trade.second // 60)
        inside.setdefault(minute, []).append(trade)
    return {minute: _folded(minute, some) for minute, some in inside.items()}


def _folded(minute: datetime, trades: Sequence[Trade]) -> Candle:
    prices, volume = [one.price for one in trades], sum(one.volume for one in trades)
    numbers = (minute, prices[0], max(prices), min(prices), prices[-1], volume)
    return with_vwap(numbers, sum(one.price * one.volume for one in trades))
