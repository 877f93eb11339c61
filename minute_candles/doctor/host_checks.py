"""Check the disk and the database server's speed for the doctor; the form of each of its lines."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from minute_candles.storage.advice import Advice

FINE, DIFFERENT, WRONG = "✅", "ℹ️", "❌"
ENOUGH_DISK = 2 * 10**9
"""Bytes: a year of 97 symbols with its indexes."""


class Finding(NamedTuple):
    """One line of the report."""

    mark: str
    what: str
    told: str

    def __str__(self) -> str:
        return f"{self.mark} {self.what}: {self.told}"


def check_disk(wanted: Path) -> Iterator[Finding]:
    """Say whether a year fits on the disk of this folder."""
    folder = next(place for place in (wanted, *wanted.parents) if place.exists())
    free = shutil.disk_usage(folder).free
    size = f"{free / 10**9:,.1f} GB 남음 ({folder})"
    if free >= ENOUGH_DISK:
        yield Finding(FINE, "디스크", size)
    else:
        yield Finding(WRONG, "디스크", f"{size}. 97종목 1년에 약 2 GB가 듭니다. 공간을 비우세요.")


def check_speed(advice: Advice) -> Iterator[Finding]:
    """Say what one ALTER, or more memory for the server, would make faster."""
    if advice.cluster_sql:
        why = "행이 받은 순서(id)로 놓여 한 종목을 읽는 데 열 배쯤 걸립니다. 한 번 바꾸면 빨라집니다"
        yield Finding(DIFFERENT, "테이블의 순서", f"{why}: {advice.cluster_sql}")
    if advice.table_bytes > advice.pool_bytes > 0:
        sizes = f"테이블 {advice.table_bytes / 10**9:,.1f} GB, 메모리 {advice.pool_bytes / 10**9:,.1f} GB"
        yield Finding(DIFFERENT, "서버 메모리", f"{sizes}. innodb_buffer_pool_size를 늘리면 빨라집니다.")
