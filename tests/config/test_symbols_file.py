"""A list of symbols as people have it: written by hand, saved by Excel, downloaded from the exchange."""

import logging
from pathlib import Path

import pytest

from minute_candles.config import symbols_file
from minute_candles.core.errors import ConfigError

SAMSUNG, KOREAN_AIR = {"005930": "삼성전자"}, {"003490": "대한항공"}
BOTH = SAMSUNG | KOREAN_AIR


def saved(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    path = folder / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp949", "utf-16"])
@pytest.mark.parametrize("mark", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("header", ["", "symbol,name", "종목코드,종목명", "종목 코드,종목 명", "Code,Name"])
def test_any_header_separator_and_encoding(tmp_path: Path, encoding: str, mark: str, header: str) -> None:
    text = f"{header}\r\n005930,삼성전자\r\n003490,대한항공\r\n".replace(",", mark)
    assert symbols_file.read(saved(tmp_path, text, encoding)) == BOTH


def test_the_columns_are_found_by_their_words(tmp_path: Path) -> None:
    """The exchange's own download: the twelve letters come first, the name stands elsewhere."""
    text = "표준코드,단축코드,한글 종목명,한글 종목약명\nKR7005930003,005930,삼성전자보통주,삼성전자\n"
    assert symbols_file.read(saved(tmp_path, text, "cp949")) == SAMSUNG
    assert symbols_file.read(saved(tmp_path, "종목명;종목코드\n삼성전자;005930\n")) == SAMSUNG
    assert symbols_file.read(saved(tmp_path, "종목코드,시장\n005930,KOSPI\n")) == {"005930": ""}


def test_zeros_that_excel_ate_are_put_back_and_told_in_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = saved(tmp_path, "종목코드,종목명\n5930,삼성전자\n3490,대한항공\n")
    assert symbols_file.read(path) == BOTH
    assert caplog.messages == ["⚠️ mine.csv: 앞자리 0이 빠진 종목코드를 채웠습니다 (5930 → 005930 등 2개)."]


def test_whole_codes_are_taken_without_a_word(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    text = '# 내 종목\n\n="005930",삼성전자\n\'003490,대한항공\n0001A0,\n,,\n'
    assert symbols_file.read(saved(tmp_path, text)) == BOTH | {"0001A0": ""}
    assert not caplog.messages


@pytest.mark.parametrize(
    "wrong", ["삼성전자", "1234567", "KR7005930003", "59 30", "005930 삼성전자", "a05930", "-5930"]
)
def test_what_is_no_code_is_named_with_its_line(tmp_path: Path, wrong: str) -> None:
    with pytest.raises(ConfigError, match=r"mine\.csv 3번째 줄") as caught:
        symbols_file.read(saved(tmp_path, f"종목코드\n\n{wrong}\n"))
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "\n\n", "# nur\n", "종목코드,종목명\n"])
def test_a_list_of_nothing_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="종목이 없습니다"):
        symbols_file.read(saved(tmp_path, text))


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_bytes(b"\x89PNG\r\n\x1a\n\xff\xff\x00")
    with pytest.raises(ConfigError, match="UTF-8도 CP949도"):
        symbols_file.read(tmp_path / "mine.csv")


def test_zeros_are_put_back_on_the_command_line_and_said(caplog: pytest.LogCaptureFixture) -> None:
    assert symbols_file.choose("5930,005930.KS,A005930,Q500001", None) == SAMSUNG | {"Q500001": ""}
    assert len(caplog.messages) == 1 and "5930 → 005930" in caplog.text


@pytest.mark.parametrize("word", ["KOSDAQ", "삼성전자", "", "@kospi"])
def test_what_is_no_code_is_refused_on_the_command_line(word: str) -> None:
    """A name is taken by who only reads, a universe where there are lists."""
    with pytest.raises(ConfigError, match="종목코드가 아닙니다"):
        symbols_file.choose(word, None)


def test_a_bad_line_is_named_and_the_list_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert symbols_file.read(saved(tmp_path, "005930,삼성전자\nKOSDAQ\n003490,대한항공\n")) == BOTH
    assert len(caplog.messages) == 1 and "mine.csv 2번째 줄" in caplog.text
