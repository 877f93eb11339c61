"""The set-up a new user meets: pinned packages, Makefile, compose file, systemd unit."""

import re
import subprocess
import sys
import tomllib
from configparser import RawConfigParser

import yaml
from places import ROOT

from minute_candles.config.settings import KEYS

DEFAULTS = {key.name: key.default for key in KEYS}


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_package_is_pinned_and_an_extra_is_the_list_of_its_file():
    for path in [*ROOT.glob("requirements*.txt"), *ROOT.glob("requirements/*.txt")]:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#")]
        pinned = r"[\w\[\]-]+==[\w.]+|-r requirements[\w/-]*\.txt"
        assert lines and [line for line in lines if not re.fullmatch(pinned, line)] == []
    extras = tomllib.loads(read("pyproject.toml"))["tool"]["hatch"]["metadata"]["hooks"]["requirements_txt"]
    files = {name for names in extras["optional-dependencies"].values() for name in names}
    assert files == {f"requirements/{path.name}" for path in ROOT.glob("requirements/*.txt")}


def test_the_compose_file_gives_the_database_the_settings_expect():
    compose = yaml.safe_load(read("compose.yaml"))
    mysql = compose["services"]["mysql"]
    assert mysql["image"] == "mysql:8.4" and mysql["environment"]["MYSQL_PASSWORD"].startswith("${DB_PASSWORD:?")
    assert "--character-set-server=utf8mb4" in mysql["command"] and "--default-time-zone=+09:00" in mysql["command"]
    for name, key in (("DATABASE", "DB_NAME"), ("USER", "DB_USER")):
        assert mysql["environment"][f"MYSQL_{name}"] == f"${{{key}:-{DEFAULTS[key]}}}"
    assert mysql["ports"] == [f"127.0.0.1:${{DB_PORT:-{DEFAULTS['DB_PORT']}}}:3306"]
    assert mysql["volumes"][0].split(":") == [*compose["volumes"], "/var/lib/mysql"]


def test_systemd_starts_the_updater_and_restarts_it_or_calls_it_by_a_timer_right_in_any_zone():
    unit = RawConfigParser()
    unit.optionxform = str
    unit.read_string(read("deploy/realtime-updater.service"))
    assert unit["Service"]["ExecStart"].startswith(unit["Service"]["WorkingDirectory"])
    assert unit["Service"]["ExecStart"].endswith("realtime_updater.py") and unit["Service"]["Restart"] == "on-failure"
    timer, once = read("deploy/realtime-updater-once.timer"), read("deploy/realtime-updater-once.service")
    assert "OnCalendar=Mon..Fri *-*-* 09..21:*:05 Asia/Seoul" in timer.splitlines()
    assert "realtime_updater.py --once --quiet" in once and "Type=oneshot" in once


def test_nothing_of_a_run_can_be_committed_by_accident():
    names = ".env /demo/ /demo-realtime/ *.log *.lock *.pid nohup.out realtime_updater_status.json"
    assert set(names.split()) <= set(read(".gitignore").splitlines())


def test_a_missing_package_is_one_line_and_not_a_traceback():
    """The system's Python instead of the virtual environment's."""
    for command in (["fetch_minute_data.py", "--demo"], ["-m", "kis_simulator"]):
        done = subprocess.run(
            [sys.executable, "-S", *command], cwd=ROOT, capture_output=True, text=True, encoding="utf-8"
        )
        assert done.returncode == 2 and "activate" in done.stderr and "Traceback" not in done.stderr
