"""Load: hundreds of symbols at once, whole days on a fake clock. Everything is whole at the end, and memory stays flat.

`make soak` runs all of it and records the figures in SOAK.md (and so in the README); an ordinary run leaves out what
takes many minutes.
"""

import os
import time
from collections import deque
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path

import pytest
from backfill_tools import FarSimulator, Moment, assert_true, ended, url_of
from fault_tools import Operator, days, kis_at, present
from servers import Server
from session_tools import Installation, PageClient, Vitals
from updater_tools import FakeDay, at, wait_until

from minute_candles.config import symbols_file

FIVE_HUNDRED = [f"1{number:05}" for number in range(500)]
THE_97 = list(symbols_file.choose(None, None))
MONDAY = date(2026, 11, 16)
SOAK = Path(__file__).parent / "SOAK.md"
_HEAD = ["# 오래 달리기 (`make soak`의 마지막 결과)", "", "| 시험 | 날짜 | 결과 |", "|---|---|---|"]


def noted(what: str, **figures: object) -> None:
    """Under `make soak`: a line of SOAK.md, the date and the figures of this run."""
    if not os.environ.get("RECORD_SOAK"):
        return
    known = SOAK.read_text(encoding="utf-8").splitlines() if SOAK.exists() else _HEAD
    found = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
    lines = [line for line in known if not line.startswith(f"| {what} |")]
    SOAK.write_text("\n".join([*lines, f"| {what} | {date.today()} | {found} |"]) + "\n", encoding="utf-8")


def flat(vitals: Vitals, *, simulator: float = 0) -> dict[str, str]:
    """Memory stays: figures for `noted`. So many MB more where the simulator shares the process and remembers days."""
    early, late, seconds = *vitals.early_and_late(), time.monotonic() - vitals.began
    assert late.memory < early.memory * 1.1 + 5 + simulator, vitals.samples[:: max(1, len(vitals.samples) // 50)]
    return {"메모리": f"{early.memory:.0f} → {late.memory:.0f}MB", "걸린_시간": f"{seconds:.0f}초"}


@pytest.mark.load
@pytest.mark.timeout(1200)
def test_500_symbols_and_five_days_whole_and_in_flat_memory(tmp_path: Path, mariadb: Server) -> None:
    moment, database = Moment(), mariadb.fresh()
    far = FarSimulator("--rate", "100000", "--latency-ms", "0")
    operator = Operator(tmp_path, far.url, url_of(database), moment=moment)
    try:
        process = operator.start("--symbols", ",".join(FIVE_HUNDRED), "--from", str(MONDAY))
        vitals = Vitals(process.pid)
        ran, figures = ended(process, 1000), flat(vitals)
    finally:
        far.stop()
    assert ran.code == 0, ran.all[-3000:]
    rows = assert_true(operator.database, kis_at(moment), FIVE_HUNDRED, days(kis_at(moment), MONDAY))
    noted("500종목 × 5일 수집", 캔들=f"{rows:,}건 모두 일치", **figures)
    mariadb.drop(database)


VTS = {"env": "vts", "rate_limit": 0.9, "kis": {"env": "vts", "rate": 1.0}}
RUNS = {
    "500종목 장중 한 시간 (초당 18회)": (FIVE_HUNDRED, at(10), at(11), {}),
    "97종목 장 하루와 마감 확정 (초당 18회)": (THE_97, at(8, 50), at(17, 30), {}),
    "500종목 장 하루와 마감 확정 (초당 18회)": (FIVE_HUNDRED, at(8, 50), at(17, 30), {}),
    "97종목 모의투자 하루 (초당 0.9회)": (THE_97, at(8, 50), at(17), VTS),
}
PARAMS = [pytest.param(name, marks=pytest.mark.load if "시간" in name else pytest.mark.soak) for name in RUNS]


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PARAMS)
def test_the_updater_keeps_up_in_flat_memory(tmp_path: Path, mariadb: Server, name: str) -> None:
    symbols, begin, end, options = RUNS[name]
    database, options = mariadb.fresh(), {"rate_limit": 18.0, "kis": {"rate": 18}, **options}
    day = FakeDay(tmp_path, begin, {}, database=database, **options)
    day.symbols, day.kis._requests = symbols, deque(maxlen=1000)  # it shares the process whose memory is looked at
    vitals = Vitals(os.getpid())
    with closing(day):
        day.run(until=end)
    assert day.watcher.looks and not day.watcher.wrong
    is_settled = end == at(17, 30)
    figures = flat(vitals, simulator=40 if is_settled else 0)  # it remembers 256 days, more than there are symbols
    rows = day.assert_week() if is_settled else present(day.url, day.kis, symbols, end - timedelta(minutes=2))
    assert "env" in options or not [line for line in day.rounds() if "다음 라운드로" in line]
    assert len(day.rounds()) >= (395 if end > at(15, 40) else 58) and not day.lines("EGW00201")
    noted(name, 라운드=len(day.rounds()), 한도_초과=0, 캔들=f"{rows:,}건 모두 일치", **figures)
    mariadb.drop(database)


RULES = """\
rule = [
    {kind = "price_change", percent = 1},
    {kind = "threshold", line = "rsi14", below = 25, interval = 5},
]
"""
SPEED = float(os.environ.get("SOAK_SPEED", "1"))
"""How many times as fast as the host's the clock of the four hours runs."""
HOURS = float(os.environ.get("SOAK_HOURS", "4"))
CLIENTS = 10


@pytest.mark.soak
@pytest.mark.timeout(0)
def test_four_hours_of_stream_redis_page_and_alerts(tmp_path: Path, mariadb: Server) -> None:
    """Real processes over real sockets; `SOAK_SPEED=4` makes it an hour of the host's.

    The page holds the day of each symbol that somebody watches, 1 KB a minute: ten symbols are watched, not all.
    """
    database, start = mariadb.fresh(), at(9, 20)
    with Installation(tmp_path, database, start, THE_97, speed=SPEED, rules=RULES) as site:
        processes = site.update(), site.show()
        wait_until(lambda: "오류 0" in site.texts() and site.is_shown(), 300)
        clients = [PageClient(site.port, [THE_97[0], symbol]) for symbol in THE_97[:CLIENTS]]
        wait_until(lambda: site.kis.stream.publisher.records > 0 and all(one.messages for one in clients), 60)
        vitals = [Vitals(process.pid, every=5 / SPEED) for process in processes]
        site.wait(start + timedelta(hours=HOURS))
        measured = [one.early_and_late() for one in vitals]
        assert all(not one.is_cut and time.monotonic() - one.last_at < 150 for one in clients)
        rows = site.count_true(site.now() - timedelta(minutes=2))
        wait_until(lambda: len(site.alerts()) == site.delivered() > 0, 120)
        for client in clients:
            client.stop()
        ends = [process.wait(60) for process in processes if not process.terminate()]
        messages, alerts = sum(one.messages for one in clients), site.alerts()
        assert ends == [0, 0] and "Traceback" not in site.texts()
        table = site.table()
        assert not [one for copies in (site.sets(), site.stream()) for one in copies.items() - table.items()]
        assert len(set(alerts)) == len(alerts)
    shown = {
        name: " / ".join(f"{getattr(early, part):.0f} → {getattr(late, part):.0f}" for early, late in measured)
        for name, part in (("메모리_MB", "memory"), ("디스크립터", "descriptors"), ("스레드", "threads"))
    }
    for early, late in measured:
        assert late.memory < early.memory * 1.1 + 5, shown
        assert late.descriptors <= early.descriptors + 5 and late.threads <= early.threads + 2, shown
    noted(f"{HOURS:g}시간: 스트림, Redis, 페이지 10명, 알림 (업데이터 / 페이지)", 속도=f"×{SPEED:g}",
          캔들=f"{rows:,}건 모두 일치", 알림=f"{len(alerts)}건", 페이지_메시지=f"{messages:,}건", **shown)  # fmt: skip
    mariadb.drop(database)
