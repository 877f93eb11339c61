"""Issue 15: what the chart answers and what its watchers cost, asked over HTTP of live_chart.py in its own process.

MariaDB with its default settings: a year of one symbol, two weeks of the other 96.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from statistics import median

import filled
import requests
import websockets
from chart_browser import browser
from harness import CALENDAR, EVENING, ROOT, THE_97, Line, address, folder, keep, load, quick, running, timed

from minute_candles.chart.listing import FRESH_SECONDS, KEPT_SECONDS
from minute_candles.config.settings import Database
from minute_candles.market.candles import Candles
from minute_candles.market.intervals import SHOWN
from minute_candles.storage.store import Store

YEAR = CALENDAR.trading_days(date(2025, 11, 21), EVENING.date())
MARKET = [f"{number:06d}" for number in range(100, 2800)]
SYMBOL, PORT, WATCHERS = THE_97[0], 8797, 200
PAGES = ("list_of_2700.js", "map_of_a_market.js")
"""What is measured in the browser: the bodies of two functions."""
URL = f"http://127.0.0.1:{PORT}/"
_AT_A_MOMENT = f"""\
import sys
from datetime import datetime
from minute_candles.core.clock import Clock
import live_chart
sys.exit(live_chart.main(["--port={PORT}", *sys.argv[1:]], Clock(at=datetime.fromisoformat("{EVENING.isoformat()}"))))
"""


@contextmanager
def chart(database: Database, where: Path, *flags: str) -> Iterator[int]:
    """The chart's server; its process id."""
    environ = os.environ | {"DB_URL": address(database), "PYTHONPATH": str(ROOT), "LOG_DIR": str(where)}
    process = subprocess.Popen(
        [sys.executable, "-c", _AT_A_MOMENT, *flags], cwd=where, env=environ, stdout=subprocess.PIPE
    )
    assert process.stdout and process.stdout.readline()
    try:
        yield process.pid
    finally:
        process.terminate()
        process.wait(10)


def timed_get(session: requests.Session, path: str, pause: float = 0, **query: object) -> tuple[int, float, float]:
    """How many it answers, the milliseconds of the first answer, and the median of those after it."""
    times = []
    for _ in range(8 if pause else 25):
        time.sleep(pause)
        times.append(timed(session.get, URL + path, query) * 1000)
    answer = session.get(URL + path, params={name: str(value) for name, value in query.items()}).json()
    return len(answer["candles"] if isinstance(answer, dict) else answer), times[0], median(times[1:])


def cpu(pid: int) -> float:
    """Seconds of CPU that a process has used."""
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


async def watched(pid: int, seconds: float) -> float:
    """The share of a core that 200 watchers cost, ten of the 97 symbols among them."""
    sockets = [await websockets.connect(f"ws://127.0.0.1:{PORT}/ws", compression=None) for _ in range(WATCHERS)]
    for at, socket in enumerate(sockets):
        await socket.send(json.dumps({"subscribe": [[THE_97[at % 10], 1]]}))
        await socket.recv()
    began, used = time.perf_counter(), cpu(pid)
    await asyncio.sleep(seconds)
    share = (cpu(pid) - used) / (time.perf_counter() - began)
    await asyncio.gather(*[socket.close() for socket in sockets])
    return share


async def received(store: Store) -> float:
    """Seconds until fifty pages have a candle that was just stored."""
    sockets = [await websockets.connect(f"ws://127.0.0.1:{PORT}/ws", compression=None) for _ in range(50)]
    for socket in sockets:
        await socket.send(json.dumps({"subscribe": [[SYMBOL, 1]]}))
        await socket.recv()
    session = CALENDAR.session(YEAR[-1])

    def changed(held: Candles) -> Candles:
        last = held[1][-1]
        return {**held, 1: [*held[1][:-1], last._replace(volume=last.volume + 1)]}

    await asyncio.to_thread(store.rewrite, SYMBOL, session, changed, now=session.end, status="COMPLETE")
    began = time.perf_counter()
    await asyncio.gather(*[asyncio.wait_for(socket.recv(), 60) for socket in sockets])
    took = time.perf_counter() - began
    await asyncio.gather(*[socket.close() for socket in sockets])
    return took


def in_a_browser() -> list[Line]:
    """Measure the first chart, and a whole market's list and map, in a Chromium that has just begun."""
    with browser() as page:
        page.get(f"{URL}?symbol={SYMBOL}&interval=1")
        page.wait("performance.getEntriesByName('drawn').length", 60)
        first = page.execute_script("return performance.getEntriesByName('drawn')[0].startTime")
        listed, mapped = (Path(__file__).with_name(name).read_text("utf-8") for name in PAGES)
        symbols = page.execute_script(listed)["first"]
        small, large = (page.execute_script(mapped, *size) for size in ((97, 60), (2700, 250)))
    return [
        Line("첫 차트 (브라우저)", f"{first:.0f} ms", "≤ 1,500 ms", first <= 1500),
        Line("종목 목록 2,700개의 첫 화면 (브라우저)", f"{symbols:.0f} ms", "≤ 150 ms", symbols <= 150),
        Line("데이터 지도 97 × 60 그리기", f"{small['first']:.0f} ms", "≤ 50 ms", small["first"] <= 50),
        Line("데이터 지도 2,700 × 250 그리기", f"{large['first']:.0f} ms", "≤ 150 ms", large["first"] <= 150),
        Line("그 지도를 밀 때 한 장면", f"{large['frame']:.1f} ms", "≤ 16 ms", large["frame"] <= 16),
    ]


def measure_map(session: requests.Session) -> list[Line]:
    """The data map of 97 symbols and ten days, first as the coverage rows say, then counted."""
    session.get(URL + "api/symbols")  # the map needs it first, too
    days = {"from": YEAR[-10], "to": YEAR[-1]}
    at_once = timed(session.get, URL + "api/coverage", {**days, "counted": 0}) * 1000
    first = timed(session.get, URL + "api/coverage", days) * 1000
    _, _, counted = timed_get(session, "api/coverage", **days)
    text = f"{at_once:.0f} ms, 행을 처음 세면 {first:.0f} ms, 그 뒤 {counted:.0f} ms"
    return [Line("데이터 지도 97종목 × 10일", text, "≤ 150 ms", at_once <= 150)]


def measure_market() -> list[Line]:
    """The list of a whole market, of which a part is read anew with each answer, and the first part of its map."""
    session = requests.Session()
    first = timed(session.get, URL + "api/symbols")  # waits until the server, which has just begun, has made it
    time.sleep(KEPT_SECONDS)
    many, _, took = timed_get(session, "api/symbols", FRESH_SECONDS + 0.1)
    days = {"from": YEAR[-60], "to": YEAR[-1], "symbols": ",".join(MARKET[:100]), "counted": 0}
    part = timed(session.get, URL + "api/coverage", days) * 1000
    return [
        Line(f"종목 목록 {many:,}개", f"{took:.0f} ms, 서버가 켜진 뒤 {first:.1f} s 에 준비", "≤ 150 ms", took <= 150),
        Line(f"데이터 지도 {many:,}종목의 첫 부분 (100종목 × 60일)", f"{part:.0f} ms", "≤ 150 ms", part <= 150),
    ]


def measure(pid: int, store: Store) -> list[Line]:
    session = requests.Session()
    first_map = measure_map(session)
    many, first, took = timed_get(session, "api/symbols", FRESH_SECONDS + 0.1)  # within a second it is the same list
    lines = [Line(f"종목 목록 {many}개", f"{took:.1f} ms, 처음 {first:.0f} ms", "≤ 50 ms", took <= 50)]
    for interval in SHOWN:
        many, first, took = timed_get(session, "api/candles", symbol=SYMBOL, interval=interval)
        name = "일봉" if interval == "day" else f"{interval}분봉"
        lines.append(
            Line(f"{name} {many}개 (1년치 테이블에서)", f"{took:.1f} ms, 처음 {first:.0f} ms", "≤ 20 ms", took <= 20)
        )
    lines += first_map
    seconds = asyncio.run(received(store))
    lines.append(Line("저장된 캔들이 창 50개에", f"{seconds:.1f} s", "≤ 2 s", seconds <= 2))
    lines += in_a_browser()
    share = asyncio.run(watched(pid, 5 if quick() else 30))
    lines.append(Line(f"창 {WATCHERS}개가 지켜볼 때 CPU", f"코어의 {share:.0%}", "≤ 20 %", share <= 0.2))
    return lines


def main() -> None:
    began = load()
    with running("mariadb") as server, folder() as where:
        if server is None:
            return
        database = server.fresh()
        store = filled.ready(database)
        filled.fill(server, database, THE_97[1:], YEAR[-10:])
        filled.fill(server, database, [SYMBOL], YEAR)
        server.restart()
        with chart(database, where) as pid:
            found = measure(pid, store)
        store.close()
        database = server.fresh()
        filled.ready(database).close()
        filled.fill(server, database, MARKET, YEAR[-3:])
        (where / "market.csv").write_text(
            "\n".join(["symbol,name", *(f"{s},종목 {s}" for s in MARKET)]), encoding="utf-8"
        )
        with chart(database, where, "--symbols-file=market.csv"):
            found += measure_market()
    note = (
        "MariaDB 기본 설정. HTTP로 물은 중앙값, '처음'은 서버를 켠 뒤 첫 물음. "
        "3·10·30·60분과 일봉은 저장된 1·5·15분봉에서 만들어 두고, 그날의 확인이 바뀌면 다시 만듭니다."
    )
    keep("chart", "15. 차트", found, began_at_load=began, note=note)


if __name__ == "__main__":
    main()
