"""The alerts as they start: at most five hundred candles of a symbol are read, and the rules speak from then on."""

from collections import Counter
from collections.abc import Iterator, Sequence
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
from minute_candles.storage.store import AlertTable, KeptAlert, Store, open_alerts, open_store

NOON, SYMBOLS = Clock(at=at(12)), ["005930", "000660"]
MORNING = [one for one in minutes(CALENDAR.session(FRIDAY)) if one.timestamp < datetime(2026, 11, 20, 12)]
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


def run(store: Store, settings: Settings, *urls: str, jumps: Sequence[str] = (), names=SYMBOLS, until=None) -> None:
    """One life of the alerts; 11:59 jumps meanwhile for some symbols."""
    settings = replace(settings, integrations=replace(settings.integrations, alert_urls=urls))
    with alerting(set_up(settings), settings, NOON, store, dict.fromkeys(names, "")):
        for symbol in jumps:
            put(store, symbol, [*MORNING[:-1], JUMP])
        if until:
            wait_until(until, 20)


def received(store: Store, settings: Settings, **more: Any) -> list[str]:
    """What a new life delivers."""
    with Receiver() as receiver:
        run(store, settings, receiver.url, **{"names": (), **more})
    return [message["message"] for message in receiver.got]


def fired(settings: Settings) -> list[KeptAlert]:
    with closing(open_alerts(settings.database, NOON)) as table:
        return [one.alert for one in table.fired(JUMP.timestamp, JUMP.timestamp, 99)]


@pytest.mark.parametrize("judged", [None, at(9, 5)])
def test_at_most_five_hundred_candles_of_a_symbol_are_read(filled, monkeypatch, judged):
    """Without a memory, and after a long absence."""
    store, settings = filled
    read, answer = Counter[str](), AlertTable.candles

    def counting(self: AlertTable, symbol: str, *query: Any, **named: Any) -> Any:
        found = answer(self, symbol, *query, **named)
        read[symbol] += len(found)
        return found

    monkeypatch.setattr(AlertTable, "candles", counting)
    if judged is not None:
        until = {(symbol, interval): judged.replace(tzinfo=None) for symbol in SYMBOLS for interval in (1, 5, 15)}
        alert_state.write(settings.log_dir / alerts.STATE_FILE, State(until))
    run(store, settings, jumps=SYMBOLS)
    assert set(read) == set(SYMBOLS) and 300 < min(read.values()) <= max(read.values()) <= 500
    assert sorted(one.symbol for one in fired(settings) if one.rule == "rsi14 1") == sorted(SYMBOLS)


def test_what_a_dead_service_did_not_take_arrives_after_a_restart_once(filled, monkeypatch):
    """The first life ends as by kill -9: what it left in its file is what it had kept before."""
    monkeypatch.setattr(alerts, "CHECK_EVERY", 0.2)
    monkeypatch.setattr(alerts, "QUIET", 0.3)
    store, settings = filled
    state, left = settings.log_dir / alerts.STATE_FILE, []

    def waits() -> bool:
        left[:] = [state.read_bytes()] if state.exists() else []
        return bool(left) and b'unsent": {"1' in left[0]

    one, gone = {"names": ["005930"]}, lambda: b'unsent": {}' in state.read_bytes()
    with Receiver("500") as dead:
        run(store, settings, dead.url, jumps=["005930"], until=waits, **one)
    state.write_bytes(left[0])
    found = [message for _ in range(2) for message in received(store, settings, until=gone, **one)]
    assert len(found) == 1 and "rsi14" in found[0]


def test_a_stop_with_a_slow_service_keeps_everything_that_waits(filled, caplog):
    store, settings = filled
    with Receiver("slow", delay=60) as slow:
        run(store, settings, slow.url, jumps=["005930"], names=["005930"])
    assert "오늘 다시 시작하면 보냅니다" in caplog.text
    assert [message for message in received(store, settings) if "rsi14" in message]


def test_an_alert_that_was_judged_when_the_process_was_killed_arrives_once(filled):
    """Before its row was written, or behind: the next process cannot know. Yesterday's messages stay where they are."""
    store, settings = filled
    unsent = {"1번 json": [Message("info", "어제", "어제")]}
    alert_state.write(settings.log_dir / alerts.STATE_FILE, State(day=FRIDAY - timedelta(days=1), unsent=unsent))
    assert received(store, settings) == []
    alert = Alert("rsi14 1", "005930", "", 1, JUMP.timestamp, "info", "RSI(14)", 80.0)
    alert_state.write(settings.log_dir / alerts.STATE_FILE, State(day=FRIDAY, unwritten=[alert]))
    assert received(store, settings) == ["RSI(14)"] and received(store, settings) == [] and len(fired(settings)) == 1
