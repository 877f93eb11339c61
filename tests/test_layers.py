"""The layers of the package: each contract of pyproject.toml holds, and each can fail."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from places import PACKAGES, ROOT

CONTRACTS = {
    contract["id"]
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}
PLANTED = {
    "layers": (
        "minute_candles/config",
        "import minute_candles.core.worker_pool\nimport minute_candles.backfill.runner",
    ),
    "market-is-pure": ("minute_candles/market", "import time"),
    "sql": ("minute_candles/live", "import sqlite3"),
    "readers": ("minute_candles/indicators", "import minute_candles.kis.client"),
    "simulator-alone": ("kis_simulator", "import minute_candles.core.clock"),
    "demo-alone": ("minute_candles/live", "import kis_simulator.exchange.market"),
}
"""An import that each contract must refuse, and the package it is planted in."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def test_each_contract_can_fail(tmp_path: Path) -> None:
    for package in PACKAGES:
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=ignored)
    shutil.copy2(ROOT / "pyproject.toml", tmp_path)
    assert PLANTED.keys() == CONTRACTS
    whole = lint(tmp_path)
    assert whole.returncode == 0, whole.stdout
    for number, (folder, line) in enumerate(PLANTED.values()):
        (tmp_path / folder / f"planted{number}.py").write_text(f"{line}\n", encoding="utf-8")
    broken = lint(tmp_path)
    assert f"Contracts: 0 kept, {len(PLANTED)} broken." in broken.stdout, broken.stdout


@pytest.mark.parametrize("script", [path.name for path in sorted(ROOT.glob("*.py"))])
def test_a_script_speaks_neither_sql_nor_http_itself(script: str) -> None:
    found = set()
    for node in ast.walk(ast.parse((ROOT / script).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    assert not found & {"mysql", "sqlite3", "http", "httpx", "redis", "requests", "urllib3", "websockets", "pandas"}


def test_each_subpackage_says_what_it_is_in_one_docstring() -> None:
    for file in sorted((ROOT / "minute_candles").glob("*/__init__.py")):
        body = ast.parse(file.read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant), file


def test_the_public_names_are_the_documented_ones() -> None:
    import db
    import kis_token
    import minute_candles

    for module in (db, kis_token, minute_candles):
        assert sorted(module.__all__) == list(module.__all__), module.__name__
        for name in module.__all__:
            assert getattr(module, name) is not None
