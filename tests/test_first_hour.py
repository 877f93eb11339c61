"""What a new user meets at the command line: Korean help, errors that name the way out, tables one can read."""

import os
import re
import subprocess
import sys
from datetime import date, datetime

import pytest
from backfill_tools import copy_project

import fetch_minute_data
import realtime_updater
from minute_candles.backfill.report import check_table
from minute_candles.console.terminal import width, wrapped
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


def test_an_error_is_broken_between_words_and_never_inside_a_command() -> None:
    text = "❌ 설정이 없습니다: KIS_APP_KEY. 폴더에서 `cp .env.example .env` 로 만들고 값을 채우세요."
    lines = wrapped(text, 40).splitlines()
    assert len(lines) > 1 and all(width(line) <= 40 for line in lines) and "`cp .env.example .env`" in "|".join(lines)
    assert " ".join(line.strip() for line in lines) == text


DAYS = [date(2026, 11, 16), date(2026, 11, 17), date(2026, 11, 18)]
SPANS = {"005930": (datetime(2026, 11, 16, 9, 0), datetime(2026, 11, 17, 15, 30))}


def test_check_is_a_table_of_symbols_with_days_candles_and_reasons_of_one_symbol_by_day() -> None:
    names = {"005930": "삼성전자", "000660": "SK하이닉스", "003550": "LG"}
    gaps = [("005930", DAYS[2]), *(("000660", day) for day in DAYS)]
    table = check_table(names, DAYS, [SymbolDay(*gap, Cause.NOT_COLLECTED) for gap in gaps], SPANS)
    lines = table.splitlines()
    assert lines[0].split() == ["종목", "이름", "완료", "빠짐", "첫", "캔들", "마지막", "캔들", "이유"]
    assert lines[2].split()[:9] == ["❗", "005930", "삼성전자", "2", "1", "11-16", "09:00", "11-17", "15:30"]
    assert lines[2].endswith("아직 받지 않음: 11-18")
    assert lines[3].split()[:5] == ["❗", "000660", "SK하이닉스", "0", "3"] and lines[3].endswith("11-16~11-18")
    assert lines[4].split() == ["✅", "003550", "LG", "3", "0", "-", "-"]
    assert width("✅") == width("❗") == 2 and "️" not in table, "⚠️ is one column here and two there"
    lost = [SymbolDay("005930", DAYS[1], Cause.ROWS_LOST, (3, 0, 0))]
    lines = check_table({"005930": "삼성전자"}, DAYS, lost, SPANS, by_day=True).splitlines()
    assert lines[3].split() == ["❗", "2026-11-17", "(화)", "1분봉", "3건", "사라짐"]
