"""`export_candles.py`: files of every interval equal the truth, readable by everybody, whole or not there."""

import csv
import io
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from backfill_tools import CSAT, EVENING, LAST, Ran, User, execute, simulator, url_of
from places import ROOT
from truth_tables import SYMBOLS, assert_same, filled, settings_of, truth

import db
import export_candles
from kis_simulator.faults.corporate_actions import CorporateAction
from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import IncompleteData, SplitWarning
from minute_candles.core.kst import KST
from minute_candles.market.intervals import SHOWN

RANGE = ["--from", str(CSAT), "--to", str(LAST), "--symbols", ",".join(SYMBOLS)]
Export = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def light(sim: Simulator, tmp_path: Path) -> Database:
    database = Database("sqlite", path=tmp_path / "light.sqlite3")
    filled(database, sim)
    return database


@pytest.fixture
def export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Export:
    """The command, in the folder of somebody without a key."""

    def run(database: Database, *flags: str, at: datetime = EVENING, asked: list[str] = RANGE) -> tuple[int, str, str]:
        monkeypatch.chdir(tmp_path)
        for name in [name for name in os.environ if name.startswith(("KIS_", "DB_"))]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("DB_URL", url_of(database))
        monkeypatch.setenv("LOG_DIR", str(tmp_path))
        capfdbinary.readouterr()
        try:
            code = export_candles.main([*asked, *flags], Clock(at=at))
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def plain(frame: pd.DataFrame, symbol: str) -> list[tuple[Any, ...]]:
    mine = frame[frame["symbol"] == symbol]
    numbers = [tuple(None if pd.isna(value) else value for value in row) for row in mine.iloc[:, 2:9].to_numpy(object)]
    starts = [when.to_pydatetime().replace(tzinfo=None) for when in mine["timestamp"]]
    return [(start, *map(int, row[:5]), *row[5:]) for start, row in zip(starts, numbers, strict=True)]


def test_files_of_every_interval_equal_the_truth(light, sim, export, tmp_path) -> None:
    for interval in SHOWN:
        assert export(light, "--interval", str(interval))[0] == 0
        frame = pd.read_parquet(tmp_path / "export" / f"interval={interval}")
        for symbol in SYMBOLS:
            assert_same(plain(frame, symbol), list(truth(sim, symbol, interval)))
        assert set(frame["status"]) == {"COMPLETE"}


READERS = {
    "pandas": lambda folder: pd.read_parquet(folder),
    "polars": lambda folder: pl.read_parquet(folder).to_pandas(),
    "duckdb": lambda folder: duckdb.sql(f"SELECT * FROM '{folder}/**/*.parquet'").df(),
    "dask": lambda folder: pytest.importorskip("dask.dataframe").read_parquet(folder).compute(),
    "pyarrow": lambda folder: ds.dataset(folder, partitioning="hive").to_table().to_pandas(),
    "datafusion": lambda folder: _by_datafusion(folder),
    "spark": lambda folder: _by_spark(folder),
}
READ = ["symbol", "timestamp", "open", "high", "low", "close", "volume", "turnover", "vwap", "status"]


def _by_datafusion(folder: str) -> pd.DataFrame:
    session = pytest.importorskip("datafusion").SessionContext()
    session.register_parquet("candles", folder)
    return session.sql("SELECT * FROM candles").to_pandas()


def _by_spark(folder: str) -> pd.DataFrame:
    session = pytest.importorskip("pyspark.sql").SparkSession.builder.master("local[1]").getOrCreate()
    return session.read.parquet(folder).toPandas()


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of dask itself
@pytest.mark.parametrize("reader", READERS)
def test_everybody_reads_the_folder_as_one_data_set(light, export, tmp_path, reader) -> None:
    """Codes stay text, each row comes once, and the columns are those of the file, whichever reader looks."""
    for interval in ("5m", "day"):
        assert export(light, "--interval", interval)[0] == 0
    folder = tmp_path / "export"
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("interval=5/*")) == [
        f"interval=5/{symbol}_2026.parquet" for symbol in sorted(SYMBOLS)
    ]
    alone = READERS[reader](str(folder / "interval=5"))
    assert list(alone.columns[:10]) == READ and set(map(str, alone["symbol"])) == set(SYMBOLS)
    assert len(alone) == len(alone.drop_duplicates(["symbol", "timestamp"])) == 4 * 77
    assert str(pd.to_datetime(alone["timestamp"]).dt.tz_convert("Asia/Seoul").min()) == "2026-11-19 10:00:00+09:00"
    if reader != "datafusion":  # it takes the interval out of the folders' names by SQL alone
        whole = READERS[reader](str(folder))
        assert len(whole) == 4 * 77 + 4 and set(map(str, whole["interval"])) == {"5", "day"}


def test_a_folder_of_the_older_form_is_moved(light: Database, export: Export, tmp_path: Path) -> None:
    """symbol=005930/2026.parquet: Dask and DataFusion refuse it; nothing is read anew for it."""
    assert export(light)[0] == 0
    data_set, before = tmp_path / "export" / "interval=1", by_day(tmp_path)
    for symbol in (*SYMBOLS, "none"):
        (data_set / f"symbol={symbol}").mkdir()
        name = "empty.parquet" if symbol == "none" else "2026.parquet"
        now = data_set / f"{symbol}_2026.parquet"
        if now.exists():
            now.rename(data_set / f"symbol={symbol}" / name)
        else:
            (data_set / f"symbol={symbol}" / name).write_bytes(b"")
    code, out, _ = export(light, asked=["--from", str(LAST), "--to", str(LAST), "--symbols", "005930"])
    assert code == 0 and "파일 2개를 새 이름으로" in out and by_day(tmp_path) == before
    assert sorted(path.name for path in data_set.iterdir()) == ["000660_2026.parquet", "005930_2026.parquet"]


def test_a_parquet_file_says_what_it_is(light: Database, export: Export, tmp_path: Path) -> None:
    export(light, "--interval", "5", "--out", "five.parquet")
    file = pq.ParquetFile(tmp_path / "five.parquet")
    said = {key.decode().removeprefix("minute_candles."): text.decode() for key, text in file.metadata.metadata.items()}
    assert said | {"content": "", "ARROW:schema": ""} == {
        "source": "KIS Open API, stock_minute_prices", "interval": "5", "time_zone": "Asia/Seoul",
        "prices": "unadjusted", "created": said["created"], "version": "1", "content": "", "ARROW:schema": "",
    }  # fmt: skip
    assert abs(datetime.fromisoformat(said["created"]) - EVENING) < timedelta(minutes=1)
    assert file.metadata.row_group(0).column(2).compression == "ZSTD" and len(said["content"]) == 32


@pytest.mark.parametrize("excel", [False, True])
def test_one_csv_file_equals_the_truth(light, sim, export, tmp_path, excel) -> None:
    """A byte order mark for Excel, and with --excel codes that it does not take for numbers."""
    assert export(light, "--out", "all.csv", "--interval", "30", *(["--excel"] if excel else []))[0] == 0
    raw = (tmp_path / "all.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfsymbol,timestamp,open,high,low,close,volume,turnover,vwap,status\n")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"))))[1:]
    for symbol in SYMBOLS:
        found = [
            (datetime.fromisoformat(row[1]), *map(int, row[2:7]), *(float(v) if v else None for v in row[7:9]))
            for row in rows if row[0] == (f'="{symbol}"' if excel else symbol)
        ]  # fmt: skip
        assert_same(found, list(truth(sim, symbol, 30)))
    assert set(pd.read_csv(tmp_path / "all.csv", dtype={"symbol": str})["status"]) == {"COMPLETE"}


def test_a_folder_of_csv_has_a_file_a_symbol(light: Database, export: Export, tmp_path: Path) -> None:
    code, out, _ = export(light, "--format", "csv", "--out", "tables", "--interval", "day")
    assert code == 0 and "파일 2개 씀" in out
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["000660_day.csv", "005930_day.csv"]
    assert "파일 0개 씀, 2개 그대로" in export(light, "--format", "csv", "--out", "tables", "--interval", "day")[1]


def test_standard_output_carries_candles_alone(light: Database, export: Export) -> None:
    code, out, err = export(light, "--out", "-", "--interval", "day", "--quiet")
    lines = out.splitlines()
    assert code == 0 and len(lines) == 5 and lines[0].startswith("symbol,timestamp") and "✅ 내보내기" in err


def test_only_what_changed_is_written_again(light: Database, export: Export, tmp_path: Path) -> None:
    export(light)
    files = {symbol: tmp_path / "export" / "interval=1" / f"{symbol}_2026.parquet" for symbol in SYMBOLS}
    before = {symbol: file.stat().st_mtime_ns for symbol, file in files.items()}
    assert "파일 0개 씀, 2개 그대로" in export(light)[1]
    sql = "UPDATE stock_minute_prices SET volume = volume + 1 WHERE stock_symbol = '000660' AND timestamp = %s"
    execute(url_of(light), sql, "2026-11-20 10:00:00")
    assert "파일 1개 씀, 1개 그대로" in export(light)[1]
    assert (
        files["005930"].stat().st_mtime_ns == before["005930"]
        and files["000660"].stat().st_mtime_ns != before["000660"]
    )
    assert "파일 2개 씀" in export(light, "--force")[1]


def test_a_shorter_range_leaves_the_other_days_in_the_folder(light: Database, export: Export, tmp_path: Path) -> None:
    export(light)
    before = counted(tmp_path / "export")
    gone = "timestamp < '2026-11-20' OR timestamp >= '2026-11-20 15:00:00'"
    execute(url_of(light), f"DELETE FROM stock_minute_prices WHERE {gone}")
    code, _, _ = export(light, asked=["--from", str(LAST), "--to", str(LAST), "--symbols", "005930"])
    assert code == 1  # the day has lost rows since it was verified
    assert counted(tmp_path / "export") == {**before, ("005930", LAST): 360}
    file = pd.read_parquet(tmp_path / "export" / "interval=1" / "005930_2026.parquet")
    assert file["timestamp"].is_monotonic_increasing


def test_a_year_is_a_file(sim: Simulator, export: Export, tmp_path: Path) -> None:
    days = [date(2025, 12, 30), date(2026, 1, 2)]
    database = Database("sqlite", path=tmp_path / "years.sqlite3")
    filled(database, sim, ["005930"], days)
    asked = ["--from", str(days[0]), "--to", str(days[1]), "--symbols", "005930", "--interval", "15"]
    assert export(database, asked=asked)[0] == 0 and export(database, "--out", "both.csv", asked=asked)[0] == 0
    for year, day in zip((2025, 2026), days, strict=True):
        frame = pd.read_parquet(tmp_path / "export" / "interval=15" / f"005930_{year}.parquet")
        assert_same(plain(frame, "005930"), list(truth(sim, "005930", 15, [day])))
    assert len(pd.read_csv(tmp_path / "both.csv")) == len(list(truth(sim, "005930", 15, days)))


def counted(folder: Path) -> dict[tuple[str, date], int]:
    """Candles of each symbol-day."""
    frame = pd.read_parquet(folder)
    return dict(frame.groupby([frame["symbol"].astype(str), frame["timestamp"].dt.date]).size())


def test_doubtful_days_are_named_and_exit_1(light: Database, export: Export) -> None:
    execute(
        url_of(light),
        "UPDATE stock_minute_coverage SET status = 'UNPROVEN', note = '시가가 다릅니다' WHERE stock_symbol = '005930'",
    )
    execute(
        url_of(light), "DELETE FROM stock_minute_coverage WHERE stock_symbol = '000660' AND trade_date = '2026-11-20'"
    )
    code, out, _ = export(light, asked=["--from", "2026-11-18", "--to", str(LAST), "--symbols", "005930,000660"])
    assert code == 1
    for said in (
        "005930 2026-11-18 빠짐",
        "005930 2026-11-19~11-20 증명 안 됨: 시가가 다릅니다 · 2종목일",
        "000660 2026-11-20 잠정",
    ):
        assert said in out


def test_nothing_in_the_range_is_exit_1_and_no_file(light: Database, export: Export, tmp_path: Path) -> None:
    asked = ["--symbols", "035420", "--days", "3"]
    for out in ("export", "a.csv", "a.parquet", "-"):
        code, _, err = export(light, "--out", out, asked=asked)
        assert code == 1 and "저장된 캔들이 없습니다" in err and "035420 2026-11-18~11-20 빠짐 · 3종목일" in err
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".csv", ".parquet", ".tmp"}] == []


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--interval", "7"], "봉 간격"), (["--format", "xlsx"], "--format"), (["--out", ""], "--out"),
        (["--out", "a.csv", "--format", "parquet"], "서로"), (["--out", "-", "--format", "parquet"], "서로"),
        (["--out", "light.sqlite3"], "폴더가 아닙니다"), (["--excel"], "--format csv"),
        (["--symbols", "abc"], "종목코드"),
        (["--days", "3"], "함께"), (["--from", "어제"], "--from"), (["--from", "2026-11-21"], "늦습니다"),
        (["--to", "9999-12-31"], "--to 9999-12-31"), (["--adjusted", "--interval", "week"], "day"),
        (["--nonsense"], "모르는 옵션"),
    ],
)  # fmt: skip
def test_usage_errors_are_one_korean_line_and_exit_2(light, export, monkeypatch, flags, said) -> None:
    monkeypatch.setattr(export_candles.user_settings, "load", lambda *_, **__: settings_of(light, light.path.parent))
    code, out, err = export(light, *flags)
    assert code == 2 and said in err and len(err.strip().splitlines()) == 1 and out == ""


def test_a_file_that_cannot_be_written_is_exit_1_in_one_line(light: Database, export: Export, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    code, _, err = export(light, "--out", "taken/deep/a.csv", "--quiet")
    assert code == 1 and "파일을 쓸 수 없습니다" in err


def test_adjusted_prices_are_adjusted_on_reading_alone(sim, light, tmp_path, monkeypatch, export) -> None:
    """A split on Friday: one share became five. What is stored stays as it was traded."""
    monkeypatch.setattr(sim.active, "actions", [CorporateAction("split", symbol="005930", ex_day=LAST)])
    before = execute(url_of(light), "SELECT * FROM stock_minute_prices")
    user = User(tmp_path, sim.url, url_of(light), on_the_day=False)
    out = tmp_path / "adjusted.parquet"
    asked = (*RANGE, "--adjusted", "--interval", "30", "--out", str(out))
    assert "KIS_APP_KEY" in command(user, *asked).err  # the only use of a key
    ran = command(user, *asked, KIS_APP_KEY="PSEDtestAppKey0123456789abcdefghijkl")
    assert ran.code == 0 and "005930 2026-11-20 1주 → 5주" in ran.out and "000660" not in ran.out, ran.all
    assert execute(url_of(light), "SELECT * FROM stock_minute_prices") == before
    settings = settings_of(light, tmp_path)
    said = {"settings": settings, "clock": Clock(at=EVENING)}
    plain_frame = db.read_candles(SYMBOLS, 30, CSAT, LAST, **said)
    with pytest.warns(SplitWarning, match="005930 2026-11-20 1주 → 5주"):
        frame = db.read_candles(SYMBOLS, 30, CSAT, LAST, adjusted=True, **said)
    days = frame.index.get_level_values("timestamp").date
    old = (frame.index.get_level_values("symbol") == "005930") & (days == CSAT)
    for name in ("open", "high", "low", "close", "vwap"):
        assert (frame[name][~old].dropna() == plain_frame[name][~old].dropna()).all()
        assert (frame[name][old].dropna() * 5 - plain_frame[name][old].dropna()).abs().max() < 1e-6
    assert (frame["volume"][old] == 5 * plain_frame["volume"][old]).all()
    assert (frame["turnover"].dropna() == plain_frame["turnover"].dropna()).all()
    file = pd.read_parquet(out).set_index(["symbol", "timestamp"])
    assert (file["close"].to_numpy() == frame["close"].to_numpy()).all()
    assert pq.read_metadata(out).metadata[b"minute_candles.prices"] == b"adjusted"
    with pytest.raises(IncompleteData, match="수정계수를 모릅니다"):
        execute(url_of(light), "DELETE FROM stock_adjustment_factors WHERE stock_symbol = '000660'")
        db.read_candles("000660", 30, CSAT, LAST, adjusted=True, **said)


KEY = "PSEDtestAppKey0123456789abcdefghijkl"
NEW_YEAR = [date(2025, 12, 30), date(2026, 1, 2)]


@pytest.fixture(scope="module")
def kis() -> Iterator[Simulator]:
    """On the day of the host, whose clock the command reads: tokens last."""
    with simulator(now=lambda: datetime.now(KST)) as running:
        yield running


@pytest.fixture
def user(kis: Simulator, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> User:
    """Somebody with a key, and two days of two symbols on either side of a new year."""
    filled(Database("sqlite", path=tmp_path / "years.sqlite3"), kis, SYMBOLS, NEW_YEAR)
    token = tmp_path_factory.getbasetemp() / f"token-{urlsplit(kis.url).port}.json"
    url = f"sqlite:///{tmp_path}/years.sqlite3"
    return User(tmp_path, kis.url, url, {"KIS_TOKEN_FILE": str(token)}, on_the_day=False)


def adjusted(user: User, first: date, last: date, *flags: str) -> Ran:
    asked = ("--from", str(first), "--to", str(last), "--symbols", ",".join(SYMBOLS), "--interval", "30")
    return command(user, *asked, "--adjusted", *flags, KIS_APP_KEY=KEY)


def test_adjusted_days_of_a_folder_are_all_written_anew(user, kis, tmp_path, monkeypatch) -> None:
    """A split changes them all: a folder of one symbol never holds two bases, and a shorter range loses no day."""
    old, new = NEW_YEAR
    out = ("--out", str(tmp_path / "export"))
    assert adjusted(user, old, new, *out).code == 0
    before = pd.read_parquet(tmp_path / "export")
    monkeypatch.setattr(kis.active, "actions", [CorporateAction("split", symbol="005930", ex_day=new)])
    ran = adjusted(user, new, new, *out)
    assert ran.code == 0 and "파일 1개 씀" in ran.out, ran.all
    after = pd.read_parquet(tmp_path / "export")
    split = (after["symbol"] == "005930") & (after["timestamp"].dt.date == old)
    assert list(after["timestamp"]) == list(before["timestamp"]) and split.any() and not split.all()
    assert (after["close"][~split] == before["close"][~split]).all()
    assert (after["close"][split] * 5 - before["close"][split]).abs().max() < 1e-6
    execute(user.database, "DELETE FROM stock_minute_prices WHERE timestamp < '2026-01-01' AND stock_symbol = '005930'")
    ran = adjusted(user, new, new, *out)  # its files stay as they are: they would lose a day
    assert ran.code == 1 and "005930 2025-12-30" in ran.all and "000660" not in ran.all, ran.all
    assert pd.read_parquet(tmp_path / "export").equals(after)


def test_factors_of_other_days_are_not_forgotten_and_old_ones_are_told(user, kis, tmp_path, monkeypatch) -> None:
    """A split after the first question: the second, about the newest day alone, adjusts what was known by it."""
    old, new = NEW_YEAR
    settings = settings_of(Database("sqlite", path=tmp_path / "years.sqlite3"), tmp_path)
    assert adjusted(user, old, new, "--out", str(tmp_path / "one.parquet")).code == 0

    def closes(days: int) -> pd.Series:
        clock = Clock(at=datetime.now(KST) + timedelta(days=days))
        return db.read_candles("005930", 30, old, new, adjusted=True, settings=settings, clock=clock)["close"]

    before = closes(0)
    with pytest.warns(SplitWarning, match=r"그 뒤의 분할은 들어 있지 않습니다: 005930\("):
        assert closes(10).equals(before)
    monkeypatch.setattr(kis.active, "actions", [CorporateAction("split", symbol="005930", ex_day=new)])
    assert adjusted(user, new, new, "--out", str(tmp_path / "two.parquet")).code == 0
    with pytest.warns(SplitWarning, match="1주 → 5주"):
        after = closes(0)
    is_old = after.index.get_level_values("timestamp").date == old
    assert is_old.any() and (after[is_old] * 5 - before[is_old]).abs().max() < 1e-6
    assert (after[~is_old] == before[~is_old]).all()


def test_only_days_asked_for_or_in_the_folder_are_adjusted(user: User, kis: Simulator, tmp_path: Path) -> None:
    days = [date(2026, 1, 5), date(2026, 1, 6)]
    filled(Database("sqlite", path=tmp_path / "years.sqlite3"), kis, SYMBOLS, days)
    out = ("--out", str(tmp_path / "export"))
    assert adjusted(user, NEW_YEAR[1], NEW_YEAR[1], *out).code == 0
    assert adjusted(user, days[1], days[1], *out).code == 0
    assert {day for _, day in counted(tmp_path / "export")} == {NEW_YEAR[1], days[1]}


def test_adjusted_and_plain_prices_do_not_mix_in_a_folder(user: User, export: Export, tmp_path: Path) -> None:
    """Whichever year or symbol came first; told before anything is asked or written."""
    database, (old, new) = Database("sqlite", path=tmp_path / "years.sqlite3"), NEW_YEAR
    plain_2025 = ["--from", str(old), "--to", str(old), "--symbols", "005930", "--interval", "30"]
    plain_2026 = ["--from", str(new), "--to", str(new), "--symbols", "000660", "--interval", "30"]
    assert export(database, "--out", "plain", asked=plain_2025)[0] == 0
    ran = adjusted(user, new, new, "--out", str(tmp_path / "plain"), "--quiet")
    assert ran.code == 2 and "섞을 수 없습니다" in ran.err and len(ran.all.strip().splitlines()) == 1, ran.all
    assert adjusted(user, old, old, "--out", str(tmp_path / "adjusted")).code == 0
    code, out, err = export(database, "--out", "adjusted", asked=plain_2026)
    assert code == 2 and "섞을 수 없습니다" in err and out == "" and len(err.strip().splitlines()) == 1
    assert [path.name for path in (tmp_path / "plain").rglob("2026.parquet")] == []
    assert export(database, "--out", "adjusted", "--interval", "5", asked=plain_2026[:-2])[0] == 0  # another data set


@pytest.mark.parametrize("fault", ["daily_missing", "shape_missing"])
def test_a_symbol_that_cannot_be_adjusted_is_named_and_the_others_are_written(user, kis, tmp_path, fault) -> None:
    kis.add_fault(fault, path="daily", symbol="005930")
    try:
        ran = adjusted(user, *NEW_YEAR, "--out", str(tmp_path / "export"))
        one_file = adjusted(user, *NEW_YEAR, "--out", str(tmp_path / "all.csv"))
    finally:
        kis.clear_faults()
    for each in (ran, one_file):
        assert each.code == 1 and "005930" in each.out and "수정" in each.out and "000660" not in each.out, each.all
    for frame in (pd.read_parquet(tmp_path / "export"), pd.read_csv(tmp_path / "all.csv", dtype=str)):
        assert set(frame["symbol"]) == {"000660"}


def test_csv_and_parquet_do_not_share_a_folder(light: Database, export: Export, tmp_path: Path) -> None:
    """`spark.read.parquet("export")` and Polars refuse a folder of both."""
    assert export(light, "--interval", "day")[0] == 0
    code, out, err = export(light, "--interval", "day", "--format", "csv")
    assert code == 2 and out == "" and "--out" in err and len(err.strip().splitlines()) == 1
    assert export(light, "--interval", "day", "--format", "csv", "--out", "tables")[0] == 0
    code, out, err = export(light, "--interval", "5", "--out", "tables")
    assert code == 2 and out == "" and "--out" in err and len(err.strip().splitlines()) == 1
    assert list(tmp_path.rglob("export/*.csv")) == [] and list(tmp_path.rglob("tables/*=*")) == []


@pytest.mark.slow
def test_what_a_backfill_stored_is_what_is_exported(sim: Simulator, tmp_path: Path) -> None:
    """The two commands as a user types them, one after the other."""
    user = User(tmp_path, sim.url, f"sqlite:///{tmp_path}/mine.sqlite3")
    assert user.run(*RANGE).code == 0
    ran = command(user, *RANGE, "--interval", "60", "--out", str(tmp_path / "hours.parquet"))
    assert ran.code == 0, ran.all
    frame = pd.read_parquet(tmp_path / "hours.parquet")
    for symbol in SYMBOLS:
        assert_same(plain(frame, symbol), list(truth(sim, symbol, 60)))
    settings = settings_of(Database("sqlite", path=tmp_path / "mine.sqlite3"), tmp_path)
    days = db.read_candles("005930", "day", CSAT, LAST, settings=settings, clock=Clock(at=EVENING))
    daily = [sim.truth("005930", day, 1) for day in (CSAT, LAST)]
    assert [
        turnover >= sum(row[6] or 0 for row in rows) for turnover, rows in zip(days["turnover"], daily, strict=True)
    ]
    assert days["previous_close"].notna().all(), "of the first day, too: KIS's answer had it"


def command(user: User, *flags: str, **environ: str) -> Ran:
    """Without a key unless told."""
    own = user.environment(**{"KIS_APP_KEY": "-", **environ})
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "export_candles.py", *flags], cwd=user.project, env=own,
        capture_output=True, text=True, encoding="utf-8", timeout=90,
    )  # fmt: skip
    return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)


_AGAIN_AND_AGAIN = """\
import sys, export_candles
print("ready", flush=True)
while True:
    export_candles.main(sys.argv[1:])
"""


@pytest.mark.parametrize("kills", [4, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_export_leaves_whole_files_only(light: Database, export: Export, tmp_path: Path, kills: int) -> None:
    dice = random.Random(7)
    for target in ("export", "all.parquet", "all.csv"):
        assert export(light, "--out", target)[0] == 0
    whole = rows_by_file(tmp_path)
    for kill in range(kills):
        target = ("export", "all.parquet", "all.csv")[kill % 3]
        process = subprocess.Popen(
            [sys.executable, "-c", _AGAIN_AND_AGAIN, *RANGE, "--force", "--quiet", "--out", str(tmp_path / target)],
            cwd=ROOT, env={**os.environ, "DB_URL": url_of(light)}, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        assert process.stdout and process.stdout.readline() == b"ready\n"
        time.sleep(dice.uniform(0.2, 1.5))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert rows_by_file(tmp_path) == whole
        by_polars, by_duckdb = pl.read_parquet(tmp_path / "export"), f"FROM '{tmp_path}/export/**/*.parquet'"
        assert duckdb.sql(f"SELECT count(*) {by_duckdb}").fetchall() == [(len(by_polars),)]
    (tmp_path / ".export.exporting.tmp").mkdir(exist_ok=True)
    (tmp_path / ".export.exporting.tmp" / "2025.parquet.tmp").write_text("of a killed run, whose file did not change")
    for target in ("export", "all.parquet", "all.csv"):
        assert "0개 씀" in export(light, "--out", target)[1]
    assert [path for path in tmp_path.rglob("*") if path.name.endswith((".tmp", ".exporting.lock"))] == []


_HOLDING = """\
import sys
from pathlib import Path
from minute_candles.export.staging import staging
with staging(Path(sys.argv[1])):
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("target", ["export", "all.parquet"])
def test_two_exports_into_one_place_do_not_run_at_once(light, export, tmp_path, target) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", _HOLDING, str(tmp_path / target)], cwd=ROOT, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )  # fmt: skip
    assert first.stdout and first.stdout.readline() == b"ready\n"
    (tmp_path / "also").symlink_to(tmp_path)
    for way in (target, f"also/{target}"):
        code, out, err = export(light, "--out", way)
        assert code == 2 and out == "" and len(err.strip().splitlines()) == 1
        assert f"pid {first.pid}" in err and target in err
    assert not (tmp_path / target).exists()
    assert export(light, "--out", "elsewhere")[0] == 0
    first.communicate()
    assert export(light, "--out", target)[0] == 0


def rows_by_file(folder: Path) -> dict[str, int]:
    """Every file of candles, read to its end."""
    tables = {path: pq.read_table(path, partitioning=None) for path in folder.rglob("*.parquet")}
    texts = {path: pd.read_csv(path) for path in folder.rglob("*.csv")}
    return {str(path): len(rows) for path, rows in {**tables, **texts}.items()}


def test_help_is_quick_and_needs_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'numpy', 'pyarrow', 'requests', 'mysql']))\n"
        "import export_candles; export_candles.main(['--help'])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0 and "--interval" in done.stdout, done.stderr


@pytest.mark.parametrize(("flags", "code"), [([], 2), (["--out", "a.csv"], 0)])
def test_parquet_needs_pyarrow_and_csv_does_not(light: Database, tmp_path: Path, flags: list[str], code: int) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'pyarrow']))\n"
        f"import export_candles; sys.exit(export_candles.main({[*RANGE, '--quiet', *flags]!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, encoding="utf-8",
        env={**os.environ, "DB_URL": url_of(light), "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert code == 0 or ("requirements-extra.txt" in done.stderr and len(done.stderr.splitlines()) == 1)


def by_day(folder: Path) -> dict[str, int]:
    frame = pd.read_parquet(folder / "export" / "interval=1")
    return {str(day): int(n) for day, n in frame.groupby(frame["timestamp"].dt.date).size().items()}


def test_days_that_the_table_lacks_stay_in_the_folder(light: Database, export: Export, tmp_path: Path) -> None:
    """Another table, or rows that somebody removed: what was exported is not taken away, and that is said."""
    assert export(light)[0] == 0 and export(light, "--format", "csv", "--out", "csv")[0] == 0
    before, csv_before = by_day(tmp_path), (tmp_path / "csv" / "000660_1min.csv").read_bytes()
    execute(url_of(light), "DELETE FROM stock_minute_prices WHERE timestamp >= '2026-11-20'")
    code, _, err = export(light)
    assert code == 1 and by_day(tmp_path) == before and "005930 2026-11-20" in err and "그대로 둔 2건" in err
    execute(url_of(light), "DELETE FROM stock_minute_prices")
    for force in ([], ["--force"]):
        code, _, err = export(light, *force)
        assert code == 1 and by_day(tmp_path) == before and "그대로 둔 4건" in err
    code, _, err = export(light, "--format", "csv", "--out", "csv")
    assert code == 1 and "그대로 둔 2건: 005930_1min.csv, 000660_1min.csv" in err
    assert (tmp_path / "csv" / "000660_1min.csv").read_bytes() == csv_before


def test_a_day_without_trades_leaves_the_folder(light: Database, export: Export, tmp_path: Path) -> None:
    """The table says so; it does not lack it."""
    assert export(light)[0] == 0 and export(light, "--format", "csv", "--out", "csv")[0] == 0
    thursday = by_day(tmp_path)["2026-11-19"]
    no_trades(light, "trade_date = '2026-11-20'", "timestamp >= '2026-11-20'")
    assert export(light)[0] == 0 and by_day(tmp_path) == {"2026-11-19": thursday}
    no_trades(light, "stock_symbol = '000660'", "stock_symbol = '000660'")
    assert export(light, "--format", "csv", "--out", "csv")[0] == 0
    assert [path.name for path in (tmp_path / "csv").iterdir()] == ["005930_1min.csv"]


def no_trades(database: Database, coverage: str, prices: str) -> None:
    execute(url_of(database), f"DELETE FROM stock_minute_prices WHERE {prices}")
    cleared = "status = 'NO_TRADES', count_1min = 0, count_5min = 0, count_15min = 0"
    execute(url_of(database), f"UPDATE stock_minute_coverage SET {cleared} WHERE {coverage}")


@pytest.mark.parametrize("out", ["export", "mine.parquet", "mine.csv", "tables"])
def test_somebody_else_s_file_is_not_replaced(light: Database, export: Export, tmp_path: Path, out: str) -> None:
    """In a folder or by itself, Parquet or CSV; an empty file holds nothing to lose."""
    flags = ["--out", out, *(["--format", "csv"] if out == "tables" else [])]
    inside = {"export": "export/interval=1/005930_2026.parquet", "tables": "tables/005930_1min.csv"}
    path = tmp_path / inside.get(out, out)
    path.parent.mkdir(parents=True, exist_ok=True)
    theirs = pd.DataFrame({"symbol": ["005930"], "note": ["mine"]})
    theirs.to_parquet(path) if path.suffix == ".parquet" else theirs.to_csv(path)
    kept = path.read_bytes()
    code, out_, err = export(light, *flags)
    assert code == 2 and "내보내기가 쓴 파일이 아닙니다" in err and path.read_bytes() == kept and out_ == ""
    assert export(light, *flags, "--force")[0] == 0 and path.read_bytes() != kept
    path.write_bytes(b"")
    assert export(light, *flags)[0] == 0 and path.stat().st_size


@pytest.mark.parametrize(
    "out", ["x" * 300, "x" * 300 + ".csv", "deep/.csv", ".parquet", "pipe", "pipe.csv", "link.csv"]
)
def test_what_can_be_no_target_is_one_line_and_exit_2(light, export, tmp_path, out) -> None:
    """A name that is too long or none, a FIFO, a link to a device."""
    for name in ("pipe", "pipe.csv"):
        os.mkfifo(tmp_path / name)
    (tmp_path / "link.csv").symlink_to("/dev/null")
    before = sorted(path.name for path in tmp_path.iterdir())
    code, said, err = export(light, "--out", out)
    assert code == 2 and said == "" and len(err.strip().splitlines()) == 1 and "--out" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_device_is_one_line_and_exit_2(light: Database, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "export_candles.py"), *RANGE, "--out", "-", "--quiet"]
    environ = {**os.environ, "DB_URL": url_of(light), "LOG_DIR": str(tmp_path)}
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(command, env=environ, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
    assert ran.returncode == 2 and len(ran.stderr.strip().splitlines()) == 1 and "표준 출력" in ran.stderr, ran.stderr


@pytest.mark.parametrize("out", ["export", "a.parquet", "a.csv"])
def test_a_target_that_another_program_holds_open_is_one_line(light, export, monkeypatch, out) -> None:
    """On Windows Excel locks what it shows."""

    def locked(self: Path, target: object) -> None:
        raise PermissionError(13, "Permission denied", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", locked)
    code, _, err = export(light, "--out", out, "--quiet")
    assert code == 1 and "다른 프로그램" in err and len(err.strip().splitlines()) == 1


def test_a_reader_that_closes_early_is_told_apart(light: Database, tmp_path: Path) -> None:
    """A pipe into `head`: nothing is claimed of what was never looked at."""
    command = [sys.executable, str(ROOT / "export_candles.py"), *RANGE, "--out", "-"]
    environ = {**os.environ, "DB_URL": url_of(light), "LOG_DIR": str(tmp_path)}
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path) as ran:
        assert ran.stdout and ran.stderr
        ran.stdout.readline()
        ran.stdout.close()
        said = ran.stderr.read().decode()
    assert "읽는 쪽이 먼저 닫아" in said and "✅ 내보내기" not in said and ran.returncode == 0
