"""Habits of KIS that a client has to know (docs/dev/kis_http.md §3, §5–§7), each a switch.

    Simulator(behaviour=ServerBehaviour(late_rows=False))

On by default where half a million captured rows show them; what one source reports or none has observed is off. What a
single symbol-day does of its own is an oddity (exchange/market.py), what contradicts itself an inconsistency.
"""

from dataclasses import dataclass

COUNTED = True
"""Whether the counted habits are on by default."""


@dataclass
class ServerBehaviour:
    """What the answers do.

    `fillers` = every minute without a trade has a row of volume 0 in today's TR, not only those before the auction.
    `late_rows` = a minute shows in today's TR only after a later trade (or after the closing auction).
    `phantoms` = an hour in the future brings rows that have not happened. "counted": rows of volume 0, and the
    running minute under that label. "volume": all rows have volume.
    `past_running` = the past TR shows the running minute as far as it has come.
    `off_hours` = share of days whose first row holds turnover from before the open.
    `cut_half_ticks` = mid-prices below 5,000 KRW are printed without their half, their turnover is right.
    `evening_daily` = from 16:00 until the night the day's candle has the after-market's close, high and low.
    `unquoted` = error answers of data calls come with a key without quotes.
    """

    fillers: bool = COUNTED
    late_rows: bool = COUNTED
    phantoms: str = "counted"
    past_running: bool = COUNTED
    off_hours: float = 0.23
    cut_half_ticks: bool = COUNTED
    evening_daily: bool = COUNTED
    unquoted: bool = False
