"""A symbol's daily candles as KIS tells them: the second source, against which minutes are checked (kis_api.md §7)."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from base.errors import BadRow
from market.candles import is_number


class DailyCandle(NamedTuple):
    """A symbol's day from the daily TR: KRW, shares. `volume` includes off-hours trades: an upper bound (§7)."""

    open: int
    high: int
    low: int
    close: int
    volume: int


DailyAnswer = dict[date, DailyCandle]
"""A symbol's daily candles as KIS told them at one time."""


def parse_daily(raws: Iterable[object]) -> DailyAnswer:
    """Daily rows by date. Raises `BadRow` for one that cannot be read, or that came twice with different values."""
    found: DailyAnswer = {}
    for raw in raws:
        day, candle = _daily_row(raw)
        if found.setdefault(day, candle) != candle:
            raise BadRow(f"{day} 일봉이 서로 다른 값으로 두 번 왔습니다.")
    return found


def _daily_row(raw: object) -> tuple[date, DailyCandle]:
    fields = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr", "acml_vol")
    if not isinstance(raw, dict):
        raise BadRow("일봉 행이 JSON 객체가 아닙니다.")
    texts = [text for field in ("stck_bsop_date", *fields) if is_number(text := raw.get(field))]
    if len(texts) <= len(fields) or len(texts[0]) != 8:
        raise BadRow("일봉 행에 없거나 0 이상의 정수가 아닌 값이 있습니다.")
    try:
        return date.fromisoformat(texts[0]), DailyCandle(*map(int, texts[1:]))
    except ValueError as error:
        raise BadRow("일봉 행의 날짜가 있을 수 없는 값입니다.") from error
