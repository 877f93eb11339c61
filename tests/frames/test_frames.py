"""Frames of every interval equal what the simulator traded, on every database; what is doubtful is said, not hidden."""

import inspect
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from backfill_tools import CSAT, EVENING, LAST, simulator
from hypothesis import given
from hypothesis import strategies as st
from places import ROOT
from store_testing import rows as sql
from truth_tables import (
    CALENDAR,
    DAYS,
    SYMBOLS,
    assert_same,
    fill,
    filled,
    settings_of,
    stored_by_other_hours,
    true_minutes,
    truth,
)

import db
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database, Settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import ConfigError, IncompleteData
from minute_candles.core.kst import KST
from minute_candles.frames.frames import IncompleteWarning
from minute_candles.frames.windows import shown_columns
from minute_candles.market.adjustment import Factor
from minute_candles.market.candles import Candle, derive
from minute_candles.market.intervals import SHOWN, Interval, shown
from minute_candles.storage.minute_columns import UNPROVEN, Columns, Minutes

FLOATS = ["turnover", "vwap"]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def settings(any_database: Database, sim: Simulator, tmp_path: Path) -> Settings:
    filled(any_database, sim)
    return settings_of(any_database, tmp_path)


@pytest.fixture
def light(sim: Simulator, tmp_path: Path) -> Settings:
    """The same in a SQLite file, where the database does not matter."""
    database = Database("sqlite", path=tmp_path / "light.sqlite3")
    filled(database, sim)
    return settings_of(database, tmp_path)


def read(settings: Settings, symbols: Any = tuple(SYMBOLS), interval: Any = 1, **more: Any) -> pd.DataFrame:
    asked = {"start": CSAT, "end": LAST, "clock": Clock(at=EVENING), "settings": settings}
    return db.read_candles(symbols, interval, **{**asked, **more})


def plain(frame: pd.DataFrame, symbol: str) -> list[tuple[Any, ...]]:
    """Rows of a frame as the truth writes them: naive KST, None for NaN."""
    mine = frame.loc[symbol].astype(dict.fromkeys(FLOATS, object))
    mine = mine.where(mine.notna(), None)
    return [
        (when.to_pydatetime().replace(tzinfo=None), *map(int, row[:5]), *row[5:7])
        for when, row in zip(mine.index, mine.itertuples(index=False), strict=True)
    ]


def test_frames_of_every_interval_equal_the_truth(settings: Settings, sim: Simulator) -> None:
    for interval in SHOWN:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            frame = read(settings, interval=interval)
        for symbol in SYMBOLS:
            assert_same(plain(frame, symbol), list(truth(sim, symbol, interval)))
        assert set(frame["status"]) == {"COMPLETE"} and (frame["proven"] == frame["vwap"].notna()).all()


def test_a_frame_has_the_promised_shape(light: Settings) -> None:
    frame = read(light, interval="5min")
    assert list(frame.index.names) == ["symbol", "timestamp"] and frame.index.is_unique
    assert str(frame.index.levels[1].dtype).endswith("Asia/Seoul]") and frame.index.is_monotonic_increasing is False
    assert list(frame.index.get_level_values("symbol").unique()) == SYMBOLS
    kinds = {name: str(kind) for name, kind in frame.dtypes.items()}
    assert kinds == {
        **dict.fromkeys(("open", "high", "low", "close", "volume"), "int64"),
        "turnover": "float64", "vwap": "float64", "status": "category", "proven": "bool",
    }  # fmt: skip
    assert all(str(kind) != "object" for kind in frame.reset_index().dtypes)


def test_an_empty_frame_has_the_same_shape(light: Settings) -> None:
    with pytest.warns(IncompleteWarning):
        empty = read(light, symbols="035420")
    full = read(light)
    assert len(empty) == 0 and list(empty.columns) == list(full.columns)
    assert (empty.dtypes.astype(str) == full.dtypes.astype(str)).all()
    assert str(empty.reset_index()["timestamp"].dtype) == str(full.reset_index()["timestamp"].dtype)


def test_the_example_of_the_docstring_runs(light: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = inspect.cleandoc(db.read_candles.__doc__ or "").splitlines()  # Python 3.13 has cleaned it already
    example = [line.strip() for line in lines if line.startswith("    ")]
    assert len(example) == 3 and example[0] == "from db import read_candles"
    monkeypatch.setattr("minute_candles.config.settings.load", lambda *_, **__: light)
    with pytest.warns(IncompleteWarning):
        exec("\n".join(example), {})


def test_what_is_doubtful_is_named(any_store: db.Store, any_database: Database, sim: Simulator, tmp_path: Path) -> None:
    fill(any_store, sim)
    session = CALENDAR.session(LAST)
    any_store.rewrite("005930", session, lambda s: s, now=EVENING, status="UNPROVEN", note="일봉 시가와 다릅니다")
    sql_delete(
        any_store, "DELETE FROM stock_minute_coverage WHERE stock_symbol = '000660' AND trade_date = '2026-11-20'"
    )
    settings = settings_of(any_database, tmp_path)
    with pytest.warns(IncompleteWarning) as warned:
        frame = read(settings, start=date(2026, 11, 18))
    text = str(warned[0].message)
    for said in (
        "005930 2026-11-18 빠짐", "005930 2026-11-20 증명 안 됨: 일봉 시가와 다릅니다", "000660 2026-11-20 잠정",
    ):  # fmt: skip
        assert said in text
    statuses = {(s, t.date()): v for (s, t), v in frame["status"].items()}
    assert statuses["005930", LAST] == "UNPROVEN" and statuses["000660", LAST] == "PROVISIONAL"
    assert statuses["005930", CSAT] == "COMPLETE"
    with pytest.raises(IncompleteData, match="2026-11-18"):
        read(settings, start=date(2026, 11, 18), strict=True)


def test_a_verified_day_that_lost_rows_is_provisional(
    any_store: db.Store, any_database: Database, sim: Simulator, tmp_path: Path
) -> None:
    fill(any_store, sim)
    sql_delete(
        any_store, "DELETE FROM stock_minute_prices WHERE stock_symbol = '005930' AND timestamp = '2026-11-20 10:00:00'"
    )
    sql(
        any_store,
        "INSERT INTO stock_minute_prices (stock_symbol, timestamp, minute_interval, open_price, high_price, low_price,"
        " close_price, volume) VALUES ('005930', '2026-11-20 17:00:00', 'ONE_MINUTE', 1, 1, 1, 1, 7)",
    )
    settings = settings_of(any_database, tmp_path)
    with pytest.warns(IncompleteWarning, match="005930 2026-11-20 잠정"):
        frame = read(settings, "005930", 30)
    assert not frame.loc["005930"].loc["2026-11-20", "proven"].any(), "a window that may lack a minute is not proven"
    assert frame.loc["005930"].loc["2026-11-19", "proven"].iloc[1:].all()
    with pytest.warns(IncompleteWarning):
        assert read(settings, "005930", "day")["low"].iloc[-1] > 1, "rows after the session are others'"


def test_lost_five_minute_candles_are_told_by_the_coverage(
    any_store: db.Store, any_database: Database, sim: Simulator, tmp_path: Path
) -> None:
    fill(any_store, sim)
    sql_delete(any_store, "DELETE FROM stock_minute_prices WHERE minute_interval = 'FIVE_MINUTES'")
    settings = settings_of(any_database, tmp_path)
    told = db.read_coverage("005930", LAST, LAST, settings=settings, clock=Clock(at=EVENING))
    assert list(told["status"]) == ["PROVISIONAL"] and told["note"].iloc[0] == "확인할 때보다 5분봉 77건이 적습니다"


def test_a_running_day_without_a_row_is_doubtful(light: Settings) -> None:
    monday = Clock(at=datetime(2026, 11, 23, 14, tzinfo=KST))
    with pytest.raises(IncompleteData, match="2026-11-23 잠정"):
        read(light, start=LAST, end=date(2026, 11, 23), clock=monday, strict=True)
    told = db.read_coverage("005930", "2026-11-23", "2026-11-23", settings=light, clock=monday)
    assert list(told["status"]) == ["PROVISIONAL"]


def test_a_day_that_was_stored_by_other_hours_is_provisional(light: Settings) -> None:
    """The calendar's hours are others now: the next run collects the day again, until then it is not verified."""
    with closing(db.open_store(light.database, Clock())) as store:
        stored_by_other_hours(store, "000660")
    assert told_of(light, ["000660", "005930"]) == {"000660": "PROVISIONAL", "005930": "COMPLETE"}


def test_coverage_names_every_day_that_a_frame_does(light: Settings) -> None:
    """Rows of a Saturday; and a range of years, of which SQLite cannot count each day in one statement."""
    saturday = date(2026, 11, 21)
    with closing(db.open_store(light.database, Clock())) as store:
        columns = "stock_symbol, timestamp, minute_interval, open_price, high_price, low_price, close_price, volume"
        sql(store, f"INSERT INTO stock_minute_prices ({columns}) VALUES"
                   " ('005930', '2026-11-21 12:00:00', 'ONE_MINUTE', 1, 1, 1, 1, 7)")  # fmt: skip
    clock = Clock(at=EVENING + timedelta(days=1))
    told = db.read_coverage("005930", date(2018, 1, 2), saturday, settings=light, clock=clock)
    assert told["status"].iloc[-1] == "PROVISIONAL" and told.index[-1][1].date() == saturday
    assert list(told["count_1min"].tail(3)) == [381, 381, 1] and len(told) > 2_000
    with pytest.warns(IncompleteWarning, match=f"005930 {saturday} 잠정"):
        assert len(read(light, "005930", start=saturday, end=saturday, clock=clock)) == 1


def test_adjusted_prices_are_floats_without_a_candle_too(light: Settings) -> None:
    with closing(db.open_store(light.database, Clock())) as store:
        store.keep_factors("035420", [Factor(CSAT, LAST, 1, 5)], EVENING)
    with pytest.warns(IncompleteWarning):
        assert str(read(light, "035420", adjusted=True)["open"].dtype) == "float64"


def told_of(settings: Settings, asked: list[str]) -> dict[str, str]:
    """What the coverage says of the last day, after the frame has said the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IncompleteWarning)
        frame = read(settings, asked, start=LAST)
    known = db.read_coverage(asked, LAST, LAST, clock=Clock(at=EVENING), settings=settings)["status"]
    found = {str(symbol): str(mark) for (symbol, _), mark in known.items()}
    assert {symbol: set(frame.loc[symbol]["status"]) for symbol in asked} == {one: {found[one]} for one in asked}
    return found


def test_adjusted_frames_say_to_which_day_s_shares(light: Settings) -> None:
    with closing(db.open_store(light.database, Clock())) as store:
        store.keep_factors("005930", [Factor(CSAT, LAST, 1, 5)], EVENING)
        store.keep_factors("000660", [Factor(CSAT, CSAT, 1, 1)], EVENING)
    assert read(light, "005930", adjusted=True).attrs == {"adjusted_to": {"005930": "2026-11-20"}}
    assert read(light).attrs == {}
    with pytest.raises(IncompleteData, match="000660 2026-11-20의 수정계수를.*--from 2026-11-19 "):
        read(light, adjusted=True)


@pytest.mark.parametrize(("turnover", "vwap"), [(UNPROVEN, UNPROVEN), (0, 10_000)])
def test_rows_without_volume_divide_nothing(turnover: int, vwap: int) -> None:
    """What an old program left, whatever VWAP it wrote: none of the window (not one of 0), no warning."""
    row = (LAST - date(1970, 1, 1)).days * 24 * 3_600_000_000 + 9 * 3_600_000_000
    columns = Columns(*[np.array([n], np.int64) for n in (row, 100, 100, 100, 100, 0, turnover, vwap)])
    with np.errstate(all="raise"):
        assert int(shown_columns(columns, 5).vwap[0]) == UNPROVEN


def sql_delete(store: db.Store, statement: str) -> None:
    sql(store, statement)


def test_a_window_that_runs_is_left_out(
    any_store: db.Store, any_database: Database, sim: Simulator, tmp_path: Path
) -> None:
    fill(any_store, sim)
    clock = Clock(at=datetime(2026, 11, 20, 10, 32, 30, tzinfo=KST))
    settings = settings_of(any_database, tmp_path)
    frame = db.read_candles("005930", 30, LAST, LAST, settings=settings, clock=clock)
    assert frame.index[-1][1].strftime("%H:%M") == "10:00"
    assert len(db.read_candles("005930", "day", LAST, LAST, settings=settings, clock=clock)) == 0
    seen = "UPDATE stock_minute_coverage SET status = 'PROVISIONAL', verified_at = '2026-11-20 10:25:08'"
    sql(any_store, seen)
    for interval, last in ((1, "10:31"), (10, "10:10"), (5, "10:20")):
        frame = db.read_candles("005930", interval, LAST, LAST, settings=settings, clock=clock)
        assert f"{frame.index[-1][1]:%H:%M}" == last, "a window is over once the symbol was seen after it"


def test_coverage_tells_each_day(light: Settings) -> None:
    frame = db.read_coverage(SYMBOLS, "2026-11-18", LAST, settings=light, clock=Clock(at=EVENING))
    assert list(frame.loc["005930"]["status"]) == ["MISSING", "COMPLETE", "COMPLETE"]
    assert list(frame.loc["005930"]["count_1min"]) == [0, 381, 381]
    assert all(str(kind) != "object" for kind in frame.reset_index().dtypes)
    assert frame["verified_at"].iloc[1] == pd.Timestamp(EVENING)


def test_an_unproven_day_may_have_no_row_at_all(light: Settings) -> None:
    """KIS told of it, twice alike, and nothing of that can be stored."""
    clock, day = Clock(at=EVENING), date(2026, 11, 18)
    store = db.open_store(light.database, clock)
    session = CALENDAR.session(day)
    store.rewrite("005930", session, lambda _: {}, now=EVENING, status="UNPROVEN", note="15:30 행의 가격")
    store.close()
    told = db.read_coverage("005930", day, LAST, settings=light, clock=clock)
    assert list(told["status"]) == ["UNPROVEN", "COMPLETE", "COMPLETE"] and list(told["count_1min"])[0] == 0
    with pytest.warns(IncompleteWarning, match="2026-11-18 증명 안 됨: 15:30 행의 가격"):
        assert len(read(light, "005930", start=day)) == 2 * 381
    with pytest.warns(IncompleteWarning):
        assert len(read(light, "005930", "day", start=day)) == 2


@pytest.mark.parametrize("database", ["mariadb", "mysql"], indirect=False)
def test_connectorx_gives_the_same_frame_bit_for_bit(
    database: str, request: pytest.FixtureRequest, sim: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = request.getfixturevalue(database)
    mine = server.fresh()
    with server.account(mine, "ALL PRIVILEGES") as account:
        filled(account, sim)
        fast: list[bool] = []
        by_connectorx = __import__("minute_candles.storage.minute_columns", fromlist=["_"])._by_connectorx
        monkeypatch.setattr(
            "minute_candles.storage.minute_columns._by_connectorx", lambda *a: (fast.append(True), by_connectorx(*a))[1]
        )
        with_it = {interval: read(settings_of(account, tmp_path), interval=interval) for interval in SHOWN}
        assert len(fast) == len(SHOWN) * len(SYMBOLS)
        monkeypatch.setattr("minute_candles.storage.minute_columns.Minutes._can_be_fast", lambda _: False)
        for interval, frame in with_it.items():
            pd.testing.assert_frame_equal(
                frame, read(settings_of(account, tmp_path), interval=interval), check_exact=True
            )
        assert len(fast) == len(SHOWN) * len(SYMBOLS)
    server.drop(mine)


def test_connectorx_that_fails_costs_nothing(
    any_store: db.Store, any_database: Database, sim: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(any_store, sim, days=[LAST])
    monkeypatch.setattr("minute_candles.storage.minute_columns._by_connectorx", lambda *_: 1 / 0)
    minutes = Minutes(any_store._connection, any_store._layout, any_database, fast=True)
    assert len(minutes.read("005930", LAST, LAST).start) == 381


def test_rows_that_are_no_candles_are_passed_over(any_store: db.Store, sim: Simulator) -> None:
    fill(any_store, sim, days=[LAST])
    sql(
        any_store,
        "UPDATE stock_minute_prices SET high_price = high_price + 0.5 WHERE timestamp = '2026-11-20 09:05:00'",
    )
    minutes = any_store.minutes().read("005930", LAST, LAST)
    assert len(minutes.start) == 380
    told = any_store.candles("005930", 1, datetime(2026, 11, 20), datetime(2026, 11, 20, 23))
    assert [int(v) for v in minutes.volume] == [candle.volume for candle in told]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"symbols": "삼성"}, "종목코드"), ({"symbols": []}, "종목코드"), ({"interval": 7}, "봉 간격"),
        ({"start": "어제"}, "start"), ({"start": LAST, "end": CSAT}, "늦습니다"), ({"start": pd.NaT}, "start"),
        ({"symbols": None}, "종목코드"), ({"symbols": 5930}, "종목코드"), ({"end": "9999-12-31"}, "9999-12-31"),
    ],
)  # fmt: skip
def test_bad_questions_are_one_line_before_any_work(tmp_path: Path, wrong: dict[str, Any], said: str) -> None:
    nowhere = settings_of(Database("mysql", "127.0.0.1", 9, "nobody", "", "none"), tmp_path)
    with pytest.raises(ConfigError, match=said) as refused:
        read(nowhere, **wrong)
    assert "\n" not in str(refused.value)


def test_reading_makes_no_sqlite_file(tmp_path: Path) -> None:
    path = tmp_path / "none.sqlite3"
    with pytest.raises(ConfigError, match="SQLite 파일이 없습니다"):
        read(settings_of(Database("sqlite", path=path), tmp_path))
    assert not path.exists()


def test_db_without_pandas(tmp_path: Path) -> None:
    """As where only requirements.txt is installed."""
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'numpy', 'pyarrow', 'connectorx']))\n"
        "import db\n"
        "from minute_candles.core.errors import ConfigError\n"
        "try: db.read_candles('005930')\n"
        "except ConfigError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.stderr == "" and "pip install -r requirements-extra.txt" in done.stdout
    assert len(done.stdout.splitlines()) == 1


def test_importing_db_loads_no_pandas() -> None:
    code = "import sys, db; print(sorted({'pandas', 'numpy', 'pyarrow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


@st.composite
def trading(draw: st.DrawFn) -> list[Candle]:
    """Minutes of two days with holes, some unproven, read back: VWAP but no turnover."""
    opened = [datetime(2026, 11, 19, 10), datetime(2026, 11, 20, 9)][: draw(st.integers(1, 2))]
    offsets = draw(st.lists(st.integers(0, 390), max_size=60, unique=True))
    found = []
    for when in sorted(start + timedelta(minutes=offset) for start in opened for offset in offsets):
        price, volume = draw(st.integers(100, 2_000_000)), draw(st.integers(1, 10**8))
        vwap = draw(st.one_of(st.none(), st.decimals(price, price + 20, places=2)))
        found.append(Candle(when, price, price + 20, price, price + 5, volume, None, vwap))
    return found


@given(trading(), st.sampled_from(SHOWN))
def test_columns_are_the_pure_function_by_the_million(minutes: list[Candle], interval: Interval) -> None:
    assert as_candles(shown_columns(as_columns(shown(minutes, 1)), interval)) == shown(minutes, interval)


def as_columns(candles: list[Candle]) -> Columns:
    start = [(c.timestamp - datetime(1970, 1, 1)) // timedelta(microseconds=1) for c in candles]
    turnover = [UNPROVEN if c.turnover is None else c.turnover for c in candles]
    vwap = [UNPROVEN if c.vwap is None else int(c.vwap.scaleb(2)) for c in candles]
    prices = [[c[n] for c in candles] for n in range(1, 6)]
    return Columns(*[np.array(column, np.int64) for column in (start, *prices, turnover, vwap)])


def as_candles(columns: Columns) -> list[Candle]:
    from decimal import Decimal

    return [
        Candle(
            datetime(1970, 1, 1) + timedelta(microseconds=start), *ohlcv,
            None if turnover < 0 else turnover, None if vwap < 0 else Decimal(vwap).scaleb(-2),
        )
        for start, *ohlcv, turnover, vwap in zip(*[column.tolist() for column in columns], strict=True)
    ]  # fmt: skip


def test_the_truth_is_what_was_filled(sim: Simulator) -> None:
    assert derive(true_minutes(sim, SYMBOLS[0], DAYS[1]))[15][0].volume == next(truth(sim, SYMBOLS[0], 15, DAYS[1:]))[5]
