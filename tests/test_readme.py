"""README.md and docs/ say nothing that is not so: commands run, help, settings and messages are the real ones."""

import ast
import os
import re
import shlex
import sqlite3
import subprocess
import sys
import tomllib
from functools import cache

import pytest
from backfill_tools import User, simulator
from places import ROOT, sources
from readme_parts import PAPERS, PARTS, part, text

from kis_simulator.simulator import Simulator
from minute_candles.config.settings import KEYS
from minute_candles.kis.codes import ACTIONS, Action
from minute_candles.storage import ddl

TEXT = text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


LINES = [re.sub(r"\s+# .*", "", line) for block in blocks("bash") for line in block.splitlines()]
COMMANDS = [line for line in LINES if line and not line.startswith("#")]
SCRIPTS = [command for command in COMMANDS if re.match(r"(\.venv/bin/)?python \w+\.py", command)]
OTHERS = {
    "make demo", "cp alerts.example.toml alerts.toml",
    # of Windows, or what the Makefile does and .ci/run runs
    "python -m venv .venv && source .venv/Scripts/activate", "python3 -m venv .venv && source .venv/bin/activate",
    "python -m pip install -r requirements-extra.txt", "python -m pip install -r requirements.txt",
    # tests/test_updater_command.py
    "nohup python realtime_updater.py --quiet >/dev/null 2>updater.err &", "tail -F realtime_updater.log",
    "python realtime_updater.py --stop",
    # they end when they are stopped: tests/chart and tests/kis_simulator start them
    "make chart", "python live_chart.py", "python live_chart.py --demo",
    "CHART_PASSWORD='긴 비밀번호' python live_chart.py --host 0.0.0.0",
    "python -m kis_simulator --port 9443 --at 2026-11-20T10:00",
}  # fmt: skip
"""Commands that are run elsewhere, or have a reason not to be."""


@pytest.mark.parametrize("name", PARTS)
def test_made_parts_are_up_to_date(name) -> None:
    assert part(name) == PARTS[name](), "run: python docs/readme_parts.py"


def test_the_example_file_names_every_setting_and_no_other_with_its_default() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    assert set(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE)) == {key.name for key in KEYS}
    plain = [key for key in KEYS if re.fullmatch(r"[\w./]+", key.default)]
    assert [key.name for key in plain if f"\n# {key.name}={key.default}\n" not in example] == []


def test_the_ddl_is_the_one_that_is_run() -> None:
    shown = [table for block in blocks("sql") if block.startswith("CREATE TABLE") for table in block.split("\n\n")]
    run = [ddl.PRICES_DDL, ddl.COVERAGE_DDL, ddl.ALERTS_DDL, ddl.FACTORS_DDL, ddl.DAILY_DDL]
    assert [" ".join(table.split()) for table in shown] == [" ".join(table.split()) for table in run]


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_links_lead_somewhere(paper) -> None:
    page = paper.read_text(encoding="utf-8")
    titles = re.findall(r"^#+ (.+)$", page, re.MULTILINE)
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}  # as GitHub makes them
    for target in re.findall(r"\]\(([^)]+)\)", page):
        if target.startswith("#"):
            assert target[1:] in anchors, target
        elif not target.startswith("https://"):
            assert (paper.parent / target).exists(), target


def test_the_readme_leads_to_every_page_and_is_short_enough_to_read_and_the_changelog_has_this_version() -> None:
    readme = PAPERS[0].read_text(encoding="utf-8")
    assert [page.name for page in PAPERS[1:] if f"(docs/{page.name})" not in readme] == []
    assert len(readme.splitlines()) <= 200
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert f"## [{version}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a git checkout")
def test_files_that_are_named_exist_or_are_ignored_by_git() -> None:
    named = set(re.findall(r"`([\w/-][\w./-]*\.(?:py|json|log|csv|yaml|service|md|txt|pid))`", TEXT))
    named -= {"파일.csv", "005930_5min.csv"}  # of the user's choice
    missing = [name for name in named if not (ROOT / name).exists()]
    ignored = subprocess.run(["git", "check-ignore", "--no-index", *missing], cwd=ROOT, capture_output=True, text=True)
    assert set(missing) == set(ignored.stdout.split())
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w/.]+\.(?:py|csv|md)|[a-z]+/)`", page))
    assert [name for name in named if not (ROOT / name).exists()] == []


@cache
def sentences() -> str:
    """Every text in the source, a line each, with … where a value comes."""
    found = []
    for path in sources():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                found.append("".join(str(v.value) if isinstance(v, ast.Constant) else "…" for v in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(re.sub(r"%[sd]|\{\w*\}", "…", node.value))
    return "\n".join(text.replace("\n", " ") for text in found)


def is_printed(message) -> bool:
    """Whether a sentence of the source holds the words between the message's values in their order.

    A particle behind a value is chosen as it is printed.
    """
    pieces = [re.sub(r"^\s*(?:은|는|이|가|을|를|과|와|으로|로)(?=\s)", "", piece) for piece in message.split("…")]
    pieces = [re.escape(piece.strip()) for piece in pieces if re.search("[가-힣]", piece)]
    return re.search(".*".join(pieces), sentences()) is not None


def first_cells(table):
    return [row.split("|")[1].strip().strip("`") for row in table.splitlines()[2:]]


def test_messages_of_the_error_table_are_in_the_source() -> None:
    messages = first_cells(part("errors"))
    assert [one for one in messages if not re.search("[가-힣]", one) or not is_printed(one)] == []
    common = first_cells(re.search(r"^## 자주 보는 오류\n\n(.*?)\n\n", TEXT, re.MULTILINE | re.DOTALL)[1])
    assert common and set(common) <= set(messages)
    named = set(re.findall(r"EGW\d{5}", part("errors")))
    assert {code for code, action in ACTIONS.items() if code.startswith("EGW") and action != Action.RETRY} <= named


def test_quoted_log_lines_are_in_the_source() -> None:
    for line in (part("log") + _block("updater")).splitlines():
        line = re.sub(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d - [A-Z]+ - ", "", line)
        said = re.sub(r"약 \d+분|[\d,.:-]*\d[\d,.:-]*|\(ConnectionError\)|KIS (?=문제|복구)", "…", line)
        # a line and its reason come from two places
        assert all(map(is_printed, [said] if is_printed(said) else re.split(r": | · |(?<=모두) ", said))), said


def _shape(text):
    """Lines without what differs from run to run: times, counts, widths, folders, and which symbol came when."""
    text = re.sub(r"저장된 파일: .*", "저장된 파일", text)
    text = re.sub(r"약 \d+분|1초 미만|\d+초", "#", text)
    text = re.sub(r"[\d,.:-]*\d[\d,.:-]*", "#", re.sub(r"[─█ ]+", " ", text))
    return {line.strip() for line in text.splitlines() if line.strip() not in ("", "⋮") and "make" not in line}


def _block(name):
    return re.sub(r"^```\w*$", "", part(name), flags=re.MULTILINE)


@pytest.fixture
def user(tmp_path):
    """Somebody with a simulator for KIS, three symbols, SQLite, and the settings in the environment."""
    with Simulator(rate=100_000) as sim:
        own = User(tmp_path, sim.url, f"sqlite:///{tmp_path}/candles.sqlite3", {"LOG_DIR": "-"}, on_the_day=False)
        lines = (own.project / "symbols.csv").read_text(encoding="utf-8").splitlines()
        (own.project / "symbols.csv").write_text("\n".join(lines[:4]) + "\n", encoding="utf-8")
        (own.project / ".venv" / "bin").mkdir(parents=True)
        for folder in (own.project / ".venv" / "bin", own.folder):
            python = folder / "python"
            python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
            python.chmod(0o755)
        yield own


def shell(user, command, seconds=120):
    """A line at the user's prompt."""
    environ = user.environment(PATH=f"{user.folder}{os.pathsep}{os.environ['PATH']}")
    how = {"capture_output": True, "text": True, "encoding": "utf-8", "timeout": seconds}
    return subprocess.run(["bash", "-c", command], cwd=user.project, env=environ, **how)


@pytest.mark.slow
def test_the_demo_shows_what_the_readme_shows(user) -> None:
    ran = user.run("--demo")
    assert ran.code == 0, ran.all
    quoted = {line for line in _shape(_block("demo")) if not line.startswith(("🐍", "📦"))}
    assert quoted - _shape(ran.all) == set()


def test_check_and_dry_run_look_as_the_readme_shows(tmp_path) -> None:
    with simulator() as sim:
        user = User(tmp_path, sim.url, f"sqlite:///{tmp_path}/candles.sqlite3")
        assert user.run("--symbols", "005930,000660", "--from", "2026-11-17").code == 0
        gone = "stock_symbol = '000660' AND timestamp BETWEEN '2026-11-20 10:00:00' AND '2026-11-20 10:02:59'"
        with sqlite3.connect(tmp_path / "candles.sqlite3") as file:
            file.execute(f"DELETE FROM stock_minute_prices WHERE {gone}")
        check = user.run("--check", "--days", "5", "--symbols", "005930,000660,207940")
        assert check.code == 1 and _shape(_block("check")) - _shape(check.out) == set()
        dry_run = user.run("--dry-run")
        assert dry_run.code == 0 and _shape(_block("dry-run")) - _shape(dry_run.out) == set()


def test_every_command_is_run_by_a_test_or_has_a_reason_not_to() -> None:
    assert {*COMMANDS} == {*SCRIPTS} | OTHERS


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="POSIX shell")
def test_the_scripts_commands_run_in_the_order_of_the_readme_then_the_line_of_cron(user) -> None:
    """What the backfill stored, the README's SQL finds; its lines of pandas run, on days that are stored."""
    other = re.compile("realtime_updater|--demo")
    commands = [command for command in SCRIPTS if not other.search(command) and command not in OTHERS]
    assert {command: shell(user, command).returncode for command in commands} == dict.fromkeys(commands, 0)
    with sqlite3.connect(user.folder / "candles.sqlite3") as file:
        rows = file.execute(next(block for block in blocks("sql") if block.startswith("SELECT"))).fetchall()
    assert len(rows) > 1000 and rows == sorted(rows)
    code = re.sub(r'"2026-11-02", "2026-11-20"', f'"{rows[0][0][:10]}", "{rows[-1][0][:10]}"', blocks("python")[0])
    (user.project / "read.py").write_text(code, encoding="utf-8")
    ran = shell(user, "python read.py")
    assert ran.returncode == 0 and "count" in ran.stdout and "COMPLETE" in ran.stdout, ran.stderr
    cron = blocks("cron")[0].splitlines()[0].split(maxsplit=5)[5]
    assert shell(user, cron.replace("/opt/minute-candles", shlex.quote(str(user.project)))).returncode == 0
    assert (user.project / "realtime_updater.log").exists()
    assert shell(user, "cp .env.example .env").returncode == 0
    command = [sys.executable, "fetch_minute_data.py"]
    assert subprocess.run(command, cwd=user.project, env={"HOME": "/"}, capture_output=True).returncode == 2
