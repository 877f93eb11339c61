"""Points 2 and 3: calls, processor time and memory of a whole backfill, 97 and 194 symbols × 21 days, limit lifted."""

import math
from collections.abc import Sequence
from datetime import date

from harness import (
    EVENING,
    SESSIONS,
    Line,
    Ran,
    Spread,
    address,
    fetch,
    folder,
    keep,
    kis,
    load,
    quick,
    running,
    spread,
    symbols_in,
    symbols_of,
)

from kis_simulator.exchange.market import Market

DAYS = 21
PAGE = 120


def least_calls(symbols: Sequence[str], days: Sequence[date]) -> int:
    """Σ max(1, ⌈session rows ÷ 120⌉): what any collector must ask."""
    market = Market(1, EVENING.date())
    return sum(max(1, math.ceil(len(market.truth(symbol, day)) / PAGE)) for symbol in symbols for day in days)


def measure(count: int, days: Sequence[date], server: object) -> tuple[Ran, dict[str, int], int]:
    """A backfill of so many symbols: what it cost, its calls, the rows it left."""
    database = server.fresh()  # type: ignore[attr-defined]
    with kis(rate=1e9) as simulator, folder() as here:
        flags = ("--from", str(days[0]), "--to", str(days[-1]), "--symbols-file", symbols_in(here, count))
        ran = fetch(*flags, kis=simulator.url, database=address(database), folder=here)
        calls = simulator.calls()
    rows = server.run("SELECT COUNT(*) FROM stock_minute_prices", database=database.name)[0][0]  # type: ignore[attr-defined]
    server.drop(database)  # type: ignore[attr-defined]
    return ran, calls, int(rows)


def main() -> None:
    began, days = load(), SESSIONS[-3 if quick() else -DAYS :]
    lines: list[Line] = []
    memory: dict[int, Spread] = {}
    with running("mariadb", tuned=True) as server:
        assert server, "needs mariadbd"
        for count in (97, 194):
            found = [measure(count, days, server) for _ in range(1 if quick() else 3)]
            memory[count] = spread([ran.rss for ran, _, _ in found])
            lines += cost(count, len(days), [ran for ran, _, _ in found], found[0][2])
            lines += efficiency(count, days, found[0][1])
            print(*lines[-4:], sep="\n", flush=True)
    more = memory[194].median / memory[97].median
    lines.append(Line("메모리 194종목 ÷ 97종목", f"{more:.2f}배", "≤ 1.05배", more <= 1.05))
    title = f"2–3. 호출 효율과 비용 ({len(days)}거래일, 한도 해제)"
    note = "벽시계에는 같은 코어를 나눠 쓰는 시뮬레이터의 몫이 섞여 있습니다(CPU는 아님). 메모리는 커널의 VmHWM."
    keep("backfill", title, lines, began_at_load=began, note=note)


def cost(count: int, days: int, runs: Sequence[Ran], rows: int) -> list[Line]:
    cpu, rss, wall = (spread([getattr(ran, name) for ran in runs]) for name in ("cpu", "rss", "wall"))
    each = cpu.median / (count * days) * 1000
    first = f"{count}종목"
    return [
        Line(f"{first}: CPU (초)", f"{cpu} · 종목일마다 {each:.1f} ms · {rows:,}행 · 벽시계 {wall.median:.0f}초",
             "≤ 60" if count == 97 else "", cpu.median <= 60 if count == 97 else None),
        Line(f"{first}: 최대 메모리 (MB)", str(rss), "≤ 200", rss.most <= 200),
    ]  # fmt: skip


def efficiency(count: int, days: Sequence[date], calls: dict[str, int]) -> list[Line]:
    least = least_calls(symbols_of(count), days)
    past, others = calls["past"] / least, (sum(calls.values()) - calls["past"]) / count
    return [
        Line(f"{count}종목: 분봉 호출 ÷ 최소", f"{past:.4f} ({calls['past']:,} ÷ {least:,})", "≤ 1.02", past <= 1.02),
        Line(f"{count}종목: 그 밖의 호출 (종목당)", f"{others:.2f}", "≤ 1.5", others <= 1.5),
    ]


if __name__ == "__main__":
    main()
