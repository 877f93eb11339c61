"""The alerts as they start: at most five hundred candles of a symbol are read, and the rules speak from then on."""

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from chart_testing import put
from receiver import Receiver
from store_testing import CALENDAR, candle, minutes
from updater_tools import FRIDAY, at, wait_until

from minute_candles.alerts import state as alert_state
from minute_candles.alerts import worker as alerts
from minute_candles.alerts.digest import Message
from minute_candles.alerts.engine import Alert
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.alerts.state import State
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import Settings, demo_settings
from minute_candles.core.clock import Clock
from minute_candles.storage.reader import CandleReader
from minute_candles.storage.store import AlertTable, Store, open_alerts, open_store

NOON, SYMBOLS = Clock(at=at(12)), ["005930", "000660"]
SESSION = CALENDAR.session(FRIDAY)
MORNING = [one for one in minutes(SESSION) if one.timestamp < datetime(2026, 11, 20, 12)]
JUMP = candle(datetime(2026, 11, 20, 11, 59), 200_000)
RULES = "\n".join(
    f'[[rule]]\nname = "{line} {interval}"\nkind = "threshold"\nline = "{line}"\nabove = {above}\ninterval = {interval}'
    for line, above in (("rsi14", 70), ("sma20", 10_000_000), ("macd", 10_000_000))
    for interval in (1, 5, 15)
) + '\n[[rule]]\nname = "vwap"\nkind = "cross"\nline = "price"\nover = "vwap"\n'  # fmt: skip


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[tuple[Store, Settings]]:
    """Four sessions of two symbols, Friday's until noon."""
    (tmp_path / "alerts.toml").write_text(RULES, encoding="utf-8")
    integrations = Integrations(alerts_file=tmp_path / "alerts.toml")
    settings = replace(demo_settings("http://127.0.0.1:1", tmp_path), integrations=integrations)
    with closing(open_store(settings.database, NOON)) as store:
        store.preflight()
        for symbol in SYMBOLS:
            for day in CALENDAR.trading_days(FRIDAY - timedelta(days=3), FRIDAY)[:-1]:
                put(store, symbol, minutes(CALENDAR.session(day), day.day))
            put(store, symbol, MORNING[:-1])
        yield store, settings


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Candles that came out of the table, by symbol."""
    counted: Counter[str] = Counter()
    answer = AlertTable.candles

    def counting(self: CandleReader, symbol: str, *asked: Any, **named: Any) -> Any:
        found = answer(self, symbol, *asked, **named)
        counted[symbol] += len(found)
        return found

    monkeypatch.setattr(AlertTable, "candles", counting)
    return counted


def start(store: Store, settings: Settings) -> None:
    """Until a jump at 11:59 has been told of both symbols."""
    with alerting(set_up(settings), settings, NOON, store, dict.fromkeys(SYMBOLS, "")):
        for symbol in SYMBOLS:
            put(store, symbol, [*MORNING[:-1], JUMP])


@pytest.mark.parametrize("judged", [None, at(11, 30), at(9, 5), at(8)])
def test_at_most_five_hundred_candles_of_a_symbol_are_read(filled, read, judged):
    """Without a memory, after a short absence, after a long one, and after one that took the whole morning."""
    store, settings = filled
    if judged is not None:
        until = {(symbol, interval): judged.replace(tzinfo=None) for symbol in SYMBOLS for interval in (1, 5, 15)}
        alert_state.write(settings.log_dir / alerts.STATE_FILE, State(until))
    start(store, settings)
    assert set(read) == set(SYMBOLS) and 300 < min(read.values()) <= max(read.values()) <= 500
    with closing(open_alerts(settings.database, NOON)) as table:
        told = [one.alert for one in table.fired(JUMP.timestamp, JUMP.timestamp, 99)]
    assert sorted(one.symbol for one in told if one.rule == "rsi14 1") == sorted(SYMBOLS)


def test_a_rule_that_must_wait_says_so(filled, caplog):
    store, settings = filled
    caplog.set_level(logging.INFO, "minute_candles")
    long = '[[rule]]\nname = "느린 선"\nkind = "threshold"\nline = "sma120"\nabove = 1\ninterval = 15\n'
    settings.integrations.alerts_file.write_text(
        f'{RULES}{long}[[rule]]\nkind = "gap"\npercent = 3\n', encoding="utf-8"
    )
    with alerting(set_up(settings), settings, NOON, store, dict.fromkeys(SYMBOLS, "")):
        wait_until(lambda: "vwap: 앞의 캔들이 모자라" in caplog.text, 5)
    assert "1분봉 " in caplog.text and caplog.text.count("더 닫히면 울리기 시작합니다") == 1


def test_what_a_dead_service_did_not_take_arrives_after_a_restart_once(filled, monkeypatch):
    """The first life ends as by kill -9: what it left in its file is what it had kept before."""
    monkeypatch.setattr(alerts, "CHECK_EVERY", 0.2)
    monkeypatch.setattr(alerts, "QUIET", 0.3)
    store, settings = filled
    state, names = settings.log_dir / alerts.STATE_FILE, {"005930": ""}
    with Receiver("500") as dead:
        ill = replace(settings, integrations=replace(settings.integrations, alert_urls=(dead.url,)))
        with alerting(set_up(ill), ill, NOON, store, names):
            put(store, "005930", [*MORNING[:-1], JUMP])
            wait_until(lambda: state.exists() and 'unsent": {"1' in state.read_text(encoding="utf-8"), 20)
            left = state.read_bytes()
    state.write_bytes(left)
    with Receiver() as well:
        sound = replace(settings, integrations=replace(settings.integrations, alert_urls=(well.url,)))
        for _ in range(2):
            with alerting(set_up(sound), sound, NOON, store, names):
                wait_until(lambda: 'unsent": {}' in state.read_text(encoding="utf-8"), 20)
    assert len(well.titles) == 1 and "rsi14" in well.got[0]["message"]


def test_a_stop_with_a_slow_service_keeps_everything_that_waits(filled, caplog):
    store, settings = filled
    with Receiver("slow", delay=60) as slow:
        ill = replace(settings, integrations=replace(settings.integrations, alert_urls=(slow.url,)))
        with alerting(set_up(ill), ill, NOON, store, {"005930": ""}):
            put(store, "005930", [*MORNING[:-1], JUMP])
    assert "오늘 다시 시작하면 보냅니다" in caplog.text
    assert [message for message in received(store, settings) if "rsi14" in message]


def test_an_alert_that_was_judged_when_the_process_was_killed_arrives_once(filled):
    """Before its row was written, or behind: the next process cannot know."""
    store, settings = filled
    alert = Alert("rsi14 1", "005930", "", 1, JUMP.timestamp, "info", "RSI(14)", 80.0)
    alert_state.write(settings.log_dir / alerts.STATE_FILE, State(day=FRIDAY, unwritten=[alert]))
    assert received(store, settings) == ["RSI(14)"] and received(store, settings) == []
    with closing(open_alerts(settings.database, NOON)) as table:
        assert len(table.fired(JUMP.timestamp, JUMP.timestamp, 99)) == 1


def received(store: Store, settings: Settings) -> list[str]:
    """What a new life delivers."""
    with Receiver() as receiver:
        sound = replace(settings, integrations=replace(settings.integrations, alert_urls=(receiver.url,)))
        with alerting(set_up(sound), sound, NOON, store, {}):
            pass
    return [message["message"] for message in receiver.got]


def test_yesterdays_messages_stay_where_they_are(filled):
    store, settings = filled
    unsent = {"1번 json": [Message("info", "어제", "어제")]}
    state = State(day=FRIDAY - timedelta(days=1), unsent=unsent)
    alert_state.write(settings.log_dir / alerts.STATE_FILE, state)
    assert received(store, settings) == []
