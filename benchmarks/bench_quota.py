"""Point 1: calls a second that KIS answered ÷ calls a second that it allows, whole command, KIS and database included.

The server counts a sliding second on arrival and sits in a process of its own. Measured in steady state: the first
seconds (token, first connections) are left out, an over-limit answer counts as none; over-limit answers are counted
from the first call on, the minute in which the gap finds its width included.
"""

import time
from collections import Counter
from typing import Any, NamedTuple

from harness import (
    SESSIONS,
    THE_97,
    Fetch,
    Kis,
    Line,
    Spread,
    address,
    folder,
    interrupted,
    keep,
    kis,
    load,
    quick,
    running,
    spread,
)


class Case(NamedTuple):
    rate: float
    latency: float
    jitter: float
    warm: float
    seconds: float
    target: float
    most_refused: float


LATENCIES = (0.05, 0.2, 0.6)
STEADY = [Case(18, latency, 0.005, 6, 40, 0.97, 0.0) for latency in LATENCIES]
UNEVEN = [Case(18, latency, 0.06, 6, 90, 0.9, 0.01) for latency in LATENCIES]
FAST = [Case(100, latency, 0.005, 10, 20, 0.8, 0.01) for latency in LATENCIES]
WINDOWS = 5


class Measured(NamedTuple):
    """Efficiency in each window of the steady time; over-limit answers from the very first call on, and their share."""

    efficiency: Spread
    refused: int
    share: float


def measure(case: Case, server: Any) -> Measured:
    """One run of the command, broken off after the measured time."""
    database = server.fresh()
    try:
        with kis(rate=case.rate, latency=case.latency, way_jitter=case.jitter) as simulator, folder() as here:
            flags = ("--from", str(SESSIONS[-21]), "--to", str(SESSIONS[-1]), "--symbols", ",".join(THE_97))
            command = Fetch(*flags, kis=simulator.url, database=address(database), folder=here, rate=case.rate)
            time.sleep(case.warm + case.seconds + 3)
            requests = data_calls(simulator)
            interrupted(command)
    finally:
        server.drop(database)
    return judge(case, requests)


def data_calls(simulator: Kis) -> list[dict[str, Any]]:
    return [request for request in simulator.ask("requests") if "quotations" in request["path"]]


def judge(case: Case, requests: list[dict[str, Any]]) -> Measured:
    start = requests[0]["at"] + case.warm
    counted = [request for request in requests if start <= request["at"] < start + case.seconds]
    refused = [request["at"] for request in counted if request["code"] == "EGW00201"]
    windows = Counter(int((request["at"] - start) / case.seconds * WINDOWS) for request in counted)
    windows.subtract(int((at - start) / case.seconds * WINDOWS) for at in refused)
    allowed = case.rate * case.seconds / WINDOWS
    parts = [windows[number] / allowed for number in range(WINDOWS)]
    at_all = sum(request["code"] == "EGW00201" for request in requests)
    return Measured(spread(parts), at_all, at_all / len(requests))


def line(case: Case, found: Measured) -> Line:
    what = f"{case.rate:g}/s · 지연 {case.latency * 1000:g} ms · 흔들림 {case.jitter * 1000:g} ms"
    value = f"{found.efficiency} · EGW00201 {found.refused}번 = {found.share:.2%}"
    limit = "0번" if case.most_refused == 0 else f"{case.most_refused:.0%} 이하"
    met = found.efficiency.median >= case.target and found.share <= case.most_refused
    return Line(what, value, f"≥ {case.target} · {limit}", met)


def main() -> None:
    began, lines = load(), []
    with running("mariadb", tuned=True) as server:
        assert server, "needs mariadbd"
        for case in (*STEADY, *UNEVEN, *FAST):
            if quick():
                case = case._replace(warm=3, seconds=8)
            lines.append(line(case, measure(case, server)))
            print(*lines[-1], flush=True)
    note = "흔들림 = 서버에 닿기까지 더 걸리는 시간(0부터 그 값까지 고르게)."
    note += " 효율은 처음 6초(토큰, 첫 연결; 100/s는 10초)를 빼고, EGW00201은 첫 호출부터 셉니다."
    note += " 중앙값과 최소–최대는 한 실행의 다섯 구간."
    keep("quota", "1. 쿼터 효율 (성공한 호출 ÷ 허용된 호출)", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
