"""Rows a second of reading into pandas and polars and of the export, against a plain `pandas.read_sql` of the same
rows; a year of the 97 symbols, and the memory that each way needs. Default settings.

Every way runs in a process of its own, so that its peak memory (VmHWM) is its own.
"""

import json
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import filled
from harness import CALENDAR, EVENING, ROOT, THE_97, Line, address, folder, keep, load, quick, running

from minute_candles.config.settings import Database

FIRST, LAST = date(2025, 11, 21), EVENING.date()
_WAYS = {
    "frame": "import db\nframe = db.read_candles({symbols}, 1, {first!r}, {last!r}, clock=clock)\nrows = len(frame)",
    "polars": (
        "import db\nframe = db.read_candles({symbols}, 1, {first!r}, {last!r}, engine='polars', clock=clock)\n"
        "rows = len(frame)"
    ),
    "plain": (
        "import mysql.connector, pandas, warnings\n"
        "warnings.simplefilter('ignore')\n"
        "parts = urlsplit(os.environ['DB_URL'])\n"
        "link = mysql.connector.connect(host=parts.hostname, port=parts.port, user=parts.username,"
        " password=parts.password, database=parts.path[1:], collation='utf8mb4_general_ci')\n"
        'rows = sum(len(pandas.read_sql("SELECT timestamp, open_price, high_price, low_price, close_price, volume,"'
        ' f" vwap"'
        " f\" FROM stock_minute_prices WHERE stock_symbol = '{{symbol}}' AND minute_interval = 'ONE_MINUTE'"
        " AND timestamp >= '{first} 00:00' AND timestamp <= '{last} 23:59' ORDER BY timestamp\", link))"
        " for symbol in {symbols})"
    ),
    "export": (
        "import export_candles\n"
        "code = export_candles.main(['--from', {first!r}, '--to', {last!r}, '--symbols', ','.join({symbols}),"
        " '--interval', {interval!r}, '--out', 'export', '--quiet', '--force'], clock)\n"
        "assert code == 0, code\n"
        "took = time.perf_counter() - began\n"
        "from pyarrow import parquet\n"
        "from pathlib import Path\n"
        "files = Path('export', 'interval=' + {interval!r}).glob('*.parquet')\n"
        "rows = sum(parquet.read_metadata(path).num_rows for path in files)"
    ),
}
_AROUND = """\
import json, os, re, sys, time
from datetime import datetime
from urllib.parse import urlsplit
from minute_candles.core.clock import Clock
clock = Clock(at=datetime.fromisoformat({now!r}))
began, took = time.perf_counter(), None
{way}
took = took or time.perf_counter() - began
peak = int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) / 1024
print(json.dumps([rows, took, peak, sum(os.times()[:2])]))
"""


class Took(NamedTuple):
    """Rows, seconds, peak memory in MB, seconds of our own CPU."""

    rows: int
    seconds: float
    peak: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s, {self.rows / self.seconds:,.0f}행/s, CPU {self.cpu:.1f} s, {self.peak:,.0f} MB"


def run(way: str, database: Database, symbols: list[str], where: Path, *, interval: str = "1") -> Took:
    told = {"symbols": symbols, "first": str(FIRST), "last": str(LAST), "interval": interval}
    code = _AROUND.format(now=EVENING.isoformat(), way=_WAYS[way].format(**told))
    environ = os.environ | {"DB_URL": address(database), "PYTHONPATH": str(ROOT), "LOG_DIR": str(where)}
    done = subprocess.run([sys.executable, "-c", code], cwd=where, env=environ, stdout=subprocess.PIPE, check=True)
    return Took(*json.loads(done.stdout.splitlines()[-1]))


def measure(database: Database, symbols: list[str], where: Path) -> list[Line]:
    frame, polars, plain = (run(way, database, symbols, where) for way in ("frame", "polars", "plain"))
    export, five = (run("export", database, symbols, where, interval=interval) for interval in ("1", "5"))
    many, whole = f"{frame.rows:,}행", len(symbols) == len(THE_97)
    return [
        Line(f"read_candles 1분봉 {many}", str(frame), "≤ 45 s", _is_within(frame, 45) if whole else None),
        Line("read_candles, polars", str(polars), "≤ 45 s", _is_within(polars, 45) if whole else None),
        Line("pandas.read_sql, 같은 행 (DECIMAL 그대로)", str(plain)),
        Line("export_candles 1분봉 → Parquet", str(export), "≤ 60 s, 250 MB", _fits(export) if whole else None),
        Line("export_candles 5분봉", str(five), "≤ 250 MB", five.peak <= 250),
    ]


def _fits(export: Took) -> bool | None:
    return _is_within(export, 60) if export.peak <= 250 else False


def _is_within(took: Took, most: float) -> bool | None:
    """Return whether it took `most` seconds; None where only other programs can have made it slower."""
    is_crowded = took.cpu <= most and os.getloadavg()[0] > (os.cpu_count() or 1)
    return True if took.seconds <= most else None if is_crowded else False


def main() -> None:
    began, symbols = load(), THE_97[: 3 if quick() else 97]
    with running("mariadb") as server, folder() as where:
        if server is None:
            return
        database = fill(server, symbols)
        found = measure(database, symbols, where)
    note = (
        "MariaDB 기본 설정, 종목마다 1년(245일쯤). 읽기마다 프로세스 하나, 메모리는 그 최고치(VmHWM)."
        " 부하가 코어보다 많으면 벽시계는 다른 일의 것이고, 견줄 것은 CPU입니다(판정 없음)."
    )
    keep("frames", "17. DataFrame과 내보내기", found, began_at_load=began, note=note)


def fill(server: Any, symbols: list[str]) -> Database:
    database: Database = server.fresh()
    filled.ready(database).close()
    server.restart("--innodb-buffer-pool-size=2G", "--innodb-flush-log-at-trx-commit=0")
    filled.fill(server, database, symbols, CALENDAR.trading_days(FIRST, LAST))
    server.restart()
    return database


if __name__ == "__main__":
    main()
