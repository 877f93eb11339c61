"""The calls that the simulated KIS received, and how close together."""

from collections.abc import Iterable
from itertools import pairwise
from typing import NamedTuple

from kis_simulator.auth import TRS

REMEMBERED = 200_000


class Request(NamedTuple):
    """A call that was answered or cut off: `at` in monotonic seconds, HTTP `status` (0 = no answer), KIS `code`."""

    at: float
    path: str
    tr_id: str
    params: dict[str, str]
    status: int
    code: str
    fault: str = ""
    key: str = ""


def busiest_second(requests: Iterable[Request]) -> int:
    """Return the most data calls that came within any one second."""
    arrivals = _arrivals(requests)
    most, start = 0, 0
    for end, at in enumerate(arrivals):
        while at - arrivals[start] > 1.0:
            start += 1
        most = max(most, end - start + 1)
    return most


def shortest_gap(requests: Iterable[Request]) -> float:
    """Return the least time in seconds between two data calls."""
    return min((later - earlier for earlier, later in pairwise(_arrivals(requests))), default=float("inf"))


def _arrivals(requests: Iterable[Request]) -> list[float]:
    return sorted(request.at for request in requests if request.path in TRS)
