"""Particles follow the sound before them."""

import pytest

from minute_candles.core.korean import number, particle


@pytest.mark.parametrize(("word", "pair", "written"), [
    ("종목", "은/는", "종목은"), ("날짜", "은/는", "날짜는"), ("5이평", "이/가", "5이평이"),
    ("VWAP", "을/를", "VWAP를"), ("005930", "이/가", "005930이"), ("000002", "이/가", "000002가"),
    ("RSI(14)", "이/가", "RSI(14)가"),
    ("email", "을/를", "email을"), ("'삼성전자'", "과/와", "'삼성전자'와"), ("파일", "으로/로", "파일로"),
    ("목록", "으로/로", "목록으로"), ("폴더", "으로/로", "폴더로"), ("", "은/는", "는"), (30, "을/를", "30을"),
])  # fmt: skip
def test_the_particle_fits_the_word(word, pair, written):
    assert particle(word, pair) == written
    assert [number(n) for n in (8148, -1_234_567)] == ["8,148", "-1,234,567"]
