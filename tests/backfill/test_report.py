"""What `--check` shows (minute_candles/backfill/report.py)."""

from datetime import date

from minute_candles.backfill.report import MOST_LISTED, problems_first
from minute_candles.market.calendar import TradingCalendar
from minute_candles.verification.plan import SymbolDay


def test_symbols_that_lack_days_come_first_then_the_unproven_and_a_screen_is_never_overrun() -> None:
    day, calendar, names = date(2026, 11, 20), TradingCalendar(), {f"{number:06}": "" for number in range(100)}
    problems = [SymbolDay("000070", day)], [SymbolDay("000009", day), SymbolDay("000070", day)]
    shown, remark = problems_first(names, *problems, calendar, whole=False)
    assert list(shown) == ["000070", "000009"] and "98종목" in remark and "--verbose" in remark
    assert problems_first(names, *problems, calendar, whole=True) == (names, "")
    shown, remark = problems_first(names, [SymbolDay(symbol, day) for symbol in names], [], calendar, whole=False)
    assert len(shown) == MOST_LISTED and f"외 {len(names) - MOST_LISTED}종목" in remark
