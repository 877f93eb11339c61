"""What a new user meets at the command line: Korean help, errors that name the way out, tables one can read."""

import os
import re
import subprocess
import sys
from datetime import date

import pytest
from backfill_tools import copy_project

import fetch_minute_data
import realtime_updater
from minute_candles.backfill.report import check_table
from minute_candles.console.terminal import width
from minute_candles.verification.plan import Cause, SymbolDay

SCRIPTS = {"fetch_minute_data.py": fetch_minute_data, "realtime_updater.py": realtime_updater}


def typed(folder, script):
    """`python …` of somebody without any setting."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ} | {"HOME": str(folder)}
    how = {"text": True, "encoding": "utf-8", "capture_output": True, "timeout": 60}
    return subprocess.run([sys.executable, script], cwd=folder, env=kept, **how)


@pytest.mark.parametrize("script", SCRIPTS)
def test_help_is_korean_has_examples_and_fits_eighty_columns(script) -> None:
    parser = SCRIPTS[script].parser()
    text = parser.format_help()
    assert text.startswith(f"사용법: python {script} [옵션 …]\n") and "예:" in text and "종료 코드:" in text
    assert not re.search(r"usage|options|optional|show this|exit\b", text)
    assert [line for line in text.splitlines() if width(line) > 80] == []
    assert [action.dest for action in parser._actions if not re.search("[가-힣]", action.help or "")] == []


@pytest.mark.parametrize(("words", "said"), [
    ("--dayz 3", "모르는 옵션입니다: --dayz 3."), ("--symbols", "--symbols 뒤에 값이 없습니다."),
    ("--check --dry-run", "--dry-run과 --check는 함께 쓸 수 없습니다."),
    ("--force=1", "--force 에는 값을 쓰지 않습니다: '1'."), ("--chec", "모르는 옵션입니다: --chec."),
])  # fmt: skip
def test_a_mistyped_option_is_one_korean_line_and_exit_2(capsys, words, said) -> None:
    with pytest.raises(SystemExit) as ended:
        fetch_minute_data.main(words.split())
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert err == f"❌ {said} 쓸 수 있는 옵션 보기: `python fetch_minute_data.py --help`\n"


def test_without_env_one_line_comes_within_a_second_and_names_file_and_demo(tmp_path) -> None:
    """A file that is not filled in yet is not to be copied again."""
    folder = tmp_path / "house" / "stock" / "minute"
    copy_project(folder)
    for script in SCRIPTS:
        before = os.times()
        ran = typed(folder, script)
        after = os.times()
        assert ran.returncode == 2 and ran.stdout == "" and len(ran.stderr.splitlines()) == 1
        assert str(folder / ".env") in ran.stderr and "cp .env.example .env" in ran.stderr
        assert "python fetch_minute_data.py --demo" in ran.stderr
        user, system = after.children_user - before.children_user, after.children_system - before.children_system
        assert user + system < 1  # seconds of CPU: how busy the machine is does not count
    (folder / ".env.example").rename(folder / ".env")
    said = typed(folder, "fetch_minute_data.py").stderr
    assert "KIS_APP_KEY, KIS_APP_SECRET, DB_PASSWORD" in said and str(folder / ".env") in said
    assert "cp .env.example" not in said and "채우세요" in said


def test_check_of_one_symbol_is_by_day_with_its_reason() -> None:
    """That of many: tests/test_readme.py."""
    lost = SymbolDay("005930", date(2026, 11, 17), Cause.ROWS_LOST, (3, 0, 0))
    lines = check_table({"005930": "삼성전자"}, [date(2026, 11, 16), lost.day], [lost], {}, by_day=True).splitlines()
    assert lines[3].split() == ["❗", "2026-11-17", "(화)", "1분봉", "3건", "사라짐"]
