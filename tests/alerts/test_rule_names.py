"""Rules whose names a database takes for one are rules of their own, on a new table and on an older one (#27)."""

from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from chart_testing import put
from receiver import Receiver
from store_testing import candle
from updater_tools import at

from minute_candles.alerts.setup import alerting, set_up
from minute_candles.config.integrations import Integrations
from minute_candles.config.settings import demo_settings
from minute_candles.core.clock import Clock
from minute_candles.storage.store import Store, open_alerts

NAMES = ["급락 🔴", "급락 🔵", "Gap up", "gap up", "cafe", "café"]
NOON = datetime(2026, 11, 20, 11, 59)


OLDER = (  # as version 0.1 made it
    "CREATE TABLE stock_minute_alerts (rule_name VARCHAR(60) NOT NULL, stock_symbol VARCHAR(20) NOT NULL,"
    " minute_interval VARCHAR(20) NOT NULL, timestamp DATETIME NOT NULL, severity VARCHAR(10) NOT NULL,"
    " message VARCHAR(500) NOT NULL, value DOUBLE NOT NULL, created_at DATETIME NOT NULL,"
    " PRIMARY KEY (timestamp, stock_symbol, minute_interval, rule_name)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4"
)


@pytest.mark.parametrize("older", [False, True])
def test_names_that_look_alike_are_different_rules(store: Store, database, tmp_path: Path, older: bool):
    rules = [f'[[rule]]\nname = "{name}"\nkind = "price"\nlevel = 70_500\n' for name in NAMES]
    (tmp_path / "alerts.toml").write_text("\n".join(rules), encoding="utf-8")
    if older:
        store._connection.transaction(lambda run: run(OLDER))
    with Receiver() as receiver:
        integrations = Integrations(alerts_file=tmp_path / "alerts.toml", alert_urls=(receiver.url,))
        demo = demo_settings("http://127.0.0.1:1", tmp_path)
        settings = replace(demo, database=database, integrations=integrations)
        with alerting(set_up(settings), settings, Clock(at=at(12)), store, {"005930": ""}):
            put(store, "005930", [candle(NOON.replace(minute=58), 70_000), candle(NOON, 71_000)])
    assert "알림 6건" in receiver.titles[0]
    with closing(open_alerts(database, Clock())) as table:
        assert sorted(one.alert.rule for one in table.fired(NOON, NOON, 99)) == sorted(NAMES)
