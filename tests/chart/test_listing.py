"""The list of symbols reads the table seldom; a previous close and a turnover that the table's candles do not say."""

import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from chart_testing import FRIDAY, MONDAY, NAMES, TODAY, filled, put
from kis_testing import FakeClock, client_of, settings_for
from store_testing import CALENDAR, minutes
from updater_tools import wait_until

from kis_simulator.simulator import Simulator
from minute_candles.chart import listing
from minute_candles.chart.listing import Listing
from minute_candles.chart.queries import Queries
from minute_candles.chart.running import RunningMinutes
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.rows import CorporateAction, DailyRow
from minute_candles.monitoring import running_file
from minute_candles.storage.reader import CandleReader
from minute_candles.storage.store import Store, open_reader, open_store

AT, TUESDAY = datetime(2026, 11, 23, 16, tzinfo=KST), date(2026, 11, 24)


@pytest.fixture
def listed(empty):
    """A list at 16:00 of Monday, its clock, and the table it reads."""
    clock = FakeClock(AT)
    with closing(open_store(empty, clock)) as store, closing(open_reader(empty, clock)) as view:
        yield Listing(view, NAMES, CALENDAR, clock, RunningMinutes(clock)), clock, store


def test_a_whole_market_is_read_anew_in_parts(listed, monkeypatch):
    """Of one symbol a list here; what a row says meanwhile is true."""
    monkeypatch.setattr(listing, "PART", 1)
    monkeypatch.setattr(listing, "WAIT_SECONDS", None)
    (made, clock, store), read, newest = listed, [], CandleReader.last_before

    def counted(view, symbols, moment):
        read.extend(symbols if moment.day == 24 else [])
        return newest(view, symbols, moment)

    def rows(seconds: float) -> dict:
        clock.move(seconds=seconds)
        return {row["symbol"]: row for row in made.rows()}

    monkeypatch.setattr(CandleReader, "last_before", counted)
    filled(store)
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


def test_a_list_that_takes_long_holds_no_answer_up(listed, monkeypatch):
    """The list before is the answer, until it is half a minute old."""
    (made, clock, store), may_read, newest = listed, threading.Event(), CandleReader.last_before
    assert {row["status"] for row in made.rows()} == {"MISSING"}
    filled(store)
    monkeypatch.setattr(CandleReader, "last_before", lambda *args: may_read.wait(60) and newest(*args))
    clock.move(seconds=29)
    assert {row["status"] for row in made.rows()} == {"MISSING"}
    clock.move(seconds=31)
    threading.Timer(0.1, may_read.set).start()
    assert {row["status"] for row in made.rows()} != {"MISSING"}


MORNING = datetime(2026, 11, 23, 10, 31, 5, tzinfo=KST)


def row_of(queries: Queries) -> dict:
    return next(dict(one) for one in queries.symbols() if one["symbol"] == "005930")


def day(queries: Queries) -> tuple[object, object]:
    [found] = queries.days("005930", MONDAY, MONDAY)
    return found["previous_close"], found["turnover"]


@pytest.fixture
def running() -> RunningMinutes:
    return RunningMinutes(FakeClock(MORNING))


@pytest.fixture
def queries(any_database, any_store: Store, running: RunningMinutes) -> Iterator[Queries]:
    """Monday's first hour of one symbol, and nothing before."""
    put(any_store, "005930", TODAY[:60])
    with closing(open_reader(any_database, Clock())) as reader:
        yield Queries(reader, NAMES, CALENDAR, FakeClock(MORNING), running)


def test_on_the_first_live_day_it_is_that_of_kis_quote(queries: Queries, running: RunningMinutes, tmp_path: Path):
    assert (row_of(queries)["change_percent"], day(queries)[0]) == (None, None)
    page = Clock()
    with Simulator(rate=1e6, now=lambda: MORNING) as simulator, running_file.writing(tmp_path) as writer:
        client = client_of(settings_for(simulator.url, tmp_path), FakeClock(MORNING))
        client.on_previous_close = writer.add_previous_close
        client.today_minutes("005930", MORNING)
        running_file.follow(tmp_path, running.add, running.add_previous_close, page)
        wait_until(lambda: running.previous_close("005930", MONDAY) is not None, 5)
        page.stop.set()
    close = running.previous_close("005930", MONDAY)
    assert close == simulator.market.last_price("005930", FRIDAY)
    queries._listing._made -= 2
    assert row_of(queries)["change_percent"] == round((TODAY[59].close - close) * 100 / close, 2)
    assert day(queries)[0] == close
    assert running.previous_close("005930", FRIDAY) is None, "of the day of the quote alone"


def test_a_close_and_a_turnover_may_be_the_daily_trs(queries: Queries, any_store: Store):
    rows = [DailyRow(one, 1, 2, 1, 61_000, 9, 550_000, CorporateAction.NONE, None) for one in (FRIDAY, MONDAY)]
    any_store.keep_daily("005930", rows[:1], datetime(2026, 11, 20, 20, tzinfo=KST))
    assert day(queries)[0] is None, "the after-market's close is not the session's"
    any_store.keep_daily("005930", rows, MORNING)
    assert day(queries) == (61_000, 550_000)
    assert row_of(queries)["previous_close"] == 61_000
    put(any_store, "005930", friday := minutes(CALENDAR.session(FRIDAY), 3), "COMPLETE")
    assert day(queries)[0] == friday[-1].close, "the table is the truth"


def test_a_day_without_a_trade_leads_further_back(queries: Queries, any_store: Store):
    thursday, friday = minutes(CALENDAR.session(FRIDAY - timedelta(days=1)), 5), CALENDAR.session(FRIDAY)
    put(any_store, "005930", thursday, "COMPLETE")
    assert day(queries)[0] is None
    any_store.rewrite("005930", friday, lambda _: {}, now=friday.end, status="NO_TRADES")
    assert day(queries)[0] == thursday[-1].close
