"""The list of symbols asks the table as seldom as it can."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime

import pytest
from chart_testing import NAMES, filled, put
from store_testing import CALENDAR, minutes

from minute_candles.chart import listing
from minute_candles.chart.listing import Listing, SymbolRow
from minute_candles.chart.running import RunningMinutes
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.reader import CandleReader
from minute_candles.storage.store import CoverageRow, Last, open_reader, open_store

TUESDAY = date(2026, 11, 24)


def test_a_table_that_others_filled_is_not_asked_symbol_by_symbol(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without coverage rows nothing is known of any day: one question says so for all."""
    clock, asked, known = Clock(at=datetime(2026, 11, 23, 16, tzinfo=KST)), [], CandleReader.coverage
    with closing(open_store(database, clock)) as store:
        store.preflight()
        filled(store)
        store._connection.transaction(lambda run: run("DELETE FROM stock_minute_coverage"))

    def counted(view: CandleReader, symbols: Sequence[str], *days: date) -> Mapping[tuple[str, date], CoverageRow]:
        asked.append(symbols)
        return known(view, symbols, *days)

    monkeypatch.setattr(CandleReader, "coverage", counted)
    with closing(open_reader(database, clock)) as view:
        rows = Listing(view, NAMES, CALENDAR, clock, RunningMinutes(clock)).rows()
    assert {row["symbol"]: row["status"] for row in rows} == {
        "005930": "PROVISIONAL", "000660": "PROVISIONAL", "035420": "MISSING"
    }  # fmt: skip
    assert asked == [list(NAMES)]


def test_a_whole_market_is_read_anew_in_parts(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one symbol a list here; what a row says meanwhile is true."""
    monkeypatch.setattr(listing, "PART", 1)
    clock, read, newest = Clock(at=datetime(2026, 11, 23, 16, tzinfo=KST)), [], CandleReader.last_before
    moved = [0.0]
    monkeypatch.setattr(clock, "time", lambda: moved[0])

    def counted(view: CandleReader, symbols: Sequence[str], moment: datetime) -> Mapping[str, Last]:
        read.extend(symbols if moment.day == 24 else [])
        return newest(view, symbols, moment)

    monkeypatch.setattr(CandleReader, "last_before", counted)
    with closing(open_store(database, clock)) as store, closing(open_reader(database, clock)) as view:
        store.preflight()
        filled(store)
        made = Listing(view, NAMES, CALENDAR, clock, RunningMinutes(clock))

        def rows(seconds: float) -> dict[str, SymbolRow]:
            moved[0] += seconds
            return {row["symbol"]: row for row in made.rows()}

        first = rows(1)
        assert sorted(read) == sorted(NAMES), "the first list needs all"
        read.clear()
        for count in (1, 2, 3):
            rows(31 if count == 1 else 1)
            assert len({*read}) == len(read) == count
        tuesday = minutes(CALENDAR.session(TUESDAY), 5)[:20]
        for symbol in ("005930", "000660"):
            put(store, symbol, tuesday)
        day_begins = rows(1)
        closes = [day_begins[symbol]["previous_close"] for symbol in ("005930", "000660")]
        assert closes.count(None) == 1, "not yesterday's previous close, where the day was not read yet"
        assert {day_begins[s]["price"] for s in ("005930", "000660")} == {tuesday[-1].close}
        after = rows(1)
        assert {s: after[s]["previous_close"] for s in NAMES} == {s: first[s]["price"] for s in NAMES}
