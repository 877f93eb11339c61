"""`/_sim/…`: the simulator steered over HTTP, for one in another process.

GET stats, requests, truth; POST fault, clear, down, expire, revoke.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

from kis_simulator.auth import path_name
from kis_simulator.faults.corporate_actions import CorporateAction
from kis_simulator.faults.faults import Fault
from kis_simulator.faults.inconsistencies import Surprise
from kis_simulator.http import Reply

if TYPE_CHECKING:
    from kis_simulator.simulator import Simulator

PREFIX = "/_sim/"


def control(simulator: "Simulator", path: str, body: dict[str, Any]) -> Reply:
    """Do what a path below /_sim/ says."""
    actions: dict[str, Callable[[dict[str, Any]], Any]] = {
        "stats": lambda _: stats(simulator),
        "requests": lambda body: [request._asdict() for request in simulator.requests[int(body.get("since", 0)) :]],
        "truth": lambda body: _truth(simulator, body),
        "fault": lambda body: _told(simulator.add_fault(**body)),
        "clear": lambda _: simulator.clear_faults(),
        "down": lambda body: simulator.down(body.get("down", True)),
        "revoke": lambda _: simulator.revoke_tokens(),
        "expire": lambda _: simulator.expire_tokens(),
        "expire_approvals": lambda _: simulator.stream.registrar.expire(),
    }
    action = actions.get(path.removeprefix(PREFIX))
    if not action:
        return Reply(404, None)
    try:
        return Reply(200, action(body))
    except (KeyError, TypeError, ValueError) as error:
        return Reply(400, {"error": str(error)})


def stats(simulator: "Simulator") -> dict[str, Any]:
    """Counts of the calls by TR and by code, the busiest second, the tokens issued, the faults."""
    requests = simulator.requests
    return {
        "now": simulator.now().isoformat(),
        "calls": Counter(path_name(request.path) for request in requests),
        "codes": Counter(request.code for request in requests),
        "busiest_second": simulator.busiest_second(),
        "keys": Counter(request.key for request in requests),
        "tokens_issued": simulator.tokens.issued,
        "down": simulator.is_down,
        "faults": [_told(fault) for fault in simulator.all_faults],
    }


def _told(fault: Fault | Surprise | CorporateAction) -> dict[str, Any]:
    """A fault as JSON, without what it remembers."""
    return {name: value for name, value in asdict(fault).items() if name not in ("told", "moments")}


def _truth(simulator: "Simulator", query: dict[str, Any]) -> list[dict[str, Any]]:
    truth = simulator.truth(query["symbol"], date.fromisoformat(query["day"]), int(query.get("interval", 1)))
    return [{**candle._asdict(), "timestamp": candle.timestamp.isoformat()} for candle in truth]
