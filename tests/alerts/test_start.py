"""The alerts as they start: at most five hundred candles of a symbol are read, and the rules speak from then on."""

import json
import logging
from collections import Counter
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta
from unittest.mock import DEFAULT, Mock

import pytest
from chart_testing import put
from receiver import Receiver
from store_testing import CALENDAR, candle, minutes, ready
from updater_tools import FRIDAY, at, wait_until

from minute_candles.alerts import state as alert_state
from minute_candles.alerts import worker as alerts
from minute_candles.alerts.digest import Message
from minute_candles.alerts.engine import Alert
from minute_candles.alerts.setup import alerting, set_up
from minute_candles.alerts.state import State
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import demo_settings
from minute_candles.core.clock import Clock
from minute_candles.core.errors import StoreLost
from minute_candles.storage.store import AlertTable, open_alerts

NOON, SYMBOLS = Clock(at=at(12)), ["005930", "000660"]
MORNING = [one for one in minutes(CALENDAR.session(FRIDAY)) if one.timestamp < datetime(2026, 11, 20, 12)]
JUMP = candle(datetime(2026, 11, 20, 11, 59), 200_000)
RULES = "".join(
    f'[[rule]]\nname = "{line} {interval}"\nkind = "threshold"\nline = "{line}"\nabove = 70\ninterval = {interval}\n'
    for line in ("rsi14", "macd")
    for interval in (1, 5, 15)
)


def settings_with(folder, rules, *urls):
    (folder / "alerts.toml").write_text(rules, encoding="utf-8")
    integrations = Integrations(alerts_file=folder / "alerts.toml", alert_urls=urls)
    return replace(demo_settings("http://127.0.0.1:1", folder), integrations=integrations)


@pytest.fixture
def filled(tmp_path, monkeypatch):
    """Four sessions of two symbols, Friday's until noon."""
    for name, seconds in {"CHECK_EVERY": 0.2, "WAKE_EVERY": 0.1, "QUIET": 0.3}.items():
        monkeypatch.setattr(alerts, name, seconds)
    settings = settings_with(tmp_path, RULES)
    with closing(ready(settings.database)) as store:
        for symbol in SYMBOLS:
            for day in CALENDAR.trading_days(FRIDAY - timedelta(days=3), FRIDAY)[:-1]:
                put(store, symbol, minutes(CALENDAR.session(day), day.day))
            put(store, symbol, MORNING[:-1])
        yield store, settings


def run(store, settings, *urls, jumps=(), names=SYMBOLS, until=None):
    """One life of the alerts; 11:59 jumps meanwhile for some symbols."""
    settings = replace(settings, integrations=replace(settings.integrations, alert_urls=urls))
    with alerting(set_up(settings), settings, NOON, store, dict.fromkeys(names, "")):
        for symbol in jumps:
            put(store, symbol, [*MORNING[:-1], JUMP])
        if until:
            wait_until(until, 20)


def received(store, settings):
    with Receiver() as receiver:
        run(store, settings, receiver.url, names=())
    return [message["message"] for message in receiver.got]


def fired(settings):
    with closing(open_alerts(settings.database, NOON)) as table:
        return [one.alert for one in table.fired(JUMP.timestamp, JUMP.timestamp, 99)]


JUDGED = [[symbol, interval, "2026-11-20T09:05:00"] for symbol in SYMBOLS for interval in (1, 5, 15)]
LONG_AGO = {"judged": JUDGED, "fired": [], "operations": {}, "day": None, "unsent": {}, "unwritten": []}


@pytest.mark.parametrize("memory", ["[" * 99_999, json.dumps(LONG_AGO)])
def test_at_most_five_hundred_candles_of_a_symbol_are_read(filled, monkeypatch, memory):
    """Without a memory that can be read, and after a long absence."""
    (store, settings), read, answer = filled, Counter(), AlertTable.candles

    def counting(self, symbol, *query, **named):
        found = answer(self, symbol, *query, **named)
        read[symbol] += len(found)
        return found

    monkeypatch.setattr(AlertTable, "candles", counting)
    (settings.log_dir / alerts.STATE_FILE).write_text(memory, encoding="utf-8")
    run(store, settings, jumps=SYMBOLS)
    assert set(read) == set(SYMBOLS) and 300 < min(read.values()) <= max(read.values()) <= 500
    assert sorted(one.symbol for one in fired(settings) if one.rule == "rsi14 1") == sorted(SYMBOLS)


def test_a_table_that_did_not_answer_is_read_again(filled, monkeypatch, caplog):
    (store, settings), lost = filled, StoreLost("연결이 끊겼습니다.")
    table = Mock(wraps=AlertTable.candles_before, side_effect=[lost, lost, *[DEFAULT] * 99])
    monkeypatch.setattr(AlertTable, "candles_before", lambda *query: table(*query))
    caplog.set_level(logging.INFO, "minute_candles")
    run(store, settings, jumps=SYMBOLS[:1], names=SYMBOLS[:1], until=lambda: fired(settings))
    assert caplog.text.count("알림 문제 시작: 연결이 끊겼습니다.") == 1 and caplog.text.count("알림 복구") == 1


def test_a_stop_with_a_slow_service_keeps_everything_that_waits(filled, caplog):
    store, settings = filled
    with Receiver("slow", delay=60) as slow:
        run(store, settings, slow.url, jumps=["005930"], names=["005930"])
    assert "오늘 다시 시작하면 보냅니다" in caplog.text
    assert [message for message in received(store, settings) if "rsi14" in message]


def test_an_alert_that_was_judged_when_the_process_was_killed_arrives_once(filled):
    """Before its row was written, or behind: the next process cannot know. Yesterday's messages stay where they are."""
    store, settings = filled
    path, unsent = settings.log_dir / alerts.STATE_FILE, {"1번 json": [Message("info", "어제", "어제")]}
    alert_state.write(path, State(day=FRIDAY - timedelta(days=1), unsent=unsent))
    assert received(store, settings) == []
    alert = Alert("rsi14 1", "005930", "", 1, JUMP.timestamp, "info", "RSI(14)", 80.0)
    alert_state.write(path, State(day=FRIDAY, unwritten=[alert]))
    assert received(store, settings) == ["RSI(14)"] and received(store, settings) == [] and len(fired(settings)) == 1


OLDER = """CREATE TABLE stock_minute_alerts (rule_name VARCHAR(60), stock_symbol VARCHAR(20), timestamp DATETIME,
minute_interval VARCHAR(20), severity VARCHAR(10), message VARCHAR(500), value DOUBLE, created_at DATETIME NOT NULL,
PRIMARY KEY (timestamp, stock_symbol, minute_interval, rule_name)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"""  # 0.1


@pytest.mark.parametrize("older", [False, True])
def test_names_that_look_alike_are_different_rules(store, database, tmp_path, older):
    """On a new table and on an older one, whatever the database takes for equal (#27)."""
    names = ["급락 🔴", "급락 🔵", "Gap up", "gap up", "cafe", "café"]
    if older:
        store._connection.transaction(lambda execute: execute(OLDER))
    with Receiver() as receiver:
        rules = "".join(f'[[rule]]\nname = "{name}"\nkind = "price"\nlevel = 70_500\n' for name in names)
        settings = replace(settings_with(tmp_path, rules, receiver.url), database=database)
        with alerting(set_up(settings), settings, NOON, store, {"005930": ""}):
            put(store, "005930", [candle(JUMP.timestamp - timedelta(minutes=1)), candle(JUMP.timestamp, 71_000)])
    assert "알림 6건" in receiver.titles[0] and sorted(one.rule for one in fired(settings)) == sorted(names)
