"""`stock_minute_alerts` and the usual volume, on every database; who reads locks nobody out."""

import time as steady
from contextlib import closing
from datetime import datetime, time, timedelta

import pytest
from store_testing import CALENDAR, DAY, SESSION, SYMBOL, at, full_day

from minute_candles.storage.ddl import ALERTS_DDL
from minute_candles.storage.store import KeptAlert, open_alerts, open_reader

NOW = datetime(2025, 8, 26, 10, 31, 2)
ALERT = KeptAlert("급등락", SYMBOL, 1, at(10, 30), "info", "5분 동안 +3.12% · 72,300원", 3.123456789)


@pytest.fixture
def table(any_store, any_database, clock):
    made = open_alerts(any_database, clock)
    yield made
    made.close()


def alerts_of(reader, first=datetime.min, last=datetime.max, limit=10):
    return [fired.alert for fired in reader.fired(first, last, limit)]


def test_what_is_kept_is_read_back_once_the_newest_first(table, any_database, clock):
    assert alerts_of(table) == []  # no table yet
    other = ALERT._replace(interval=5)
    assert table.keep([ALERT], NOW) == [ALERT] and table.keep([ALERT._replace(text="again"), other], NOW) == [other]
    assert sorted(alerts_of(table)) == [ALERT, other]
    assert alerts_of(table, at(10, 31)) == alerts_of(table, last=at(10, 29)) == []
    table.keep([ALERT._replace(timestamp=at(11, minute)) for minute in range(20)], NOW)
    with closing(open_reader(any_database, clock)) as view:
        assert [one.timestamp.minute for one in alerts_of(view, limit=3)] == [19, 18, 17]
    odd = ALERT._replace(timestamp=at(8), rule="이름 '; DROP TABLE x; -- 🚀", text="가🚀" * 400)
    table.keep([odd], NOW)
    assert alerts_of(table, last=at(9)) == [odd._replace(text=odd.text[:500])]


def test_the_usual_volume_is_the_mean_by_minute(table, any_store):
    assert table.usual_volume(SYMBOL, 1, 20, at(0)) == {} and table.candles(SYMBOL, 1, at(0), at(23), 500) == []
    volumes = []
    for day in CALENDAR.trading_days(DAY - timedelta(days=20), DAY)[-4:-1]:
        candles = full_day(session := CALENDAR.session(day), day.day)
        any_store.rewrite(SYMBOL, session, lambda _, found=candles: found, now=session.end, status="COMPLETE")
        volumes.append([one.volume for one in candles[1]])
    usual = table.usual_volume(SYMBOL, 1, 2, at(0))
    assert len(usual) == 381 and usual[time(15, 30)] == sum(day[-1] for day in volumes[-2:]) / 2
    assert usual[time(9, 7)] == sum(day[7] for day in volumes[-2:]) / 2
    assert table.usual_volume(SYMBOL, 1, 60, at(0))[time(9)] == pytest.approx(sum(day[0] for day in volumes) / 3)
    assert table.usual_volume(SYMBOL, 15, 1, at(0))[time(9)] == sum(volumes[-1][:15])


def test_a_reader_in_the_middle_holds_no_write_up(table, any_store):
    """Rule "Readers hold nobody up": while a read is under way, a symbol-day is written."""

    def slowly(run):
        run("SELECT COUNT(*) FROM stock_minute_prices")
        began = steady.monotonic()
        any_store.rewrite(SYMBOL, SESSION, lambda _: full_day(), now=SESSION.end, status="COMPLETE")
        return steady.monotonic() - began

    assert table._connection.transaction(slowly) < 3


def test_an_older_table_is_altered_so_that_similar_names_are_rules_of_their_own(server, database, clock):
    """Without the right to alter it the SQL is named, and what can be kept is kept (#27)."""
    older = ALERTS_DDL.replace(" CHARACTER SET utf8mb4 COLLATE utf8mb4_bin", "")
    similar = [ALERT._replace(rule=name) for name in ("Gap up", "gap up", "cafe", "café", "급락 🔴", "급락 🔵")]
    server.run(f"{older} COLLATE=utf8mb4_general_ci", database=database.name)
    with server.account(database, "SELECT, INSERT") as account, closing(open_alerts(account, clock)) as table:
        assert len(table.keep(similar, NOW)) < len(similar)
    with closing(open_alerts(database, clock)) as table:
        table.keep(similar, NOW)
        assert {one.rule for one in alerts_of(table)} == {one.rule for one in similar}
