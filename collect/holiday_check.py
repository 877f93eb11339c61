"""KIS's own calendar (chk-holiday) against the package `holidays`: asked once a day, remembered in a file, it wins.

kis_api.md §8: real keys only, at most once a day; `opnd_yn` is the field to trust.
"""

import json
import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path

from base import files
from base.clock import Clock
from base.errors import MinuteDataError, Stopped
from kis.client import KisClient
from market.hours import TradingCalendar

ASK_AGAIN = timedelta(hours=1)
KEPT = timedelta(days=30)
"""So long what KIS said of a day outlives the day: the look-back needs it."""
_log = logging.getLogger("minute_data")


class HolidayCheck:
    """The trading calendar as KIS corrects it; the package's own as long as KIS has not been heard."""

    def __init__(self, client: KisClient, clock: Clock, memory: Path, csat_days: Iterable[date]) -> None:
        self._client, self._clock, self._memory, self._csat_days = client, clock, memory, frozenset(csat_days)
        self._plain = TradingCalendar(csat_days=self._csat_days)
        self._corrections: Mapping[date, bool] = {}
        self._heard: date | None = None
        self._tried: datetime | None = None
        self.calendar = self._plain

    def refresh(self) -> None:
        """Ask KIS unless it has answered today or was asked within the hour; `calendar` changes where it disagrees."""
        now = self._clock.now()
        if self._heard == now.date() or (self._tried and abs(now - self._tried) < ASK_AGAIN):
            return
        self._tried = now
        opened = self._opened(now.date())
        if opened is None:
            return
        self._heard = now.date()
        wrong = {day: is_open for day, is_open in opened.items() if is_open != self._plain.is_trading_day(day)}
        for day in wrong.keys() - self._corrections.keys():
            said = "개장" if wrong[day] else "휴장"
            _log.warning("⚠️ %s: 내장 달력과 달리 KIS는 %s이라고 합니다. KIS를 따릅니다.", day, said)
        if wrong != self._corrections:
            self._corrections = wrong
            closed = [day for day, is_open in wrong.items() if not is_open]
            self.calendar = TradingCalendar(csat_days=self._csat_days, closed=closed, opened=wrong.keys() - {*closed})

    def _opened(self, today: date) -> dict[date, bool] | None:
        """Date → whether the exchange opens, for the last and the coming weeks; None where KIS cannot be asked."""
        asked, opened = _remembered(self._memory, today)
        if asked == today:
            return opened
        try:
            told = parse_open_days(self._client.holidays(today))
        except Stopped:
            raise
        except MinuteDataError as error:
            _log.info("ℹ️ KIS 휴장일을 확인하지 못해 내장 달력을 씁니다: %s", error)
            return None
        opened = {day: is_open for day, is_open in opened.items() if day < today} | told
        _remember(self._memory, today, opened)
        return opened


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


def _remembered(memory: Path, today: date) -> tuple[date | None, dict[date, bool]]:
    """When KIS was asked last, and what it said of the days since `KEPT` ago."""
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        said = {date.fromisoformat(day): is_open is True for day, is_open in kept["open"].items()}
        asked = date.fromisoformat(kept["asked"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, {}
    return asked, {day: is_open for day, is_open in said.items() if day > today - KEPT}


def _remember(memory: Path, today: date, opened: Mapping[date, bool]) -> None:
    kept = {"asked": today.isoformat(), "open": {day.isoformat(): is_open for day, is_open in opened.items()}}
    try:
        files.atomic_write(memory, json.dumps(kept, indent=1) + "\n")
    except OSError as error:
        _log.debug("holiday file not written: %s", error)
