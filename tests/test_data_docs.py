"""docs/data.md and the notebook say nothing that is not so: what they show is run."""

import os
import re
import shlex
import subprocess
import sys

import duckdb
import nbformat
import pandas as pd
import pytest
from backfill_tools import User, copy_project, url_of
from nbclient import NotebookClient
from places import ROOT
from truth_tables import SYMBOLS, filled

from minute_candles.config.settings import Database
from minute_candles.market.windows import STORED_INTERVALS

TEXT = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture
def user(sim, tmp_path):
    """Somebody whose table holds the two days of the page."""
    database = Database("sqlite", path=tmp_path / "mine.sqlite3")
    filled(database, sim)
    return User(tmp_path, sim.url, url_of(database))


def runs(user, command) -> None:
    line = ["bash", "-o", "pipefail", "-c", command.replace("python ", f"{shlex.quote(sys.executable)} ", 1)]
    done = subprocess.run(line, cwd=user.project, env=user.environment(KIS_APP_KEY="-"), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_every_command_and_example_runs_as_it_stands(user, monkeypatch) -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines() if "export_candles" in line]
    assert len(commands) == 3
    symbols = f" --symbols {','.join(SYMBOLS)}"
    for command in commands:
        runs(user, command if "--symbols" in command else command + symbols)
    reading, files = blocks("python")
    code = f"import warnings; warnings.simplefilter('error')\n{reading}\n{files}"
    runs(user, f"python -c {shlex.quote(code)}")
    [command] = re.findall(r"`(python export_candles\.py [^`]+)`", README)
    [query] = re.findall(r"`(SELECT [^`]+\.parquet[^`]+)`", README)
    runs(user, f"{command} --from 2026-11-19 --to 2026-11-20{symbols}")
    monkeypatch.chdir(user.project)
    highs = pd.read_parquet("export/interval=5").groupby("symbol", observed=True)["high"].max()
    assert sorted(duckdb.sql(query).fetchall()) == [(symbol, highs[symbol]) for symbol in sorted(SYMBOLS)]


def test_the_queries_run_and_go_through_the_key(store, sim, database) -> None:
    filled(database, sim)
    prices, coverage = (block.strip().rstrip(";") for block in blocks("sql"))
    assert len(store._read(prices)) == 2 * 77 and store._read(coverage) == []
    [[plan]] = store._read(f"EXPLAIN FORMAT=JSON {prices}")
    assert f'"key": "{store._layout.key}"' in plan or f'"index_name": "{store._layout.key}"' in plan
    assert [name for name in STORED_INTERVALS.values() if f"`{name}`" not in TEXT] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["first_look", "volume_profile"])
def test_a_notebook_runs_and_is_kept_with_its_outputs(user, monkeypatch, name) -> None:
    copy_project(user.folder / "again")
    (user.folder / "again" / "examples").mkdir()
    notebook = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
    assert pictures(notebook) == 2, "as it is kept"
    choice = next(cell for cell in notebook.cells if cell.cell_type == "code" and "START, END = " in cell.source)
    choice.source = 'SYMBOL, START, END = "005930", "2026-11-19", "2026-11-20"'
    for key in [key for key in os.environ if key.startswith(("KIS_", "DB_"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("DB_URL", user.database)
    where = {"metadata": {"path": str(user.folder / "again" / "examples")}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=where).execute()
    assert pictures(notebook) == 2 and "2026-11-20" in str(notebook.cells)


def pictures(notebook) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]
    return sum("image/png" in output.get("data", {}) for output in outputs)
