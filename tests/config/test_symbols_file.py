"""A list of symbols as people have it: written by hand, saved by Excel, downloaded from the exchange."""

import logging

import pytest

from minute_candles.config import symbols_file
from minute_candles.core.errors import ConfigError

SAMSUNG = {"005930": "삼성전자"}
BOTH = SAMSUNG | {"003490": "대한항공"}


@pytest.fixture
def read(tmp_path, caplog):
    """Read a file of this content."""
    caplog.set_level(logging.INFO)

    def read(content, encoding="utf-8"):
        (tmp_path / "mine.csv").write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return symbols_file.read(tmp_path / "mine.csv")

    return read


def test_any_header_separator_and_encoding(read) -> None:
    for mark, encoding in zip(",;\t,", ("utf-8", "utf-8-sig", "cp949", "utf-16"), strict=True):
        for header in ("", "symbol,name", "종목코드,종목명", "종목 코드,종목 명", "Code,Name"):
            text = f"{header}\r\n005930,삼성전자\r\n003490,대한항공\r\n".replace(",", mark)
            assert read(text, encoding) == BOTH
    # the exchange's own download: the twelve letters come first, the name stands elsewhere
    text = "표준코드,단축코드,한글 종목명,한글 종목약명\nKR7005930003,005930,삼성전자보통주,삼성전자\n"
    assert read(text, "cp949") == read("종목명;종목코드\n삼성전자;005930\n") == SAMSUNG
    assert read("종목코드,시장\n005930,KOSPI\n") == {"005930": ""}


def test_zeros_that_excel_ate_are_put_back_with_one_line_on_the_command_line_too(read, caplog) -> None:
    assert read("종목코드,종목명\n5930,삼성전자\n3490,대한항공\n") == BOTH
    assert caplog.messages == ["⚠️ mine.csv: 앞자리 0이 빠진 종목코드를 채웠습니다 (5930 → 005930 등 2개)."]
    assert symbols_file.choose("5930,005930.KS,A005930,Q500001", None) == SAMSUNG | {"Q500001": ""}
    assert len(caplog.messages) == 2 and "5930 → 005930" in caplog.messages[1]


def test_whole_codes_are_taken_without_a_word_and_a_bad_line_is_named(read, caplog) -> None:
    text = '# 내 종목\n\n="005930",삼성전자\n\'003490,대한항공\n0001A0,\n,,\n'
    assert read(text) == BOTH | {"0001A0": ""} and not caplog.messages
    assert read("005930,삼성전자\nKOSDAQ\n003490,대한항공\n") == BOTH
    assert len(caplog.messages) == 1 and "mine.csv 2번째 줄" in caplog.text


def test_what_is_no_code_is_named_with_its_line_and_a_list_of_nothing_or_no_text_is_refused(read) -> None:
    for wrong in ("삼성전자", "1234567", "KR7005930003", "59 30", "005930 삼성전자", "a05930", "-5930"):
        with pytest.raises(ConfigError, match=r"mine\.csv 3번째 줄"):
            read(f"종목코드\n\n{wrong}\n")
    for content in ("", "# nur\n", "종목코드,종목명\n", b"\x89PNG\r\n\x1a\n\xff\xff\x00"):
        with pytest.raises(ConfigError, match="종목이 없습니다|UTF-8도 CP949도"):
            read(content)
    for word in ("KOSDAQ", "삼성전자", "", "@kospi"):  # a name is taken by who only reads, @kospi where there are lists
        with pytest.raises(ConfigError, match="종목코드가 아닙니다"):
            symbols_file.choose(word, None)
