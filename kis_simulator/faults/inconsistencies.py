"""Surprises: what KIS tells of a symbol-day that contradicts itself, alike in every answer or only the first time.

A fault strikes calls; a inconsistency belongs to symbol-days: whoever asks, the same days, the same minutes, the same numbers.

    sim.add_fault("deal", rate=0.3)              # in 30 % of symbol-days, always
    sim.add_fault("daily_open", rate=0.3, once=True)   # each row wrong the first time it is told, right from then on
    sim.add_fault("late", path="past", as_of=datetime(2026, 11, 20, 15, 10), until=datetime(2026, 11, 20, 21))

| kind | what is told |
|---|---|
| deal | turnover of a deal outside the book, from one minute of the session on; in no minute's volume |
| cancelled | from one minute on the turnover lacks a trade that was cancelled; the volumes keep it |
| impossible | one row whose low is above its high |
| daily_open, daily_narrow, daily_half, daily_split | a daily candle with another open, a narrower range, half the volume, prices × 5 |
| daily_missing | no daily row |
| late | the past TR and the daily candle (or the one of `path`) show the day of `as_of` as of then, until `until` |
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from random import Random
from typing import Any

from kis_simulator.exchange.calendar import AUCTION_MINUTES
from kis_simulator.exchange.day import WHOLE_DAY, MarketDay, Row
from kis_simulator.exchange.market import Market

Rows = list[dict[str, str]]
MINUTE_KINDS = ("deal", "cancelled", "impossible")


@dataclass
class Inconsistency:
    """A kind of INCONSISTENCIES, on the symbol-days its dice choose; `fired` counts the rows told wrong (or late answers)."""

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
    told: set[tuple[str, ...]] = field(default_factory=set, repr=False)
    moments: dict[tuple[str, date], Row | None] = field(default_factory=dict, repr=False)

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
        """Whether this symbol-day is one of the surprising ones."""
        if self.symbol not in (None, symbol) or self.day not in (None, day):
            return False
        return self.rate >= 1 or self.dice(symbol, day).random() < self.rate

    def dice(self, symbol: str, day: date) -> Random:
        return Random(f"{self.seed}/{self.kind}/{symbol}/{day}")

    def moment(self, market: Market, symbol: str, day: date) -> Row | None:
        """The row it happens at, one of the session's but the first and the auction's; None on a day too quiet."""
        if self.kind not in MINUTE_KINDS:
            return None
        if (symbol, day) not in self.moments:
            self.moments[symbol, day] = self._moment(market, symbol, day)
        return self.moments[symbol, day]

    def _moment(self, market: Market, symbol: str, day: date) -> Row | None:
        if not self.matches(symbol, day):
            return None
        traded = market.day(symbol, day)
        rows = traded.closed_rows((traded.session.close - AUCTION_MINUTES) * 60)
        return rows[1 + self.dice(symbol, day).randrange(len(rows) - 1)] if len(rows) > 1 else None

    def beyond(self, market: Market, symbol: str, day: date, minute: int) -> int:
        """KRW that the day's turnover holds at this minute beyond what was traded in its minutes.

        What was cancelled is a little more than the minute's own range explains, and less than was turned over before.
        """
        at = self.moment(market, symbol, day) if self.kind in ("deal", "cancelled") else None
        if not at or minute < at.minute:
            return 0
        if self.kind == "deal":
            return at.high * (at.volume + 1_000) * 2
        return -(at.high - at.low) * at.volume - at.low

    def shown(self, path: str, symbol: str, day: date, now: datetime) -> int:
        """The second of `day` up to which the authority shows it now; WHOLE_DAY where it is not late."""
        as_of, late = self.as_of, self.kind == "late" and self.path in ("*", path)
        if not late or as_of is None or day != as_of.date() or (self.until and now >= self.until):
            return WHOLE_DAY
        if not self.matches(symbol, day):
            return WHOLE_DAY
        self.fired += 1
        return as_of.hour * 3600 + as_of.minute * 60 + as_of.second

    def spoil(self, path: str, symbol: str, rows: Rows, market: Market) -> Rows:
        """The rows of an answer as this inconsistency tells them; the rows given are not touched."""
        change = INCONSISTENCIES[self.kind]
        if change is None or self.path not in ("*", path) or (path == "daily") != self.kind.startswith("daily"):
            return rows
        told = (self._told(path, symbol, row, market, change) for row in rows)
        return [row for row in told if row is not None]

    def _told(
        self, path: str, symbol: str, row: dict[str, str], market: Market, change: Callable[..., Any]
    ) -> dict[str, str] | None:
        day = datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date()
        if self.kind not in MINUTE_KINDS and not self.matches(symbol, day):
            return row
        changed: dict[str, str] | None = change(self, symbol, dict(row), market.day(symbol, day), market)
        key = (path, symbol, row["stck_bsop_date"], row.get("stck_cntg_hour", ""))
        if changed == row or (self.once and key in self.told):
            return row
        self.fired += 1
        if self.once:
            self.told.add(key)
        return changed


def unproven_minutes(
    inconsistencies: list[Inconsistency], market: Market, symbol: str, day: date
) -> tuple[set[int], set[int]]:
    """The minutes whose turnover nothing proves, and those left out as impossible: what a table can hold at most."""
    unproven: set[int] = set()
    impossible: set[int] = set()
    for inconsistency in inconsistencies:
        row = None if inconsistency.once else inconsistency.moment(market, symbol, day)
        if row:
            (impossible if inconsistency.kind == "impossible" else unproven).add(row.minute)
    return unproven, impossible


def _minute(row: dict[str, str], traded: MarketDay) -> int:
    hour = row["stck_cntg_hour"]
    return (int(hour[:2]) * 3600 + int(hour[2:4]) * 60 + int(hour[4:]) - traded.shift) // 60


def _other_turnover(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    beyond = inconsistency.beyond(market, symbol, traded.day, _minute(row, traded))
    row["acml_tr_pbmn"] = str(int(row["acml_tr_pbmn"]) + beyond)
    return row


def _impossible(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    at = inconsistency.moment(market, symbol, traded.day)
    if at and _minute(row, traded) == at.minute and int(row["cntg_vol"]):
        row["stck_lwpr"] = str(int(row["stck_hgpr"]) + 100)
    return row


def _daily_open(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    low, high, opened = (int(row[name]) for name in ("stck_lwpr", "stck_hgpr", "stck_oprc"))
    row["stck_oprc"] = str(high if opened != high else low)
    return row


def _daily_narrow(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    """The range of open and close alone."""
    inner = sorted((int(row["stck_oprc"]), int(row["stck_clpr"])))
    row.update(stck_lwpr=str(inner[0]), stck_hgpr=str(inner[1]))
    return row


def _daily_half(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    row["acml_vol"] = str(int(row["acml_vol"]) // 2)
    return row


def _daily_split(
    inconsistency: Inconsistency, symbol: str, row: dict[str, str], traded: MarketDay, market: Market
) -> dict[str, str]:
    """One share was five: the prices of then, while the minutes are told in those of now."""
    row.update({name: str(int(row[name]) * 5) for name in ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_clpr")})
    row["acml_vol"] = str(int(row["acml_vol"]) // 5)
    return row


INCONSISTENCIES: dict[str, Callable[..., dict[str, str] | None] | None] = {
    "deal": _other_turnover,
    "cancelled": _other_turnover,
    "impossible": _impossible,
    "daily_open": _daily_open,
    "daily_narrow": _daily_narrow,
    "daily_half": _daily_half,
    "daily_split": _daily_split,
    "daily_missing": lambda *_: None,
    "late": None,
}
