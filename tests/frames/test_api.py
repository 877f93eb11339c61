"""Frames of every interval equal what the simulator traded, on every database; doubtful days are named, not hidden."""

import inspect
import shutil
import subprocess
import sys
import warnings
from contextlib import closing
from datetime import date, datetime, timedelta
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from backfill_tools import CSAT, EVENING, LAST, simulator
from places import ROOT
from store_testing import rows as sql
from truth_tables import SYMBOLS, assert_same, fill, filled, settings_of, truth

import db
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, IncompleteData, IncompleteWarning, SplitWarning
from minute_candles.core.kst import KST
from minute_candles.market.adjustment import Factor
from minute_candles.market.rows import DailyRow

EVENING_CLOCK = Clock(at=EVENING)
FLOATS = ["turnover", "vwap"]
FOREIGN = (
    "INSERT INTO stock_minute_prices (stock_symbol, timestamp, minute_interval, open_price, high_price, low_price,"
    " close_price, volume) VALUES ('005930', '{}', 'ONE_MINUTE', 1, 1, 1, 1, 7)"
)
"""A row of another program."""


@pytest.fixture(scope="module")
def sim():
    with simulator() as running:
        yield running


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
    asked = {"start": CSAT, "end": LAST, "clock": Clock(at=EVENING), "settings": settings}
    return db.read_candles(symbols, interval, **{**asked, **more})


def covered(settings, symbols, start, end=LAST, clock=EVENING_CLOCK):
    return db.read_coverage(symbols, start, end, settings=settings, clock=clock)


def change(settings, *statements) -> None:
    with closing(db.open_store(settings.database, Clock())) as store:
        for statement in statements:
            sql(store, statement)


def plain(frame, symbol):
    """Rows of a frame as the truth writes them: naive KST, None for NaN."""
    mine = frame.loc[symbol].astype(dict.fromkeys(FLOATS, object))
    mine = mine.where(mine.notna(), None)
    return [
        (when.to_pydatetime().replace(tzinfo=None), *map(int, row[:5]), *row[5:7])
        for when, row in zip(mine.index, mine.itertuples(index=False), strict=True)
    ]


def test_frames_of_every_interval_equal_the_truth(any_database, sim, tmp_path) -> None:
    filled(any_database, sim)
    for interval in (1, 2, 5, 15, 30, 60, 120, "day"):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = read(settings_of(any_database, tmp_path), interval=interval)
        for symbol in SYMBOLS:
            assert_same(plain(frame, symbol), list(truth(sim, symbol, interval)))
        assert set(frame["status"]) == {"COMPLETE"} and (frame["proven"] == frame["vwap"].notna()).all()


def test_a_frame_has_the_promised_shape_with_and_without_candles(shared) -> None:
    frame = read(shared, interval="5min")
    assert list(frame.index.names) == ["symbol", "timestamp"] and frame.index.is_unique
    assert str(frame.index.levels[1].dtype).endswith("Asia/Seoul]") and frame.index.is_monotonic_increasing is False
    assert list(frame.index.get_level_values("symbol").unique()) == SYMBOLS
    assert {name: str(kind) for name, kind in frame.dtypes.items()} == {
        **dict.fromkeys(("open", "high", "low", "close", "volume"), "int64"),
        "turnover": "float64", "vwap": "float64", "status": "category", "proven": "bool",
    }  # fmt: skip
    assert all(str(kind) != "object" for kind in frame.reset_index().dtypes)
    with pytest.warns(IncompleteWarning):
        empty = read(shared, symbols=["035420"])
    assert len(empty) == 0 and (empty.dtypes.astype(str) == frame.dtypes.astype(str)).all()
    assert str(empty.reset_index()["timestamp"].dtype) == str(frame.reset_index()["timestamp"].dtype)


@pytest.mark.parametrize("function", [db.read_candles, db.list_stored])
def test_the_examples_of_the_docstrings_run(function, shared, monkeypatch) -> None:
    lines = inspect.cleandoc(function.__doc__ or "").splitlines()  # Python 3.13 has cleaned it already
    example = [line.strip() for line in lines if line.startswith("    ")]
    assert example[0].startswith("from minute_candles import")
    monkeypatch.setattr("minute_candles.config.settings.load", lambda *_, **__: shared)
    monkeypatch.setattr("minute_candles.frames.api.Clock", lambda: Clock(at=EVENING), raising=False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec("\n".join(example), {})


MONDAY, SATURDAY = datetime(2026, 11, 23, 14, tzinfo=KST), date(2026, 11, 21)
COVERAGE, FRIDAY = "stock_minute_coverage", "stock_symbol = '005930' AND trade_date = '2026-11-20'"
UNPROVEN = "status = 'UNPROVEN', note = '일봉 시가와 다릅니다'"
EMPTY = "('005930', '2026-11-17', 0, 0, 0, 'UNPROVEN', 'INVALID_ROWS', NULL, NULL, '15:30 행', '2026-11-20 21:00:00')"
LOST = "minute_interval = 'ONE_MINUTE' AND timestamp = '2026-11-20 10:00:00'"
DOUBTS = {
    "unproven, and days missing": (
        f"UPDATE {COVERAGE} SET {UNPROVEN} WHERE {FRIDAY}", date(2026, 11, 16), LAST, EVENING,
        ["2026-11-16~11-18 빠짐 · 3종목일", "2026-11-20 증명 안 됨: 일봉 시가와 다릅니다", "fetch_minute_data.py,",
         "fetch_minute_data.py --recheck"], ["MISSING"] * 3 + ["COMPLETE", "UNPROVEN"]),
    "no row of coverage": (f"DELETE FROM {COVERAGE} WHERE {FRIDAY}", LAST, LAST, EVENING, ["잠정"], ["PROVISIONAL"]),
    "rows lost": (f"DELETE FROM stock_minute_prices WHERE {LOST}", LAST, LAST, EVENING, ["잠정"], ["PROVISIONAL"]),
    "stored by other hours": (
        f"UPDATE {COVERAGE} SET reasons = 'CSAT_HOURS' WHERE {FRIDAY}", LAST, LAST, EVENING, ["잠정"], ["PROVISIONAL"]),
    "rows of a Saturday": (
        FOREIGN.format("2026-11-21 12:00:00"), SATURDAY, SATURDAY, EVENING + timedelta(days=1), ["11-21 잠정"],
        ["PROVISIONAL"]),
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
    fill(any_store, sim)
    sql(any_store, f"DELETE FROM stock_minute_prices WHERE {LOST} OR minute_interval = 'FIVE_MINUTES'")
    sql(any_store, FOREIGN.format("2026-11-20 17:00:00"))
    settings = settings_of(any_database, tmp_path)
    with pytest.warns(IncompleteWarning, match="005930 2026-11-20 잠정"):
        frame, days = read(settings, "005930", 30), read(settings, "005930", "day")
    assert not frame.loc["2026-11-20", "proven"].any(), "a window that may lack a minute is not proven"
    assert frame.loc["2026-11-19", "proven"].iloc[1:].all()
    assert days["low"].iloc[-1] > 1, "rows after the session are others'"
    assert covered(settings, "005930", LAST)["note"].iloc[0] == "확인할 때보다 1분봉 1건, 5분봉 77건이 적습니다"


def test_coverage_has_each_day_of_a_range_of_years(shared) -> None:
    """Of which SQLite cannot count each day in one statement."""
    known = covered(shared, SYMBOLS, date(2018, 1, 2)).loc["005930"]
    assert list(known["status"].tail(3)) == ["MISSING", "COMPLETE", "COMPLETE"] and len(known) > 2_000
    assert list(known["count_1min"].tail(3)) == [0, 381, 381]
    assert known["verified_at"].iloc[-1] == pd.Timestamp(EVENING)
    assert all(str(kind) != "object" for kind in known.reset_index().dtypes)


def test_adjusted_frames_are_floats_and_say_to_which_day_s_shares(light) -> None:
    with closing(db.open_store(light.database, Clock())) as store:
        store.keep_factors("005930", [Factor(CSAT, LAST, 1, 5)], EVENING)
        store.keep_factors("000660", [Factor(CSAT, CSAT, 1, 1)], EVENING)
        store.keep_factors("035420", [Factor(CSAT, LAST, 1, 5)], EVENING)
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
    change(
        light,
        "CREATE TABLE stock_adjustment_factors (stock_symbol TEXT, first_date DATE, last_date DATE, numerator BIGINT,"
        " denominator BIGINT, asked_at DATETIME)",
    )
    factors = [Factor(CSAT, CSAT, 1, 5, Fraction(1997, 10_000)), Factor(LAST, LAST, 1, 1, Fraction(1))]
    with closing(db.open_store(light.database, Clock())) as store:
        for found in ([Factor(CSAT, LAST, 1, 1)], factors):  # the second replaces the first
            store.keep_factors("005930", found, EVENING)
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
    assert list(samsung["turnover"]) == [123_456_789, 987_654_321] and not samsung["proven"].any()
    assert samsung["vwap"].isna().all()
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
    assert str(line["first"]) == "2026-11-19 10:00:00+09:00"
    assert all(str(kind) != "object" for kind in stored.dtypes)


def test_rows_that_are_no_candles_are_passed_over(any_store, sim) -> None:
    fill(any_store, sim, days=[LAST])
    when = "timestamp = '2026-11-20 09:05:00'"
    sql(any_store, f"UPDATE stock_minute_prices SET high_price = high_price + 0.5 WHERE {when}")
    minutes = any_store.minutes().read("005930", LAST, LAST)
    expected = any_store.candles("005930", 1, datetime(2026, 11, 20), datetime(2026, 11, 20, 23))
    assert [int(volume) for volume in minutes.volume] == [candle.volume for candle in expected]
    assert len(minutes.start) == 380


WRONG = [
    ({"symbols": "삼성전"}, "혹시: 삼성전"), ({"symbols": []}, "종목코드"), ({"symbols": "KOSDAQ"}, "종목코드"),
    ({"symbols": None}, "종목코드"), ({"symbols": "@nasdaq"}, "@kospi200"), ({"interval": 7}, "봉 간격"),
    ({"interval": "5M"}, "봉 간격"), ({"interval": "2d"}, "봉 간격"), ({"engine": "spark"}, "engine"),
    ({"start": "어제"}, "start"), ({"start": LAST, "end": CSAT}, "늦습니다"), ({"start": pd.NaT}, "start"),
    ({"end": "9999-12-31"}, "9999-12-31"), ({"fill": "zero"}, "fill"), ({"adjusted": "dividends"}, "total"),
]  # fmt: skip


@pytest.mark.parametrize(("wrong", "said"), WRONG)
def test_bad_questions_are_one_line_before_any_work(tmp_path, wrong, said) -> None:
    nowhere = settings_of(Database("mysql", "127.0.0.1", 9, "nobody", "", "none"), tmp_path)
    with pytest.raises(ConfigError, match=said) as refused:
        read(nowhere, **wrong)
    assert "\n" not in str(refused.value)


def test_reading_makes_no_sqlite_file(tmp_path) -> None:
    with pytest.raises(ConfigError, match="SQLite 파일이 없습니다"):
        read(settings_of(Database("sqlite", path=tmp_path / "none.sqlite3"), tmp_path))
    assert not (tmp_path / "none.sqlite3").exists()


def test_without_pandas_one_line_says_what_to_install() -> None:
    """And importing loads nothing heavy."""
    code = (
        "import sys, db; print(sorted({'pandas', 'numpy', 'pyarrow', 'polars'} & set(sys.modules)))\n"
        "sys.modules.update(dict.fromkeys(['pandas', 'numpy', 'pyarrow', 'polars']))\n"
        "from minute_candles.core.errors import ConfigError\n"
        "try: db.read_candles('005930')\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    loaded, line = done.stdout.splitlines()
    assert done.stderr == "" and loaded == "[]" and "pip install -r requirements" in line
