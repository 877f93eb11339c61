"""`/_sim/…`: steer a simulator in another process over HTTP.

GET stats, requests, truth; POST fault, clear, down, expire, revoke.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from kis_simulator.faults.active import AnyFault
from kis_simulator.http import Reply

PREFIX = "/_sim/"
Body = dict[str, Any]


def control(actions: Mapping[str, Callable[[Body], Any]], path: str, body: Body) -> Reply:
    """Do what a path below /_sim/ says."""
    action = actions.get(path.removeprefix(PREFIX))
    if not action:
        return Reply(404, None)
    try:
        return Reply(200, action(body))
    except (KeyError, TypeError, ValueError) as error:
        return Reply(400, {"error": str(error)})


def as_json(fault: AnyFault) -> dict[str, Any]:
    """Return a fault without what it remembers."""
    return {name: value for name, value in asdict(fault).items() if name not in ("served", "moments")}
