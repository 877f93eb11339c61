"""The small file of the alerts: whole or none; an old cooldown is not kept for ever."""

from dataclasses import replace
from datetime import datetime, timedelta

from minute_candles.alerts.digest import Message
from minute_candles.alerts.engine import Alert, Fired
from minute_candles.alerts.state import State, read, write
from minute_candles.core.kst import KST

WHEN = datetime(2026, 11, 20, 10, 30)
STATE = State(
    {("005930", 1): WHEN, ("000660", 15): WHEN - timedelta(minutes=15)},
    {("급등락", "005930"): Fired(WHEN - timedelta(days=2), "up")},
    {"disk": datetime(2026, 11, 20, 10, tzinfo=KST)},
    WHEN.date(),
    {"1번 json": [Message("warning", "제목", "첫 줄\n둘째 줄")]},
    [Alert("급등락", "005930", "삼성전자", 1, WHEN, "info", "5분 동안 +3%", 3.0)],
)


def test_what_is_written_is_read_but_what_fired_long_ago(tmp_path):
    old = {("급등락", "000660"): Fired(WHEN - timedelta(days=9), "up")}
    for state in (replace(STATE, fired={**STATE.fired, **old}), State()):
        write(tmp_path / "state.json", state)
        assert read(tmp_path / "state.json") == (STATE if state.fired else replace(state, unwritten=[]))


def test_one_that_cannot_be_read_is_none(tmp_path):
    assert read(tmp_path / "none.json") is None
    for text in (
        "", "[]", "{", '{"judged": 3}', '{"judged": [["a"]], "fired": [], "operations": {}}', "[" * 99_999,
        '{"judged": [], "fired": [], "operations": {}, "day": null, "unsent": {"1": [["loud", "a", "b"]]}}',
    ):  # fmt: skip
        (tmp_path / "state.json").write_text(text, encoding="utf-8")
        assert read(tmp_path / "state.json") is None
