"""The running minutes on their way from the updater to a page of the same host."""

import time
from datetime import datetime

from updater_tools import wait_until

from minute_candles.core.clock import Clock
from minute_candles.market.candles import Candle
from minute_candles.market.trade_chain import RunningMinute
from minute_candles.monitoring import running_file

MINUTE = Candle(datetime(2026, 11, 23, 10, 31), 100, 120, 90, 110, 7, None, None)


def test_what_runs_is_read_within_two_seconds_and_is_gone_with_its_writer(tmp_path):
    came, clock, moved = [], Clock(), MINUTE._replace(close=111, volume=8)
    with running_file.writing(tmp_path) as running:
        running_file.follow(tmp_path, lambda *minute: came.append(minute), lambda *_: None, clock)
        running.add(RunningMinute("000660", MINUTE, is_whole=False))
        for count, minute in enumerate((MINUTE, moved), 1):
            running.add(RunningMinute("005930", minute, is_whole=True))
            wait_until(lambda count=count: came == [("005930", MINUTE), ("005930", moved)][:count], 3)
    clock.stop.set()
    assert running_file.read(tmp_path) == ({}, {}) and list(tmp_path.iterdir()) == []
    for text in ("", "[]", '{"candles":1}', '{"candles":[{}]}', "[" * 100_000, '{"candles":[Infinity]}'):
        (tmp_path / running_file.FILE).write_text(text)
        assert running_file.read(tmp_path) == ({}, {}), "none of ours"


def test_a_file_that_cannot_be_written_holds_nobody_up_and_is_reported_once(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(running_file, "WRITE_SECONDS", 0.01)
    caplog.set_level("INFO")
    folder = tmp_path / "logs"
    with running_file.writing(folder) as running:
        began = time.monotonic()
        for volume in range(1000):
            running.add(RunningMinute("005930", MINUTE._replace(volume=volume), is_whole=True))
        assert time.monotonic() - began < 0.5
        wait_until(lambda: bool(caplog.records), 3)
        folder.mkdir()
        running.add(RunningMinute("005930", MINUTE, is_whole=True))
        wait_until(lambda: running_file.read(folder).minutes == {"005930": MINUTE}, 3)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]
