"""The store's promises, on every server: a symbol-day is written whole, only where it differs, and read back."""

import logging
from collections import Counter
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from store_testing import (
    CALENDAR,
    DAY,
    LATER,
    NOW,
    SESSION,
    SYMBOL,
    at,
    at_once,
    candle,
    full_day,
    identities,
    rows,
    stored,
)

from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.market.candles import Candles
from minute_candles.market.day_status import DayStatus
from minute_candles.market.write_event import Stored
from minute_candles.storage.day_writer import Day, DayWriter
from minute_candles.storage.driver import Row, Run
from minute_candles.storage.layout import upsert_coverage
from minute_candles.storage.store import CoverageRow, Store, open_store


def put(store: Store, candles: Candles, **more: object) -> tuple[int, int, int]:
    return store.rewrite(SYMBOL, SESSION, lambda _: candles, **({"now": NOW} | more))  # type: ignore[arg-type]


def test_a_day_is_stored_with_its_coverage_and_read_back(any_store: Store) -> None:
    day = full_day()
    assert put(any_store, day, status="COMPLETE", note="한글 메모") == (381, 77, 27)
    assert stored(any_store) == day
    verified = datetime(2025, 8, 26, 15, 45)
    assert any_store.coverage([SYMBOL], DAY, DAY) == {
        (SYMBOL, DAY): CoverageRow(DayStatus.COMPLETE, (381, 77, 27), note="한글 메모", verified_at=verified)
    }
    assert any_store.counts([SYMBOL, "000660"], [SESSION]) == {(SYMBOL, DAY): (381, 77, 27)}


def test_only_the_row_that_changed_is_touched(any_store: Store) -> None:
    day = full_day()
    put(any_store, day)
    before = identities(any_store)
    day[1][100] = day[1][100]._replace(volume=day[1][100].volume + 1)
    put(any_store, day, now=LATER)
    moved = set(identities(any_store)) - set(before)
    assert [row[:2] for row in moved] == [(SYMBOL, "ONE_MINUTE")]
    [(*_, number, created, updated)] = moved
    [old] = [row for row in before if row[3] == number]
    assert (created, str(updated)) == (old[4], "2025-08-26 16:45:00")
    assert stored(any_store) == day


def test_listeners_hear_of_what_changed_after_it_is_committed(any_store: Store) -> None:
    heard = []

    def hear(told: Stored) -> None:
        heard.append((told, len(stored(any_store)[1])))

    any_store.listeners.append(hear)
    day = full_day()
    put(any_store, day, status="PROVISIONAL")
    put(any_store, day, status="PROVISIONAL")
    other = day | {1: [day[1][0], day[1][1]._replace(close=day[1][1].high), *day[1][2:-1]]}
    put(any_store, other, status="COMPLETE")
    nothing: Candles = {1: [], 5: [], 15: []}
    assert heard == [
        (Stored(SYMBOL, DAY, day, 0, "PROVISIONAL"), 381),
        (Stored(SYMBOL, DAY, nothing, 0, "PROVISIONAL"), 381),
        (Stored(SYMBOL, DAY, nothing | {1: [other[1][1]]}, 1, "COMPLETE"), 380),
    ]


def test_a_write_that_fails_leaves_nothing_behind_and_reports_nothing(any_store: Store) -> None:
    """An error of the caller's, and a candle outside the rewritten span."""
    put(any_store, full_day(seed=1))
    reported: list[Stored] = []
    any_store.listeners.append(reported.append)

    def explode(_: Candles) -> Candles:
        raise RuntimeError("mid-transaction")

    with pytest.raises(RuntimeError, match="mid-transaction"):
        any_store.rewrite(SYMBOL, SESSION, explode, now=NOW)
    for when in (at(15, 40), at(20)):
        with pytest.raises(ValueError, match="outside"):
            put(any_store, {1: [candle(when)]})
    assert stored(any_store) == full_day(seed=1) and reported == []


def insert_plainly(store: Store, when: str) -> None:
    """A 1-minute row of somebody else."""
    values = f"('{SYMBOL}', '{when}', 'ONE_MINUTE', 1, 1, 1, 1, 1, '{when}')"
    prices = "open_price, high_price, low_price, close_price, volume"
    columns = f"stock_symbol, timestamp, minute_interval, {prices}, created_at"
    rows(store, f"INSERT INTO stock_minute_prices ({columns}) VALUES {values}")


def test_rows_of_others_after_the_session_and_of_other_days_and_symbols_are_left_alone(any_store: Store) -> None:
    tomorrow = CALENDAR.session(DAY + timedelta(days=1))
    any_store.rewrite(SYMBOL, tomorrow, lambda _: full_day(tomorrow), now=NOW)
    any_store.rewrite("000660", SESSION, lambda _: full_day(), now=NOW)
    insert_plainly(any_store, "2025-08-26 16:00:00")
    before = identities(any_store)
    assert put(any_store, {}, status="NO_TRADES") == (0, 0, 0)
    assert identities(any_store) == before
    assert (SYMBOL, DAY) not in any_store.counts([SYMBOL], [SESSION])


def test_change_is_handed_what_is_stored_since_a_time_and_the_rest_stays(any_store: Store) -> None:
    put(any_store, full_day())
    seen: list[Candles] = []

    def change(stored: Candles) -> Candles:
        seen.append(stored)
        return {1: stored[1][:-1], 5: stored[5], 15: stored[15]}

    how: dict[str, Any] = {"since": at(15), "now": NOW, "status": "PROVISIONAL"}
    assert any_store.rewrite(SYMBOL, SESSION, change, **how) == (380, 77, 27)
    assert any_store.coverage([SYMBOL], DAY, DAY)[SYMBOL, DAY].counts == (380, 77, 27)
    assert [c.timestamp for c in seen[0][1]] == [at(15, n) for n in range(20)] + [at(15, 30)]
    assert stored(any_store)[1] == full_day()[1][:-1]


def test_derived_columns_are_exact(any_store: Store) -> None:
    put(any_store, {1: [candle(at(9), price=70_300, vwap="70321.07")._replace(close=70_000)]})
    cast = "CAST(price_change AS CHAR), CAST(price_change_percent AS CHAR), CAST(vwap AS CHAR)"
    [found] = rows(any_store, f"SELECT {cast} FROM stock_minute_prices")
    assert tuple(Decimal(str(value)) for value in found) == (-300, Decimal("-0.43"), Decimal("70321.07"))


def test_a_percentage_that_the_column_cannot_hold_is_null(any_store: Store) -> None:
    put(any_store, {1: [candle(at(9), price=100)._replace(close=1_100, high=1_200)]})
    assert rows(any_store, "SELECT price_change, price_change_percent FROM stock_minute_prices") == [(1000, None)]
    before = identities(any_store)
    put(any_store, {1: [candle(at(9), price=100)._replace(close=1_100, high=1_200)]}, now=LATER)
    assert identities(any_store) == before


def test_a_vwap_that_turnover_no_longer_proves_becomes_null(any_store: Store) -> None:
    put(any_store, {1: [candle(at(9), vwap="70010.50")]})
    put(any_store, {1: [candle(at(9))]}, now=LATER)
    assert stored(any_store)[1] == [candle(at(9))]


def test_a_price_with_a_fraction_or_a_time_off_the_grid_is_no_candle_and_is_replaced(any_store: Store) -> None:
    put(any_store, {1: [candle(at(9)), candle(at(9, 1))]})
    rows(any_store, "UPDATE stock_minute_prices SET open_price = 70000.5 WHERE timestamp = '2025-08-26 09:00:00'")
    rows(
        any_store,
        "UPDATE stock_minute_prices SET timestamp = '2025-08-26 09:01:11' WHERE timestamp = '2025-08-26 09:01:00'",
    )
    assert stored(any_store)[1] == []
    seen: list[Candles] = []
    any_store.rewrite(
        SYMBOL, SESSION, lambda now: [seen.append(now), {1: [candle(at(9)), candle(at(9, 1))]}][1], now=LATER
    )
    assert seen[0][1] == []
    assert stored(any_store)[1] == [candle(at(9)), candle(at(9, 1))]
    assert len(identities(any_store)) == 2


def test_a_long_note_is_cut_and_symbols_need_not_be_digits(any_store: Store) -> None:
    any_store.rewrite("Q'5%s0", SESSION, lambda _: {1: [candle(at(9))]}, now=NOW, status="COMPLETE", note="가" * 900)
    found = any_store.coverage(["Q'5%s0"], DAY, DAY)["Q'5%s0", DAY]
    assert (found.note, found.counts) == ("가" * 500, (1, 0, 0))


def test_coverage_is_that_of_the_range_and_the_symbols_asked_for(any_store: Store) -> None:
    days = CALENDAR.trading_days(date(2025, 8, 25), date(2025, 8, 29))
    for day in days:
        for symbol in ("005930", "000660"):
            any_store.rewrite(symbol, CALENDAR.session(day), lambda _: {}, now=NOW, status="NO_TRADES")
    found = any_store.coverage(["000660"], days[1], days[2])
    assert set(found) == {("000660", days[1]), ("000660", days[2])}
    assert any_store.coverage([], days[0], days[-1]) == {}


def test_what_a_verified_day_lost_is_seen_of_every_interval_and_nothing_else(any_store: Store) -> None:
    """A row behind the session's end makes up for none; a day of unusual hours is looked at, too."""
    sessions = [CALENDAR.session(day) for day in CALENDAR.trading_days(date(2025, 11, 10), date(2025, 11, 21))]
    for session in sessions:
        for symbol in (SYMBOL, "000660"):
            any_store.rewrite(symbol, session, lambda _, s=session: full_day(s), now=NOW, status="COMPLETE")
    verified = any_store.coverage([SYMBOL, "000660", "999999"], sessions[0].day, sessions[-1].day)
    assert len(verified) == 20 and any_store.missing_rows(verified, sessions) == {} == any_store.missing_rows(
        {}, sessions
    )
    for symbol, name, when in (
        (SYMBOL, "ONE_MINUTE", "2025-11-11 09:07:00"), ("000660", "FIVE_MINUTES", "2025-11-14 15:30:00"),
        (SYMBOL, "FIFTEEN_MINUTES", "2025-11-13 16:30:00"), (SYMBOL, "ONE_MINUTE", "2025-11-20 09:00:00"),
    ):  # fmt: skip
        rows(
            any_store, "DELETE FROM stock_minute_prices WHERE stock_symbol = %s AND minute_interval = %s"
            " AND timestamp = %s", symbol, name, when,
        )  # fmt: skip
    insert_plainly(any_store, "2025-11-11 15:50:00")
    found = {
        (SYMBOL, date(2025, 11, 11)): (380, 77, 27), ("000660", date(2025, 11, 14)): (381, 76, 27),
        (SYMBOL, date(2025, 11, 13)): (381, 77, 26), (SYMBOL, date(2025, 11, 20)): (380, 77, 27),
    }  # fmt: skip
    assert any_store.missing_rows(verified, sessions) == found
    some = {key: one for key, one in verified.items() if key[1] <= date(2025, 11, 13)}
    assert any_store.missing_rows(some, sessions[:4]) == {key: has for key, has in found.items() if key in some}


def test_turnover_ranks_the_most_traded_first_and_the_unknown_last_in_their_order(any_store: Store) -> None:
    for symbol, volume in (("000001", 10), ("000002", 1000), ("000003", 100)):
        any_store.rewrite(symbol, SESSION, lambda _, v=volume: {15: [candle(at(9), volume=v)]}, now=NOW)
    symbols = ["000009", "000001", "000008", "000003", "000002"]
    assert any_store.turnover_rank(symbols, DAY) == ["000002", "000003", "000001", "000009", "000008"]
    assert any_store.turnover_rank(symbols, DAY + timedelta(days=1)) == symbols


def test_spans_tell_the_first_and_the_last_minute(any_store: Store) -> None:
    put(any_store, full_day())
    assert any_store.spans({SYMBOL: datetime.max, "000660": datetime.max}) == {SYMBOL: (at(9), at(15, 30))}
    assert any_store.spans({SYMBOL: at(15, 19)}) == {SYMBOL: (at(9), at(15, 18))}
    assert any_store.spans({SYMBOL: at(9)}) == {}


def test_many_threads_share_one_store(any_store: Store) -> None:
    symbols = [f"{n:06d}" for n in range(16)]

    def job(symbol: str) -> object:
        return lambda: any_store.rewrite(
            symbol, SESSION, lambda _: full_day(seed=int(symbol)), now=NOW, status="COMPLETE"
        )

    at_once(*map(job, symbols))
    assert all(stored(any_store, symbol=symbol) == full_day(seed=int(symbol)) for symbol in symbols)


def test_the_log_tells_of_connecting_and_closing_once(any_database: Database, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "minute_candles")
    store = open_store(any_database, Clock())
    store.close()
    store.close()
    assert caplog.messages == ["✅ 데이터베이스 연결 성공", "🔌 데이터베이스 연결 해제"]


def test_an_upsert_draws_no_warning_from_the_server(store: Store) -> None:
    connection, day, stamp = store._connection, Day(SYMBOL, at(0), at(0), at(15, 40)), NOW.replace(tzinfo=None)

    def warnings(run: Run) -> list[Row]:
        writer = DayWriter(run, connection.dialect, store._layout, day)
        writer._upsert(list(writer._wanted(full_day()).items()), stamp)
        return run("SHOW WARNINGS")

    for _ in range(2):
        assert connection.transaction(warnings) == []
    row = (SYMBOL, DAY, 1, 1, 1, "COMPLETE", "EARLY_LABEL", "ab12", None, "메모", stamp)
    sql = upsert_coverage(connection.dialect, f"({', '.join(['%s'] * len(row))})")
    for _ in range(2):
        assert connection.transaction(lambda run: [run(sql, *row), run("SHOW WARNINGS")])[1] == []


MINUTE = st.integers(0, 30)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.dictionaries(MINUTE, st.integers(1, 5), max_size=12), min_size=1, max_size=4))
def test_after_any_history_the_table_is_what_was_wanted_last(any_store: Store, history: list[dict[int, int]]) -> None:
    for number, wanted in enumerate(history):
        day = {1: [candle(at(9, m), volume=v) for m, v in sorted(wanted.items())]}
        before = {row[2]: row for row in identities(any_store)}
        was = {c.timestamp: c for c in stored(any_store)[1]}
        put(any_store, day, now=NOW + timedelta(minutes=number))
        assert stored(any_store)[1] == day[1]
        after = {row[2]: row for row in identities(any_store)}
        same = [c for c in day[1] if was.get(c.timestamp) == c]
        moments = [key for key in after if str(key)[:19] in {str(c.timestamp) for c in same}]
        assert Counter(after[key] for key in moments) == Counter(before[key] for key in moments)
