"""Alerts and the stream: a streamed minute fires within seconds of its end, and a stream that is down is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from planted import jump, planted
from stream_tools import StreamDay
from updater_tools import FRIDAY, at, wait_until

from minute_candles.alerts import worker as alerts

RULES = """
[[rule]]
kind = "price_change"
percent = 3
[[operations]]
kind = "stream_down"
minutes = 2
"""
SYMBOLS = {"005930": "brisk", "000660": "brisk"}
pytestmark = pytest.mark.slow  # a clock that runs ten times as fast: not beside five other tests


@pytest.fixture
def day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StreamDay]:
    for name, seconds in (("CHECK_EVERY", 0.1), ("WAKE_EVERY", 0.1), ("QUIET", 0.3)):
        monkeypatch.setattr(alerts, name, seconds)
    made = StreamDay(tmp_path, at(10, 1, 30), SYMBOLS, speed=10)
    (tmp_path / "alerts.toml").write_text(RULES, encoding="utf-8")
    integrations = replace(made.settings.integrations, alerts_file=tmp_path / "alerts.toml")
    made.settings = replace(made.settings, integrations=integrations)
    yield made
    made.close()


def test_a_streamed_minute_fires_before_the_round(day):
    day.kis.market.day = planted(day.kis, {("005930", FRIDAY): [jump(10, 5, 2_200)]})
    with day.running():
        wait_until(lambda: bool(day.lines("🔔 price_change: 005930")), 30)
        streamed = day.service.stream.status()
    [line] = day.lines("🔔 price_change")
    assert "10:05 1분봉, 임시" in line and streamed["stored"] > 0
    assert not day.lines("🔔 price_change: 000660")


def test_a_stream_that_is_down_is_told_and_its_end_too(day):
    day.kis.add_fault("opsp0011")
    with day.running():
        wait_until(lambda: bool(day.lines("🔔 stream_down: 수집 · ")), 30)
        day.kis.clear_faults()
        wait_until(lambda: bool(day.lines("🔔 stream_down: 수집 · 끝났습니다")), 30)
    begun, ended = day.lines("🔔 stream_down")
    assert "OPSP0011" in begun and "다시 정상" in ended
