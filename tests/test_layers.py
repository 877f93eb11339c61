"""The layers of the package: each contract of pyproject.toml holds, and each can fail."""

import ast
import shutil
import subprocess
import sys
import tomllib

from places import PACKAGES, ROOT

LINTER = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
PLANTED = {
    "layers": ("minute_candles/config", "import minute_candles.backfill.runner"),
    "market-is-pure": ("minute_candles/market", "import time"),
    "sql": ("minute_candles/live", "import sqlite3"),
    "readers": ("minute_candles/indicators", "import minute_candles.kis.client"),
    "simulator-alone": ("kis_simulator", "import minute_candles.core.clock"),
    "demo-alone": ("minute_candles/live", "import kis_simulator.exchange.market"),
}
"""An import that each contract must refuse, and the package it is planted in."""
IO = {"mysql", "sqlite3", "http", "httpx", "redis", "requests", "urllib3", "websockets", "pandas"}


def lint(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def test_each_contract_can_fail(tmp_path) -> None:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    assert PLANTED.keys() == {contract["id"] for contract in LINTER["contracts"]}
    whole = lint(tmp_path)
    assert whole.returncode == 0, whole.stdout
    for number, (folder, line) in enumerate(PLANTED.values()):
        (tmp_path / folder / f"planted{number}.py").write_text(f"{line}\n", encoding="utf-8")
    broken = lint(tmp_path)
    assert f"Contracts: 0 kept, {len(PLANTED)} broken." in broken.stdout, broken.stdout


def test_a_script_has_neither_sql_nor_http() -> None:
    for script in ROOT.glob("*.py"):
        nodes = list(ast.walk(ast.parse(script.read_text(encoding="utf-8"))))
        names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
        names += [node.module for node in nodes if isinstance(node, ast.ImportFrom) and node.module]
        assert not {name.split(".")[0] for name in names} & IO, script
