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
from config.settings import Settings
from kis.client import KisClient
from market.hours import TradingCalendar

HOLIDAY_FILE = "realtime_updater_holidays.json"
ASK_AGAIN = timedelta(hours=1)
KEPT = timedelta(days=30)
"""So long what KIS said of a day outlives the day: the look-back needs it."""
MOST_CORRECTIONS = 3
"""A government adds a holiday or two at short notice; an answer that differs on more days is a fault of KIS."""
_log = logging.getLogger("minute_data")


class HolidayCheck:
    """The trading calendar as KIS corrects it; the package's own as long as KIS has not been heard."""

    def __init__(self, client: KisClient, clock: Clock, memory: Path, csat_days: Iterable[date]) -> None:
        self._client, self._clock, self._memory, self._csat_days = client, clock, memory, frozenset(csat_days)
        self._plain = TradingCalendar(csat_days=self._csat_days)
        self._corrections: Mapping[date, bool] = _differing(self._plain, _remembered(memory, clock.now().date())[1])
        self._heard: date | None = None
        self._tried: datetime | None = None
        self.calendar = _corrected(self._csat_days, self._corrections)

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
        wrong = _differing(self._plain, opened)
        for day in wrong.keys() - self._corrections.keys():
            said = "개장" if wrong[day] else "휴장"
            _log.warning("⚠️ %s: 내장 달력과 달리 KIS는 %s이라고 합니다. KIS를 따릅니다.", day, said)
        if wrong != self._corrections:
            self._corrections = wrong
            self.calendar = _corrected(self._csat_days, wrong)

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
        if len(doubted := _differing(self._plain, told)) > MOST_CORRECTIONS:
            line = "⚠️ KIS의 휴장일 답이 내장 달력과 %d일이나 달라 믿지 않습니다. 내장 달력을 씁니다."
            _log.warning(line, len(doubted))
            return None
        opened = {day: is_open for day, is_open in opened.items() if day < today} | told
        _remember(self._memory, today, opened)
        return opened


def known_calendar(settings: Settings, today: date) -> TradingCalendar:
    """The package's calendar with what KIS said last, for commands that do not ask it themselves."""
    said = _remembered(settings.log_dir / HOLIDAY_FILE, today)[1] if settings.env == "real" else {}
    wrong = _differing(TradingCalendar(csat_days=settings.csat_days), said)
    return _corrected(frozenset(settings.csat_days), wrong)


def _differing(plain: TradingCalendar, opened: Mapping[date, bool]) -> dict[date, bool]:
    return {day: is_open for day, is_open in opened.items() if is_open != plain.is_trading_day(day)}


def _corrected(csat_days: frozenset[date], wrong: Mapping[date, bool]) -> TradingCalendar:
    closed = [day for day, is_open in wrong.items() if not is_open]
    return TradingCalendar(csat_days=csat_days, closed=closed, opened=wrong.keys() - {*closed})


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
