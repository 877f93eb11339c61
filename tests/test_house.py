"""The floors of the house: each contract of pyproject.toml holds, and each can fail."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from places import ROOT, WINGS

CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
}
PLANTED = {
    "floors": ("config", "import collect.pool"),
    "market-is-pure": ("market", "import time"),
    "sql": ("collect", "import sqlite3"),
    "tables": ("collect", "import store.tables"),
    "network": ("store", "import socket"),
    "kis": ("kis", "import market.candles"),
    "readers": ("signals", "import kis.client"),
    "doors": ("store", "import db"),
    "words": ("store", "import cli.console"),
    "simulator-alone": ("simulator", "import base.clock"),
    "demo-alone": ("collect", "import simulator.market"),
}
"""An import that each contract must refuse, and the wing it is planted in."""
MAY_IMPORT = {
    "db.py": {"store", "market", "config", "base"},
    "kis_token.py": {"kis", "cli", "config", "base"},
    "fetch_minute_data.py": {*WINGS, "db", "kis_token"} - {"simulator"},
    "realtime_updater.py": {*WINGS, "db", "kis_token"} - {"simulator"},
    "live_chart.py": {*WINGS, "db", "kis_token", "fetch_minute_data", "realtime_updater"} - {"simulator"},
    "export_candles.py": {*WINGS, "db", "kis_token"} - {"simulator"},
}
"""What a door may import of the house: import-linter takes folders only. The chart's demo opens the two others."""


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command as run; run()"
    command = [sys.executable, "-c", code, "--no-cache"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, encoding="utf-8")


def test_each_contract_can_fail(tmp_path: Path) -> None:
    for wing in WINGS:
        shutil.copytree(ROOT / wing, tmp_path / wing, ignore=shutil.ignore_patterns("__pycache__", "node_modules"))
    for file in [*ROOT.glob("*.py"), ROOT / "pyproject.toml"]:
        shutil.copy2(file, tmp_path)
    assert PLANTED.keys() == CONTRACTS.keys()
    whole = lint(tmp_path)
    assert whole.returncode == 0, whole.stdout
    for number, (wing, line) in enumerate(PLANTED.values()):
        (tmp_path / wing / f"planted{number}.py").write_text(f"{line}\n", encoding="utf-8")
    broken = lint(tmp_path)
    assert f"Contracts: 0 kept, {len(PLANTED)} broken." in broken.stdout, broken.stdout
    for number, (wing, line) in enumerate(PLANTED.values()):
        assert f"{wing}.planted{number} -> {line.split()[1]}" in broken.stdout


@pytest.mark.parametrize("door", [path.name for path in sorted(ROOT.glob("*.py"))])
def test_a_door_imports_what_its_floor_may(door: str) -> None:
    house = {*WINGS, *(path.stem for path in ROOT.glob("*.py"))}
    found = set()
    for node in ast.walk(ast.parse((ROOT / door).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    assert found & house <= MAY_IMPORT[door]
    if door != "db.py":
        assert not found & {"connectorx", "mysql", "sqlite3"}
    if door != "kis_token.py":
        assert not found & {"aiohttp", "apprise", "http", "httpx", "redis", "requests", "urllib3", "websockets"}


def test_a_wing_is_told_by_one_docstring() -> None:
    for wing in WINGS:
        body = ast.parse((ROOT / wing / "__init__.py").read_text(encoding="utf-8")).body
        assert len(body) == 1 and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant), wing
