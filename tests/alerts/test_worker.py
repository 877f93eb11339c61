"""Alerts beside the real updater on a day with planted events: each fires once, at its minute, whatever happens."""

import time as steady
from contextlib import ExitStack, closing
from datetime import date, datetime, time

import pytest
from planted import hammer, jump, planted, surge
from receiver import Receiver
from updater_tools import FRIDAY, FakeDay, at

from kis_simulator.faults.server_behaviour import ServerBehaviour
from minute_candles.alerts import commands as alert_commands
from minute_candles.alerts import worker as alerts
from minute_candles.config.integrations import Integrations
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.store import AlertTable, open_alerts

SYMBOLS = dict.fromkeys(("005930", "000660", "035420", "035720"), "liquid")
EVENTS = {
    ("005930", FRIDAY): [jump(9, 40, 2_200)], ("000660", FRIDAY): [surge(9, 45, 10)],
    ("035420", FRIDAY): [jump(9, 50, 100)], ("035720", FRIDAY): [hammer(10, 0)],
}  # fmt: skip
EPOCH, END, EVENING = datetime(2000, 1, 1), datetime(2100, 1, 1), at(17, day=date(2026, 11, 19))
RULES = (
    '[[rule]]\nkind = "price_change"\npercent = 3\n[[rule]]\nkind = "volume_surge"\ntimes = 10\nsessions = 3\n'
    '[[rule]]\nkind = "cross"\nline = "sma5"\nover = "sma20"\nsymbols = ["035420"]\n'
    '[[rule]]\nkind = "pattern"\npatterns = ["hammer"]\nseverity = "warning"\n'
)
EXPECTED = [
    ("cross", "035420", time(9, 50)), ("pattern", "035720", time(10)),
    ("price_change", "005930", time(9, 40)), ("volume_surge", "000660", time(9, 45)),
]  # fmt: skip


@pytest.fixture
def make(tmp_path, short_week):
    with ExitStack() as exits:

        def make(start, *urls, rules=RULES, planting=EVENTS, **changes):
            (path := tmp_path / "alerts.toml").write_text(rules, encoding="utf-8")
            integrations = Integrations(alerts_file=path, alert_urls=urls, chart_url="http://127.0.0.1:8765")
            day = exits.enter_context(closing(FakeDay(tmp_path, start, SYMBOLS, integrations=integrations, **changes)))
            day.kis.market.day = planted(day.kis, planting)
            return day

        yield make


def fired(day):
    with closing(open_alerts(day.settings.database, Clock())) as table:
        return [one.alert for one in table.fired(EPOCH, END, 1_000)]


def kept(day):
    rows = fired(day)
    assert all(row.timestamp.date() == FRIDAY and row.interval == 1 for row in rows)
    return sorted((row.rule, row.symbol, row.timestamp.time()) for row in rows)


def test_each_planted_event_fires_once_at_its_minute_and_nothing_else_does(make, capsys):
    """From Thursday evening over Friday's session and its settle; `--try-alerts` says the same afterwards.

    From five past ten the computer sleeps until the auction: what it missed is healed, and nothing of it fires.
    """
    with Receiver() as receiver:
        day = make(EVENING, receiver.url)
        day.clock.plan(at(10, 5), lambda: day.clock.jump(at(15, 29)))
        day.run(until=at(16))
        sent = "\n".join(f"{one['title']}\n{one['message']}" for one in receiver.got)
    clock = Clock(at=datetime(2026, 11, 21, 9, tzinfo=KST))
    codes = [alert_commands.try_rules(day.settings, clock, SYMBOLS, when) for when in ("20261101", "2026-11-20")]
    rows = [line.split() for line in capsys.readouterr().out.splitlines() if line[:2].isdigit()]
    assert codes == [1, 0], "of a day without candles it is exit 1"
    assert kept(day) == EXPECTED == sorted((row[3], row[1], time.fromisoformat(row[0])) for row in rows)
    day.assert_week()
    for rule, symbol, when in EXPECTED:
        assert sent.count(f"{rule}: {symbol}") == 1 and f"{when:%H:%M} 1분봉, 임시" in sent
        assert len(list(day.lines(f"🔔 {rule}: {symbol} ·"))) == 1
    assert "5분 동안 +3.14%" in sent and "72,200원 (전일 대비 +3.14%)" in sent and "http://127.0.0.1:8765/" in sent
    assert day.lines("마감 확정 완료") and Receiver.SECRET not in "\n".join(day.lines())


def test_a_window_is_judged_as_the_table_has_it_in_the_end(make, monkeypatch):
    """KIS shows its last minute once a later one has traded."""
    monkeypatch.setattr(AlertTable, "usual_volume", lambda *_: {time(9, minute): 1.0 for minute in range(60)})
    rules = '[[rule]]\nkind = "volume_surge"\ntimes = 2\ninterval = 5\ncooldown = 0\n'
    kis = {"behaviour": ServerBehaviour(), "profiles": dict.fromkeys(SYMBOLS, "medium")}
    day = make(at(9, 30), rules=rules, planting={}, kis=kis)
    day.run(until=at(9, 47))
    found = {(one.symbol, one.timestamp): one for one in fired(day)}
    with closing(open_alerts(day.settings.database, Clock())) as table:
        for symbol in SYMBOLS:
            stored = [one for one in table.candles(symbol, 5, EPOCH, END, 999) if (symbol, one.timestamp) in found]
            assert len(stored) > 5 and all(f" {one.volume:,}주 " in found[symbol, one[0]].text for one in stored)


def test_a_service_that_hangs_delays_no_candle(make):
    with Receiver("hang") as receiver:
        day = make(at(9, 20), receiver.url + "?rto=1&cto=1")
        day.run(until=at(10, 5))
        receiver.released.set()
    assert len(day.rounds()) >= 40 and all("오류 0" in line for line in day.rounds())
    assert {("price_change", "005930"), ("pattern", "035720")} <= {row[:2] for row in kept(day)}
    assert len(day.lines("보내지 못했습니다. 다시")) == 1 and len(day.lines("보내지 못한 알림")) == 1
    assert not day.watcher.wrong


def test_trouble_of_the_collection_is_reported_too(make, monkeypatch):
    monkeypatch.setattr(alerts, "CHECK_EVERY", 0.0)
    monkeypatch.setattr(alerts, "WAKE_EVERY", 0.01)
    rules = '[[operations]]\nkind = "no_candle"\nseverity = "critical"\ncooldown = 600\n'
    with Receiver() as receiver:
        day = make(at(9, 27), f"critical={receiver.url}", rules=rules)
        day.clock.plan(at(9, 30), day.kis.down)
        day.clock.plan(at(9, 40), lambda: day.kis.down(False))
        past = set()  # real time each minute for the alerts' thread, which does not live on the fake clock
        day.clock.look = lambda now: now.minute in past or past.add(now.minute) or steady.sleep(0.1)
        day.run(until=at(9, 45))
    assert receiver.titles == ["🚨 no_candle: 수집"] * 2
    assert [row[:2] for row in kept(day)] == [("no_candle", "")] * 2
