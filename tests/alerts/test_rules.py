"""`alerts.toml`: every mistake is one line that names its place and what is allowed; the example is right."""

import time as time_of_day
from datetime import time, timedelta

import pytest
from places import ROOT

from minute_candles.alerts.rules import KINDS, OPERATIONS, parse, read
from minute_candles.core.errors import ConfigError

RULE = '[[rule]]\nkind = "price_change"\npercent = 3\n'
MALFORMED = [
    ("[[rule]]\nkind = price_change\n", "따옴표.*line 2"),
    ("a = " + "[" * 2_000, "괄호"),
    ('\n[[alert]]\nkind = "gap"\n', "operations"),
    ("[[rule]]\npercent = 3\n", r"1번째 \[\[rule\]\]: kind 는 price_change.*gap"),
    ('[[rule]]\nkind = "price_change"\n', "percent가 없습니다"),
    ('[[rule]]\nkind = "price_change"\npercent = nan\n', "0.01~1000"),
    (RULE + 'direction = "위"\n', "up, down, both"),
    (RULE + 'hours = "15:00-09:00"\n', "09:00-15:30"),
    (RULE + "persent = 3\n", "percent.*minutes.*direction"),
    (RULE + 'name = "가"\n' + RULE + 'name = "가"\n', "2번째 .*1번째 .*name 을 따로"),
    ('[[rule]]\nkind = "price"\n', "level과 limit"),
    ('[[rule]]\nkind = "cross"\nline = "sma7"\nover = "sma20"\n', "sma5.*vwap"),
    ('[[operations]]\nkind = "disk"\nsymbols = ["005930"]\n', "free_mb"),
    (RULE + '\n[[operations]]\nkind = "gap"\npercent = 3\n', r"1번째 \[\[operations\]\].*no_candle.*token"),
]  # fmt: skip


def test_a_mistake_is_one_line_with_its_place(tmp_path):
    for text, reason in MALFORMED:
        with pytest.raises(ConfigError, match=reason) as raised:
            parse(text, "alerts.toml")
        message = str(raised.value)
        assert message.startswith("alerts.toml") and "\n" not in message and raised.value.exit_code == 2
    (tmp_path / "alerts.toml").write_bytes(b"\xb0\xa1")
    for name in ("alerts.toml", "none/alerts.toml"):
        with pytest.raises(ConfigError, match="alerts.toml"):
            read(tmp_path / name)


def test_three_thousand_rules_are_read_in_a_moment():
    began = time_of_day.monotonic()  # it took 98 s
    assert len(parse("".join(f'{RULE}name = "{n}"\n' for n in range(3_000)), "f").market) == 3_000
    assert time_of_day.monotonic() - began < 10


def test_the_example_is_right_and_has_every_kind():
    rules = read(ROOT / "alerts.example.toml")
    assert {rule.kind for rule in rules.market} == {*KINDS}
    assert {rule.kind for rule in rules.operations} == {*OPERATIONS}
    assert [rule.name for rule in rules.market if "engulfing" in rule.parameters.get("patterns", ())] == ["반전 패턴"]


def test_what_may_be_set_and_what_is_left_out_has_a_default():
    [rule] = parse(RULE, "f").market
    assert rule.name == "price_change" and rule.parameters == {"percent": 3.0, "minutes": 5, "direction": "both"}
    assert (rule.symbols, rule.interval, rule.hours, rule.severity) == (frozenset(), 1, None, "info")
    assert rule.cooldown == timedelta(minutes=30) and rule.is_about("005930")
    text = RULE + 'name = " 급등 "\nsymbols = "005930"\ninterval = 5\nhours = "09:30-15:00"\ncooldown = 0\n'
    [rule] = parse(text + 'severity = "critical"\ndirection = "up"\n', "f").market
    assert rule.name == "급등" and rule.hours == (time(9, 30), time(15)) and not rule.cooldown
    assert rule.is_about("005930") and not rule.is_about("000660")
    assert parse("# 아직 없음\n", "f") == ([], [])
