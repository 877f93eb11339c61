"""KIS's answers into typed rows: the boundary. Nothing above this package sees a field of KIS.

A value that is not as KIS writes it rejects its row with a code; nothing is guessed, nothing raises.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import TypeGuard

from minute_candles.kis import fields as f
from minute_candles.market.rows import (
    CorporateAction,
    DailyRow,
    DailyRows,
    HolidayRow,
    MinuteRow,
    MinuteRows,
    Quote,
    Reject,
    RejectedDay,
    RejectedRow,
    RowFault,
    TradeTick,
    are_prices_possible,
)

_MOST_DIGITS = 18
"""A BIGINT holds every number of so many digits."""
_MOST_SPAN = 100
"""No day's high is so many times its low: the limits allow 1.9, 6.7 on the day of a listing."""
_NARROWEST = 46
_OFF_HOURS_CLASSES = ("1", "3")
"""The pre- and the after-market: none of their trades belongs into a minute of the session."""
_MINUTE_FIELDS = (
    ("volume", f.VOLUME), ("open", f.OPEN), ("high", f.HIGH), ("low", f.LOW), ("close", f.PRICE),
    ("turnover", f.TURNOVER),
)  # fmt: skip
_DAILY_FIELDS = (
    ("open", f.OPEN), ("high", f.HIGH), ("low", f.LOW), ("close", f.DAILY_CLOSE), ("volume", f.DAILY_VOLUME),
)  # fmt: skip
_ACTIONS = {
    "": CorporateAction.NONE, "00": CorporateAction.NONE, "01": CorporateAction.RIGHTS,
    "02": CorporateAction.DIVIDEND, "03": CorporateAction.DISTRIBUTION, "04": CorporateAction.RIGHTS_AND_DIVIDEND,
    "05": CorporateAction.INTERIM_DIVIDEND, "06": CorporateAction.RIGHTS_AND_INTERIM_DIVIDEND,
    "07": CorporateAction.RIGHTS_AND_QUARTERLY_DIVIDEND,
}  # fmt: skip


def minute_rows(raws: Iterable[object]) -> MinuteRows:
    """Return the rows of an answer about minutes, in its order; padding (`{}`) is left out."""
    return [_minute_row(raw) for raw in raws if raw != {}]


def daily_rows(raws: Iterable[object]) -> DailyRows:
    """Return the rows of an answer about days, in its order; padding (`{}`) is left out."""
    return [_daily_row(raw) for raw in raws if raw != {}]


def holiday_rows(raws: Iterable[object]) -> list[HolidayRow]:
    """Return the days of an answer about holidays; rows that cannot be read say nothing."""
    return [
        HolidayRow(day, raw[f.OPENS] == "Y")
        for raw in raws
        if isinstance(raw, dict) and raw.get(f.OPENS) in ("Y", "N") and (day := _day(raw.get(f.BASE_DAY)))
    ]


def quote(raw: object) -> Quote | None:
    """Return the live quote (`output1`), None where there is none."""
    if not isinstance(raw, dict) or not raw:
        return None
    numbers = (_number(raw.get(field)) for field in (f.DAILY_VOLUME, f.TURNOVER, f.PREVIOUS_CLOSE))
    return Quote(str(raw.get(f.NAME) or "").strip(), *numbers)


def trade_tick(fields: Sequence[str]) -> TradeTick | None:
    """Return a record of H0STCNT0, as wide as it may be; None where it cannot be one.

    Fields may be empty, more may be appended, bytes may have been undecodable (docs/dev/kis_websocket.md §1).
    """
    if len(fields) < _NARROWEST:
        return None
    price, volume = fields[f.TICK_PRICE], fields[f.TICK_VOLUME]
    all_volume, all_turnover = fields[f.TICK_ALL_VOLUME], fields[f.TICK_ALL_TURNOVER]
    hour, day = fields[f.TICK_HOUR], fields[f.TICK_DAY]
    if not all(map(_is_number, (price, volume, all_volume, all_turnover, hour, day))):
        return None
    if len(hour) != 6 or len(day) != 8 or (minute := _minute_of(day, hour[:4])) is None or int(hour[4:]) > 59:
        return None
    shares, total = int(volume), int(all_volume)
    if not (int(price) > 0 and 0 < shares <= total):
        return None
    market_class = fields[f.TICK_MARKET_CLASS] if len(fields) > f.TICK_MARKET_CLASS else ""
    return TradeTick(
        fields[f.TICK_SYMBOL], minute.replace(second=int(hour[4:])), minute, int(price), shares, total,
        int(all_turnover), _is_opening_cross(fields, is_alone=shares == total), market_class in _OFF_HOURS_CLASSES,
    )  # fmt: skip


def _is_opening_cross(fields: Sequence[str], *, is_alone: bool) -> bool:
    """Return whether its price alone is the day's open, high, low and average, and no other execution is counted.

    The opening cross is counted neither as bought nor as sold; off-hours trades before it are in the day's volume.
    """
    price = fields[f.TICK_PRICE]
    if not price == fields[f.TICK_DAY_OPEN] == fields[f.TICK_DAY_HIGH] == fields[f.TICK_DAY_LOW]:
        return False
    if fields[f.TICK_OPEN_HOUR] != fields[f.TICK_HOUR] or fields[f.TICK_AVERAGE] != f"{price}.00":
        return False
    return is_alone or fields[f.TICK_SELLS] == fields[f.TICK_BUYS] == "0"


def _minute_row(raw: object) -> MinuteRow | RejectedRow:
    minute = _minute(raw)
    if isinstance(minute, RowFault):
        return RejectedRow(Reject(minute))
    assert isinstance(raw, dict)  # else it had no minute
    texts = [raw.get(field) for _, field in _MINUTE_FIELDS]
    numbers = [int(text) for text in texts if _is_number(text)]
    if len(numbers) == len(texts):
        volume, opened, high, low, close, turnover = numbers
        row = MinuteRow(minute, opened, high, low, close, volume, turnover)
        if not volume or are_prices_possible(row):
            return row
        return RejectedRow(Reject(RowFault.IMPOSSIBLE_PRICES, minute), volume, turnover)
    wrong = next(name for (name, _), text in zip(_MINUTE_FIELDS, texts, strict=True) if not _is_number(text))
    reject = Reject(RowFault.NOT_A_NUMBER, minute, wrong)
    return RejectedRow(reject, _number(raw.get(f.VOLUME)), _number(raw.get(f.TURNOVER)))


def _minute(raw: object) -> datetime | RowFault:
    """Return the minute a row is labelled with, naive KST; off-grid seconds (…11) occur and are floored (§6)."""
    if not isinstance(raw, dict):
        return RowFault.NOT_A_RECORD
    day, hour = raw.get(f.DAY), raw.get(f.HOUR)
    if not (_is_number(day) and _is_number(hour) and len(day) == 8 and len(hour) == 6):
        return RowFault.NO_TIME
    minute = _minute_of(day, hour[:4])
    return minute if minute and int(hour[4:]) <= 59 else RowFault.IMPOSSIBLE_TIME


def _daily_row(raw: object) -> DailyRow | RejectedDay:
    text = raw.get(f.DAY) if isinstance(raw, dict) else None
    if not isinstance(raw, dict) or not _is_number(text) or len(text) != 8:
        return RejectedDay(RowFault.NO_TIME if isinstance(raw, dict) else RowFault.NOT_A_RECORD)
    day = _day(text)
    if day is None:
        return RejectedDay(RowFault.IMPOSSIBLE_TIME)
    texts = [raw.get(field) for _, field in _DAILY_FIELDS]
    numbers = [int(text) for text in texts if _is_number(text)]
    if len(numbers) < len(texts):
        wrong = next(name for (name, _), text in zip(_DAILY_FIELDS, texts, strict=True) if not _is_number(text))
        return RejectedDay(RowFault.NOT_A_NUMBER, day, wrong)
    opened, high, low, close, volume = numbers
    if high > _MOST_SPAN * low > 0:
        return RejectedDay(RowFault.IMPOSSIBLE_PRICES, day)
    return DailyRow(day, opened, high, low, close, volume, _number(raw.get(f.TURNOVER)), *_action(raw))


def _action(raw: dict[str, object]) -> tuple[CorporateAction, Decimal | None]:
    action = _ACTIONS.get(str(raw.get(f.ACTION) or ""), CorporateAction.UNKNOWN)
    try:
        percent = Decimal(str(raw.get(f.ADJUSTMENT) or "0"))
    except InvalidOperation:
        return action, None
    return action, percent if percent and percent.is_finite() else None


def _is_number(value: object) -> TypeGuard[str]:
    """Return whether it is a whole number ≥ 0 as KIS writes one: a string of ASCII digits that a BIGINT holds.

    A JSON number is none: KIS never sends one.
    """
    return isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS


def _number(value: object) -> int | None:
    return int(value) if _is_number(value) else None


@lru_cache(maxsize=4096)
def _minute_of(day: str, hour: str) -> datetime | None:
    """Return YYYYMMDD and HHMM, digits, as naive KST."""
    try:
        return datetime.fromisoformat(f"{day}T{hour}") if hour < "24" else None
    except ValueError:
        return None


def _day(text: object) -> date | None:
    try:
        return date.fromisoformat(text) if _is_number(text) and len(text) == 8 else None
    except ValueError:
        return None
