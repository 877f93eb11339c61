"""The list of symbols asks the table as seldom as it can."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import date, datetime

import pytest
from chart_testing import NAMES, filled
from store_testing import CALENDAR

from minute_candles.chart.listing import Listing
from minute_candles.chart.running import RunningMinutes
from minute_candles.config.settings import Database
from minute_candles.core.clock import Clock
from minute_candles.core.kst import KST
from minute_candles.storage.reader import CandleReader
from minute_candles.storage.store import CoverageRow, open_reader, open_store


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
