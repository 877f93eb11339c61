"""Frames of every interval equal what the simulator traded, on every database; doubtful days are named, not hidden.

Calls are written as people do who come from yfinance, pykrx and FinanceDataReader. The table holds Thursday 2026-11-19
(CSAT: 10:00-16:30) and Friday 2026-11-20 of 005930 and 000660.
"""

import shutil
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from backfill_tools import CSAT, EVENING, LAST
from store_testing import rows as sql
from truth_tables import SYMBOLS, assert_true, fill, filled, settings_of

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, IncompleteData, IncompleteWarning, SplitWarning
from minute_candles.core.kst import KST
from minute_candles.market.adjustment import Factor
from minute_candles.market.rows import DailyRow

EVENING_CLOCK = Clock(at=EVENING)
PRICES = "minute_interval, open_price, high_price, low_price, close_price, volume"
FOREIGN = f"INSERT INTO stock_minute_prices (stock_symbol, timestamp, {PRICES}) VALUES"  # a row of another program
FOREIGN += " ('005930', '{}', 'ONE_MINUTE', 1, 1, 1, 1, 7)"


@pytest.fixture(scope="module")
def shared(sim, tmp_path_factory):
    """A SQLite file that no test writes to."""
    database = Database("sqlite", path=tmp_path_factory.mktemp("shared") / "shared.sqlite3")
    filled(database, sim)
    return settings_of(database, database.path.parent)


@pytest.fixture
def light(shared, tmp_path):
    """The same, to be changed."""
    return settings_of(Database("sqlite", path=Path(shutil.copy(shared.database.path, tmp_path))), tmp_path)


def read(settings, symbols=tuple(SYMBOLS), interval=1, **more):
    query = {"start": CSAT, "end": LAST, "clock": EVENING_CLOCK, "settings": settings}
    return db.read_candles(symbols, interval, **{**query, **more})


def covered(settings, symbols, start, end=LAST, clock=EVENING_CLOCK):
    return db.read_coverage(symbols, start, end, settings=settings, clock=clock)


def change(settings, *statements) -> None:
    with closing(db.open_store(settings.database, Clock())) as store:
        for statement in statements:
            sql(store, statement)


def test_frames_of_every_interval_equal_the_truth(any_database, sim, tmp_path) -> None:
    filled(any_database, sim)
    for interval in (1, 2, 5, 15, 30, 60, 120, "day"):
        frame = read(settings_of(any_database, tmp_path), interval=interval)
        assert_true(frame.reset_index(), sim, interval)
        assert set(frame["status"]) == {"COMPLETE"} and (frame["proven"] == frame["vwap"].notna()).all()


def test_a_frame_has_the_promised_shape_with_and_without_candles(shared) -> None:
    frame = read(shared, interval="5min")
    assert list(frame.index.names) == ["symbol", "timestamp"] and frame.index.is_unique
    assert str(frame.index.levels[1].dtype).endswith("Asia/Seoul]")
    assert list(frame.index.get_level_values("symbol").unique()) == SYMBOLS
    assert list(frame.columns) == ["open", "high", "low", "close", "volume", "turnover", "vwap", "status", "proven"]
    assert [str(kind) for kind in frame.dtypes] == ["int64"] * 5 + ["float64"] * 2 + ["category", "bool"]
    with pytest.warns(IncompleteWarning):
        empty = read(shared, symbols=["035420"])
    kinds, of_empty = ([str(kind) for kind in one.reset_index().dtypes] for one in (frame, empty))
    assert len(empty) == 0 and of_empty == kinds and "object" not in kinds


MONDAY, SATURDAY = datetime(2026, 11, 23, 14, tzinfo=KST), date(2026, 11, 21)
COVERAGE, OF_FRIDAY = "stock_minute_coverage", "stock_symbol = '005930' AND trade_date = '2026-11-20'"
UNPROVEN = "status = 'UNPROVEN', note = '일봉 시가와 다릅니다'"
EMPTY = "('005930', '2026-11-17', 0, 0, 0, 'UNPROVEN', 'INVALID_ROWS', NULL, NULL, '15:30 행', '2026-11-20 21:00:00')"
LOST = "minute_interval = 'ONE_MINUTE' AND timestamp = '2026-11-20 10:00:00'"
PROVISIONAL = (LAST, LAST, EVENING, ["잠정"], ["PROVISIONAL"])
DOUBTS = {
    "unproven, and days missing": (
        f"UPDATE {COVERAGE} SET {UNPROVEN} WHERE {OF_FRIDAY}", date(2026, 11, 16), LAST, EVENING,
        ["2026-11-16~11-18 빠짐 · 3종목일", "2026-11-20 증명 안 됨: 일봉 시가와 다릅니다", "fetch_minute_data.py,",
         "fetch_minute_data.py --recheck"], ["MISSING"] * 3 + ["COMPLETE", "UNPROVEN"]),
    "no row of coverage": (f"DELETE FROM {COVERAGE} WHERE {OF_FRIDAY}", *PROVISIONAL),
    "rows lost": (f"DELETE FROM stock_minute_prices WHERE {LOST}", *PROVISIONAL),
    "stored by other hours": (f"UPDATE {COVERAGE} SET reasons = 'CSAT_HOURS' WHERE {OF_FRIDAY}", *PROVISIONAL),
    "rows of a Saturday": (FOREIGN.format("2026-11-21 12:00:00"), SATURDAY, SATURDAY, EVENING + timedelta(days=1),
                           ["11-21 잠정"], ["PROVISIONAL"]),
    "a day that runs": ("SELECT 1", LAST, MONDAY.date(), MONDAY, ["2026-11-23 잠정"], ["COMPLETE", "PROVISIONAL"]),
    "impossible rows alone": (
        f"INSERT INTO {COVERAGE} VALUES {EMPTY}", date(2026, 11, 17), LAST, EVENING,
        ["2026-11-17 증명 안 됨: 15:30 행"], ["UNPROVEN", "MISSING", "COMPLETE", "COMPLETE"]),
}  # fmt: skip


@pytest.mark.parametrize(("change_", "start", "end", "now", "said", "statuses"), DOUBTS.values(), ids=DOUBTS)
def test_what_is_doubtful_is_named_with_what_helps(light, change_, start, end, now, said, statuses) -> None:
    change(light, change_)
    span = {"start": start, "end": end, "clock": Clock(at=now)}
    with pytest.warns(IncompleteWarning) as warned:
        frame = read(light, "005930", **span)
    assert [text for text in said if text not in str(warned[0].message)] == []
    known = covered(light, "005930", **span)
    assert list(known["status"]) == statuses
    stored = known["status"][known["count_1min"] > 0]
    assert [frame["status"][f"{day:%Y-%m-%d}"].iloc[0] for _, day in stored.index] == list(stored)
    with pytest.raises(IncompleteData):
        read(light, "005930", strict=True, **span)


def test_a_verified_day_that_lost_rows_proves_no_window(any_store, any_database, sim, tmp_path) -> None:
    """Others' rows, after the session or with a fraction of a won, are no candles."""
    fill(any_store, sim)
    sql(any_store, f"DELETE FROM stock_minute_prices WHERE {LOST} OR minute_interval = 'FIVE_MINUTES'")
    sql(any_store, FOREIGN.format("2026-11-20 17:00:00"))
    fraction = "UPDATE stock_minute_prices SET high_price = high_price + 0.5 WHERE timestamp = '2026-11-20 09:05:00'"
    sql(any_store, fraction)
    settings = settings_of(any_database, tmp_path)
    with pytest.warns(IncompleteWarning, match="005930 2026-11-20 잠정"):
        ones, frame, days = (read(settings, "005930", interval) for interval in (1, 30, "day"))
    assert not frame.loc["2026-11-20", "proven"].any(), "a window that may lack a minute is not proven"
    assert frame.loc["2026-11-19", "proven"].iloc[1:].all()
    assert days["low"].iloc[-1] > 1 and len(ones.loc["2026-11-20"]) == 381 - 2
    assert covered(settings, "005930", LAST)["note"].iloc[0] == "확인할 때보다 1분봉 1건, 5분봉 77건이 적습니다"


def test_coverage_has_each_day_of_a_range_of_years(shared) -> None:
    """Of which SQLite cannot count each day in one statement."""
    known = covered(shared, SYMBOLS, date(2018, 1, 2)).loc["005930"].reset_index()
    rows = known[["status", "count_1min"]].tail(3).itertuples(index=False, name=None)
    assert list(rows) == [("MISSING", 0), ("COMPLETE", 381), ("COMPLETE", 381)] and len(known) > 2_000
    assert known["verified_at"].iloc[-1] == pd.Timestamp(EVENING) and "object" not in known.dtypes.astype(str).tolist()


def test_adjusted_frames_are_floats_and_say_to_which_day_s_shares(light) -> None:
    with closing(db.open_store(light.database, Clock())) as store:
        for symbol, last in (("005930", LAST), ("000660", CSAT), ("035420", LAST)):
            store.keep_factors(symbol, [Factor(CSAT, last, 1, 5)], EVENING)
    assert read(light, "005930", adjusted=True).attrs == {"adjusted_to": {"005930": "2026-11-20"}}
    assert read(light).attrs == {}
    with pytest.warns(IncompleteWarning):
        assert str(read(light, "035420", adjusted=True)["open"].dtype) == "float64", "without a candle, too"
    with pytest.raises(IncompleteData, match="000660 2026-11-20의 수정계수를.*--from 2026-11-19 "):
        read(light, adjusted=True)
    with pytest.raises(IncompleteData, match="--adjusted total "):
        read(light, "005930", adjusted="total")


def test_a_day_that_was_turned_back_is_adjusted_once_and_distributions_where_requested(light) -> None:
    """A table of an older version takes the new columns."""
    columns = (
        "stock_symbol TEXT, first_date DATE, last_date DATE, numerator BIGINT, denominator BIGINT, asked_at DATETIME"
    )
    change(light, f"CREATE TABLE stock_adjustment_factors ({columns})")
    factors = [Factor(CSAT, CSAT, 1, 5, Fraction(1997, 10_000)), Factor(LAST, LAST, 1, 1, Fraction(1))]
    with closing(db.open_store(light.database, Clock())) as store:
        store.keep_factors("005930", [Factor(CSAT, LAST, 1, 1)], EVENING)
        store.keep_factors("005930", factors, EVENING)  # replaces the first
        assert store.factors("005930") == factors
    turned = "UPDATE stock_minute_coverage SET status = 'UNPROVEN', reasons = 'ADJUSTED_SOURCE', adjustment = {}"
    change(light, turned.format("0.1997"))
    with pytest.warns((IncompleteWarning, SplitWarning)):
        traded, split, total = (read(light, "005930", adjusted=how) for how in (False, True, "total"))
    for frame, factor in ((split, 0.2), (total, 0.1997)):
        ratio = (frame["close"] / traded["close"]).round(9)
        assert set(ratio[:"2026-11-19"]) == {factor} and set(ratio["2026-11-20":]) == {1.0}
        assert frame["turnover"].equals(traded["turnover"])
    change(light, turned.format("NULL"))
    with pytest.raises(IncompleteData, match="--recheck"):
        read(light, "005930", adjusted=True)


def test_days_have_a_turnover_and_a_previous_close(light) -> None:
    """The first minute proves none of its turnover, so the daily TR's value stands in, marked unproven."""
    said = {CSAT - timedelta(days=1): (70_000, 5), CSAT: (1, 123_456_789), LAST: (2, 987_654_321)}
    rows = [DailyRow(day, 1, 1, 1, close, 9, turnover) for day, (close, turnover) in said.items()]
    with closing(db.open_store(light.database, Clock())) as store:
        for when in (EVENING, EVENING + timedelta(minutes=1)):
            store.keep_daily("005930", rows, when)
        kept = store.daily(["005930"], CSAT, CSAT).values()
        assert {row.seen_at.minute for row in kept} == {0}, "the same again changes nothing"
    change(light, "UPDATE stock_minute_prices SET vwap = close_price WHERE stock_symbol = '000660'")
    frame = read(light, interval="day")
    samsung, hynix = frame.loc["005930"], frame.loc["000660"]
    assert list(samsung["turnover"]) == [123_456_789, 987_654_321]
    assert not samsung["proven"].any() and samsung["vwap"].isna().all()
    assert hynix["proven"].all() and hynix["turnover"].iloc[0] == read(light, "000660")["turnover"][:"2026-11-19"].sum()
    assert list(samsung["previous_close"]) == [70_000, samsung["close"].iloc[0]]
    assert samsung["change_percent"].iloc[0] == pytest.approx((samsung["close"].iloc[0] / 70_000 - 1) * 100)
    assert hynix["previous_close"].isna().tolist() == [True, False]
    friday = read(light, "005930", "day", start=LAST)
    assert friday["previous_close"].iloc[0] == samsung["close"].iloc[0], "of candles before the range"


def test_a_window_that_runs_is_left_out(light) -> None:
    clock = Clock(at=datetime(2026, 11, 20, 10, 32, 30, tzinfo=KST))
    frame = read(light, "005930", 30, start=LAST, clock=clock)
    assert f"{frame.index[-1]:%H:%M}" == "10:00"
    assert len(read(light, "005930", "day", start=LAST, clock=clock)) == 0
    change(light, "UPDATE stock_minute_coverage SET status = 'PROVISIONAL', verified_at = '2026-11-20 10:25:08'")
    for interval, last in ((1, "10:31"), (10, "10:10"), (5, "10:20")):
        with pytest.warns(IncompleteWarning):
            frame = read(light, "005930", interval, start=LAST, clock=clock)
        assert f"{frame.index[-1]:%H:%M}" == last, "a window is over once the symbol was polled after it"


def test_what_is_stored_is_listed_by_symbol(light) -> None:
    """A Friday that lost its coverage row, and a Monday that nobody has fetched."""
    change(light, "DELETE FROM stock_minute_coverage WHERE stock_symbol = '000660' AND trade_date = '2026-11-20'")
    stored = db.list_stored(settings=light, clock=Clock(at=EVENING + timedelta(days=3)))
    assert list(stored.index) == sorted(SYMBOLS) and list(stored["name"]) == ["SK하이닉스", "삼성전자"]
    line = stored.loc["000660"]
    assert stored.loc["005930", "rows"] == 2 * 381
    assert (line["complete"], line["provisional"], line["unproven"], line["missing"]) == (1, 1, 0, 1)
    assert str(line["first"]) == "2026-11-19 10:00:00+09:00" and "object" not in stored.dtypes.astype(str).tolist()


BOTH, FRIDAY = ("2026-11-19", "2026-11-20"), ("2026-11-20", "2026-11-20")
INTERVALS = [
    ("1min", 381), ("1T", 381), (1, 381), ("1분", 381), ("2m", 191), ("5", 77), (timedelta(minutes=5), 77),
    ("60m", 7), ("2h", 4), ("1d", 1), ("일봉", 1),
]  # fmt: skip
RANGES = [
    ("20261120", None, 381, "11-20 09:00", "11-20 15:30"),
    ("2026/11/20", pd.Timestamp("2026-11-20"), 381, "11-20 09:00", "11-20 15:30"),
    (CSAT, datetime(2026, 11, 20, 10, 0), 441, "11-19 10:00", "11-20 09:59"),
    (CSAT, np.datetime64("2026-11-20T10:00"), 441, "11-19 10:00", "11-20 09:59"),
    (datetime(2026, 11, 20, 1, tzinfo=UTC), "2026-11-20T11:00:00+09:00", 60, "11-20 10:00", "11-20 10:59"),
]
CODES = [
    ("5930", True, ["005930"]), (np.int64(660), True, ["000660"]), ("005930.KS", True, ["005930"]),
    ("sk 하이닉스", True, ["000660"]), (["005930"], False, ["005930"]), ("000660,005930", False, ["000660", "005930"]),
    (pd.Series(["005930", "005930"]), False, ["005930"]), ("all", False, ["000660", "005930"]),
]  # fmt: skip


@pytest.fixture
def stored(shared):
    """On Friday at 17:00."""
    return {"settings": shared, "clock": Clock(at=datetime(2026, 11, 20, 17, tzinfo=KST))}


def labels(frame):
    return len(frame), f"{frame.index[0]:%m-%d %H:%M}", f"{frame.index[-1]:%m-%d %H:%M}"


def test_intervals_and_ranges(stored) -> None:
    """A window belongs to the range that it begins and ends in: nothing of the future leaks into a backtest."""
    for interval, rows in INTERVALS:
        assert len(db.read_candles("005930", interval, *FRIDAY, strict=True, **stored)) == rows, interval
    for start, end, *found in RANGES:
        assert [*labels(db.read_candles("005930", "1m", start, end, strict=True, **stored))] == found, start


@pytest.mark.parametrize(("symbols", "is_flat", "codes"), CODES, ids=str)
def test_symbols(stored, caplog, symbols, is_flat, codes) -> None:
    frame = db.read_candles(symbols, "day", *FRIDAY, names=True, **stored)
    assert isinstance(frame.index, pd.DatetimeIndex) == is_flat and len(frame) == len(codes)
    assert is_flat or list(frame.index.get_level_values("symbol")) == codes
    assert list(frame["name"]) == [{"005930": "삼성전자", "000660": "SK하이닉스"}[code] for code in codes]
    assert symbols is not CODES[0][0] or "5930 → 005930" in caplog.text


def test_windows_are_cut_by_neither_end_and_named_in_a_zone(stored) -> None:
    frame = db.read_candles("005930", "5m", "2026-11-20 09:02", "2026-11-20 10:03", **stored)
    assert labels(frame) == (11, "11-20 09:05", "11-20 09:55")
    for zone, start in ((None, "09:00:00"), ("UTC", "00:00:00+00:00"), ("Asia/Seoul", "09:00:00+09:00")):
        assert str(db.read_candles("005930", "1h", *FRIDAY, tz=zone, **stored).index[0]) == f"2026-11-20 {start}"
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
    ("2026-11-20", "2026-12-31", "아직 오지 않았습니다"), ("2026-11-14", "2026-11-15", "거래일이 없습니다"),
    ("2025-06-02", "2025-06-02", "KIS에 더 없습니다"), ("2026-11-09", "2026-11-11", "005930 2026-11-09~11-11 빠짐"),
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


@pytest.mark.parametrize(("fill", "tz"), [(None, "Asia/Seoul"), ("gaps", None)])
def test_polars_holds_the_same_as_pandas(stored, fill, tz) -> None:
    options = {"fill": fill, "tz": tz, "names": True, **stored}
    with pytest.raises(ConfigError, match="Seoul"):
        db.read_candles("005930", "1h", *FRIDAY, tz="KST+9", engine="polars", **stored)
    frame = db.read_candles(["000660", "005930"], "5m", *BOTH, engine="polars", **options)
    assert isinstance(frame, pl.DataFrame) and frame.columns[:2] == ["symbol", "timestamp"]
    pandas = db.read_candles(["000660", "005930"], "5m", *BOTH, **options).reset_index()
    assert frame.columns == list(pandas.columns)
    for name in pandas.columns:
        theirs = frame[name].cast(pl.String).to_list() if name in {"symbol", "status"} else frame[name].to_list()
        assert theirs == [None if value is pd.NaT or value != value else value for value in pandas[name].tolist()], name


WRONG = [
    ({"symbols": "삼성전"}, "혹시: 삼성전"), ({"symbols": []}, "종목코드"), ({"symbols": "@nasdaq"}, "@kospi200"),
    ({"interval": "5M"}, "봉 간격"), ({"engine": "spark"}, "engine"), ({"start": LAST, "end": CSAT}, "늦습니다"),
    ({"start": pd.NaT}, "start"), ({"end": "9999-12-31"}, "9999-12-31"), ({"fill": "zero"}, "fill"),
    ({"adjusted": "dividends"}, "total"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_bad_questions_are_one_line_before_any_work(tmp_path, wrong, said) -> None:
    nowhere = settings_of(Database("mysql", "127.0.0.1", 9, "nobody", "", "none"), tmp_path)
    with pytest.raises(ConfigError, match=said) as refused:
        read(nowhere, **wrong)
    assert "\n" not in str(refused.value)
    with pytest.raises(ConfigError, match="SQLite 파일이 없습니다"):
        read(settings_of(Database("sqlite", path=tmp_path / "none.sqlite3"), tmp_path))
    assert not (tmp_path / "none.sqlite3").exists(), "reading makes no file"
