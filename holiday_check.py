"""KIS's own calendar (chk-holiday) against the package `holidays`: asked once a day, remembered in a file, it wins.

kis_api.md §8: real keys only, at most once a day; `opnd_yn` is the field to trust.
"""

import json
import logging
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import files
from errors import MinuteDataError, Stopped
from kis_client import KisClient
from market_hours import TradingCalendar

_log = logging.getLogger("minute_data")


def checked_calendar(
    client: KisClient, calendar: TradingCalendar, today: date, memory: Path, csat_days: Iterable[date]
) -> TradingCalendar:
    """The calendar with KIS's corrections for the coming weeks; as it was where KIS cannot be asked."""
    opened = _remembered(memory, today)
    if opened is None:
        try:
            opened = parse_open_days(client.holidays(today))
        except Stopped:
            raise
        except MinuteDataError as error:
            _log.info("ℹ️ KIS 휴장일을 확인하지 못해 내장 달력을 씁니다: %s", error)
            return calendar
        _remember(memory, today, opened)
    plain = TradingCalendar(csat_days=csat_days)
    wrong = {day: is_open for day, is_open in opened.items() if is_open != plain.is_trading_day(day)}
    for day, is_open in wrong.items():
        said = "개장" if is_open else "휴장"
        _log.warning("⚠️ %s: 내장 달력과 달리 KIS는 %s이라고 합니다. KIS를 따릅니다.", day, said)
    closed = [day for day, is_open in wrong.items() if not is_open]
    return TradingCalendar(csat_days=csat_days, closed=closed, opened=[day for day in wrong if day not in closed])


def parse_open_days(raws: Iterable[object]) -> dict[date, bool]:
    """Date → whether the exchange opens; rows that cannot be read say nothing."""
    found = {}
    for raw in raws:
        if isinstance(raw, dict) and raw.get("opnd_yn") in ("Y", "N"):
            try:
                found[datetime.strptime(str(raw.get("bass_dt")), "%Y%m%d").date()] = raw["opnd_yn"] == "Y"
            except ValueError:
                continue
    return found


def _remembered(memory: Path, today: date) -> dict[date, bool] | None:
    """What KIS said earlier today."""
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        if kept["asked"] == today.isoformat():
            return {date.fromisoformat(day): bool(is_open) for day, is_open in kept["open"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    return None


def _remember(memory: Path, today: date, opened: dict[date, bool]) -> None:
    kept = {"asked": today.isoformat(), "open": {day.isoformat(): is_open for day, is_open in opened.items()}}
    try:
        files.atomic_write(memory, json.dumps(kept, indent=1) + "\n")
    except OSError as error:
        _log.debug("holiday file not written: %s", error)
