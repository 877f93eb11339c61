"""What the alerts remember over a restart, in a small file: how far each symbol was judged, what fired, what waits.

A file that cannot be read counts as none: then nothing of today is judged again.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from minute_candles.alerts.delivery import Unsent
from minute_candles.alerts.digest import message_of
from minute_candles.alerts.engine import Alert, Fired
from minute_candles.core.files import atomic_write

_KEPT = timedelta(days=8)
"""A cooldown lasts a week at most."""


@dataclass(frozen=True)
class State:
    """Moments are naive KST, but for `operations`.

    `judged`: symbol and interval → the last window; `fired`: rule and symbol → what fired last; `operations`: rule →
    when it was reported (aware); `unsent`: messages that were not delivered on `day`, by the name of their address;
    `unwritten`: alerts of `day` that were neither written to the table nor handed to the delivery.
    """

    judged: Mapping[tuple[str, int], datetime] = field(default_factory=dict)
    fired: Mapping[tuple[str, str], Fired] = field(default_factory=dict)
    operations: Mapping[str, datetime] = field(default_factory=dict)
    day: date | None = None
    unsent: Unsent = field(default_factory=dict)
    unwritten: Sequence[Alert] = ()


def read(path: Path) -> State | None:
    """Return what was kept; None where there is nothing that can be read."""
    try:
        return _state_of(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _state_of(kept: dict[str, Any]) -> State:
    return State(
        {(symbol, int(interval)): _moment(when) for symbol, interval, when in kept["judged"]},
        {(str(rule), str(symbol)): Fired(_moment(when), *more) for rule, symbol, when, *more in kept["fired"]},
        {str(rule): datetime.fromisoformat(when) for rule, when in kept["operations"].items()},
        date.fromisoformat(kept["day"]) if kept["day"] else None,
        {str(name): [message_of(one) for one in messages] for name, messages in kept["unsent"].items()},
        [Alert._make([*alert[:4], _moment(alert[4]), *alert[5:]]) for alert in kept["unwritten"]],
    )


def write(path: Path, state: State) -> None:
    """Replace the file. Raises `OSError`."""
    newest = max([*state.judged.values(), datetime.min + _KEPT])
    kept: dict[str, Any] = {
        "judged": [[*key, when.isoformat()] for key, when in state.judged.items()],
        "fired": [
            [*key, last.timestamp.isoformat(), last.direction]
            for key, last in state.fired.items()
            if last.timestamp >= newest - _KEPT
        ],
        "operations": {rule: when.isoformat() for rule, when in state.operations.items()},
        "day": state.day and state.day.isoformat(),
        "unsent": state.unsent,
        "unwritten": [[*alert[:4], alert.timestamp.isoformat(), *alert[5:]] for alert in state.unwritten],
    }
    atomic_write(path, json.dumps(kept, ensure_ascii=False) + "\n")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=None)
