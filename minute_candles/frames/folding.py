"""Doubtful symbol-days in one line: days in a row folded, and the command that helps. For people (Korean)."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import groupby

from minute_candles.config import symbols_file
from minute_candles.frames.day_states import DayState
from minute_candles.frames.range import DEFAULT_DAYS, Range, day_span
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_status import DayStatus

STATUS_TEXTS: Mapping[DayStatus, str] = {
    DayStatus.UNPROVEN: "증명 안 됨",
    DayStatus.PROVISIONAL: "잠정",
    DayStatus.MISSING: "빠짐",
}
_MOST_RUNS = 12
_MOST_NAMED = 3
"""Symbols that share a run and are still listed one by one."""
_MOST_SYMBOLS = 30
_KEPT_DAYS = 365
"""KIS keeps minute candles for about a year (docs/dev/kis_http.md §6)."""


def fold_days(states: Iterable[DayState], calendar: TradingCalendar) -> str:
    """Return "005930 2026-11-02~11-26 빠짐 · 19종목일, …": a run a symbol, one for many symbols alike; a dozen runs."""
    runs: dict[tuple[date, date, str], list[tuple[str, int]]] = {}
    for symbol, mine in groupby(sorted(states, key=lambda state: state.symbol), key=lambda state: state.symbol):
        for first, last, text, count in _runs(list(mine), calendar):
            runs.setdefault((first, last, text), []).append((symbol, count))
    lines = [line for key, symbols in sorted(runs.items()) for line in _lines(*key, symbols)]
    more = [f"외 {len(lines) - _MOST_RUNS:,}건"] if len(lines) > _MOST_RUNS else []
    return ", ".join([*lines[:_MOST_RUNS], *more])


def _runs(states: Sequence[DayState], calendar: TradingCalendar) -> list[tuple[date, date, str, int]]:
    """Return the days of one symbol as runs without a trading day between them: first, last, what is said, how many."""
    found: list[tuple[date, date, str, int]] = []
    for state in sorted(states, key=lambda one: one.day):
        text = _state_text(state)
        if found and found[-1][2] == text and len(calendar.trading_days(found[-1][1], state.day)) <= 2:
            first, _, _, count = found[-1]
            found[-1] = (first, state.day, text, count + 1)
        else:
            found.append((state.day, state.day, text, 1))
    return found


def _state_text(state: DayState) -> str:
    reason = f": {state.note}" if state.note and state.status == DayStatus.UNPROVEN else ""
    return f"{STATUS_TEXTS.get(state.status, state.status)}{reason}"


def _lines(first: date, last: date, text: str, symbols: Sequence[tuple[str, int]]) -> list[str]:
    span = day_span(first, last)
    if len(symbols) > _MOST_NAMED:
        total = sum(count for _, count in symbols)
        return [f"{symbols[0][0]} 외 {len(symbols) - 1:,}종목 {span} {text} · {total:,}종목일"]
    return [f"{symbol} {span} {text}" + (f" · {count}종목일" if count > 1 else "") for symbol, count in symbols]


def remedy(states: Iterable[DayState], period: Range) -> str:
    """Return the command that fills or asks again for these days, with the flags that it needs; "" where none helps."""
    oldest, today = period.today - timedelta(days=_KEPT_DAYS), period.running_day()
    closed = [state for state in states if state.is_doubtful and state.day != today]
    helped = [state for state in closed if state.day >= oldest]
    unproven = [state for state in helped if state.status == DayStatus.UNPROVEN]
    incomplete = [state for state in helped if state.status != DayStatus.UNPROVEN]
    commands = []
    if incomplete:
        commands.append(f"채우기: {_command(incomplete, period)}")
    if unproven:
        commands.append(f"다시 묻기: {_command(unproven, period)} --recheck")
    if len(helped) < len(closed):
        commands.append(f"{oldest} 전은 KIS에 더 없습니다")
    return ", ".join(commands)


def _command(states: Sequence[DayState], period: Range) -> str:
    symbols = list(dict.fromkeys(state.symbol for state in states))
    first, last = min(state.day for state in states), max(state.day for state in states)
    flags = []
    if not symbols_file.default_symbols().keys() >= set(symbols):
        more = ",…" if len(symbols) > _MOST_SYMBOLS else ""
        flags.append(f"--symbols {','.join(symbols[:_MOST_SYMBOLS])}{more}")
    if first < period.calendar.last_closed(period.now) - timedelta(days=DEFAULT_DAYS - 1):
        flags.append(f"--from {first} --to {last}")
    return " ".join(["python fetch_minute_data.py", *flags])
