"""Check the disk and the database server's speed for the doctor; the form of each of its lines."""

import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from minute_candles.config.settings import Settings
from minute_candles.console import console
from minute_candles.core.clock import Clock
from minute_candles.storage.advice import Advice
from minute_candles.storage.messages import WarningLine
from minute_candles.storage.store import open_store

FINE, DIFFERENT, WRONG = "✅", "ℹ️", "❌"
_CLOCKS_DIFFER = 5.0
"""Seconds."""
ENOUGH_DISK = 2 * 10**9
"""Bytes: a year of 97 symbols with its indexes."""


class Finding(NamedTuple):
    """One line of the report."""

    mark: str
    what: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark} {self.what}: {self.text}"


def check_disk(wanted: Path) -> Iterator[Finding]:
    """Say whether a year fits on the disk of this folder."""
    folder = next(place for place in (wanted, *wanted.parents) if place.exists())
    free = shutil.disk_usage(folder).free
    size = f"{free / 10**9:,.1f} GB 남음 ({folder})"
    if free >= ENOUGH_DISK:
        yield Finding(FINE, "디스크", size)
    else:
        yield Finding(WRONG, "디스크", f"{size}. 97종목 1년에 약 2 GB가 듭니다. 공간을 비우세요.")


def check_database(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Say whether a run could work with the database: its rights, its tables, its clock."""
    if settings.database.path and not settings.database.path.exists():
        yield Finding(FINE, "데이터베이스", f"SQLite 파일은 첫 실행이 만듭니다: {settings.database.path}")
        return
    with closing(open_store(settings.database, clock, patience=5)) as store:
        version, theirs = store.server()
        yield Finding(FINE, "데이터베이스", f"{version}, {settings.database.describe()}")
        store.rehearse_preflight()
        for line in store.preflight(read_only=True):
            yield Finding(DIFFERENT if isinstance(line, WarningLine) else FINE, "테이블", line.split(" ", 1)[1])
        yield Finding(FINE, "권한", "읽고 쓸 수 있습니다.")
        yield from check_speed(store.advice())
    apart = abs((theirs - clock.now().replace(tzinfo=None)).total_seconds())
    if apart > _CLOCKS_DIFFER:
        line = f"이 컴퓨터와 {console.duration(apart)} 다릅니다. 저장하는 시각은 KIS의 것이라 괜찮습니다."
        yield Finding(DIFFERENT, "서버 시계", line)
    else:
        yield Finding(FINE, "서버 시계", f"{theirs:%H:%M:%S} (한국 시각으로 연결)")


def check_speed(advice: Advice) -> Iterator[Finding]:
    """Say what one ALTER, or more memory for the server, would make faster."""
    if advice.cluster_sql:
        why = "행이 받은 순서(id)로 놓여 한 종목을 읽는 데 열 배쯤 걸립니다. 한 번 바꾸면 빨라집니다"
        yield Finding(DIFFERENT, "테이블의 순서", f"{why}: {advice.cluster_sql}")
    if advice.table_bytes > advice.pool_bytes > 0:
        sizes = f"테이블 {advice.table_bytes / 10**9:,.1f} GB, 메모리 {advice.pool_bytes / 10**9:,.1f} GB"
        yield Finding(DIFFERENT, "서버 메모리", f"{sizes}. innodb_buffer_pool_size를 늘리면 빨라집니다.")
