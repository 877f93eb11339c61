"""The request and the result of an export. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

from minute_candles.core.kst import KST
from minute_candles.export.candle_files import About, CsvForm, Prices
from minute_candles.export.dataset import days_in, year_files
from minute_candles.frames.adjusted import Adjusted
from minute_candles.frames.day_states import DayState
from minute_candles.frames.intervals import FrameInterval
from minute_candles.frames.range import Range
from minute_candles.frames.symbol_candles import Table
from minute_candles.storage.coverage import is_whole

_PRICES: Mapping[Adjusted, Prices] = {False: "unadjusted", True: "adjusted", "total": "total"}


@dataclass
class ExportResult:
    """What an export did."""

    rows: int = 0
    written: int = 0
    unchanged: int = 0
    moved: int = 0
    """Files of the older form."""
    doubtful: list[DayState] = field(default_factory=list)
    splits: list[str] = field(default_factory=list)
    empty: list[str] = field(default_factory=list)
    """Symbols without any candle in the range."""
    refused: dict[str, str] = field(default_factory=dict)
    """Symbols that could not be adjusted, and why: nothing of theirs was written."""
    kept: list[str] = field(default_factory=list)
    """Days and files that stay as they were exported before: the table lacks them."""
    cut: list[date] = field(default_factory=list)
    """Weeks and months that the range cut: left out."""
    is_closed: bool = False
    """Whether the reader of a stream has closed it before its end."""


@dataclass(frozen=True)
class ExportRequest:
    """What shall be exported: whole days of some symbols, as one interval."""

    symbols: Sequence[str]
    interval: FrameInterval
    period: Range
    force: bool = False
    adjusted: Adjusted = False
    is_excel: bool = False
    earlier: Mapping[str, Sequence[date]] = field(default_factory=dict)
    """By symbol the days outside the range that its files hold, and that are adjusted anew with it."""
    refused: Mapping[str, str] = field(default_factory=dict)

    def years(self, symbol: str) -> list[Range]:
        """Return the symbol's days, cut where a year ends: what is held in memory is a symbol's year.

        Weeks are not cut: one that lies in two years would be lost.
        """
        first, last = self.period.first, self.period.last
        if self.interval == "week":
            return [self.period._replace(first=min([first, *self.earlier.get(symbol, ())]))]
        spans = {
            year: (max(first, date(year, 1, 1)), min(last, date(year, 12, 31)))
            for year in range(first.year, last.year + 1)
        }
        for day in self.earlier.get(symbol, ()):
            since, until = spans.get(day.year, (day, day))
            spans[day.year] = min(since, day), max(until, day)
        return [self.period._replace(first=since, last=until) for _, (since, until) in sorted(spans.items())]

    def span(self, symbol: str) -> tuple[date, date]:
        """Return the first and the last day that are read of a symbol."""
        years = self.years(symbol)
        return years[0].first, years[-1].last

    def steps(self) -> int:
        """Return how often `on_year` is called."""
        return sum(len(self.years(symbol)) for symbol in self.symbols)

    def about(self) -> About:
        """Return what its files say of themselves."""
        prices = _PRICES[self.adjusted]
        return About(self.interval, self.period.now.astimezone(KST), prices)

    def csv_form(self, *, has_bom: bool = True) -> CsvForm:
        """Return how its CSV files are written."""
        return CsvForm(has_bom, self.is_excel)

    def holds(self, day: date) -> bool:
        """Return whether the range holds the day."""
        return self.period.first <= day <= self.period.last


def with_earlier_days(request: ExportRequest, table: Table, folder: Path) -> ExportRequest:
    """Return the adjusted request with the days that the symbols' files hold: one symbol, one basis.

    A day that the table no longer has cannot be adjusted anew: its symbol is refused, its files stay.
    """
    period, earlier, refused = request.period, {}, dict(request.refused)
    for symbol in request.symbols:
        days = days_in(year_files(folder, request.interval, symbol))
        held = table.counts([symbol], [period.session_of(day) for day in days])
        coverage = table.coverage([symbol], period.first, period.last)
        empty = {day for (_, day), row in coverage.items() if is_whole(row, (0,))}
        if gone := [day for day in days if (symbol, day) not in held and day not in empty]:
            refused[symbol] = f"{symbol} {gone[0]}: 폴더에는 있고 테이블에는 없어 새로 수정할 수 없습니다"
        earlier[symbol] = [day for day in days if not request.holds(day)]
    return replace(request, earlier=earlier, refused=refused)
