"""docs/data.md and the notebook say nothing that is not so: what they show is run."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import nbformat
import pandas as pd
import pytest
from backfill_tools import User, copy_project, simulator, url_of
from kinds import shown
from nbclient import NotebookClient
from places import ROOT
from truth_tables import SYMBOLS, filled

from kis_simulator.simulator import Simulator
from minute_candles.config.settings import Database
from minute_candles.storage.ddl import NAMES
from minute_candles.storage.store import Store

PAGE = ROOT / "docs" / "data.md"
TEXT = PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with simulator() as running:
        yield running


@pytest.fixture
def user(sim: Simulator, tmp_path: Path) -> User:
    """Somebody whose table holds the two days of the page."""
    database = Database("sqlite", path=tmp_path / "mine.sqlite3")
    filled(database, sim)
    return User(tmp_path, sim.url, url_of(database))


def test_every_command_and_example_runs_as_it_stands(user: User) -> None:
    commands = [line for block in blocks("bash") for line in block.splitlines() if "export_candles" in line]
    assert len(commands) == 3
    symbols = f" --symbols {','.join(SYMBOLS)}"
    for command in commands:
        words = command if "--symbols" in command else command + symbols
        done = shell(user, words.replace("python ", f"{shlex.quote(sys.executable)} "))
        assert done.returncode == 0, done.stderr
    reading, files = blocks("python")
    code = f"import warnings; warnings.simplefilter('error')\n{reading}\n{files}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=user.project, env=user.environment(KIS_APP_KEY="-"), capture_output=True,
        text=True, encoding="utf-8",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_line_of_the_readme_for_duckdb_runs(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    [command] = re.findall(r"`python (export_candles\.py [^`]+)`", readme)
    [query] = re.findall(r"`(SELECT [^`]+\.parquet[^`]+)`", readme)
    span = f"--from 2026-11-19 --to 2026-11-20 --symbols {','.join(SYMBOLS)}"
    done = shell(user, f"{shlex.quote(sys.executable)} {command} {span}")
    assert done.returncode == 0, done.stderr
    monkeypatch.chdir(user.project)
    highs = pd.read_parquet("export/interval=5").groupby("symbol", observed=True)["high"].max()
    assert sorted(duckdb.sql(query).fetchall()) == [(symbol, highs[symbol]) for symbol in sorted(SYMBOLS)]


def shell(user: User, command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=user.project, env=user.environment(KIS_APP_KEY="-"),
        capture_output=True, text=True, encoding="utf-8", timeout=60,
    )  # fmt: skip


def test_the_queries_run_and_go_through_the_key(store: Store, sim: Simulator, database: Database) -> None:
    filled(database, sim)
    prices, coverage = (block.strip().rstrip(";") for block in blocks("sql"))
    assert len(store._read(prices)) == 2 * 77 and store._read(coverage) == []
    [[plan]] = store._read(f"EXPLAIN FORMAT=JSON {prices}")
    assert f'"key": "{store._layout.key}"' in plan or f'"index_name": "{store._layout.key}"' in plan
    for name in NAMES.values():
        assert f"`{name}`" in TEXT


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", TEXT):
        assert (PAGE.parent / target).exists(), target


@pytest.mark.parametrize("name", shown(["first_look", "volume_profile"], "first_look"))
def test_a_notebook_runs_and_is_kept_with_its_outputs(user: User, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    copy_project(user.folder / "again")
    (user.folder / "again" / "examples").mkdir()
    notebook = nbformat.read(ROOT / "examples" / f"{name}.ipynb", as_version=4)
    assert shown_pictures(notebook) == 2, "as it is kept"
    choice = next(cell for cell in notebook.cells if cell.cell_type == "code" and "START, END = " in cell.source)
    choice.source = 'SYMBOL, START, END = "005930", "2026-11-19", "2026-11-20"'
    for key in [key for key in os.environ if key.startswith(("KIS_", "DB_"))]:
        monkeypatch.delenv(key)
    monkeypatch.setenv("DB_URL", user.database)
    where = {"metadata": {"path": str(user.folder / "again" / "examples")}}
    NotebookClient(notebook, timeout=60, kernel_name="python3", resources=where).execute()
    assert shown_pictures(notebook) == 2 and "2026-11-20" in str(notebook.cells)


def shown_pictures(notebook: nbformat.NotebookNode) -> int:
    shown = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert not [output for output in shown if output.output_type == "error" or output.get("name") == "stderr"]
    return sum("image/png" in output.get("data", {}) for output in shown)
