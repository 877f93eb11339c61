"""Each operations rule: when it begins, how often it is reported, and that it ends."""

from datetime import timedelta

import pytest
from updater_tools import FRIDAY, at

from minute_candles.alerts.health import Health
from minute_candles.alerts.operations import Operations
from minute_candles.alerts.rules import parse
from minute_candles.market.calendar import TradingCalendar

SESSION = TradingCalendar().session(FRIDAY)
WELL = Health(at(10), at(8, 50), SESSION, at(9, 59), None, {}, 10_000)
NOTHING = [
    ("no_candle", WELL._replace(now=at(9, 4), newest=None)),  # the first minute comes soon
    ("no_candle", WELL._replace(now=at(15, 25), newest=at(15, 19))),  # only orders gather
    ("no_candle", WELL._replace(session=None, now=at(18), newest=at(15, 31))),
    ("settle_open", WELL._replace(session=None, unsettled=SESSION, now=at(16, 39))),
    ("settle_open", WELL._replace(session=None, unsettled=SESSION, now=at(20), began=at(19, 30))),
    ("clock_skew", WELL._replace(incidents={"TOKEN": (at(9), "거부")})),
]
WRONG = [
    ("no_candle", WELL._replace(newest=at(9, 55)), "5분 넘게 새 캔들이 없습니다(09:55부터)"),
    ("settle_open", WELL._replace(session=None, unsettled=SESSION, now=at(16, 40)), "2026-11-20 마감이 아직"),
    ("disk", WELL._replace(free_mb=499), "499MB 남았습니다(500MB 미만)"),
    ("stream_down", WELL._replace(incidents={"STREAM": (at(9, 55), "끊김")}), "끊김 (09:55부터)"),
    ("clock_skew", WELL._replace(incidents={"CLOCK": (at(9, 59), "2분 빠름")}), "2분 빠름"),
]


def operations(kind, more=""):
    return Operations(parse(f'[[operations]]\nkind = "{kind}"\n{more}\n', "f").operations)


def texts(watch, health, minutes=0):
    """Return what is reported so many minutes later."""
    return [note.text for note in watch.check(health._replace(now=health.now + timedelta(minutes=minutes)))]


def test_nothing_is_reported_while_all_is_well_and_a_rule_gives_its_severity_and_name():
    assert [texts(operations(kind), health) for kind, health in NOTHING] == [[]] * len(NOTHING)
    [note] = operations("disk", 'severity = "critical"\nname = "디스크"').check(WELL._replace(free_mb=1))
    assert (note.severity, note.rule, note.subject) == ("critical", "디스크", "수집")


@pytest.mark.parametrize(("kind", "health", "reason"), WRONG)
def test_it_is_reported_as_it_begins_again_after_the_cooldown_and_as_it_ends(kind, health, reason):
    watch, restarted = operations(kind, "cooldown = 20"), operations(kind)
    [text] = texts(watch, health)
    assert reason in text
    restarted.last_fired.update(watch.last_fired)
    assert texts(restarted, health, 5) == [] == texts(watch, health, 19)
    assert len(texts(watch, health, 20)) == 1
    assert texts(watch, WELL._replace(now=at(10, 30), newest=at(10, 29))) == ["끝났습니다. 다시 정상입니다."]
    assert texts(watch, WELL) == []
