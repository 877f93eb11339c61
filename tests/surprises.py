"""What contradicts our proofs and is KIS's own truth (law 13): a simulated KIS that tells it, always or once.

Each surprise changes the answers of one symbol-day: `(kind, rows)` in, rows out, `kind` being past or daily.
"""

from collections import Counter
from collections.abc import Callable
from datetime import date
from typing import Any

from backfill_tools import now

from simulator.simulator import Simulator

Rows = list[dict[str, str]]
FROM = "103000"
"""Where a surprise within the day begins."""


def _plus(row: dict[str, str], name: str, number: int) -> dict[str, str]:
    return {**row, name: str(int(row[name]) + number)}


def _deal(kind: str, rows: Rows) -> Rows:
    """A block deal in session: in the turnover, in no minute's volume."""
    at = min((row["stck_cntg_hour"] for row in rows if row.get("stck_cntg_hour", "") >= FROM), default="")
    return [_plus(r, "acml_tr_pbmn", 7_777_777_777) if kind == "past" and r["stck_cntg_hour"] >= max(at, FROM) else r
            for r in rows]  # fmt: skip


def _cancelled(kind: str, rows: Rows) -> Rows:
    """A trade of the first minutes is cancelled: turnover falls, and no volume with it."""
    return [_plus(r, "acml_tr_pbmn", -3_000_000) if kind == "past" and r["stck_cntg_hour"] >= FROM else r for r in rows]


def _daily(**factors: float) -> Callable[[str, Rows], Rows]:
    def change(kind: str, rows: Rows) -> Rows:
        if kind == "past":
            return rows
        return [{**r, **{name: str(int(int(r[name]) * by)) for name, by in factors.items()}} for r in rows]

    return change


SURPRISES: dict[str, Callable[[str, Rows], Rows]] = {
    "deal": _deal,
    "cancelled": _cancelled,
    "another open": _daily(stck_oprc=1.01),
    "narrower range": _daily(stck_hgpr=0.995),
    "half the volume": _daily(acml_vol=0.3),
    "no daily row": lambda kind, rows: rows if kind == "past" else [],
    "prices before a split": _daily(stck_oprc=5, stck_hgpr=5, stck_lwpr=5, stck_clpr=5),
}


class Surprising(Simulator):
    """`surprises`: symbol-day → the name of what is told of it; `only_first`: in the first answer alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"now": now, "rate": 100_000, **options})
        self.surprises: dict[tuple[str, date], str] = {}
        self.only_first = False
        self._answered: Counter[tuple[str, str, str]] = Counter()

    def _rows(self, name: str, symbol: str, params: dict[str, str], now: Any) -> Rows:
        rows = super()._rows(name, symbol, params, now)
        if name == "today":
            return rows
        key = (name, symbol, f"{params['FID_INPUT_DATE_1']}{params.get('FID_INPUT_HOUR_1')}")
        self._answered[key] += 1
        if self.only_first and self._answered[key] > 1:
            return rows
        for (whose, day), what in self.surprises.items():
            if whose == symbol:
                stamp = f"{day:%Y%m%d}"
                mine = SURPRISES[what](name, [row for row in rows if row["stck_bsop_date"] == stamp])
                told = {row.get("stck_cntg_hour"): row for row in mine}
                rows = [told.get(r.get("stck_cntg_hour")) if r["stck_bsop_date"] == stamp else r for r in rows]  # type: ignore[misc]
                rows = [row for row in rows if row]
        return rows
