"""`export_candles.py`: files of every interval equal the truth, readable by everybody, whole or not there."""

import os
import random
import shutil
import subprocess
import sys
import time
from datetime import date, datetime, timedelta
from pathlib import Path

import datafusion
import duckdb
import pandas as pd
import polars as pl
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from backfill_tools import CSAT, EVENING, LAST, execute, url_of
from places import ROOT
from truth_tables import SYMBOLS, assert_true, filled, settings_of

import db
import export_candles
from kis_simulator.faults.corporate_actions import CorporateAction
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.errors import SplitWarning
from minute_candles.export.staging import staging


def span(first, last, symbols="005930,000660"):
    return ["--from", str(first), "--to", str(last), "--symbols", symbols]


RANGE, FRIDAY = span(CSAT, LAST), span(LAST, LAST, "005930")
NOW = Clock(at=EVENING)
KEY = {"KIS_APP_KEY": "PSEDtestAppKey0123456789abcdefghijkl", "KIS_APP_SECRET": "test+Secret/" * 15}
NEW_YEAR = OLD, NEW = date(2025, 12, 30), date(2026, 1, 2)


@pytest.fixture(scope="module")
def template(sim, tmp_path_factory):
    path = tmp_path_factory.mktemp("template") / "light"
    filled(Database("sqlite", path=path), sim, SYMBOLS, (*NEW_YEAR, CSAT, LAST))
    return path


@pytest.fixture
def light(template, tmp_path):
    """A SQLite file of the two days, and of two days on either side of a new year."""
    return Database("sqlite", path=Path(shutil.copy(template, tmp_path)))


@pytest.fixture
def export(tmp_path, monkeypatch, capfdbinary):
    """The command: its exit code and what it wrote; in the folder of somebody without a key, unless `kis` is given."""

    def run(database, *flags, asked=RANGE, **environ):
        monkeypatch.chdir(tmp_path)
        for name in [name for name in os.environ if name.startswith(("KIS_", "DB_"))]:
            monkeypatch.delenv(name)
        for name, value in {"DB_URL": url_of(database), "LOG_DIR": str(tmp_path), **environ}.items():
            monkeypatch.setenv(name, value)
        capfdbinary.readouterr()
        try:
            code = export_candles.main([*asked, *flags], NOW)
        except SystemExit as ended:
            code = int(ended.code or 0)
        sys.stdout.flush()
        out, err = capfdbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


@pytest.fixture
def adjusted(export, sim, light, tmp_path_factory):
    """The command for adjusted prices, as somebody with a key."""
    token = str(tmp_path_factory.getbasetemp() / "export-token.json")
    key = KEY | {"KIS_BASE_URL": sim.url, "KIS_TOKEN_FILE": token, "KIS_RATE_LIMIT": "5000"}

    def run(first, last, *flags):
        code, out, err = export(light, "--adjusted", "--interval", "30", *flags, asked=span(first, last), **key)
        return code, out + err

    return run


def refused(ran) -> str:
    """Return the one line of an exit with 2."""
    code, out, err = ran
    assert (code, out, len(err.strip().splitlines())) == (2, "", 1), err
    return err


def counted(folder):
    """Candles of each symbol-day."""
    frame = pd.read_parquet(folder)
    return dict(frame.groupby([frame["symbol"].astype(str), frame["timestamp"].dt.date]).size())


def test_files_of_every_interval_equal_the_truth_and_say_what_they_are(light, sim, export, tmp_path) -> None:
    folder = tmp_path / "export"
    for interval in (1, 5, 60, "day"):
        assert export(light, "--interval", str(interval))[0] == 0
        frame = pd.read_parquet(folder / f"interval={interval}")
        assert_true(frame, sim, interval)
        assert set(frame["status"]) == {"COMPLETE"}
    metadata = pq.read_metadata(folder / "interval=5" / "005930_2026.parquet")
    about = {key.decode().split(".")[-1]: text.decode() for key, text in metadata.metadata.items()}
    shown = [about[name] for name in ("source", "interval", "time_zone", "prices", "version")]
    assert shown == ["KIS Open API, stock_minute_prices", "5", "Asia/Seoul", "unadjusted", "1"]
    assert abs(datetime.fromisoformat(about["created"]) - EVENING) < timedelta(hours=1) and len(about["content"]) == 32
    assert metadata.row_group(0).column(2).compression == "ZSTD"
    assert export(light, "--interval", "15", asked=span(*NEW_YEAR, "005930"))[0] == 0
    for day in NEW_YEAR:  # a year is a file
        assert_true(pd.read_parquet(folder / f"interval=15/005930_{day.year}.parquet"), sim, 15, ["005930"], [day])


READERS = {
    "pandas": pd.read_parquet, "polars": lambda folder: pl.read_parquet(folder).to_pandas(),
    "duckdb": lambda folder: duckdb.sql(f"SELECT * FROM '{folder}/**/*.parquet'").df(),
    "pyarrow": lambda folder: ds.dataset(folder, partitioning="hive").to_table().to_pandas(),
    "dask": lambda folder: pytest.importorskip("dask.dataframe").read_parquet(folder).compute(),
    "datafusion": lambda folder: datafusion.SessionContext().read_parquet(folder).to_pandas(),
}  # fmt: skip
HEAD = "symbol,timestamp,open,high,low,close,volume,turnover,vwap,status"


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # of dask itself
@pytest.mark.parametrize(
    "reader", [pytest.param(name, marks=[pytest.mark.slow] * name.startswith("da")) for name in READERS]
)
def test_everybody_reads_the_folder_as_one_data_set(light, export, tmp_path, reader) -> None:
    """Codes stay text, each row comes once, and the columns are those of the file, whichever reader looks."""
    for interval in ("5m", "day"):
        assert export(light, "--interval", interval)[0] == 0
    folder = tmp_path / "export"
    alone = READERS[reader](str(folder / "interval=5"))
    assert ",".join(alone.columns[:10]) == HEAD and set(map(str, alone["symbol"])) == set(SYMBOLS)
    assert len(alone) == len(alone.drop_duplicates(["symbol", "timestamp"])) == 4 * 77
    assert str(pd.to_datetime(alone["timestamp"]).dt.tz_convert("Asia/Seoul").min()) == "2026-11-19 10:00:00+09:00"
    whole = READERS[reader](str(folder))
    if reader != "datafusion":  # it takes the interval out of the folders' names by SQL alone
        assert len(whole) == 4 * 77 + 4 and set(map(str, whole["interval"])) == {"5", "day"}


def test_csv_equals_the_truth(light, sim, export, tmp_path) -> None:
    """A byte order mark for Excel, and with --excel codes that it does not take for numbers."""
    for flags, form in (((), "{}"), (("--excel",), '="{}"')):
        assert export(light, "--out", "all.csv", "--interval", "30", *flags)[0] == 0
        assert (tmp_path / "all.csv").read_bytes().startswith(f"\ufeff{HEAD}\n".encode())
        frame = pd.read_csv(tmp_path / "all.csv", dtype={"symbol": str}, parse_dates=["timestamp"])
        assert set(frame["symbol"]) == {form.format(symbol) for symbol in SYMBOLS}
        assert_true(frame.assign(symbol=frame["symbol"].str.strip('="')), sim, 30)
        assert set(frame["status"]) == {"COMPLETE"}
    flags = ("--format", "csv", "--out", "tables", "--interval", "day")
    assert "파일 2개 씀" in export(light, *flags)[1] and "파일 0개 씀, 2개 그대로" in export(light, *flags)[1]
    assert sorted(path.name for path in (tmp_path / "tables").iterdir()) == ["000660_day.csv", "005930_day.csv"]
    code, out, err = export(light, "--out", "-", "--interval", "day", "--quiet")
    assert code == 0 and len(out.splitlines()) == 5 and out.startswith("symbol,timestamp") and "✅ 내보내기" in err


def test_only_what_changed_is_written_again_and_other_days_stay(light, export, tmp_path) -> None:
    """Names of an older form (symbol=005930/2026.parquet, which Dask and DataFusion refuse) become the new ones."""
    export(light)
    files = [tmp_path / "export" / "interval=1" / f"{symbol}_2026.parquet" for symbol in SYMBOLS]
    before, days = [file.stat().st_mtime_ns for file in files], counted(tmp_path / "export")
    assert "파일 0개 씀, 2개 그대로" in export(light)[1]
    sql = "UPDATE stock_minute_prices SET volume = volume + 1 WHERE stock_symbol = '000660' AND timestamp = %s"
    execute(url_of(light), sql, "2026-11-20 10:00:00")
    assert "파일 1개 씀, 1개 그대로" in export(light)[1]
    assert [file.stat().st_mtime_ns == was for file, was in zip(files, before, strict=True)] == [True, False]
    assert "파일 2개 씀" in export(light, "--force")[1]
    for file, symbol in zip(files, SYMBOLS, strict=True):
        (file.parent / f"symbol={symbol}").mkdir()
        file.rename(file.parent / f"symbol={symbol}" / "2026.parquet")
    code, out, _ = export(light, asked=FRIDAY)
    assert code == 0 and "파일 2개를 새 이름으로" in out and counted(tmp_path / "export") == days
    assert {*files[0].parent.iterdir()} == {*files}
    gone = "timestamp < '2026-11-20' OR timestamp >= '2026-11-20 15:00:00'"
    execute(url_of(light), f"DELETE FROM stock_minute_prices WHERE {gone}")
    assert export(light, asked=FRIDAY)[0] == 1, "the day has lost rows since it was verified"
    assert counted(tmp_path / "export") == {**days, ("005930", LAST): 360}
    assert pd.read_parquet(files[0])["timestamp"].is_monotonic_increasing


def test_doubtful_days_are_named_and_exit_1_and_so_is_nothing_at_all(light, export, tmp_path) -> None:
    for out in ("export", "a.csv", "a.parquet", "-"):
        code, _, err = export(light, "--out", out, asked=["--symbols", "035420", "--days", "3"])
        assert code == 1 and "저장된 캔들이 없습니다" in err and "035420 2026-11-18~11-20 빠짐 · 3종목일" in err
    assert [path for path in tmp_path.rglob("*") if path.suffix in {".csv", ".parquet", ".tmp"}] == []
    doubt = "SET status = 'UNPROVEN', note = '시가가 다릅니다' WHERE stock_symbol = '005930'"
    execute(url_of(light), f"UPDATE stock_minute_coverage {doubt}")
    execute(
        url_of(light), "DELETE FROM stock_minute_coverage WHERE stock_symbol = '000660' AND trade_date = '2026-11-20'"
    )
    code, out, _ = export(light, asked=span("2026-11-18", LAST))
    assert code == 1 and "005930 2026-11-18 빠짐" in out and "000660 2026-11-20 잠정" in out
    assert "005930 2026-11-19~11-20 증명 안 됨: 시가가 다릅니다 · 2종목일" in out


WRONG = [
    (["--interval", "7"], "봉 간격"), (["--format", "xlsx"], "--format"), (["--out", ""], "--out"),
    (["--out", "a.csv", "--format", "parquet"], "서로"), (["--out", "light"], "폴더가 아닙니다"),
    (["--excel"], "--format csv"), (["--symbols", "abc"], "종목코드"), (["--days", "3"], "함께"),
    (["--from", "2026-11-21"], "늦습니다"), (["--to", "9999-12-31"], "--to 9999-12-31"),
    (["--adjusted", "--interval", "week"], "day"), (["--nonsense"], "모르는 옵션"), (["--adjusted"], "KIS_APP_KEY"),
]  # fmt: skip


@pytest.mark.parametrize(("flags", "said"), WRONG)
def test_usage_errors_are_one_korean_line_and_exit_2(light, export, flags, said) -> None:
    assert said in refused(export(light, *flags, **(KEY if "week" in flags else {})))


def split(monkeypatch, sim, day) -> None:
    """One share of 005930 becomes five."""
    monkeypatch.setattr(sim.active, "actions", [CorporateAction("split", symbol="005930", ex_day=day)])


def test_adjusted_prices_are_adjusted_on_reading_alone(sim, light, tmp_path, monkeypatch, adjusted) -> None:
    """A split on Friday. What is stored stays as it was traded."""
    split(monkeypatch, sim, LAST)
    before, out = execute(url_of(light), "SELECT * FROM stock_minute_prices"), tmp_path / "adjusted.parquet"
    code, said = adjusted(CSAT, LAST, "--out", str(out))
    assert code == 0 and "005930 2026-11-20 1주 → 5주" in said and "000660" not in said
    assert execute(url_of(light), "SELECT * FROM stock_minute_prices") == before
    query = {"interval": 30, "start": CSAT, "end": LAST, "settings": settings_of(light, tmp_path), "clock": NOW}
    traded = db.read_candles(SYMBOLS, **query)
    with pytest.warns(SplitWarning, match="005930 2026-11-20 1주 → 5주"):
        frame = db.read_candles(SYMBOLS, adjusted=True, **query)
    days = frame.index.get_level_values("timestamp").date
    shares = 1 + 4 * ((frame.index.get_level_values("symbol") == "005930") & (days == CSAT))
    for name in ("open", "high", "low", "close", "vwap"):
        assert (frame[name] * shares - traded[name]).abs().max() < 1e-6
    assert (frame["volume"] == shares * traded["volume"]).all()
    assert (frame["turnover"].dropna() == traded["turnover"].dropna()).all()
    assert (pd.read_parquet(out)["close"].to_numpy() == frame["close"].to_numpy()).all()
    assert pq.read_metadata(out).metadata[b"minute_candles.prices"] == b"adjusted"


def test_a_split_changes_every_adjusted_day_of_a_folder(adjusted, light, sim, tmp_path, monkeypatch) -> None:
    """A folder of one symbol never holds two bases, a shorter range loses no day, no factor is forgotten."""
    folder, settings = tmp_path / "export", settings_of(light, tmp_path)

    def closes(days):
        clock = Clock(at=EVENING + timedelta(days=days))
        return db.read_candles("005930", 30, *NEW_YEAR, adjusted=True, settings=settings, clock=clock)["close"]

    assert adjusted(*NEW_YEAR)[0] == 0
    before, known = pd.read_parquet(folder), closes(0)
    with pytest.warns(SplitWarning, match=r"그 뒤의 분할은 들어 있지 않습니다: 005930\("):
        assert closes(10).equals(known)
    split(monkeypatch, sim, NEW)
    code, said = adjusted(NEW, NEW)
    assert code == 0 and "파일 1개 씀" in said
    after = pd.read_parquet(folder)
    assert list(after["timestamp"]) == list(before["timestamp"])
    is_old = (after["symbol"] == "005930") & (after["timestamp"].dt.date == OLD)
    assert (after["close"] * (1 + 4 * is_old) - before["close"]).abs().max() < 1e-6 and 0 < is_old.sum() < len(is_old)
    with pytest.warns(SplitWarning, match="1주 → 5주"):
        assert (closes(0) * (1 + 4 * (known.index.date == OLD)) - known).abs().max() < 1e-6
    where = "timestamp < '2026-01-01' AND stock_symbol = '005930'"
    execute(url_of(light), f"DELETE FROM stock_minute_prices WHERE {where}")
    code, said = adjusted(NEW, NEW)  # its files stay as they are: they would lose a day
    assert code == 1 and "005930 2025-12-30" in said and "000660" not in said
    assert pd.read_parquet(folder).equals(after)


def test_what_does_not_go_into_one_folder(adjusted, light, export, tmp_path) -> None:
    """Adjusted and plain prices, whichever year or symbol came first; CSV and Parquet, which Spark refuses."""
    old, new = [*span(OLD, OLD, "005930"), "--interval", "30"], span(NEW, NEW, "000660")
    assert export(light, "--out", "plain", asked=old)[0] == 0
    code, said = adjusted(NEW, NEW, "--out", "plain", "--quiet")
    assert code == 2 and "섞을 수 없습니다" in said and len(said.strip().splitlines()) == 1
    for day, held in ((OLD, {OLD}), (NEW, {OLD, NEW})):  # days requested or in the folder, no others
        assert adjusted(day, day, "--out", "adjusted")[0] == 0
        assert {day for _, day in counted(tmp_path / "adjusted")} == held
    assert "섞을 수 없습니다" in refused(export(light, "--out", "adjusted", "--interval", "30", asked=new))
    assert export(light, "--out", "adjusted", "--interval", "5", asked=new)[0] == 0, "another data set"
    assert export(light, "--format", "csv", "--out", "tables", asked=old)[0] == 0
    for flags in (("--format", "csv", "--out", "plain"), ("--out", "tables")):
        assert "--out" in refused(export(light, *flags, "--interval", "30", asked=new))
    assert list(tmp_path.rglob("plain/*.csv")) == [] and list(tmp_path.rglob("tables/*=*")) == []


@pytest.mark.parametrize("fault", ["daily_missing", "shape_missing"])
def test_a_symbol_that_cannot_be_adjusted_is_named_and_the_others_are_written(adjusted, sim, tmp_path, fault) -> None:
    sim.add_fault(fault, path="daily", symbol="005930")
    ran = [adjusted(*NEW_YEAR, "--out", out) for out in ("export", "all.csv")]
    sim.clear_faults()
    for code, said in ran:
        assert code == 1 and "005930" in said and "수정" in said and "000660" not in said
    for frame in (pd.read_parquet(tmp_path / "export"), pd.read_csv(tmp_path / "all.csv", dtype=str)):
        assert set(frame["symbol"]) == {"000660"}


AGAIN = "import sys, export_candles\nwhile True: print(flush=True), export_candles.main(sys.argv[1:])"


@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_a_killed_export_leaves_whole_files_only(light, export, tmp_path, kills) -> None:
    dice, targets = random.Random(7), ("export", "all.csv", "all.parquet")
    for target in targets:
        assert export(light, "--out", target)[0] == 0
    whole = rows_by_file(tmp_path)
    environ = {**os.environ, "DB_URL": url_of(light)}
    for kill in range(kills):
        command = [sys.executable, "-c", AGAIN, *RANGE, "--force", "--quiet", "--out", tmp_path / targets[kill % 3]]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ)
        assert process.stdout.readline() == b"\n"
        time.sleep(dice.uniform(0.2, 1.5))
        process.kill()
        process.communicate()
        assert rows_by_file(tmp_path) == whole
    left = tmp_path / ".export.exporting.tmp"  # of a killed run, whose file did not change
    left.mkdir(exist_ok=True)
    (left / "2025.parquet.tmp").write_text("")
    for target in targets:
        assert "0개 씀" in export(light, "--out", target)[1]
    assert [path for path in tmp_path.rglob("*") if path.name.endswith((".tmp", ".exporting.lock"))] == []


def rows_by_file(folder):
    """Every file of candles, read to its end."""
    readers = {".parquet": lambda path: pq.read_table(path, partitioning=None), ".csv": pd.read_csv}
    return {str(path): len(readers[path.suffix](path)) for path in folder.rglob("*.*") if path.suffix in readers}


@pytest.mark.parametrize("target", ["export", "all.parquet"])
def test_two_exports_into_one_place_do_not_run_at_once(light, export, tmp_path, target) -> None:
    (tmp_path / "also").symlink_to(tmp_path)
    with staging(tmp_path / target):
        for way in (target, f"also/{target}"):
            assert f"pid {os.getpid()}" in refused(export(light, "--out", way))
        assert not (tmp_path / target).exists() and export(light, "--out", "elsewhere")[0] == 0
    assert export(light, "--out", target)[0] == 0


def test_help_and_csv_need_no_package_parquet_pyarrow_and_a_frame_pandas(light, tmp_path) -> None:
    script = (
        "import sys; sys.modules.update(dict.fromkeys(['pandas', 'pyarrow', 'polars'])); import db, export_candles\n"
        f"print('numpy' in sys.modules, [export_candles.main({RANGE} + out) for out in ([], ['--out', 'a.csv'])])\n"
        "sys.modules.update(dict.fromkeys(['numpy', 'requests', 'mysql']))\n"
        "try: db.read_candles('005930')\nexcept Exception as error: print(error, flush=True)\n"
        "export_candles.main(['--help'])"
    )
    more = {"env": {**os.environ, "DB_URL": url_of(light), "PYTHONPATH": str(ROOT)}, "encoding": "utf-8"}
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, **more)
    assert "False [2, 0]" in done.stdout and "--interval" in done.stdout, done.stderr
    assert "pip install -r requirements" in done.stdout
    assert "requirements-extra.txt" in done.stderr.splitlines()[0]


TO_CSV = ("--format", "csv", "--out", "csv")


def test_days_that_the_table_lacks_stay_in_the_folder_a_day_without_trades_leaves_it(light, export, tmp_path) -> None:
    """Another table, or rows that somebody removed: what was exported is not taken away, and that is said."""
    assert export(light)[0] == 0 and export(light, *TO_CSV)[0] == 0
    before, csv_before = counted(tmp_path / "export"), (tmp_path / "csv" / "000660_1min.csv").read_bytes()
    for gone, flags, said in (
        ("timestamp >= '2026-11-20'", (), "그대로 둔 2건"), ("1", ("--force",), "그대로 둔 4건"),
        ("1", TO_CSV, "그대로 둔 2건: 005930_1min.csv, 000660_1min.csv"),
    ):  # fmt: skip
        execute(url_of(light), f"DELETE FROM stock_minute_prices WHERE {gone}")
        code, _, err = export(light, *flags)
        assert code == 1 and said in err and counted(tmp_path / "export") == before
    assert (tmp_path / "csv" / "000660_1min.csv").read_bytes() == csv_before
    cleared = "status = 'NO_TRADES', count_1min = 0, count_5min = 0, count_15min = 0"
    execute(url_of(light), f"UPDATE stock_minute_coverage SET {cleared} WHERE stock_symbol = '000660'")
    for flags in ((), TO_CSV):
        assert export(light, *flags)[0] == 1, "of the other symbol"
    assert {symbol for symbol, _ in counted(tmp_path / "export")} == {"005930"}
    assert [path.name for path in (tmp_path / "csv").iterdir()] == ["005930_1min.csv"]


@pytest.mark.parametrize("name", ["export/interval=1/005930_2026.parquet", "a.parquet", "a.csv", "csv/005930_1min.csv"])
def test_somebody_else_s_file_is_not_replaced(light, export, tmp_path, name) -> None:
    """In a folder or by itself, Parquet or CSV; an empty file holds nothing to lose."""
    flags, path = TO_CSV if "csv/" in name else ("--out", name.split("/")[0]), tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    theirs = pd.DataFrame({"symbol": ["005930"], "note": ["mine"]})
    theirs.to_parquet(path) if path.suffix == ".parquet" else theirs.to_csv(path)
    kept = path.read_bytes()
    assert "내보내기가 쓴 파일이 아닙니다" in refused(export(light, *flags)) and path.read_bytes() == kept
    assert export(light, *flags, "--force")[0] == 0 and path.read_bytes() != kept
    path.write_bytes(b"")
    assert export(light, *flags)[0] == 0 and path.stat().st_size


def test_what_can_be_no_target_is_one_line_and_exit_2(light, export, tmp_path) -> None:
    """A name that is too long or none, a FIFO, a link to a device."""
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "link.csv").symlink_to("/dev/null")
    before = sorted(path.name for path in tmp_path.iterdir())
    for out in ("x" * 300, "x" * 300 + ".csv", "deep/.csv", ".parquet", "pipe.csv", "link.csv"):
        assert "--out" in refused(export(light, "--out", out)), out
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_full_device_is_one_line_and_exit_2(light, tmp_path) -> None:
    command = [sys.executable, str(ROOT / "export_candles.py"), *RANGE, "--out", "-", "--quiet"]
    environ = {**os.environ, "DB_URL": url_of(light), "LOG_DIR": str(tmp_path)}
    with open("/dev/full", "wb") as full:
        ran = subprocess.run(command, env=environ, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, text=True)
    assert ran.returncode == 2 and len(ran.stderr.strip().splitlines()) == 1 and "표준 출력" in ran.stderr, ran.stderr


@pytest.mark.parametrize("out", ["export", "a.parquet", "a.csv"])
def test_a_target_that_another_program_holds_open_is_one_line(light, export, tmp_path, monkeypatch, out) -> None:
    """On Windows Excel locks what it shows. A folder that cannot be made is an error of writing, too."""

    def locked(self, target):
        raise PermissionError(13, "Permission denied", str(self), None, str(target))

    monkeypatch.setattr(Path, "replace", locked)
    code, _, err = export(light, "--out", out, "--quiet")
    assert code == 1 and "다른 프로그램" in err and len(err.strip().splitlines()) == 1
    (tmp_path / "taken").write_text("")
    code, _, err = export(light, "--out", f"taken/deep/{out}", "--quiet")
    assert code == 1 and "파일을 쓸 수 없습니다" in err
