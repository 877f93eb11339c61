"""The set-up a stranger meets: pinned packages, Makefile, compose file, systemd unit."""

import os
import re
import stat
import subprocess
import sys
import tomllib
from configparser import RawConfigParser

import pytest
import yaml
from places import ROOT

from minute_candles.config.settings import KEYS

DEFAULTS = {key.name: key.default for key in KEYS}


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


LISTS = [*ROOT.glob("requirements*.txt"), *ROOT.glob("requirements/*.txt")]


@pytest.mark.parametrize("path", LISTS, ids=lambda path: path.name)
def test_every_package_is_pinned(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
    assert lines
    assert all(re.fullmatch(r"[\w\[\]-]+==[\w.]+|-r requirements[\w/-]*\.txt", line) for line in lines)


def test_an_extra_is_the_list_of_its_file():
    extras = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["metadata"]["hooks"]["requirements_txt"]
    files = {name for names in extras["optional-dependencies"].values() for name in names}
    assert files == {f"requirements/{path.name}" for path in ROOT.glob("requirements/*.txt")}


def test_the_compose_file_gives_the_database_the_settings_expect():
    mysql = yaml.safe_load(read("compose.yaml"))["services"]["mysql"]
    assert mysql["image"] == "mysql:8.4"
    assert "--character-set-server=utf8mb4" in mysql["command"] and "--default-time-zone=+09:00" in mysql["command"]
    assert mysql["environment"]["MYSQL_DATABASE"] == f"${{DB_NAME:-{DEFAULTS['DB_NAME']}}}"
    assert mysql["environment"]["MYSQL_USER"] == f"${{DB_USER:-{DEFAULTS['DB_USER']}}}"
    assert mysql["environment"]["MYSQL_PASSWORD"].startswith("${DB_PASSWORD:?")
    assert mysql["ports"] == [f"127.0.0.1:${{DB_PORT:-{DEFAULTS['DB_PORT']}}}:3306"]
    assert "$$MYSQL_PASSWORD" in mysql["healthcheck"]["test"][1]


def test_the_compose_file_keeps_the_data_in_a_named_volume():
    compose = yaml.safe_load(read("compose.yaml"))
    volume, folder = compose["services"]["mysql"]["volumes"][0].split(":")
    assert volume in compose["volumes"] and folder == "/var/lib/mysql"


def test_the_systemd_unit_starts_the_updater_and_restarts_it():
    unit = RawConfigParser()
    unit.optionxform = str  # type: ignore[method-assign,assignment]
    unit.read_string(read("deploy/realtime-updater.service"))
    assert unit["Service"]["ExecStart"].startswith(unit["Service"]["WorkingDirectory"])
    assert unit["Service"]["ExecStart"].endswith("realtime_updater.py")
    assert unit["Service"]["Restart"] == "on-failure"


def test_the_systemd_timer_is_right_in_any_zone():
    timer, once = read("deploy/realtime-updater-once.timer"), read("deploy/realtime-updater-once.service")
    assert "OnCalendar=Mon..Fri *-*-* 09..21:*:05 Asia/Seoul" in timer.splitlines()
    assert "realtime_updater.py --once --quiet" in once and "Type=oneshot" in once


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
@pytest.mark.parametrize("name", [".ci/run", ".ci/mariadb"])
def test_the_scripts_can_be_run(name):
    assert (ROOT / name).stat().st_mode & stat.S_IXUSR
    assert subprocess.run(["bash", "-n", ROOT / name], check=False).returncode == 0


def make(*arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    clean = {name: text for name, text in os.environ.items() if not name.startswith("MAKE") and name != "PYTHON"}
    return subprocess.run(
        ["make", *arguments], cwd=ROOT, capture_output=True, text=True, env={**clean, **environ}, check=False
    )


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
def test_make_alone_says_what_there_is():
    said = make().stdout
    assert all(f"make {target}" in said for target in ("demo", "test", "lint", "soak", "bench", "clean"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
def test_make_says_which_python_is_needed(tmp_path):
    old = tmp_path / "python3.8"
    old.write_text('#!/bin/sh\ncase "$2" in *print*) echo 3.8 ;; *) exit 1 ;; esac\n')
    old.chmod(0o755)
    done = make(f"PYTHON={old}", f"VENV={tmp_path / 'venv'}", "demo")
    assert done.returncode != 0 and "3.11" in done.stderr and "3.8" in done.stderr
    missing = make("PYTHON=no-such-python", f"VENV={tmp_path / 'venv'}", "demo")
    assert missing.returncode != 0 and "no-such-python" in missing.stderr and not (tmp_path / "venv").exists()


@pytest.mark.skipif(os.name == "nt", reason="POSIX")
def test_make_says_what_to_install_where_venv_is_missing(tmp_path):
    bare = tmp_path / "python3"
    bare.write_text(f'#!/bin/sh\ncase "$2" in *ensurepip*) exit 1 ;; *) exec {sys.executable} "$@" ;; esac\n')
    bare.chmod(0o755)
    done = make(f"PYTHON={bare}", f"VENV={tmp_path / 'venv'}", "demo")
    assert done.returncode != 0 and "python3-venv" in done.stderr


@pytest.mark.parametrize(
    "command", [("fetch_minute_data.py", "--demo"), ("realtime_updater.py", "--demo"), ("-m", "kis_simulator")]
)
def test_a_missing_package_is_one_line_and_not_a_traceback(tmp_path, command):
    """The system's Python instead of the virtual environment's."""
    done = subprocess.run([sys.executable, "-S", *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 2 and "activate" in done.stderr and "Traceback" not in done.stderr
