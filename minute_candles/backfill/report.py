"""What people read at the end of a backfill: the check table, the forecast, the summary, the result file."""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from minute_candles.console import console
from minute_candles.core import files
from minute_candles.frames.day_states import DayState
from minute_candles.frames.folding import fold_days
from minute_candles.market.calendar import TradingCalendar
from minute_candles.market.day_status import DayStatus
from minute_candles.verification.plan import SymbolDay

RESULT_FILE = "minute_data_collection_results.json"
NAMES = ("1min", "5min", "15min")
MOST_LISTED = 20


@dataclass
class SymbolResult:
    """One symbol of a run: rows stored per interval, days done; days that failed or are doubtful, with the reason."""

    symbol: str
    name: str
    rows: list[int] = field(default_factory=lambda: [0, 0, 0])
    days: list[date] = field(default_factory=list)
    failed: dict[date, str] = field(default_factory=dict)
    unproven: dict[date, str] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """Return the symbol as the result file has it."""
        rows = dict(zip(NAMES, self.rows, strict=True))
        reasons = {"failed": _reasoned(self.failed), "unproven": _reasoned(self.unproven)}
        return {"symbol": self.symbol, "name": self.name, **rows, "days": len(self.days), **reasons}


def _reasoned(days: Mapping[date, str]) -> list[dict[str, str]]:
    return [{"date": day.isoformat(), "reason": reason} for day, reason in sorted(days.items())]


@dataclass
class RunResult:
    """A whole run, as `minute_data_collection_results.json` keeps it."""

    started_at: datetime
    first: date
    last: date
    symbols: dict[str, SymbolResult]
    calls: int = 0

    @classmethod
    def of(cls, names: Mapping[str, str], first: date, last: date, started_at: datetime) -> "RunResult":
        """Return a run that has just begun."""
        return cls(started_at, first, last, {symbol: SymbolResult(symbol, name) for symbol, name in names.items()})

    @property
    def rows(self) -> list[int]:
        """Rows stored per interval."""
        return [sum(column) for column in zip(*(result.rows for result in self.symbols.values()), strict=True)]

    @property
    def days(self) -> int:
        """Symbol-days stored."""
        return sum(len(result.days) for result in self.symbols.values())

    @property
    def failures(self) -> list[tuple[str, date, str]]:
        """Symbol, day and reason of what failed."""
        return [(r.symbol, day, why) for r in self.symbols.values() for day, why in sorted(r.failed.items())]

    @property
    def unproven(self) -> list[tuple[str, date, str]]:
        """Symbol, day and reason of what is stored UNPROVEN."""
        return [(r.symbol, day, why) for r in self.symbols.values() for day, why in sorted(r.unproven.items())]

    def write(self, path: Path, finished_at: datetime, exit_code: int) -> None:
        """Write the result file. Raises `OSError`."""
        kept = {
            "started_at": self.started_at.isoformat(timespec="seconds"),
            "finished_at": finished_at.isoformat(timespec="seconds"),
            "exit_code": exit_code,
            "range": {"from": self.first.isoformat(), "to": self.last.isoformat()},
            "totals": {**dict(zip(NAMES, self.rows, strict=True)), "days": self.days, "calls": self.calls},
            "symbols": [result.as_json() for result in self.symbols.values()],
        }
        files.atomic_write(path, json.dumps(kept, ensure_ascii=False, indent=2) + "\n")

    def summary(self, seconds: float) -> str:
        """Return what people read at the end of a run."""
        one, five, fifteen = (console.number(count) for count in self.rows)
        lines = [
            f"📊 저장: 1분봉 {one}건 · 5분봉 {five}건 · 15분봉 {fifteen}건 ({console.number(self.days)}종목일)",
            f"📞 KIS 호출 {console.number(self.calls)}회 · 걸린 시간 {console.duration(seconds)}",
        ]
        if self.failures:
            lines.append(f"⚠️ 받지 못한 종목일 {len(self.failures):,}건 (다시 실행하면 이것만 다시 받습니다):")
            lines += _listed(self.failures)
        if self.unproven:
            count = f"❓ 저장했지만 증명되지 않은(UNPROVEN) 종목일 {len(self.unproven):,}건"
            lines.append(f"{count} (보기: --check, 다시 묻기: --recheck):")
            lines += _listed(self.unproven)
        return "\n".join(lines)


def _listed(days: Sequence[tuple[str, date, str]]) -> list[str]:
    """Return the first twenty by name."""
    more = [f"   … 외 {len(days) - MOST_LISTED}건은 결과 파일에"] if len(days) > MOST_LISTED else []
    return [*(f"   {symbol} {day} {why}" for symbol, day, why in days[:MOST_LISTED]), *more]


def forecast(missing: Sequence[SymbolDay], calendar: TradingCalendar, rates: Sequence[float]) -> str:
    """Return the text of `--dry-run`: days, calls, and minutes at the current limit."""
    calls = len({task.symbol for task in missing}) + sum(_pages(calendar, task.day) for task in missing)
    days, rate = console.number(len(missing)), sum(rates)
    keys = "키 하나로" if len(rates) == 1 else f"키 {len(rates)}개({' + '.join(f'{one:g}' for one in rates)})로"
    return (
        f"📋 받을 것: {days}종목일, {console.number(calls)}회 호출, {console.duration(calls / rate)}"
        f" ({keys} 초당 {rate:g}회 기준)\n"
        "   아무것도 저장하지 않았습니다. --dry-run 없이 실행하면 받습니다."
    )


def _pages(calendar: TradingCalendar, day: date) -> int:
    """Return the calls of a liquid symbol's day: a row a minute but the ten of the closing auction, 120 a call."""
    session = calendar.session(day)
    minutes = (session.close - session.open).seconds // 60 - 10 + 1
    return -(-minutes // 120)


def check_table(
    names: Mapping[str, str],
    days: Sequence[date],
    missing: Sequence[SymbolDay],
    spans: Mapping[str, tuple[datetime, datetime]],
    unproven: Sequence[SymbolDay] = (),
    *,
    by_day: bool = False,
) -> str:
    """Return the text of `--check`: the days of each symbol, or each day of one symbol.

    A symbol has days complete and missing, first and last candle, and reasons.

    ❗ something is missing · ❓ all is there, but some UNPROVEN (rule "Doubt costs a mark, never the data").
    """
    count = console.number(len(unproven))
    more = f"\n\n❓ {count}종목일은 KIS가 말한 대로 저장했지만 증명되지 않았습니다 (다시 묻기: --recheck)."
    if by_day:
        symbol, name = next(iter(names.items()))
        table = _check_by_day(f"{symbol} {name}".strip(), days, missing, unproven)
    else:
        table = _check_by_symbol(names, days, missing, spans, unproven)
    return table + more if unproven else table


def problems_first(
    names: Mapping[str, str],
    missing: Sequence[SymbolDay],
    unproven: Sequence[SymbolDay],
    calendar: TradingCalendar,
    *,
    whole: bool,
) -> tuple[dict[str, str], str]:
    """Return the symbols that the check table shows, those that lack days first, and what is said of the others."""
    if whole or len(names) == 1:
        return dict(names), ""
    incomplete, doubtful = ({task.symbol for task in tasks} for tasks in (missing, unproven))
    problems = [symbol for symbol in names if symbol in incomplete]
    problems += [symbol for symbol in names if symbol in doubtful - incomplete]
    shown = {symbol: names[symbol] for symbol in problems[:MOST_LISTED]}
    lines = []
    if len(problems) > len(shown):
        gone = [DayState(task.symbol, task.day, DayStatus.MISSING) for task in missing]
        folded = f": {fold_days(gone, calendar)}" if gone else ""
        lines.append(f"… 외 {console.number(len(problems) - len(shown))}종목{folded}")
    if rest := len(names) - len(problems):
        lines.append(f"✅ {console.number(rest)}종목은 모두 있습니다.")
    if len(shown) < len(names):
        lines.append("전부 보기: --check --verbose")
    return shown, "\n".join(lines)


def _check_by_symbol(
    names: Mapping[str, str],
    days: Sequence[date],
    missing: Sequence[SymbolDay],
    stored: Mapping[str, tuple[datetime, datetime]],
    unproven: Sequence[SymbolDay],
) -> str:
    rows = []
    numbers = {day: number for number, day in enumerate(days)}
    missing_of, unproven_of = _by_symbol(missing), _by_symbol(unproven)
    for symbol, name in names.items():
        gone, doubtful = missing_of[symbol], unproven_of[symbol]
        first, last = (f"{at:%m-%d %H:%M}" for at in stored[symbol]) if symbol in stored else ("-", "-")
        mark = "❗" if gone else "❓" if doubtful else "✅"
        why = " / ".join(filter(None, (_reasons(gone, numbers, days), _reasons(doubtful, numbers, days, "❓ "))))
        rows.append([mark, symbol, name, str(len(days) - len(gone)), str(len(gone)), first, last, why])
    return console.table(["", "종목", "이름", "완료", "빠짐", "첫 캔들", "마지막 캔들", "이유"], rows)


def _by_symbol(tasks: Sequence[SymbolDay]) -> dict[str, list[SymbolDay]]:
    found = defaultdict[str, list[SymbolDay]](list)
    for task in tasks:
        found[task.symbol].append(task)
    return found


def _reasons(tasks: Sequence[SymbolDay], numbers: Mapping[date, int], days: Sequence[date], mark: str = "") -> str:
    """Return every missing or doubtful day by its reason; days in a row as a span."""
    reasons: dict[str, list[int]] = {}
    for task in tasks:
        reasons.setdefault(f"{mark}{task.why}", []).append(numbers[task.day])
    return " / ".join(f"{why}: {spans(found, lambda n: f'{days[n]:%m-%d}')}" for why, found in reasons.items())


def spans(numbers: Sequence[int], text: Callable[[int], str]) -> str:
    """Return numbers that run on as "first~last", each as `text` writes it."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return ", ".join(text(run[0]) + (f"~{text(run[-1])}" if len(run) > 1 else "") for run in runs)


def _check_by_day(title: str, days: Sequence[date], missing: Sequence[SymbolDay], unproven: Sequence[SymbolDay]) -> str:
    states = {task.day: ("❓", f"UNPROVEN: {task.why}") for task in unproven}
    states |= {task.day: ("❗", task.why) for task in missing}
    stated = [(day, *states.get(day, ("✅", "완료"))) for day in days]
    rows = [[mark, f"{day} ({'월화수목금토일'[day.weekday()]})", state] for day, mark, state in stated]
    return console.table(["", title, "상태"], rows)
