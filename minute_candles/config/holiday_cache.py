"""What KIS said last of its trading days, kept in a file in LOG_DIR: one calendar for every command."""

import json
import logging
from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path

from minute_candles.config.settings import Settings
from minute_candles.core import files

HOLIDAY_FILE = "realtime_updater_holidays.json"
KEPT = timedelta(days=400)
"""So long what KIS said of a day outlives the day: as far back as its minutes are kept, and more."""
_log = logging.getLogger(__name__)


def said(settings: Settings, today: date) -> dict[date, bool]:
    """Return what KIS said last: day → whether the exchange opens; {} on VTS, which has no such TR."""
    return remembered(settings.log_dir / HOLIDAY_FILE, today)[1] if settings.env == "real" else {}


def remembered(memory: Path, today: date) -> tuple[date | None, dict[date, bool]]:
    """Return when KIS was requested last, and what it said of the days since `KEPT` ago."""
    try:
        kept = json.loads(memory.read_text(encoding="utf-8"))
        said = {date.fromisoformat(day): is_open is True for day, is_open in kept["open"].items()}
        checked_on = date.fromisoformat(kept["asked"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, {}
    return checked_on, {day: is_open for day, is_open in said.items() if day > today - KEPT}


def remember(memory: Path, today: date, opened: Mapping[date, bool]) -> None:
    """Keep what KIS said today, where the disk takes it."""
    kept = {"asked": today.isoformat(), "open": {day.isoformat(): is_open for day, is_open in opened.items()}}
    try:
        files.atomic_write(memory, json.dumps(kept, indent=1) + "\n")
    except OSError as error:
        _log.debug("holiday file not written: %s", error)
