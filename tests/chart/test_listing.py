"""The list of symbols reads the table as seldom as it can."""

import threading
from contextlib import closing
from datetime import date, datetime

from chart_testing import NAMES, filled, put
from store_testing import CALENDAR, minutes

from minute_candles.chart import listing
from minute_candles.chart.listing import Listing
from minute_candles.chart.running import RunningMinutes
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.reader import CandleReader
from minute_candles.storage.store import open_reader, open_store

AT, TUESDAY = datetime(2026, 11, 23, 16, tzinfo=KST), date(2026, 11, 24)


def test_a_whole_market_is_read_anew_in_parts(empty, monkeypatch):
    """Of one symbol a list here; what a row says meanwhile is true."""
    monkeypatch.setattr(listing, "PART", 1)
    monkeypatch.setattr(listing, "WAIT_SECONDS", None)
    clock, read, newest, moved = Clock(at=AT), [], CandleReader.last_before, [0.0]
    monkeypatch.setattr(clock, "time", lambda: moved[0])

    def counted(view, symbols, moment):
        read.extend(symbols if moment.day == 24 else [])
        return newest(view, symbols, moment)

    monkeypatch.setattr(CandleReader, "last_before", counted)
    with closing(open_store(empty, clock)) as store, closing(open_reader(empty, clock)) as view:
        filled(store)
        made = Listing(view, NAMES, CALENDAR, clock, RunningMinutes(clock))

        def rows(seconds: float) -> dict:
            moved[0] += seconds
            return {row["symbol"]: row for row in made.rows()}

        first = rows(1)
        assert sorted(read) == sorted(NAMES), "the first list needs all"
        read.clear()
        for count in (1, 2, 3):
            rows(31 if count == 1 else 1)
            assert len({*read}) == len(read) == count
        tuesday, two = minutes(CALENDAR.session(TUESDAY), 5)[:20], ("005930", "000660")
        for symbol in two:
            put(store, symbol, tuesday)
        begun = rows(1)
        closes = [begun[symbol]["previous_close"] for symbol in two]
        assert closes.count(None) == 1, "not yesterday's previous close, where the day was not read yet"
        assert {begun[symbol]["price"] for symbol in two} == {tuesday[-1].close}
        assert {s: row["previous_close"] for s, row in rows(1).items()} == {s: row["price"] for s, row in first.items()}


def test_a_list_that_takes_long_holds_no_answer_up(empty, monkeypatch):
    """The list before is the answer, until it is half a minute old."""
    clock, moved, may_read = Clock(at=AT), [0.0], threading.Event()
    monkeypatch.setattr(clock, "time", lambda: moved[0])
    with closing(open_store(empty, clock)) as store, closing(open_reader(empty, clock)) as view:
        made = Listing(view, NAMES, CALENDAR, clock, RunningMinutes(clock))
        assert {row["status"] for row in made.rows()} == {"MISSING"}
        filled(store)
        newest = CandleReader.last_before
        monkeypatch.setattr(CandleReader, "last_before", lambda *args: may_read.wait(60) and newest(*args))
        moved[0] += 29
        assert {row["status"] for row in made.rows()} == {"MISSING"}
        moved[0] += 31
        threading.Timer(0.1, may_read.set).start()
        assert {row["status"] for row in made.rows()} != {"MISSING"}
