"""Alert rules: what a minute of 97 and of 2,700 symbols costs, twenty rules each, in CPU of one thread."""

import time
from datetime import datetime

from harness import Line, keep, load, quick, spread
from store_testing import CALENDAR, minutes

from minute_candles.alerts.engine import Engine
from minute_candles.alerts.history import KEPT
from minute_candles.alerts.rules import parse
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.candles import Candle

DAYS = [CALENDAR.session(datetime(2026, 11, day).date()) for day in (17, 18)]
TWENTY = (
    """
[[rule]]
kind = "price_change"
percent = 3
[[rule]]
name = "2"
kind = "price_change"
percent = 5
minutes = 30
[[rule]]
name = "3"
kind = "price"
level = 100_000
[[rule]]
name = "4"
kind = "price"
limit = "both"
[[rule]]
name = "5"
kind = "volume_surge"
times = 10
[[rule]]
name = "6"
kind = "turnover"
amount = 10_000_000_000
[[rule]]
name = "7"
kind = "gap"
percent = 3
[[rule]]
name = "8"
kind = "pattern"
patterns = ["hammer", "engulfing"]
direction = "up"
[[rule]]
name = "9"
kind = "pattern"
patterns = ["morning_star", "evening_star", "three_white_soldiers"]
"""
    + "".join(
        f'[[rule]]\nname = "{line} {over}"\nkind = "cross"\nline = "{line}"\nover = "{over}"\n'
        for line, over in (
            ("sma5", "sma20"),
            ("sma20", "sma60"),
            ("ema5", "ema20"),
            ("macd", "macd_signal"),
            ("price", "vwap"),
            ("price", "bbands_upper"),
            ("price", "bbands_lower"),
            ("stoch_k", "stoch_d"),
        )
    )
    + "".join(
        f'[[rule]]\nname = "{line} {edge}"\nkind = "threshold"\nline = "{line}"\n{edge}\n'
        for line, edge in (("rsi14", "below = 30"), ("rsi14", "above = 70"), ("atr14", "above = 5000"))
    )
)


def minutes_of(symbols: int) -> list[float]:
    """Milliseconds of this thread for each of some minutes of so many symbols, each with its history."""
    day = [*minutes(DAYS[0]), *minutes(DAYS[1])]
    history, rest = day[:KEPT], day[KEPT:]
    usual = {one.timestamp.time(): 1e6 for one in day}
    engine = Engine(parse(TWENTY, "twenty").market, {}, lambda *_: history, lambda *_: usual, TradingCalendar())
    names = [f"{number:06}" for number in range(symbols)]
    _feed(engine, names, rest[0])
    return [_feed(engine, names, candle) for candle in rest[1 : 3 if quick() else 12]]


def _feed(engine: Engine, names: list[str], candle: Candle) -> float:
    began = time.thread_time()
    for name in names:
        engine.judge(name, {1: [candle]}, "PROVISIONAL")
    return (time.thread_time() - began) * 1000


def main() -> None:
    assert len(parse(TWENTY, "twenty").market) == 20
    began = load()
    small, large = spread(minutes_of(97)), spread(minutes_of(2_700))
    lines = [
        Line("97종목 × 규칙 20개, 1분 (ms CPU)", str(small), "≤ 50", small.median <= 50),
        Line("2,700종목 × 규칙 20개, 1분 (ms CPU)", str(large), "≤ 2,000", large.median <= 2_000),
    ]
    keep("signals", "알림 규칙: 1분마다 드는 CPU", lines, began_at_load=began)


if __name__ == "__main__":
    main()
