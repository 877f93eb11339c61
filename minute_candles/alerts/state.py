"""What the alerts remember over a restart, in a small file: how far each symbol was judged, and what fired last.

A file that cannot be read is none: then nothing of today is judged twice, because the table knows what has fired.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from minute_candles.alerts.delivery import Unsent
from minute_candles.alerts.digest import message_of
from minute_candles.core.files import atomic_write

KEPT = timedelta(days=8)
"""A cooldown has at most a week to run."""


class State(NamedTuple):
    """`judged`: symbol and interval → the last window (naive KST); `fired`: rule and symbol → the window that fired;
    `told`: operations rule → when (aware); `unsent`: messages that an address did not take on `day`, by its name.
    """

    judged: Mapping[tuple[str, int], datetime]
    fired: Mapping[tuple[str, str], datetime]
    told: Mapping[str, datetime]
    day: date | None = None
    unsent: Unsent = {}


def read(path: Path) -> State | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        return State(
            {(symbol, int(interval)): _moment(when) for symbol, interval, when in kept["judged"]},
            {(str(rule), str(symbol)): _moment(when) for rule, symbol, when in kept["fired"]},
            {str(rule): datetime.fromisoformat(when) for rule, when in kept["told"].items()},
            date.fromisoformat(kept["day"]) if kept.get("day") else None,
            {str(name): [message_of(told) for told in some] for name, some in kept.get("unsent", {}).items()},
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def write(path: Path, state: State) -> None:
    """Raises `OSError`."""
    newest = max([*state.judged.values(), datetime.min + KEPT])
    kept: dict[str, Any] = {
        "judged": [[*key, when.isoformat()] for key, when in state.judged.items()],
        "fired": [[*key, when.isoformat()] for key, when in state.fired.items() if when >= newest - KEPT],
        "told": {rule: when.isoformat() for rule, when in state.told.items()},
        "day": state.day and state.day.isoformat(),
        "unsent": state.unsent,
    }
    atomic_write(path, json.dumps(kept, ensure_ascii=False) + "\n")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
