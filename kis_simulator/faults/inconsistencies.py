"""Symbol-days whose answers contradict each other, alike in every answer or only the first time.

A fault strikes calls; an inconsistency belongs to symbol-days: every caller gets the same days, minutes and numbers.

    sim.add_fault("deal", rate=0.3)              # in 30 % of symbol-days, always
    sim.add_fault("daily_open", rate=0.3, once=True)   # wrong the first time, then right
    sim.add_fault("late", path="past", as_of=datetime(2026, 11, 20, 15, 10), until=datetime(2026, 11, 20, 21))

| kind | what is reported |
|---|---|
| deal | turnover of a deal outside the book, from one minute of the session on; in no minute's volume |
| cancelled | from one minute on the turnover lacks a trade that was cancelled; the volumes keep it |
| impossible | one row whose low is above its high |
| daily_open, daily_narrow, daily_half, daily_split | a daily candle of another open, range, half volume, prices × 5 |
| daily_missing | no daily row |
| late | the past TR and the daily candle (or the one of `path`) show the day of `as_of` as of then, until `until` |
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random

from kis_simulator.exchange.calendar import AUCTION_MINUTES
from kis_simulator.exchange.day import WHOLE_DAY, MarketDay
from kis_simulator.exchange.day import Row as TradedRow
from kis_simulator.exchange.market import Market

Row = dict[str, str]
Rows = list[Row]
MINUTE_KINDS = ("deal", "cancelled", "impossible")


@dataclass
class Inconsistency:
    """One of INCONSISTENCIES on the symbol-days its dice choose; `fired` counts wrong rows (or late answers)."""

    kind: str
    rate: float = 1.0
    path: str = "*"
    symbol: str | None = None
    day: date | None = None
    once: bool = False
    as_of: datetime | None = None
    until: datetime | None = None
    seed: int = 0
    fired: int = 0
    served: set[tuple[str, ...]] = field(default_factory=set, repr=False)
    moments: dict[tuple[str, date], TradedRow | None] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if self.kind not in INCONSISTENCIES or self.path not in ("past", "today", "daily", "*"):
            raise ValueError(f"unknown inconsistency {self.kind!r} or path {self.path!r}")
        self.day = date.fromisoformat(self.day) if isinstance(self.day, str) else self.day
        for name in ("as_of", "until"):
            if isinstance(getattr(self, name), str):
                setattr(self, name, datetime.fromisoformat(getattr(self, name)))
        if self.kind == "late" and self.as_of is None:
            raise ValueError("late needs as_of")

    def matches(self, symbol: str, day: date) -> bool:
        """Return whether this symbol-day is one of the surprising ones."""
        if self.symbol not in (None, symbol) or self.day not in (None, day):
            return False
        return self.rate >= 1 or self.dice(symbol, day).random() < self.rate

    def dice(self, symbol: str, day: date) -> Random:
        """Return the dice of a symbol-day."""
        return Random(f"{self.seed}/{self.kind}/{symbol}/{day}")

    def moment(self, market: Market, symbol: str, day: date) -> TradedRow | None:
        """Return the row it happens at, neither the first nor the auction's; None on a day too quiet."""
        if self.kind not in MINUTE_KINDS:
            return None
        if (symbol, day) not in self.moments:
            self.moments[symbol, day] = self._moment(market, symbol, day)
        return self.moments[symbol, day]

    def _moment(self, market: Market, symbol: str, day: date) -> TradedRow | None:
        if not self.matches(symbol, day):
            return None
        traded = market.day(symbol, day)
        rows = traded.closed_rows((traded.session.close - AUCTION_MINUTES) * 60)
        return rows[1 + self.dice(symbol, day).randrange(len(rows) - 1)] if len(rows) > 1 else None

    def beyond(self, market: Market, symbol: str, day: date, minute: int) -> int:
        """Return KRW that the day's turnover holds at this minute beyond what was traded in its minutes.

        What was cancelled is a little more than the minute's own range explains, and less than was turned over before.
        """
        at = self.moment(market, symbol, day) if self.kind in ("deal", "cancelled") else None
        if not at or minute < at.minute:
            return 0
        if self.kind == "deal":
            return at.high * (at.volume + 1_000) * 2
        return -(at.high - at.low) * at.volume - at.low

    def shown(self, path: str, symbol: str, day: date, now: datetime) -> int:
        """Return the second of `day` up to which the authority shows it now; WHOLE_DAY where it is not late."""
        as_of, late = self.as_of, self.kind == "late" and self.path in ("*", path)
        if not late or as_of is None or day != as_of.date() or (self.until and now >= self.until):
            return WHOLE_DAY
        if not self.matches(symbol, day):
            return WHOLE_DAY
        self.fired += 1
        return as_of.hour * 3600 + as_of.minute * 60 + as_of.second

    def spoil(self, path: str, symbol: str, rows: Rows, market: Market) -> Rows:
        """Return the rows of an answer with this inconsistency; the rows given are not touched."""
        concerns = self.kind in DAILY_KINDS if path == "daily" else self.kind in MINUTE_KINDS
        if not concerns or self.path not in ("*", path):
            return rows
        return [row for row in (self._spoilt(path, symbol, row, market) for row in rows) if row is not None]

    def _spoilt(self, path: str, symbol: str, row: Row, market: Market) -> Row | None:
        day = datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date()
        if self.kind in MINUTE_KINDS:
            changed: Row | None = self._minute_row(symbol, row, market.day(symbol, day), market)
        else:
            changed = DAILY_KINDS[self.kind](row) if self.matches(symbol, day) else row
        key = (path, symbol, row["stck_bsop_date"], row.get("stck_cntg_hour", ""))
        if changed == row or (self.once and key in self.served):
            return row
        self.fired += 1
        if self.once:
            self.served.add(key)
        return changed

    def _minute_row(self, symbol: str, row: Row, traded: MarketDay, market: Market) -> Row:
        hour = row["stck_cntg_hour"]
        minute = (int(hour[:2]) * 3600 + int(hour[2:4]) * 60 + int(hour[4:]) - traded.shift) // 60
        if self.kind != "impossible":
            beyond = self.beyond(market, symbol, traded.day, minute)
            return {**row, "acml_tr_pbmn": str(int(row["acml_tr_pbmn"]) + beyond)}
        at = self.moment(market, symbol, traded.day)
        is_it = at is not None and minute == at.minute and int(row["cntg_vol"])
        return {**row, "stck_lwpr": str(int(row["stck_hgpr"]) + 100)} if is_it else row


def unproven_minutes(
    inconsistencies: list[Inconsistency], market: Market, symbol: str, day: date
) -> tuple[set[int], set[int]]:
    """Return the minutes whose turnover nothing proves, and those left out as impossible."""
    unproven: set[int] = set()
    impossible: set[int] = set()
    for inconsistency in inconsistencies:
        row = None if inconsistency.once else inconsistency.moment(market, symbol, day)
        if row:
            (impossible if inconsistency.kind == "impossible" else unproven).add(row.minute)
    return unproven, impossible


def _daily_open(row: Row) -> Row:
    return {**row, "stck_oprc": row["stck_hgpr"] if row["stck_oprc"] != row["stck_hgpr"] else row["stck_lwpr"]}


def _daily_narrow(row: Row) -> Row:
    """Return the range of open and close alone."""
    low, high = sorted((row["stck_oprc"], row["stck_clpr"]), key=int)
    return {**row, "stck_lwpr": low, "stck_hgpr": high}


def _daily_half(row: Row) -> Row:
    return {**row, "acml_vol": str(int(row["acml_vol"]) // 2)}


def _daily_split(row: Row) -> Row:
    """Return the prices of when one share was five, while the minutes come in those of now."""
    prices = {name: str(int(row[name]) * 5) for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr")}
    return {**row, **prices, "acml_vol": str(int(row["acml_vol"]) // 5)}


DAILY_KINDS: dict[str, Callable[[Row], Row | None]] = {
    "daily_open": _daily_open,
    "daily_narrow": _daily_narrow,
    "daily_half": _daily_half,
    "daily_split": _daily_split,
    "daily_missing": lambda _: None,
}
INCONSISTENCIES = (*MINUTE_KINDS, *DAILY_KINDS, "late")
