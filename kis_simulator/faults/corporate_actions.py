"""Corporate actions: from one moment on KIS reports earlier days adjusted (kis_http.md §6).

    sim.add_fault("split", symbol="005930", ex_day=date(2026, 11, 20), factor=1 / 50)
    sim.add_fault("rights", rate=0.3)          # 30 % of symbol-days, each reported adjusted
    sim.add_fault("distribution", symbol="069500", ex_day=…, since=datetime(2026, 11, 20, 21))

The past TR then reports prices × factor and volumes ÷ factor, both rounded, and the turnover as it was. The daily TR
does so with FID_ORG_ADJ_PRC=0 and announces the action on its ex-day. What trades is the same with and without.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from random import Random

FACTORS = {"split": 0.2, "rights": 0.9583, "distribution": 0.9985}
"""The kinds, and how much of a price is left where no `factor` is given."""
_FLAGS = {"split": "00", "rights": "01", "distribution": "03"}
PRICES = ("stck_oprc", "stck_hgpr", "stck_lwpr", "stck_prpr", "stck_clpr")
VOLUMES = ("cntg_vol", "acml_vol")
Row = dict[str, str]


@dataclass
class CorporateAction:
    """An action: with `ex_day` of one share of the symbols (`rate`), else of single symbol-days.

    `factor` = reported ÷ traded; above 1 where shares are consolidated. `since` = when KIS begins to report it.
    """

    kind: str
    symbol: str | None = None
    day: date | None = None
    ex_day: date | None = None
    factor: float = 0.0
    rate: float = 1.0
    since: datetime | None = None
    seed: int = 0
    fired: int = 0

    def __post_init__(self) -> None:
        """Read dates and numbers that came as text, from a command line or as JSON."""
        self.factor = float(self.factor) or FACTORS[self.kind]
        self.day = date.fromisoformat(self.day) if isinstance(self.day, str) else self.day
        self.ex_day = date.fromisoformat(self.ex_day) if isinstance(self.ex_day, str) else self.ex_day
        self.since = datetime.fromisoformat(self.since) if isinstance(self.since, str) else self.since

    def factor_of(self, symbol: str, day: date, now: datetime) -> float:
        """Return what a day's prices are multiplied by now."""
        is_over = day < now.date() and (self.since is None or now >= self.since)
        is_meant = self.symbol in (None, symbol) and self.day in (None, day)
        if self.ex_day:
            is_meant = is_meant and day < self.ex_day <= now.date()
        return self.factor if is_over and is_meant and self._is_chosen(symbol, day) else 1.0

    def announces(self, symbol: str, day: date) -> bool:
        """Return whether the daily row of this day names the action."""
        return day == self.ex_day and self.symbol in (None, symbol) and self._is_chosen(symbol, day)

    def _is_chosen(self, symbol: str, day: date) -> bool:
        what = "" if self.ex_day else day
        return self.rate >= 1 or Random(f"{self.seed}/{self.kind}/{symbol}/{what}").random() < self.rate


def adjusted(actions: Iterable[CorporateAction], symbol: str, rows: list[Row], now: datetime) -> list[Row]:
    """Return rows as KIS reports them after these actions; the rows given are not touched."""
    actions = list(actions)
    return [_scaled(row, actions, symbol, now) for row in rows] if actions else rows


def _scaled(row: Row, actions: list[CorporateAction], symbol: str, now: datetime) -> Row:
    day = datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date()
    factors = [(action, action.factor_of(symbol, day, now)) for action in actions]
    whole = math.prod(factor for _, factor in factors)
    if whole == 1:
        return row
    for action, factor in factors:
        action.fired += factor != 1
    prices = {name: _rounded(int(row[name]) * whole) for name in PRICES if name in row}
    return {**row, **prices, **{name: _rounded(int(row[name]) / whole) for name in VOLUMES if name in row}}


def announced(actions: Iterable[CorporateAction], symbol: str, rows: list[Row]) -> list[Row]:
    """Return daily rows with what the actions of their day write: `flng_cls_code`, and `prtt_rate` in percent."""
    return [_announced(row, actions, symbol) for row in rows]


def _announced(row: Row, actions: Iterable[CorporateAction], symbol: str) -> Row:
    day = datetime.strptime(row["stck_bsop_date"], "%Y%m%d").date()
    for action in actions:
        if action.announces(symbol, day):
            cut = math.trunc((action.factor - 1) * 10_000 + math.copysign(1e-6, action.factor - 1)) / 100
            row = {**row, "flng_cls_code": _FLAGS[action.kind], "prtt_rate": f"{cut:.2f}"}
    return row


def _rounded(number: float) -> str:
    return str(math.floor(number + 0.5))
