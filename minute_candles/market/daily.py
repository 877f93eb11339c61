"""A symbol's daily candles as KIS tells them: the second source, against which minutes are checked (kis_http.md §7)."""

from collections.abc import Iterable
from datetime import date
from typing import Any, NamedTuple

from minute_candles.core.errors import BadRow
from minute_candles.market.candles import is_number

MOST_SPAN = 100
"""No day's high is so many times its low: the limits allow 1.9, 6.7 on the day of a listing. Else it bounds nothing."""


class DailyCandle(NamedTuple):
    """A symbol's day from the daily TR: KRW, shares. `volume` includes off-hours trades: an upper bound (§7)."""

    open: int
    high: int
    low: int
    close: int
    volume: int


DailyAnswer = dict[date, DailyCandle | None]
"""A symbol's daily candles as KIS told them at one time; None for a row that has a date and cannot be read."""


def parse_daily(raws: Iterable[object], *, strict: bool = True) -> DailyAnswer:
    """Daily rows by date. Raises `BadRow` for one that cannot be read, or that came twice with different values.

    Not `strict`: such a row stands for a day that KIS cannot tell; one without a date tells of none and is left out,
    unless no row has one: that is no answer, and a `BadRow`.
    """
    found: DailyAnswer = {}
    undated: BadRow | None = None
    for raw in raws:
        try:
            day = _date(raw)
        except BadRow as error:
            if strict:
                raise
            undated = error
            continue
        try:
            candle = _candle(raw)
        except BadRow:
            if strict:
                raise
            candle = None
        if found.setdefault(day, candle) != candle:
            if strict:
                raise BadRow(f"{day} 일봉이 서로 다른 값으로 두 번 왔습니다.")
            found[day] = None
    if undated and not found:
        raise undated
    return found


def _date(raw: object) -> date:
    text = raw.get("stck_bsop_date") if isinstance(raw, dict) else None
    if not is_number(text) or len(text) != 8:
        raise BadRow("일봉 행의 날짜가 없거나 숫자가 아닙니다.")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadRow("일봉 행의 날짜가 있을 수 없는 값입니다.") from error


def _candle(raw: Any) -> DailyCandle | None:
    texts = [raw.get(field) for field in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")]
    numbers = [int(text) for text in texts if is_number(text)]
    if len(numbers) < len(texts):
        raise BadRow("일봉 행에 없거나 0 이상의 정수가 아닌 값이 있습니다.")
    candle = DailyCandle(*numbers)
    if candle.high > MOST_SPAN * candle.low > 0:
        raise BadRow("일봉의 고가가 저가의 몇백 배입니다.")
    return candle
