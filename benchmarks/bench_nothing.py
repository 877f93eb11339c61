"""Point 5: a run that has nothing to do, on a complete table of a million rows: wall time of the whole command."""

import filled
from harness import SESSIONS, THE_97, Line, address, fetch, folder, keep, kis, load, quick, running, spread

DAYS = 21


def main() -> None:
    began, lines = load(), list[Line]()
    symbols, days = (THE_97[:5] if quick() else THE_97), SESSIONS[-DAYS:]
    for kind in ("mariadb", "mysql"):
        with running(kind) as server, kis() as simulator, folder() as here:
            if server is None:
                continue
            database = server.fresh()
            filled.ready(database).close()
            filled.fill(server, database, symbols, days)
            rows = server.run("SELECT COUNT(*) FROM stock_minute_prices", database=database.name)[0][0]
            flags = ("--symbols", ",".join(symbols), "--from", str(days[0]), "--to", str(days[-1]))
            runs = [
                fetch(*flags, kis=simulator.url, database=address(database), folder=here)
                for _ in range(2 if quick() else 7)
            ]
            wall, calls = spread([run.wall for run in runs]), sum(simulator.calls().values())
            lines.append(Line(f"{kind}: {rows:,}행이 모두 있을 때 (초)", str(wall), "≤ 3초", wall.median <= 3))
            lines.append(Line(f"{kind}: KIS 호출", f"{calls}회", "0회", calls == 0))
    note = "명령 전체의 벽시계(파이썬 시작과 import 포함), 서버는 기본 설정."
    keep("nothing", "5. 할 일이 없을 때", lines, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
