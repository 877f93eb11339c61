"""What the page receives of a day and an alert, and the status of each candle. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta

from minute_candles.core.kst import KST
from minute_candles.market.calendar import Session, TradingCalendar, midnight
from minute_candles.market.candle_json import status_of as of_a_day
from minute_candles.market.candle_json import time_text
from minute_candles.market.candles import Candle
from minute_candles.market.day_status import VERIFIED
from minute_candles.market.intervals import SESSIONS, Interval, window_end, window_start
from minute_candles.storage.coverage import is_whole
from minute_candles.storage.store import CoverageRow, FiredAlert

Json = dict[str, object]
"""An object of an answer; which names it has is the contract's."""
_FROM_BEST = ("COMPLETE", "UNPROVEN", "PROVISIONAL")
_ONE_DAY = timedelta(days=1)


def alert_json(fired: FiredAlert, name: str) -> Json:
    """Return an alert that fired; `time` is the start of its window, `rang_at` when it rang."""
    alert = fired.alert
    return {
        "time": time_text(alert.timestamp), "rang_at": time_text(fired.rang_at), "symbol": alert.symbol, "name": name,
        "rule": alert.rule,
        "interval": alert.interval, "severity": alert.severity, "text": alert.text, "value": alert.value,
    }  # fmt: skip


def status_of(known: CoverageRow | None, held: int | None = None) -> str:
    """Return what the coverage row of its day says of a stored candle: COMPLETE, UNPROVEN or PROVISIONAL.

    `held`: the 1-minute rows of that day, where they were counted: fewer than were verified are verified no more.
    """
    lost = known is not None and held is not None and not is_whole(known, (held,))
    return of_a_day(None if known is None or lost else known.status)


def statuses(
    candles: Sequence[Candle],
    interval: Interval,
    known: Mapping[date, CoverageRow],
    calendar: TradingCalendar,
    now: datetime,
    held: Mapping[date, int] | None = None,
) -> list[str]:
    """Return one status a candle; RUNNING where its window is not over.

    `held`: 1-minute rows by day, where they were counted.
    """
    newest = window_start(midnight(now.date()), interval)
    by_day = {day: status_of(row, None if held is None else held.get(day)) for day, row in known.items()}
    return [
        "RUNNING"
        if candle.timestamp >= newest and is_running(candle.timestamp, interval, calendar, now)
        else _worst([by_day.get(day) or status_of(None) for day in _days(candle, interval, calendar)])
        for candle in candles
    ]


def is_running(start: datetime, interval: Interval, calendar: TradingCalendar, now: datetime) -> bool:
    """Return whether the window from `start` (naive KST) is not over: "Closed candles only".

    Ten minutes after the close every window of the day is over, and those of which it is the last trading day.
    """
    end = window_end(start, interval).replace(tzinfo=KST)
    if now >= end:
        return False
    days = [start.date()] if interval not in SESSIONS else calendar.trading_days(start.date(), end.date() - _ONE_DAY)
    return not (days and calendar.is_trading_day(days[-1]) and now >= calendar.session(days[-1]).end)


def day_json(session: Session, known: CoverageRow | None, held: int, now: datetime) -> Json:
    """Return what is known of a trading day, and when it trades; MISSING: closed, and not a row."""
    stands = is_whole(known, (held,))
    status, note = known.status if known and stands else "PROVISIONAL", known.note if known else None
    if known and known.status in VERIFIED and not stands:
        note = f"확인할 때보다 1분봉 {known.minutes - held}건이 적습니다"
    if not held and status not in ("NO_TRADES", "PROVISIONAL" if now < session.end else ""):
        status = "MISSING"
    return {
        "day": session.day.isoformat(),
        "open": f"{session.open:%H:%M}",
        "close": f"{session.close:%H:%M}",
        "status": status,
        "note": note,
        "minutes": held,
    }


def _days(candle: Candle, interval: Interval, calendar: TradingCalendar) -> list[date]:
    """Return the day of a candle; of a week or month its trading days."""
    first = candle.timestamp.date()
    if interval not in SESSIONS:
        return [first]
    return calendar.trading_days(first, window_end(candle.timestamp, interval).date() - _ONE_DAY) or [first]


def _worst(found: Sequence[str]) -> str:
    """Return the status of a candle, the worst of its days'."""
    return max(found, key=_FROM_BEST.index)
