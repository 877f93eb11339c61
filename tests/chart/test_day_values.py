"""The previous close and the turnover of a day, where the table's candles do not say them."""

from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from chart_testing import FRIDAY, MONDAY, NAMES, TODAY, put
from kis_testing import FakeClock, client_of, settings_for
from store_testing import CALENDAR, minutes
from updater_tools import wait_until

from kis_simulator.simulator import Simulator
from minute_candles.chart.queries import Queries
from minute_candles.chart.running import RunningMinutes
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.market.rows import CorporateAction, DailyRow
from minute_candles.monitoring import running_file
from minute_candles.storage.store import Store, open_reader

AT = datetime(2026, 11, 23, 10, 31, 5, tzinfo=KST)


def row(queries: Queries) -> dict:
    return next(dict(one) for one in queries.symbols() if one["symbol"] == "005930")


def day(queries: Queries) -> tuple[object, object]:
    [found] = queries.days("005930", MONDAY, MONDAY)
    return found["previous_close"], found["turnover"]


@pytest.fixture
def running() -> RunningMinutes:
    return RunningMinutes(FakeClock(AT))


@pytest.fixture
def queries(any_database, any_store: Store, running: RunningMinutes) -> Iterator[Queries]:
    """Monday's first hour of one symbol, and nothing before."""
    put(any_store, "005930", TODAY[:60])
    with closing(open_reader(any_database, Clock())) as reader:
        yield Queries(reader, NAMES, CALENDAR, FakeClock(AT), running)


def test_on_the_first_live_day_it_is_that_of_kis_quote(queries: Queries, running: RunningMinutes, tmp_path: Path):
    assert (row(queries)["change_percent"], day(queries)[0]) == (None, None)
    clock, simulator = FakeClock(AT), Simulator(rate=1e6, now=lambda: AT)
    with simulator:
        client = client_of(settings_for(simulator.url, tmp_path), clock)
        with running_file.writing(tmp_path) as writer:
            client.on_previous_close = writer.add_previous_close
            client.today_minutes("005930", AT)
            page = Clock()
            running_file.follow(tmp_path, running.add, running.add_previous_close, page)
            wait_until(lambda: running.previous_close("005930", MONDAY) is not None, 5)
            page.stop.set()
    close = running.previous_close("005930", MONDAY)
    assert close == simulator.market.last_price("005930", FRIDAY)
    queries._listing._made -= 2
    assert row(queries)["change_percent"] == round((TODAY[59].close - close) * 100 / close, 2)
    assert day(queries)[0] == close
    assert running.previous_close("005930", FRIDAY) is None, "of the day of the quote alone"


def test_a_close_and_a_turnover_may_be_the_daily_trs(queries: Queries, any_store: Store):
    rows = [DailyRow(one, 1, 2, 1, 61_000, 9, 550_000, CorporateAction.NONE, None) for one in (FRIDAY, MONDAY)]
    any_store.keep_daily("005930", rows[:1], datetime(2026, 11, 20, 20, tzinfo=KST))
    assert day(queries)[0] is None, "the after-market's close is not the session's"
    any_store.keep_daily("005930", rows, AT)
    assert day(queries) == (61_000, 550_000)
    assert row(queries)["previous_close"] == 61_000
    put(any_store, "005930", friday := minutes(CALENDAR.session(FRIDAY), 3), "COMPLETE")
    assert day(queries)[0] == friday[-1].close, "the table is the truth"


def test_a_day_without_a_trade_leads_further_back(queries: Queries, any_store: Store):
    thursday = minutes(CALENDAR.session(FRIDAY - timedelta(days=1)), 5)
    put(any_store, "005930", thursday, "COMPLETE")
    assert day(queries)[0] is None
    friday = CALENDAR.session(FRIDAY)
    any_store.rewrite("005930", friday, lambda _: {}, now=friday.end, status="NO_TRADES")
    assert day(queries)[0] == thursday[-1].close
