"""What a folder of exports holds already: which kind of files, on which basis, and which days of a symbol.

A data set is `interval=5/005930_2026.parquet`: a file a symbol and year. Its folders carry no symbol: readers take
folder names of digits for numbers, and some refuse a column that is in the file, too.
"""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any, Literal

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.core.korean import particle
from minute_candles.export.candle_files import BOM, CSV_HEADER, WHAT, said_by, starts_of
from minute_candles.frames.intervals import FrameInterval, interval_label
from minute_candles.frames.windows import DAY, day_of

Format = Literal["parquet", "csv"]
_CSV = re.compile(r"\w+_(\d+min|day|week|month)\.csv")


def data_set(folder: Path, interval: FrameInterval) -> Path:
    """Return the folder of an interval's data set."""
    return folder / f"interval={interval}"


def year_file(folder: Path, interval: FrameInterval, symbol: str, year: int) -> Path:
    """Return the file of a symbol's year."""
    return data_set(folder, interval) / f"{symbol}_{year}.parquet"


def year_files(folder: Path, interval: FrameInterval, symbol: str) -> list[Path]:
    """Return the files of a symbol."""
    return sorted(data_set(folder, interval).glob(f"{symbol}_*.parquet"))


def csv_file(folder: Path, interval: FrameInterval, symbol: str) -> Path:
    """Return the CSV file of a symbol."""
    return folder / f"{symbol}_{interval_label(interval)}.csv"


def check_folder(
    folder: Path, kind: Format, interval: FrameInterval, prices: str, symbols: Sequence[str], *, force: bool = False
) -> None:
    """Raise `ConfigError` where these files would spoil the folder for its readers, or replace somebody else's."""
    if kind == "csv":
        if any(folder.glob("interval=*")):
            raise ConfigError(
                f"{particle(folder, '은/는')} Parquet 데이터의 폴더입니다. CSV는 --out 으로 다른 폴더에 쓰세요."
            )
        targets = [csv_file(folder, interval, symbol) for symbol in symbols]
    else:
        if any(_CSV.fullmatch(path.name) for path in folder.glob("*.csv")):
            raise ConfigError(f"{folder} 에 CSV가 있습니다. Parquet은 --out 으로 다른 폴더에 쓰세요.")
        for path in data_set(folder, interval).rglob("*.parquet"):
            if said_by(path, "prices") not in (None, prices):
                raise ConfigError(
                    f"수정주가와 원주가를 한 폴더에 섞을 수 없습니다: {path}. --out 으로 다른 폴더를 쓰세요."
                )
        targets = [path for symbol in symbols for path in year_files(folder, interval, symbol)]
    for path in () if force else targets:
        check_own(path, kind)


def check_own(path: Path, kind: Format) -> None:
    """Raise `ConfigError` for a file that no export has written; an empty one holds nothing to lose."""
    if not path.exists() or not path.stat().st_size:
        return
    if kind == "csv":
        with path.open("rb") as file:
            is_ours = file.readline(1 << 10).removeprefix(BOM) == CSV_HEADER
    else:
        is_ours = said_by(path, "prices") is not None
    if not is_ours:
        mend = "--out 으로 다른 곳에 쓰거나 --force 로 바꿔 쓰세요."
        raise ConfigError(f"{particle(path, '은/는')} 내보내기가 쓴 파일이 아닙니다. {mend}")


def migrate(folder: Path) -> int:
    """Move the files of the older form (`symbol=005930/2026.parquet`) to the present one; return how many.

    Files that no export has written stay where they are.
    """
    moved = 0
    for old in sorted(folder.glob("interval=*/symbol=*/*.parquet")):
        new = old.parent.parent / f"{old.parent.name.removeprefix('symbol=')}_{old.stem}.parquet"
        if old.parent.name == "symbol=none":
            old.unlink()
        elif said_by(old, "prices") is not None and not new.exists():
            old.replace(new)
            moved += 1
        with suppress(OSError):  # not empty yet
            old.parent.rmdir()
    return moved


def days_in(paths: Sequence[Path]) -> list[date]:
    """Return the days, ascending, of which files of ours hold candles."""
    import numpy as np

    parquet: Any = extra("pyarrow.parquet", WHAT)
    found: set[int] = set()
    for path in paths:
        if said_by(path, "prices") is not None:
            with parquet.ParquetFile(path) as file:
                found.update(np.unique(starts_of(file.read(["timestamp"])) // DAY).tolist())
    return [day_of(number) for number in sorted(found)]
