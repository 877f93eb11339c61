"""Calls as people write them who come from yfinance, pykrx and FinanceDataReader, and what each answers.

The table holds Thursday 2026-11-19 (CSAT: 10:00-16:30) and Friday 2026-11-20 of 005930 and 000660; it is Friday 17:00.
"""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import polars as pl
import pytest
from backfill_tools import CSAT, simulator
from truth_tables import filled, settings_of

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, IncompleteData, IncompleteWarning
from minute_candles.core.kst import KST

EVENING = datetime(2026, 11, 20, 17, tzinfo=KST)
BOTH, FRIDAY = ("2026-11-19", "2026-11-20"), ("2026-11-20", "2026-11-20")
UTC = ZoneInfo("UTC")
INTERVALS = [
    ("1m", 381), ("1min", 381), ("1T", 381), (1, 381), ("1분", 381), ("2m", 191), ("5m", 77), ("5", 77), ("5Min", 77),
    (timedelta(minutes=5), 77), ("30m", 14), ("60m", 7), ("1h", 7), ("2h", 4), ("1d", 1), ("daily", 1), ("일봉", 1),
]  # fmt: skip
"""Interval and rows of Friday; 191 = 190 of continuous trading and the auction."""
RANGES = [
    (*BOTH, 762, "11-19 10:00", "11-20 15:30"),
    ("20261120", None, 381, "11-20 09:00", "11-20 15:30"),
    ("2026/11/20", "2026.11.20", 381, "11-20 09:00", "11-20 15:30"),
    (np.datetime64("2026-11-20"), pd.Timestamp("2026-11-20"), 381, "11-20 09:00", "11-20 15:30"),
    (CSAT, datetime(2026, 11, 20, 10, 0), 441, "11-19 10:00", "11-20 09:59"),
    (CSAT, "2026-11-20T10:00:00+09:00", 441, "11-19 10:00", "11-20 09:59"),
    (CSAT, np.datetime64("2026-11-20T10:00"), 441, "11-19 10:00", "11-20 09:59"),
    (CSAT, pd.Timestamp("2026-11-20 01:00", tz="UTC"), 441, "11-19 10:00", "11-20 09:59"),
    (datetime(2026, 11, 20, 1, tzinfo=UTC), datetime(2026, 11, 20, 2, tzinfo=UTC), 60, "11-20 10:00", "11-20 10:59"),
    (pd.Timestamp("2026-11-20 15:00"), None, 21, "11-20 15:00", "11-20 15:30"),
]
SYMBOLS = [
    ("005930", True, ["005930"]), ("5930", True, ["005930"]), (5930, True, ["005930"]),
    (np.int64(660), True, ["000660"]), ("005930.KS", True, ["005930"]), ("A005930", True, ["005930"]),
    ("sk 하이닉스", True, ["000660"]), (["005930"], False, ["005930"]), ("000660,005930", False, ["000660", "005930"]),
    (["삼성전자", 660], False, ["005930", "000660"]), ({"005930": "a dict"}, False, ["005930"]),
    (pd.Series(["005930", "005930"]), False, ["005930"]), ("all", False, ["000660", "005930"]),
]  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calls")
    database = Database("sqlite", path=folder / "calls.sqlite3")
    with simulator() as sim:
        filled(database, sim)
    return {"settings": settings_of(database, folder), "clock": Clock(at=EVENING)}


def labels(frame):
    times = frame.index.get_level_values("timestamp")
    return len(frame), f"{times[0]:%m-%d %H:%M}", f"{times[-1]:%m-%d %H:%M}"


@pytest.mark.parametrize(("interval", "rows"), INTERVALS, ids=str)
def test_intervals(stored, interval, rows) -> None:
    assert len(db.read_candles("005930", interval, *FRIDAY, strict=True, **stored)) == rows


@pytest.mark.parametrize(("start", "end", "rows", "first", "last"), RANGES, ids=str)
def test_ranges(stored, start, end, rows, first, last) -> None:
    """A window belongs to the range that it begins and ends in: nothing of the future leaks into a backtest."""
    assert labels(db.read_candles("005930", "1m", start, end, strict=True, **stored)) == (rows, first, last)


@pytest.mark.parametrize(("symbols", "is_flat", "codes"), SYMBOLS, ids=str)
def test_symbols(stored, caplog, symbols, is_flat, codes) -> None:
    frame = db.read_candles(symbols, "day", *FRIDAY, names=True, **stored)
    assert isinstance(frame.index, pd.DatetimeIndex) == is_flat and len(frame) == len(codes)
    assert is_flat or list(frame.index.get_level_values("symbol")) == codes
    assert list(frame["name"]) == [{"005930": "삼성전자", "000660": "SK하이닉스"}[code] for code in codes]
    assert symbols is not SYMBOLS[1][0] or "5930 → 005930" in caplog.text


def test_windows_are_cut_by_neither_end(stored) -> None:
    frame = db.read_candles("005930", "5m", "2026-11-20 09:02", "2026-11-20 10:03", **stored)
    assert labels(frame) == (11, "11-20 09:05", "11-20 09:55")
    with pytest.warns(IncompleteWarning, match="범위가 자른 봉은 뺐습니다: 2026-11-20"):
        assert len(db.read_candles("005930", "day", CSAT, "2026-11-20 15:00", **stored)) == 1


def test_weeks_and_months_are_whole_or_not_there(stored) -> None:
    """A week begins on its Monday; a range that cuts it is said."""
    later = stored | {"clock": Clock(at=datetime(2026, 12, 1, 17, tzinfo=KST))}
    with pytest.warns(IncompleteWarning, match="빠짐"):
        week = db.read_candles("005930", "week", "2026-11-16", "2026-11-20", **later)
    assert str(week.index[0].date()) == "2026-11-16" and list(week["status"]) == ["MISSING"]
    day = db.read_candles("005930", "1d", *BOTH, **stored)
    assert int(week["volume"].iloc[0]) == day["volume"].sum() and not week["proven"].iloc[0]
    with pytest.warns(IncompleteWarning, match="범위가 자른 봉은 뺐습니다: 2026-11-16"):
        assert len(db.read_candles("005930", "1wk", *BOTH, **later)) == 0
    with pytest.warns(IncompleteWarning):
        month = db.read_candles("005930", "1mo", **later)
    assert [str(label.date()) for label in month.index] == ["2026-11-01"], "the default range cuts none; December runs"


NOT_THERE = [
    ("2026-11-20", "2026-12-31", "아직 오지 않았습니다"), ("2026-12-01", "2026-12-31", "아직 오지 않았습니다"),
    ("2026-11-14", "2026-11-15", "거래일이 없습니다"), ("2025-06-02", "2025-06-02", "KIS에 더 없습니다"),
    ("2026-11-09", "2026-11-11", "005930 2026-11-09~11-11 빠짐"),
    ("2026-10-01", "2026-10-01", "--from 2026-10-01 --to 2026-10-01"),
]  # fmt: skip


@pytest.mark.parametrize(("start", "end", "said"), NOT_THERE)
def test_what_cannot_be_there_warns(stored, start, end, said) -> None:
    with pytest.warns(IncompleteWarning, match=said):
        db.read_candles("005930", "day", start, end, **stored)
    with pytest.raises(IncompleteData):
        db.read_candles("005930", "day", start, end, strict=True, **stored)


def test_gaps_are_filled_where_requested_and_never_invented(stored) -> None:
    plain, gaps, before = (
        db.read_candles("000660", "1m", *BOTH, fill=how, **stored) for how in (None, "gaps", "previous")
    )
    assert len(plain) < len(gaps) == len(before) == 2 * 381
    empty = ~gaps.index.isin(plain.index)
    assert gaps["close"].isna().tolist() == empty.tolist() and (gaps["volume"][empty] == 0).all()
    assert (gaps["turnover"][empty] == 0).all() and gaps["vwap"][empty].isna().all()
    assert gaps["close"].dropna().astype("int64").equals(plain["close"])
    assert before["close"].equals(gaps["close"].ffill()) and before["open"][empty].equals(before["close"][empty])
    with pytest.warns(IncompleteWarning):
        days = db.read_candles("000660", "1m", "2026-11-18", "2026-11-20", fill="gaps", **stored)
    assert len(days) == 2 * 381, "a missing day stays missing"
    assert len(db.read_candles("000660", "1m", *BOTH[1:], "2026-11-20 10:00", fill="gaps", **stored)) == 60


def test_zones(stored) -> None:
    frames = [db.read_candles("005930", "1h", *FRIDAY, tz=zone, **stored) for zone in (None, "UTC", "Asia/Seoul")]
    starts = ["2026-11-20 09:00:00", "2026-11-20 00:00:00+00:00", "2026-11-20 09:00:00+09:00"]
    assert [str(frame.index[0]) for frame in frames] == starts
    for engine in ("pandas", "polars"):
        with pytest.raises(ConfigError, match="Seoul"):
            db.read_candles("005930", "1h", *FRIDAY, tz="KST+9", engine=engine, **stored)


@pytest.mark.parametrize(("fill", "tz"), [(None, "Asia/Seoul"), ("gaps", None)])
def test_polars_holds_the_same_as_pandas(stored, fill, tz) -> None:
    options = {"fill": fill, "tz": tz, "names": True, **stored}
    frame = db.read_candles(["000660", "005930"], "5m", *BOTH, engine="polars", **options)
    assert isinstance(frame, pl.DataFrame) and frame.columns[:2] == ["symbol", "timestamp"]
    pandas = db.read_candles(["000660", "005930"], "5m", *BOTH, **options).reset_index()
    assert frame.columns == list(pandas.columns)
    for name in pandas.columns:
        theirs = frame[name].cast(pl.String).to_list() if name in {"symbol", "status"} else frame[name].to_list()
        assert theirs == [None if value is pd.NaT or value != value else value for value in pandas[name].tolist()], name
