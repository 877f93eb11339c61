"""`alerts.toml`: every mistake is one line that names its place and what is allowed; the example is right."""

import re
from datetime import time, timedelta

import pytest
from places import ROOT

from minute_candles.alerts.rules import KINDS, OPERATIONS, parse, read
from minute_candles.core.errors import ConfigError

RULE = '[[rule]]\nkind = "price_change"\npercent = 3\n'
MALFORMED = [
    # what is written, the line of the mistake, what the message says
    ("[[rule]]\nkind = price_change\n", "2번째 줄", "따옴표"),
    ("[[rule]\nkind = 1\n", "1번째 줄", "TOML"),
    ('[[rule]]\nkind = "price_change"\npercent = 3\npercent = 4\n', "4번째 줄", "TOML"),
    ('[[rule]]\nkind = "gap', "2번째 줄", "TOML"),
    ("[rule]\nkind = 1\n", "1번째 줄", r"\[\[rule\]\]"),
    ("rule = 3\n", "1번째 줄", r"\[\[rule\]\]"),
    ('\n[[alert]]\nkind = "gap"\n', "2번째 줄", "operations"),
    ("[[rule]]\npercent = 3\n", "1번째 줄", "price_change.*gap"),
    ('[[rule]]\n\n# 무엇\nkind = "explode"\n', "4번째 줄", "volume_surge"),
    ("[[rule]]\nkind = 3\n", "2번째 줄", "price_change"),
    ('[[rule]]\nkind = "price_change"\n', "1번째 줄", "percent"),
    ('[[rule]]\nkind = "price_change"\npercent = "3%"\n', "3번째 줄", "0.01~1000"),
    ('[[rule]]\nkind = "price_change"\npercent = 0\n', "3번째 줄", "0.01~1000"),
    ('[[rule]]\nkind = "price_change"\npercent = true\n', "3번째 줄", "숫자"),
    ('[[rule]]\nkind = "price_change"\npercent = nan\n', "3번째 줄", "0.01~1000"),
    (RULE + "minutes = 0\n", "4번째 줄", "1~390"),
    (RULE + "minutes = 2.5\n", "4번째 줄", "정수"),
    (RULE + 'direction = "위"\n', "4번째 줄", "up, down, both"),
    (RULE + "symbols = 5930\n", "4번째 줄", "005930"),
    (RULE + "symbols = []\n", "4번째 줄", "005930"),
    (RULE + "interval = 3\n", "4번째 줄", "1, 5, 15"),
    (RULE + 'hours = "15:00-09:00"\n', "4번째 줄", "09:00-15:30"),
    (RULE + 'hours = "9:00-15:30"\n', "4번째 줄", "09:00-15:30"),
    (RULE + "cooldown = -1\n", "4번째 줄", "0~10,000"),
    (RULE + 'severity = "fatal"\n', "4번째 줄", "info, warning, critical"),
    (RULE + "persent = 3\n", "4번째 줄", "percent.*minutes.*direction"),
    (RULE + 'name = ""\n', "4번째 줄", "1~60자"),
    (RULE + 'name = "가"\n' + RULE + 'name = "가"\n', "5번째 줄", "1번째 줄"),
    (RULE + RULE, "4번째 줄", "name 을 따로"),
    ('[[rule]]\nkind = "price"\n', "1번째 줄", "level 와 limit"),
    ('[[rule]]\nkind = "price"\nlevel = 100\nlimit = "upper"\n', "1번째 줄", "하나만"),
    ('[[rule]]\nkind = "cross"\nline = "sma7"\nover = "sma20"\n', "3번째 줄", "sma5.*vwap"),
    ('[[rule]]\nkind = "cross"\nline = "sma5"\nover = "sma5"\n', "4번째 줄", "같습니다"),
    ('[[rule]]\nkind = "threshold"\nline = "rsi14"\nbelow = 30\nabove = 70\n', "1번째 줄", "하나만"),
    ('[[rule]]\nkind = "threshold"\nline = "obv"\nabove = 70\n', "3번째 줄", "rsi14"),
    ('[[rule]]\nkind = "pattern"\npatterns = ["star"]\n', "3번째 줄", "hammer"),
    ('[[rule]]\nkind = "volume_surge"\ntimes = 1\n', "3번째 줄", "1.01"),
    ('[[operations]]\nkind = "disk"\nfree_mb = 0\n', "3번째 줄", "1~"),
    ('[[operations]]\nkind = "disk"\nsymbols = ["005930"]\n', "3번째 줄", "free_mb"),
    (RULE + '\n[[operations]]\nkind = "gap"\npercent = 3\n', "6번째 줄", "no_candle.*token"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "place", "reason"), MALFORMED, ids=range(len(MALFORMED)))
def test_a_mistake_is_one_line_with_its_place(text, place, reason):
    with pytest.raises(ConfigError) as raised:
        parse(text, "alerts.toml")
    said = str(raised.value)
    assert re.match(rf"alerts\.toml ({place})", said), said
    assert re.search(reason, said), said
    assert "\n" not in said and raised.value.exit_code == 2


def test_the_example_is_right_and_has_every_kind():
    rules = read(ROOT / "alerts.example.toml")
    assert {rule.kind for rule in rules.market} == {*KINDS}
    assert {rule.kind for rule in rules.operations} == {*OPERATIONS}


def test_what_is_left_out_has_a_default():
    [rule] = parse(RULE, "f").market
    assert rule.name == "price_change" and rule.parameters == {"percent": 3.0, "minutes": 5, "direction": "both"}
    assert (rule.symbols, rule.interval, rule.hours, rule.severity) == (frozenset(), 1, None, "info")
    assert rule.cooldown == timedelta(minutes=30) and rule.is_about("005930")


def test_all_that_may_be_set():
    text = RULE + 'name = " 급등 "\nsymbols = "005930"\ninterval = 5\nhours = "09:30-15:00"\ncooldown = 0\n'
    [rule] = parse(text + 'severity = "critical"\ndirection = "up"\n', "f").market
    assert rule.name == "급등" and rule.hours == (time(9, 30), time(15)) and not rule.cooldown
    assert rule.is_about("005930") and not rule.is_about("000660")


def test_an_empty_file_has_no_rules():
    assert parse("# 아직 없음\n", "f") == ([], [])


@pytest.mark.parametrize("content", [b"\xb0\xa1", None])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "alerts.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match="alerts.toml"):
        read(path)
