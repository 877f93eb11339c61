"""What an engine is opened with: enough for every rule to speak where five hundred candles suffice, never more."""

from minute_candles.alerts.rules import Rule, parse
from minute_candles.alerts.warmup import MOST, late, least, shares

KINDS = {
    "price_change": "percent = 3\nminutes = 60", "price": "level = 1", "volume_surge": "times = 2",
    "turnover": "amount = 1", "gap": "percent = 1", "pattern": 'patterns = ["hammer"]',
    "cross": 'line = "sma5"\nover = "sma20"', "threshold": 'line = "rsi14"\nbelow = 30',
}  # fmt: skip


def rules(*some: tuple[str, int] | tuple[str, int, str]) -> list[Rule]:
    """Kind, interval, and other parameters than the usual."""
    lines = [
        f'[[rule]]\nname = "{n}"\nkind = "{kind}"\ninterval = {interval}\n{(*more, KINDS[kind])[0]}'
        for n, (kind, interval, *more) in enumerate(some)
    ]
    return parse("\n".join(lines), "f").market


def line(name: str) -> str:
    return f'line = "{name}"\nabove = 1'


def test_what_a_rule_looks_back_at():
    for rule, needs in (
        (("gap", 1), 2), (("volume_surge", 15), 2), (("price_change", 1), 62), (("price_change", 15), 6),
        (("pattern", 5), 42), (("cross", 1), 22), (("threshold", 5), 17), (("threshold", 1, line("vwap")), 393),
        (("threshold", 15, line("vwap")), 29), (("threshold", 1, line("macd_signal")), 36),
        (("threshold", 1, line("sma120")), 122),
    ):  # fmt: skip
        assert least(rules(rule)[0]) == needs, rule


def test_rules_that_remember_nothing_read_little_who_remembers_all_gets_what_is_left_and_never_more():
    assert shares(rules(("gap", 1), ("cross", 5), ("pattern", 15))) == {1: 2, 5: 22, 15: 42}
    assert shares(rules(("threshold", 1))) == {1: MOST}
    assert shares(rules(("gap", 1), ("threshold", 5), ("pattern", 15))) == {1: 2, 5: 456, 15: 42}
    assert shares(rules(("threshold", 1), ("threshold", 5))) == {1: 250, 5: 250}
    many = rules(("threshold", 1, line("vwap")), ("threshold", 5), ("threshold", 15, line("sma120")), ("cross", 1))
    assert all(sum(shares(many, most).values()) <= max(0, most) for most in (-3, 0, 1, 17, 90, 500))


def test_a_rule_that_has_to_wait_is_named():
    many = rules(("threshold", 1, line("vwap")), ("threshold", 5, line("sma120")), ("gap", 1), ("pattern", 15))
    assert [(one.rule.name, one.candles) for one in late(many)] == [("0", 393 - (MOST - 42 - 122))]
    assert late(rules(*((kind, interval) for kind in KINDS for interval in (1, 5, 15)))) == []
