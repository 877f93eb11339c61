"""What a folder of exports holds already: which kind of files, on which basis, and which days of a symbol."""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Literal

from minute_candles.core.errors import ConfigError
from minute_candles.core.extras import extra
from minute_candles.export.candle_files import UTC_AHEAD, said_by
from minute_candles.frames.windows import DAY, day_of
from minute_candles.market.intervals import Interval
from minute_candles.storage.arrow_numbers import WHAT, numbers_of

Format = Literal["parquet", "csv"]
MARKER = "symbol=none"
"""A folder of the data set without a candle, and without a number for a name: pandas and Spark take folders that all
look like numbers for numbers, and would make 5930 of 005930."""
_CSV = re.compile(r"\w+_(\d+min|day)\.csv")


def data_set(folder: Path, interval: Interval) -> Path:
    return folder / f"interval={interval}"


def year_files(folder: Path, interval: Interval, symbol: str) -> list[Path]:
    return sorted((data_set(folder, interval) / f"symbol={symbol}").glob("*.parquet"))


def check(
    folder: Path, kind: Format, interval: Interval, prices: str, symbols: Sequence[str], *, force: bool = False
) -> None:
    """Raises `ConfigError` where these files would spoil the folder for its readers, or take the place of somebody
    else's without `force`.
    """
    if kind == "csv":
        if any(folder.glob("interval=*")):
            raise ConfigError(f"{folder} 은 Parquet 데이터의 폴더입니다. CSV는 --out 으로 다른 폴더에 쓰세요.")
        return
    if any(_CSV.fullmatch(path.name) for path in folder.glob("*.csv")):
        raise ConfigError(f"{folder} 에 CSV가 있습니다. Parquet은 --out 으로 다른 폴더에 쓰세요.")
    for path in data_set(folder, interval).glob("symbol=*/*.parquet"):
        if said_by(path, "prices") not in (None, prices):
            raise ConfigError(f"수정주가와 원주가를 한 폴더에 섞을 수 없습니다: {path}. --out 으로 다른 폴더를 쓰세요.")
    for path in () if force else [path for symbol in symbols for path in year_files(folder, interval, symbol)]:
        if said_by(path, "prices") is None:
            mend = "--out 으로 다른 폴더를 쓰거나 --force 로 바꿔 쓰세요."
            raise ConfigError(f"{path} 은 내보내기가 쓴 파일이 아닙니다. {mend}")


def days_in(paths: Sequence[Path]) -> list[date]:
    """The days, ascending, of which files of ours hold candles."""
    import numpy as np

    parquet: Any = extra("pyarrow.parquet", WHAT)
    found: set[int] = set()
    for path in paths:
        if said_by(path, "prices") is not None:
            with parquet.ParquetFile(path) as file:
                starts = numbers_of(file.read(["timestamp"])["timestamp"]) + UTC_AHEAD
            found.update(np.unique(starts // DAY).tolist())
    return [day_of(number) for number in sorted(found)]
