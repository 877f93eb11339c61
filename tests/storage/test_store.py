"""The store's promises, on every server: a symbol-day is written whole, only where it differs, and read back."""

from contextlib import closing
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
import store_testing
from backfill_tools import insert, url_of
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_testing import CALENDAR, DAY, NOW, SESSION, SYMBOL, at, at_once, candle, full_day, identities, rows, stored

from minute_candles.market.day_status import DayStatus
from minute_candles.market.write_event import Stored
from minute_candles.storage.store import CoverageRow

OTHER, LATER = "Q'5%s0", NOW + timedelta(hours=1)


def put(store, candles, symbol=SYMBOL, session=SESSION, **more):
    return store.rewrite(symbol, session, lambda _: candles, **({"now": NOW} | more))


def test_a_day_is_stored_with_its_coverage_and_read_back(any_store) -> None:
    day = full_day()
    assert put(any_store, day, status="COMPLETE", note="가" * 900) == (381, 77, 27) and stored(any_store) == day
    covered = CoverageRow(DayStatus.COMPLETE, (381, 77, 27), note="가" * 500, verified_at=datetime(2025, 8, 26, 15, 45))
    assert any_store.coverage([SYMBOL], DAY, DAY) == {(SYMBOL, DAY): covered}
    assert any_store.counts([SYMBOL, "000660"], [SESSION]) == {(SYMBOL, DAY): (381, 77, 27)}
    spans = any_store.spans
    assert spans({SYMBOL: datetime.max, "000660": datetime.max}) == {SYMBOL: (at(9), at(15, 30))}
    assert spans({SYMBOL: at(15, 19)}) == {SYMBOL: (at(9), at(15, 18))} and spans({SYMBOL: at(9)}) == {}


def test_only_the_row_that_changed_is_touched(any_store) -> None:
    day = full_day()
    put(any_store, day)
    before = identities(any_store)
    day[1][100] = day[1][100]._replace(volume=day[1][100].volume + 1)
    put(any_store, day, now=LATER)
    moved = set(identities(any_store)) - set(before)
    assert [row[:2] for row in moved] == [(SYMBOL, "ONE_MINUTE")] and stored(any_store) == day
    [(*_, number, created, updated)] = moved
    assert [(row[4], str(updated)) for row in before if row[3] == number] == [(created, "2025-08-26 16:45:00")]


def test_listeners_get_what_changed_after_it_is_committed(any_store) -> None:
    events = []
    any_store.listeners.append(lambda event: events.append((event, len(stored(any_store)[1]))))
    day = full_day()
    put(any_store, day, status="PROVISIONAL")
    put(any_store, day, status="PROVISIONAL")
    other = day | {1: [day[1][0], day[1][1]._replace(close=day[1][1].high), *day[1][2:-1]]}
    put(any_store, other, status="COMPLETE")
    nothing = {1: [], 5: [], 15: []}
    assert events == [
        (Stored(SYMBOL, DAY, day, 0, "PROVISIONAL"), 381),
        (Stored(SYMBOL, DAY, nothing, 0, "PROVISIONAL"), 381),
        (Stored(SYMBOL, DAY, nothing | {1: [other[1][1]]}, 1, "COMPLETE"), 380),
    ]


def test_a_write_that_fails_leaves_nothing_behind_and_reports_nothing(any_store) -> None:
    """An error of the caller's, and a candle outside the rewritten span."""
    put(any_store, full_day(seed=1))
    reported = []
    any_store.listeners.append(reported.append)
    with pytest.raises(ZeroDivisionError):
        any_store.rewrite(SYMBOL, SESSION, lambda _: 1 // 0, now=NOW)
    for when in (at(15, 40), at(20)):
        with pytest.raises(ValueError, match="outside"):
            put(any_store, {1: [candle(when)]})
    assert stored(any_store) == full_day(seed=1) and reported == []


def test_rows_of_others_after_the_session_and_of_other_days_and_symbols_are_left_alone(any_store, any_database) -> None:
    tomorrow = CALENDAR.session(DAY + timedelta(days=1))
    put(any_store, full_day(tomorrow), session=tomorrow)
    put(any_store, full_day(), symbol=OTHER, status="COMPLETE")
    insert(url_of(any_database), SYMBOL, "2025-08-26 16:00:00")
    before = identities(any_store)
    assert put(any_store, {}, status="NO_TRADES") == (0, 0, 0) and identities(any_store) == before
    assert any_store.counts([SYMBOL, OTHER], [SESSION]) == {(OTHER, DAY): (381, 77, 27)}
    assert set(any_store.coverage([OTHER], DAY, DAY)) == {(OTHER, DAY)} and any_store.coverage([], DAY, DAY) == {}


def test_change_is_handed_what_is_stored_since_a_time_and_the_rest_stays(any_store) -> None:
    put(any_store, full_day())
    found = []
    cut = lambda now: [found.append(now), {**now, 1: now[1][:-1]}][1]  # noqa: E731
    how = {"since": at(15), "now": NOW, "status": "PROVISIONAL"}
    assert any_store.rewrite(SYMBOL, SESSION, cut, **how) == (380, 77, 27)
    assert any_store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].counts == (380, 77, 27)
    assert [c.timestamp for c in found[0][1]] == [at(15, n) for n in range(20)] + [at(15, 30)]
    assert stored(any_store)[1] == full_day()[1][:-1]


@pytest.mark.parametrize(("opened", "close", "percent"), [(70_300, 70_000, "-0.43"), (100, 1_100, None)])
def test_derived_columns_are_exact_or_null(any_store, opened, close, percent) -> None:
    """A percentage that the column cannot hold is NULL; a VWAP that turnover no longer proves becomes so."""
    one = candle(at(9), price=opened, vwap="70321.07")._replace(close=close, high=opened + 1_000)
    put(any_store, {1: [one]})
    before, columns = identities(any_store), ("price_change", "price_change_percent", "vwap")
    [found] = rows(any_store, f"SELECT {', '.join(f'CAST({c} AS CHAR)' for c in columns)} FROM stock_minute_prices")
    wanted = (Decimal(close - opened), percent and Decimal(percent), Decimal("70321.07"))
    assert tuple(value and Decimal(str(value)) for value in found) == wanted
    put(any_store, {1: [one]}, now=LATER)
    assert identities(any_store) == before
    put(any_store, {1: [one._replace(vwap=None)]}, now=LATER)
    assert stored(any_store)[1] == [one._replace(vwap=None)]


def test_a_price_with_a_fraction_or_a_time_off_the_grid_is_no_candle_and_is_replaced(any_store) -> None:
    day, found = {1: [candle(at(9)), candle(at(9, 1))]}, []
    put(any_store, day)
    for change, minute in (("open_price = 70000.5", 0), ("timestamp = '2025-08-26 09:01:11'", 1)):
        rows(any_store, f"UPDATE stock_minute_prices SET {change} WHERE timestamp = '2025-08-26 09:0{minute}:00'")
    assert stored(any_store)[1] == []
    any_store.rewrite(SYMBOL, SESSION, lambda now: [found.append(now), day][1], now=LATER)
    assert found[0][1] == [] and stored(any_store)[1] == day[1] and len(identities(any_store)) == 2


def test_what_a_verified_day_lost_is_found_of_every_interval_and_nothing_else(any_store, any_database) -> None:
    """A row behind the session's end makes up for none; a day of unusual hours is looked at, too."""
    sessions = [CALENDAR.session(day) for day in CALENDAR.trading_days(date(2025, 11, 10), date(2025, 11, 21))]
    for session in sessions:
        for symbol in (SYMBOL, "000660"):
            put(any_store, full_day(session), symbol=symbol, session=session, status="COMPLETE")
    verified = any_store.coverage([SYMBOL, "000660", "999999"], sessions[0].day, sessions[-1].day)
    assert len(verified) == 20 and any_store.missing_rows(verified, sessions) == {}
    two = sessions[1].day, sessions[2].day
    assert set(any_store.coverage([SYMBOL], *two)) == {(SYMBOL, day) for day in two}
    assert any_store.missing_rows({}, sessions) == {}
    gone = "DELETE FROM stock_minute_prices WHERE stock_symbol = %s AND minute_interval = %s AND timestamp = %s"
    for key in (
        (SYMBOL, "ONE_MINUTE", "2025-11-11 09:07:00"), ("000660", "FIVE_MINUTES", "2025-11-14 15:30:00"),
        (SYMBOL, "FIFTEEN_MINUTES", "2025-11-13 16:30:00"), (SYMBOL, "ONE_MINUTE", "2025-11-20 09:00:00"),
    ):  # fmt: skip
        rows(any_store, gone, *key)
    insert(url_of(any_database), SYMBOL, "2025-11-11 15:50:00")
    found = {
        (SYMBOL, date(2025, 11, 11)): (380, 77, 27), ("000660", date(2025, 11, 14)): (381, 76, 27),
        (SYMBOL, date(2025, 11, 13)): (381, 77, 26), (SYMBOL, date(2025, 11, 20)): (380, 77, 27),
    }  # fmt: skip
    assert any_store.missing_rows(verified, sessions) == found


def test_turnover_ranks_the_most_traded_first_and_the_unknown_last_in_their_order(any_store) -> None:
    for symbol, volume in (("000001", 10), ("000002", 1000), ("000003", 100)):
        put(any_store, {15: [candle(at(9), volume=volume)]}, symbol=symbol)
    symbols = ["000009", "000001", "000008", "000003", "000002"]
    assert any_store.turnover_rank(symbols, DAY) == ["000002", "000003", "000001", "000009", "000008"]
    assert any_store.turnover_rank(symbols, DAY + timedelta(days=1)) == symbols


def test_minutes_of_days_far_apart_are_read_with_every_query(any_store) -> None:
    """In bulk: a range longer than one query reads is read whole."""
    sessions = [CALENDAR.session(date(2025, month, day)) for month, day in ((6, 16), (8, 18), (9, 16))]
    days = [full_day(session, seed) for seed, session in enumerate(sessions)]
    for session, day in zip(sessions, days, strict=True):
        put(any_store, day, session=session)
    found = any_store.minutes().read(SYMBOL, sessions[0].day, sessions[-1].day)
    expected = [one for day in days for one in day[1]]
    assert found.start.astype("datetime64[us]").tolist() == [one.timestamp for one in expected]
    assert found.close.tolist() == [one.close for one in expected]
    assert found.vwap.tolist() == [-1 if one.vwap is None else int(one.vwap * 100) for one in expected]


def test_many_threads_share_one_store(any_store) -> None:
    days = {f"{seed:06d}": full_day(seed=seed) for seed in range(8)}
    at_once(*[lambda symbol=symbol: put(any_store, days[symbol], symbol=symbol) for symbol in days])
    assert all(stored(any_store, symbol=symbol) == day for symbol, day in days.items())


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 5), max_size=12), min_size=1, max_size=4))
def test_after_any_history_the_table_is_what_was_wanted_last(any_store, history) -> None:
    for number, wanted in enumerate(history):
        day = [candle(at(9, m), volume=v) for m, v in sorted(wanted.items())]
        before = {str(row[2])[:19]: row for row in identities(any_store)}
        was = {c.timestamp: c for c in stored(any_store)[1]}
        put(any_store, {1: day}, now=NOW + timedelta(minutes=number))
        assert stored(any_store)[1] == day
        after = {str(row[2])[:19]: row for row in identities(any_store)}
        same = [str(c.timestamp) for c in day if was.get(c.timestamp) == c]
        assert [after[key] for key in same] == [before[key] for key in same]


DAYS = CALENDAR.trading_days(date(2025, 7, 1), date(2025, 9, 30))[:6]
SYMBOLS = [SYMBOL, *(f"{n:06d}" for n in range(100_000, 100_096))]
MINUTES = [(name, minute) for n, name in store_testing.NAMES.items() for minute in [*range(0, 380, n), 390]]
FILL = (
    "INSERT INTO stock_minute_prices SELECT NULL, s, TIMESTAMPADD(MINUTE, 540 + m, d), i, 70000, 70100, 69900, 70050,"
    " 1000 + m, '2025-10-01', NULL FROM symbols STRAIGHT_JOIN days STRAIGHT_JOIN minutes"
)


@pytest.mark.slow
def test_planning_a_rewrite_and_a_chart_go_through_the_unique_key(server, database, clock, monkeypatch) -> None:
    """97 symbols × 6 days, as a backfill by symbol writes them, in the README's table (whose second key tempts).

    How long they take: benchmarks/bench_growth.py.
    """
    quoted, run = "('{}')".format, lambda sql: server.run(sql, database=database.name)
    for sql in (
        store_testing.README_DDL,
        "CREATE TABLE days (d DATE)", f"INSERT INTO days VALUES {', '.join(map(quoted, DAYS))}",
        "CREATE TABLE symbols (s VARCHAR(20))", f"INSERT INTO symbols VALUES {', '.join(map(quoted, SYMBOLS))}",
        "CREATE TABLE minutes (i VARCHAR(20), m INT)", f"INSERT INTO minutes VALUES {', '.join(map(str, MINUTES))}",
        FILL,
    ):  # fmt: skip
        run(sql)
    with closing(store_testing.ready(database, clock=clock)) as table:
        verified = "SELECT s, d, 381, 77, 27, 'COMPLETE', NULL, NULL, NULL, NULL, '2025-10-01' FROM symbols, days"
        run(f"INSERT INTO stock_minute_coverage {verified}")
        run("ANALYZE TABLE stock_minute_prices, stock_minute_coverage")
        sessions, found = [CALENDAR.session(day) for day in DAYS], table.coverage(SYMBOLS, DAYS[0], DAYS[-1])
        assert len(found) == 97 * 6 and table.missing_rows(found, sessions) == {}
        key, driver, queries, session = table._layout.key, table._connection._driver, [], sessions[-1]
        explained = lambda sql, *params: str(table._read(f"EXPLAIN FORMAT=JSON {sql}", *params)[0][0])  # noqa: E731
        own = driver.run
        monkeypatch.setattr(driver, "run", lambda sql, *params: [queries.append((sql, params)), own(sql, *params)][1])
        table.counts([SYMBOL], [session])
        table.missing_rows({(SYMBOL, DAYS[-1]): CoverageRow(DayStatus.COMPLETE, (381, 77, 27))}, [session])
        table.rewrite(SYMBOL, session, lambda stored: stored, now=session.end)
        monkeypatch.undo()
        queries = [query for query in queries if "FROM stock_minute_prices" in query[0]]
        assert len(queries) == 8
        for sql, params in queries:
            plan = explained(sql, *params)
            assert f'"{key}"' in plan
            assert "COUNT(*)" not in sql or '"using_index": true' in plan or '"covering": true' in plan
        where = "WHERE stock_symbol = %s AND minute_interval = %s AND timestamp BETWEEN %s AND %s ORDER BY timestamp"
        for first, last in ((DAYS[3], DAYS[4]), (DAYS[0], DAYS[-1])):
            span = (SYMBOL, store_testing.NAMES[1], first.isoformat(), last.isoformat())
            plan = explained(f"SELECT * FROM stock_minute_prices {where}", *span)
            assert f'"key": "{key}"' in plan or f'"index_name": "{key}"' in plan
            assert "filesort" not in plan.replace('"using_filesort": false', "")
