"""What `--check` shows (minute_candles/backfill/report.py)."""

from datetime import date

import pytest

from minute_candles.backfill.report import MOST_LISTED, problems_first
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.plan import SymbolDay

DAY, CALENDAR = date(2026, 11, 20), TradingCalendar()
NAMES = {f"{number:06}": "" for number in range(100)}
MISSING, UNPROVEN = [SymbolDay("000070", DAY)], [SymbolDay("000009", DAY), SymbolDay("000070", DAY)]


def test_symbols_that_lack_days_come_first_then_the_unproven_and_the_whole_ones_are_counted() -> None:
    shown, remark = problems_first(NAMES, MISSING, UNPROVEN, CALENDAR, whole=False)
    assert list(shown) == ["000070", "000009"] and "98종목" in remark and "--verbose" in remark


@pytest.mark.parametrize(("names", "whole"), [(NAMES, True), ({"005930": ""}, False)])
def test_the_whole_table_or_a_single_symbol_is_shown_as_it_is(names: dict[str, str], whole: bool) -> None:
    assert problems_first(names, MISSING, UNPROVEN, CALENDAR, whole=whole) == (names, "")


def test_more_problems_than_a_screen_holds_are_folded() -> None:
    missing = [SymbolDay(symbol, DAY) for symbol in NAMES]
    shown, remark = problems_first(NAMES, missing, [], CALENDAR, whole=False)
    assert len(shown) == MOST_LISTED and f"외 {len(NAMES) - MOST_LISTED}종목" in remark
