"""Rounds by number of keys: the same symbols over one, two and four, as parts of what one key takes."""

from datetime import datetime

from bench_round import LATENCY, RATE, measure
from harness import KST, Line, keep, load, quick, running, spread

SYMBOLS = [f"1{number:05}" for number in range(540)]
KEYS = (1, 2, 4)
START = datetime(2026, 11, 20, 9, 5, 30, tzinfo=KST)
"""A page of today's TR holds the whole day: a round is a call a symbol."""


def main() -> None:
    began, lines, alone = load(), list[Line](), 0.0
    with running("mariadb", tuned=True) as server:
        assert server, "needs mariadbd"
        for keys in KEYS:
            whole = spread([seconds for _, seconds, _ in measure(server, SYMBOLS, 1 if quick() else 3, keys, START)])
            alone = alone or whole.median
            part, limit = whole.median / alone, 1.1 / keys
            target, met = (f"≤ {limit:.2f}배", part <= limit) if keys > 1 else ("", None)
            lines.append(Line(f"{len(SYMBOLS)}종목 라운드, 키 {keys}개 (초)", f"{whole} · {part:.2f}배", target, met))
    note = f"키마다 {RATE:g}/s, 지연 {LATENCY * 1000:g} ms. 배수는 키 하나의 몇 배인가."
    keep("keys", "키의 수와 라운드", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
